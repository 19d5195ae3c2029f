"""``mailwire outbox``: what waits, what is dead, and what to do about it. Works beside a running bridge, which
notices.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bridge import config, errors, outbox
from bridge.cli import config_option
from bridge.outbox import database, queue

_WAITING = ("pending", "held", "dead")
_WIDTH = 160  # where nobody says how wide a line may be
_COLOURS = {"pending": "yellow", "held": "cyan", "dead": "red", "expired": "magenta", "delivered": "green"}


@click.group()
def command() -> None:
    """Deliveries that wait or are dead: list, retry, drop."""


def _selection(function: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.argument("ids", nargs=-1, metavar="[ID]..."),
        click.option("--sink", help="All deliveries of this sink."),
        click.option("--all", "everything", is_flag=True, help="All deliveries."),
        config_option,
    ):
        function = option(function)
    return function


@command.command("list")
@_selection
@click.option("--state", "states", multiple=True, help="pending, held, dead, expired, delivered, dropped; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(
    *,
    ids: tuple[str, ...],
    sink: str | None,
    everything: bool,
    config_path: Path,
    states: tuple[str, ...],
    as_json: bool,
) -> None:
    """What waits and what is dead, oldest first (--all: what was delivered, too)."""
    which = queue.Selection(ids=ids, sink=sink, everything=not ids and sink is None)
    wanted = states or ((*_WAITING, "delivered", "expired", "dropped") if everything or ids else _WAITING)
    with _open(config_path) as connection:
        found = queue.select(connection, which, states=wanted)
        troubles = queue.troubles(connection)
    _found(len(found), ids)
    if as_json:
        for one in found:
            click.echo(json.dumps(_as_json(one, _reason(one, troubles))))
        return
    if not found:
        click.echo("the outbox is empty: nothing waits, nothing is dead")
        return
    Console(width=None if sys.stdout.isatty() else _WIDTH).print(_table(found, troubles))


@command.command()
@_selection
def retry(*, ids: tuple[str, ...], sink: str | None, everything: bool, config_path: Path) -> None:
    """Send dead deliveries again, and waiting ones at once."""
    which = _asked(ids, sink, everything)
    with _open(config_path) as connection:
        count = queue.retry(connection, which, now=time.time())
    _found(count, ids)
    click.echo(f"{count} {_noun(count)} will be tried again")


@command.command()
@_selection
def drop(*, ids: tuple[str, ...], sink: str | None, everything: bool, config_path: Path) -> None:
    """Give up deliveries that wait or are dead."""
    which = _asked(ids, sink, everything)
    with _open(config_path) as connection:
        count = queue.drop(connection, which, now=time.time())
    _found(count, ids)
    click.echo(f"{count} {_noun(count)} dropped")


def _asked(ids: tuple[str, ...], sink: str | None, everything: bool) -> queue.Selection:
    if not (ids or sink or everything):
        raise click.UsageError("say which: one or more IDs (see `mailwire outbox list`), --sink NAME, or --all")
    return queue.Selection(ids=ids, sink=sink, everything=everything)


def _found(count: int, ids: tuple[str, ...]) -> None:
    if ids and not count:
        raise errors.MailwireError(f"no delivery has the id {' or '.join(ids)}")


@contextlib.contextmanager
def _open(config_path: Path) -> Iterator[database.Connection]:
    """One transaction on the state; a running bridge goes on beside it."""
    with database.transaction(config.load(config_path).state) as connection:
        yield connection


def _noun(count: int) -> str:
    return "delivery" if count == 1 else "deliveries"


def _reason(one: outbox.Queued, troubles: Mapping[str, str]) -> str:
    """Why it is as it is: its own reason, else what keeps its sink."""
    return one.reason or (troubles.get(one.delivery.sink, "") if one.state == "pending" else "")


def _target(one: outbox.Queued) -> str:
    """Its target; of a mail change, which one of which mail."""
    options = one.delivery.options
    if not one.delivery.sink.startswith(outbox.CHANGES):
        return one.delivery.target
    change = " → ".join(filter(None, (options["op"], options["argument"])))
    return f"{one.delivery.target}: {change}, uid {options['uid']}"


def _as_json(one: outbox.Queued, reason: str) -> dict[str, Any]:
    delivery = one.delivery
    return {
        "id": delivery.id,
        "state": one.state,
        "sink": delivery.sink,
        "target": _target(one),
        "rule": delivery.rule,
        "mailbox": delivery.mailbox,
        "folder": delivery.folder,
        "part": delivery.part,
        "created": delivery.created,
        "due": one.due or None,
        "expires": delivery.expires,
        "attempts": one.attempts,
        "reason": reason,
        "bytes": delivery.size,
    }


def _table(found: list[outbox.Queued], troubles: Mapping[str, str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("id", "state", "sink", "target", "rule", "age", "tries", "reason"):
        table.add_column(heading, no_wrap=heading not in ("target", "reason"), overflow="fold")
    now = time.time()
    for one in found:
        colour = _COLOURS.get(one.state, "white")
        name = one.state if one.delivery.part == "main" else f"{one.state} (reset)"
        table.add_row(
            one.delivery.id, Text(name, colour), one.delivery.sink, Text(_target(one)), Text(one.delivery.rule),
            _age(now - one.delivery.created), str(one.attempts), Text(_reason(one, troubles)),
        )  # fmt: skip
    return table


def _age(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= length:
            return f"{int(seconds // length)}{unit}"
    return f"{max(0, int(seconds))}s"
