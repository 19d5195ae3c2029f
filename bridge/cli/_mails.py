"""What the commands that look at mails in files have in common: reading them, and where and when they arrive."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

import click

from bridge import config, errors, plugins, sinks
from bridge.mail import Mail, Place
from bridge.rules import engine
from bridge.rules import settings as rules_

LINE_CHARS = 300


def place(settings: config.Settings, mailbox: str | None, *, folder: str | None = None, uid: int = 1) -> Place:
    """Where the mail is taken to be: in the first mailbox and its first folder, unless told otherwise.

    Raises:
        click.BadParameter: there is no such mailbox.
    """
    name = mailbox if mailbox is not None else next(iter(settings.mailboxes), "")
    if mailbox is not None and mailbox not in settings.mailboxes:
        known = ", ".join(settings.mailboxes) or "none"
        raise click.BadParameter(f'no mailbox is called "{mailbox}"; there are: {known}', param_hint="--mailbox")
    folders = settings.mailboxes[name].folders if name in settings.mailboxes else ("INBOX",)
    return Place(mailbox=name, folder=folder or folders[0], uidvalidity=1, uid=uid)


def moment(written: str, zone: datetime.tzinfo) -> float:
    """POSIX seconds; a time without a zone is in the bridge's.

    Raises:
        click.BadParameter: it is no time.
    """
    try:
        found = datetime.datetime.fromisoformat(written)
        return (found if found.tzinfo else found.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError):
        raise click.BadParameter(f'"{written}" is no time; write it like 2026-11-01T07:30', param_hint="--at") from None


def read(
    path: Path, at: Place, *, flags: Sequence[str] = (), received: datetime.datetime | None = None, name: str = ""
) -> Mail:
    """The mail in this file; ``received`` as ``Mail.from_bytes`` takes it; ``name`` is what people call the file.

    Raises:
        errors.MailError: the file cannot be read.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise errors.MailError(f"{name or path}: {error.strerror or error}") from None
    return Mail.from_bytes(raw, place=at, flags=flags, received=received)


def compiled(settings: config.Settings, *only: rules_.Rule) -> engine.RuleSet:
    """The rules of the configuration, or only these of them."""
    kinds: dict[str, tuple[str, sinks.Plugin]] = {
        name: (sink.type, plugins.find("sinks", sink.type)) for name, sink in settings.sinks.items()
    }
    chosen = only or settings.rules
    return engine.compile_rules(chosen, sinks=kinds, bridge=settings.name, zone=settings.timezone)


def line(text: str) -> str:
    """One line that no terminal obeys."""
    shown = "".join(char if char.isprintable() else " " for char in text[: LINE_CHARS + 1])
    return shown if len(shown) <= LINE_CHARS else shown[: LINE_CHARS - 1] + "…"
