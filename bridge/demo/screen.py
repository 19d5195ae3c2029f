"""Where the story is shown: a live table on a terminal, plain lines anywhere else."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from bridge.demo import table
from bridge.demo.story import Row, Story

try:
    import termios
except ImportError:  # Windows
    termios = None  # type: ignore[assignment]

WATCH = (
    "Mails arrive here; the bridge hears of each and runs its rules over it.",
    "Each becomes a few bytes for a small thing: watch them.",
)
HOW_TO_END = " Ctrl-C ends it."


class Screen(Protocol):
    """Shows a story while it happens."""

    pace_s: float  # between two mails, so that one can follow

    def serving(self, servers: str) -> None:
        """Which servers run, and where."""

    def changed(self, story: Story, row: Row) -> None:
        """Something is new in this row."""


class Table:
    """A live table: all of it is drawn again when something changes."""

    pace_s = 0.8

    def __init__(self, console: Console, live: Live, heading: list[Text]) -> None:
        self._console = console
        self._live = live
        self._heading = heading

    def serving(self, servers: str) -> None:
        self._heading = [*self._heading, table.line(servers, "dim")]
        self._live.update(Group(*self._heading), refresh=True)

    def changed(self, story: Story, row: Row) -> None:
        self._live.update(Group(*self._heading, table.picture(story, self._console.height)), refresh=True)


class Lines:
    """One line a mail, when all of it has happened."""

    pace_s = 0.1

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: set[str] = set()

    def serving(self, servers: str) -> None:
        self._console.print(servers, soft_wrap=True, highlight=False, markup=False, emoji=False)

    def changed(self, story: Story, row: Row) -> None:
        if (row.arrived or row.trouble) and row.message_id not in self._told:
            self._told.add(row.message_id)
            self._console.print(table.plain(row), soft_wrap=True, highlight=False, markup=False, emoji=False)


def heading(*, once: bool) -> list[Text]:
    first, second = WATCH
    return [table.line(text, "italic") for text in (first, second if once else second + HOW_TO_END)]


@contextlib.contextmanager
def show(console: Console, *, once: bool) -> Iterator[Screen]:
    """The screen that suits this console, until the block ends. ``once``: it ends by itself."""
    first = heading(once=once)
    if not console.is_terminal:
        for text in first:
            console.print(text)
        yield Lines(console)
        return
    with _no_echo(), Live(Group(*first), console=console, auto_refresh=False, transient=False) as live:
        yield Table(console, live, first)


@contextlib.contextmanager
def _no_echo() -> Iterator[None]:
    """Keeps the terminal from writing ``^C`` and other keys into the table."""
    if termios is None or not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    quiet = [*before]
    quiet[3] = before[3] & ~termios.ECHO
    termios.tcsetattr(sys.stdin, termios.TCSANOW, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
