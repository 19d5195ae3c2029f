"""The time zones of a calendar file: those of the IANA database, those that Windows calls otherwise (``W. Europe
Standard Time``), and those that the file itself defines (RFC 5545, section 3.6.5).
"""

from __future__ import annotations

import calendar
import contextlib
import datetime
import functools
import re
import zoneinfo
from collections.abc import Iterator, Mapping

from bridge.mail import ical

LINES = ("TZID", "TZOFFSETFROM", "TZOFFSETTO", "RRULE", "RDATE")  # beside DTSTART
_ZONES = 50  # that one file defines
_RULES = 50  # of one zone
_DATES = 200  # of one rule
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_BY_DAY = re.compile(rf"([+-]?[1-5])?({'|'.join(_WEEKDAYS)})")


@functools.cache
def known() -> frozenset[str]:
    """The names of the IANA database here: no other name is looked for on the disk."""
    return frozenset(zoneinfo.available_timezones())


class Zones:
    """The zones that one file speaks of; ``zone`` is that of times that name none that is known."""

    def __init__(self, file: ical.Component, zone: datetime.tzinfo) -> None:
        self.zone = zone
        self._own = {one.first("TZID").value: one for one in file.of("VTIMEZONE")[:_ZONES]}

    def localized(self, naive: datetime.datetime, tzid: str) -> datetime.datetime:
        """A wall clock's time, aware."""
        if zone := _by_name(tzid):
            return naive.replace(tzinfo=zone)
        offset = _offset(self._own[tzid], naive) if tzid in self._own else None
        return naive.replace(tzinfo=self.zone if offset is None else datetime.timezone(offset))


def _by_name(tzid: str) -> datetime.tzinfo | None:
    for name in _names(tzid):
        if (found := ical.windows_zone(name) or name) in known():
            return zoneinfo.ZoneInfo(found)
    return None


def _names(tzid: str) -> Iterator[str]:
    """As it is written, and ``/example.org/2026a/Europe/Berlin`` without what stands before the zone."""
    bare = tzid.strip().strip("/")
    yield bare
    if tzid.startswith("/"):
        parts = bare.split("/")[-4:]
        yield from ("/".join(parts[at:]) for at in range(1, len(parts)))


def _offset(zone: ical.Component, naive: datetime.datetime) -> datetime.timedelta | None:
    """From UTC: that of the rule that came into force last, by the clock on the wall."""
    rules = zone.of("STANDARD", "DAYLIGHT")[:_RULES]
    begun = [(onset, at) for at, one in enumerate(rules) if (onset := _onset(one, naive)) is not None]
    if begun:
        return rules[max(begun)[1]].first("TZOFFSETTO").utc_offset
    return rules[0].first("TZOFFSETFROM").utc_offset if rules else None


def _onset(rule: ical.Component, naive: datetime.datetime) -> datetime.datetime | None:
    """When a rule last came into force."""
    start = _naive(rule.first("DTSTART"))
    if start is None or start > naive:
        return None
    dates = [date for line in rule.lines.get("RDATE", [])[:_DATES] if (date := _naive(line)) and date <= naive]
    return max(start, _yearly(start, rule.first("RRULE").value, naive) or start, *dates)


def _naive(line: ical.Line) -> datetime.datetime | None:
    found = line.when
    return found.replace(tzinfo=None) if isinstance(found, datetime.datetime) else None


def _yearly(start: datetime.datetime, written: str, naive: datetime.datetime) -> datetime.datetime | None:
    """The last time that a yearly rule gives, such as ``FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU``; other rules give none."""
    rule = dict(part.split("=", 1) for part in written.upper().split(";")[:20] if "=" in part)
    if rule.get("FREQ") != "YEARLY" or rule.get("INTERVAL", "1") != "1":
        return None
    last = min(naive, _naive(ical.Line(f"UNTIL:{rule['UNTIL']}")) or naive) if "UNTIL" in rule else naive
    for year in (last.year, last.year - 1):
        with contextlib.suppress(ValueError, IndexError):
            found = start.replace(year=year, month=int(rule.get("BYMONTH", start.month)), day=1)
            found = found.replace(day=_day(found, rule, start.day))
            if found <= last:
                return found
    return None


def _day(month: datetime.datetime, rule: Mapping[str, str], otherwise: int) -> int:
    """
    Raises:
        ValueError, IndexError: there is no such day in that month.
    """
    among = [int(day) for day in rule["BYMONTHDAY"].split(",")[:31]] if "BYMONTHDAY" in rule else []
    if "BYDAY" not in rule:
        return among[0] if among else otherwise
    match = _BY_DAY.fullmatch(rule["BYDAY"])
    if match is None:
        raise ValueError("is no day of the week")
    first, length = calendar.monthrange(month.year, month.month)
    days = range(1 + (_WEEKDAYS.index(match[2]) - first) % 7, length + 1, 7)
    if among:
        return min(set(days) & set(among))
    nth = int(match[1] or 1)
    return days[nth - 1 if nth > 0 else nth]
