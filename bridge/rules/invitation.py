"""The invitation in a mail, for ``when`` and for ``extract``: a text/calendar part, else an attached .ics file."""

from __future__ import annotations

import datetime
import functools

from bridge.mail import Mail, calendar_, charset, limits
from bridge.mail.part import Part
from bridge.rules import files, sections

_TYPES = ("text/calendar", "application/ics")


def part(mail: Mail) -> Part | None:
    """Where it is."""
    for kind in _TYPES:
        if found := next((one for one in mail.parts if one.type == kind), None):
            return found
    return next((one for one in mail.parts if one.name.lower().endswith(".ics")), None)


def needed(mail: Mail) -> sections.Sections:
    """What of the mail has to be in hand."""
    found = part(mail)
    return {} if found is None else sections.file(mail, found, limits.FILE_BYTES)


def event(mail: Mail, zone: datetime.tzinfo) -> calendar_.Event | None:
    """What it says; None where there is none.

    Raises:
        ValueError: it is too large, or not in hand.
    """
    found = part(mail)
    return None if found is None else _read(files.octets(mail, found, limits.FILE_BYTES), found.charset, zone)


@functools.lru_cache(maxsize=2)  # one mail's, for all rules
def _read(octets: bytes, charset_name: str, zone: datetime.tzinfo) -> calendar_.Event | None:
    return calendar_.read(charset.decode_file(octets, charset_name), zone)
