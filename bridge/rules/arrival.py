"""When a mail arrived at its server (INTERNALDATE), or when happened to it what has happened, as conditions and
deliveries count it.
"""

from __future__ import annotations

import datetime

from bridge.mail import Mail

_DAY_S = 86_400.0
GRAIN_S = 1.0  # INTERNALDATE has whole seconds (RFC 9051, section 2.3.3)


def arrived(mail: Mail, now: float) -> float:
    """When it came, POSIX seconds, at the latest: up to a second more than INTERNALDATE says has passed of the mail's
    first; but it cannot have come after ``now``. Of a mail to which something happened since it came, when that did.
    """
    if (later := _later(mail)) is not None:
        return later
    received = mail.received.timestamp()
    return received if mail.received.microsecond else min(received + GRAIN_S, max(received, now))


def at(mail: Mail) -> float:
    """When it came as its server has it, or when that happened which has happened to it since; POSIX seconds."""
    later = _later(mail)
    return mail.received.timestamp() if later is None else later


def _later(mail: Mail) -> float | None:
    return None if mail.event in _ARRIVING else mail.happened


def day_before(moment: float) -> datetime.date | None:
    """A day such that all that arrives from ``moment`` (POSIX seconds) on arrives on that day or later, in whichever
    zone a server counts its days; None where the calendar is at its end, or the moment before all mail.
    """
    if moment < _DAY_S:
        return None
    try:
        return datetime.datetime.fromtimestamp(moment - _DAY_S, datetime.UTC).date()
    except (ValueError, OverflowError, OSError):
        return None


def local(mail: Mail, zone: datetime.tzinfo) -> datetime.datetime:
    """The wall clock of a zone when it came."""
    return mail.received.astimezone(zone)


def shown(when: datetime.datetime) -> str:
    """``Sun 2026-03-29 03:30 CEST``, whatever the locale."""
    return f"{_DAYS[when.weekday()]} {when:%Y-%m-%d %H:%M} {when.tzname() or ''}".strip()


_ARRIVING = frozenset(("new", "count"))
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
