"""What the commands that look at mails in files have in common: reading them, and where and when they arrive."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from bridge import config, errors, plugins, rules, sinks
from bridge.mail import Mail, Place
from bridge.rules import engine
from bridge.rules import settings as rules_

LINE_CHARS = 300
_CLOCK = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?", re.ASCII)


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


def looked_at(written: str | None, zone: datetime.tzinfo) -> Callable[[Mail], float]:
    """When a mail is looked at, POSIX seconds: at its arrival, unless told otherwise. A time without a zone is in the
    bridge's, and one without a day is of the day on which the mail arrives.

    Raises:
        click.BadParameter: it is no time.
    """
    try:
        if written is None:
            return lambda mail: mail.received.timestamp()
        if _CLOCK.fullmatch(written):
            clock = datetime.time.fromisoformat(written.zfill(5 if written.count(":") == 1 else 8))
            return lambda mail: datetime.datetime.combine(mail.received.astimezone(zone), clock, zone).timestamp()
        found = datetime.datetime.fromisoformat(written)
        seconds = (found if found.tzinfo else found.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError):
        wrong = f'"{written}" is no time; write it like 2026-11-01T07:30, or 07:30 for the day of its arrival'
        raise click.BadParameter(wrong, param_hint="--at") from None
    return lambda mail: seconds  # noqa: ARG005 — a moment is the same for all


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


def moment(settings: config.Settings, now: float) -> rules.Moment:
    """When, and by whom, a mail is looked at."""
    most = settings.limits.attachment
    return rules.Moment(now=now, zone=settings.timezone, bridge=settings.name, attachment_bytes=most)


def line(text: str) -> str:
    """One line that no terminal obeys."""
    shown = "".join(char if char.isprintable() else " " for char in text[: LINE_CHARS + 1])
    return shown if len(shown) <= LINE_CHARS else shown[: LINE_CHARS - 1] + "…"
