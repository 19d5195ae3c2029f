"""When a mail arrived at its server (INTERNALDATE), as conditions and deliveries count it."""

from __future__ import annotations

import datetime

from bridge.mail import Mail

GRAIN_S = 1.0  # INTERNALDATE has whole seconds (RFC 9051, section 2.3.3)


def arrived(mail: Mail, now: float) -> float:
    """When it came, POSIX seconds, at the latest: up to a second more than INTERNALDATE says has passed of the mail's
    first; but it cannot have come after ``now``.
    """
    received = mail.received.timestamp()
    return received if mail.received.microsecond else min(received + GRAIN_S, max(received, now))


def local(mail: Mail, zone: datetime.tzinfo) -> datetime.datetime:
    """The wall clock of a zone when it came."""
    return mail.received.astimezone(zone)


def shown(when: datetime.datetime) -> str:
    """``Sun 2026-03-29 03:30 CEST``, whatever the locale."""
    return f"{_DAYS[when.weekday()]} {when:%Y-%m-%d %H:%M} {when.tzname() or ''}".strip()


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
