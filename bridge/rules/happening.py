"""Mails as if something had happened to them, for those who have only a mail in a file: ``explain``, ``fire``, tests of
rules. A source tells of what has really happened.
"""

from __future__ import annotations

import dataclasses
import datetime

from bridge.mail import Mail, Place

_FLAGS = {"flagged": ("\\Flagged", True), "unflagged": ("\\Flagged", False), "seen": ("\\Seen", True)}


def as_if(mail: Mail, event: str, at: float) -> Mail:
    """The mail, had this happened to it at that time (POSIX seconds): its flags are those after it."""
    if event == "new":
        return mail
    flags = mail.flags
    if event in _FLAGS:
        flag, is_set = _FLAGS[event]
        flags = frozenset({one for one in flags if one.casefold() != flag.casefold()} | ({flag} if is_set else set()))
    return dataclasses.replace(mail, event=event, flags=flags, happened=None if event == "count" else at)


def blank(mailbox: str, at: float, occurrence: int) -> Mail:
    """What stands for all the mails of a mailbox when their number is sent. ``occurrence`` tells one time that the
    number changed from another.
    """
    return Mail(
        place=Place(mailbox=mailbox, folder="", uidvalidity=0, uid=0),
        head=b"",
        size=0,
        received=datetime.datetime.fromtimestamp(at, datetime.UTC),
        event="count",
        occurrence=occurrence,
    )
