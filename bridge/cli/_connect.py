"""``mailwire check --connect``: what was found at the far ends, in words."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator

import click

from bridge import config, connecting
from bridge.cli import _logs, _mails
from bridge.sources import settings as settings_
from bridge.sources.imap import trial

_USED = ("IDLE", "NOTIFY", "MOVE", "UIDPLUS")  # what the bridge makes use of, where a server has it
_TLS = {"implicit": "implicit ", "starttls": "STARTTLS, ", "none": ""}
_NAMES_SHOWN = 5  # of what is still being tried


def run(settings: config.Settings) -> bool:
    """Tries all of them and tells of each; whether all is well."""
    _logs.configure("critical")  # what fails is told here
    with waiting([*settings.mailboxes, *settings.sinks]) as done:
        found = asyncio.run(connecting.try_all(settings, noted=lambda tried: done(tried.name)))
    for tried in found:
        for line in lines(tried, settings):
            click.echo(line)
    ill = sum(not tried.well for tried in found)
    what = click.style(f"{ill} of {len(found)} not as they should be", fg="red") if ill else ""
    click.echo(f"connections: {what or click.style('all well', fg='green')}")
    return not ill


def lines(tried: connecting.Tried, settings: config.Settings) -> Iterator[str]:
    """What is told of one of them: a line, and for a mailbox one more for each thing that it lacks and each folder."""
    if isinstance(tried, connecting.Sink):
        yield _told(f"sink {tried.name}", tried.said, tried.fault)
        return
    if tried.server is None:
        yield _told(f"mailbox {tried.name}", "", tried.fault)
        return
    account = settings.mailboxes[tried.name]
    yield _told(f"mailbox {tried.name}", _server(account, tried.server))
    for lack in _lacks(tried.server.capabilities):
        yield f"  {click.style(lack, fg='yellow')}"
    for folder in tried.server.folders:
        mails = "1 message" if folder.mails == 1 else f"{folder.mails} messages"
        yield "  " + _told(f"folder {folder.name}", mails, folder.fault)


def _told(who: str, said: str, fault: str = "") -> str:
    what = click.style(_mails.line(fault), fg="red") if fault else _mails.line(said)
    return f"{click.style(_mails.line(who), bold=True)}: {what}"


def _server(account: settings_.Mailbox, server: trial.Server) -> str:
    host, port = account.address
    tls = _TLS[account.tls] + server.tls.replace("TLSv", "TLS ") if server.tls else "no TLS"
    has = ", ".join(name for name in _USED if name.encode() in server.capabilities) or "plain IMAP"
    return f"{host}:{port}, {tls}; {has}; {_push(account, server)}"


def _push(account: settings_.Mailbox, server: trial.Server) -> str:
    if server.round_trips is None:
        why = "it refuses IDLE" if b"IDLE" in server.capabilities else "no IDLE"
        return f"{why}: polling every {account.poll:g}s"
    return f"a push takes {server.round_trips} round trip{'' if server.round_trips == 1 else 's'}"


def _lacks(capabilities: frozenset[bytes]) -> Iterator[str]:
    """What it costs that the server cannot do something."""
    moves, expunges = b"MOVE" in capabilities, b"UIDPLUS" in capabilities
    if not moves:
        then = "deleted" if expunges else "then only marked \\Deleted where it was"
        yield f"no MOVE: a mail that is moved is copied and {then}"
    if not expunges:
        yield "no UIDPLUS: a mail that is deleted is only marked \\Deleted"


@contextlib.contextmanager
def waiting(names: list[str]) -> Iterator[Callable[[str], None]]:
    """A line that tells what is waited for; on standard error, and only on a terminal."""
    from rich import progress
    from rich.console import Console

    console, left = Console(stderr=True), list(names)
    columns = (progress.SpinnerColumn(), progress.TextColumn("{task.description}", markup=False))
    with progress.Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(_trying(left), total=None)

        def done(name: str) -> None:
            left.remove(name)
            bar.update(task, description=_trying(left))

        yield done


def _trying(left: list[str]) -> str:
    more = f" and {len(left) - _NAMES_SHOWN} more" if len(left) > _NAMES_SHOWN else ""
    return f"trying {', '.join(left[:_NAMES_SHOWN])}{more} ..."
