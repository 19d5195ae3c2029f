"""A day and a time of day, as people write them, in some thirty languages.

Day and time are found wherever they stand in a short text, and what is left out is filled in:

    ===========================  ===================================================================
    written                      read as
    ===========================  ===================================================================
    14.11.2026, 14-11-26         day first
    2026-11-14, 2026/11/14       year first
    03/04/2026                   day first; month first where Content-Language is en-US (en-PH, es-US);
                                 whichever is possible where one of them is above 12
    14 November, 14.11.          the year that brings it nearest to the mail
    a date without a time        midnight
    18:05                        on the day that brings it nearest to the mail: 23:58 in a mail of 00:01
                                 is yesterday, 07:00 in one of 22:00 is tomorrow
    Saturday 10:00               the mail's own day or the next that is one; "next Saturday" is after it
    today, tomorrow, in 2 hours  counted from the mail
    a range                      its beginning
    ===========================  ===================================================================

A time without a zone is in the reader's. A number right behind a date that is no part of it makes it no date: better
none than a wrong one. (dateparser reads ``heute 18 Uhr`` as now, forgets the time of ``Dienstag 10 Uhr``, brings 24 MB
and takes up to 80 ms for a text of 100 characters; this brings less than one, and takes a fraction of a millisecond.)
"""

from __future__ import annotations

import datetime
import re

from bridge.rules.written import calendars, clock, days, fold, lengths, numbers

SHORT_CHARS = 200  # of a text that has a date and little else
YEARS = range(1900, 9999)  # every time zone has them, and arithmetic on them cannot overflow
_COMPACT = re.compile(
    r"(?<![0-9])((?:19|20)[0-9]{2})([01][0-9])([0-3][0-9])(?:[t _-]?([0-2][0-9])([0-5][0-9])([0-5][0-9])?)?(?![0-9])"
)
_FROM_NOW = re.compile(r"\b(?:in|dans|en|tra|fra|dentro de|om|over|za|через) (?=[0-9])|\b(vor|hace|il y a) (?=[0-9])")
_AGO = re.compile(r"[^\W\d_](?:\.? (?:ago|fa|geleden|sedan|siden|temu|назад|тому|sitten|once)\b| ?[前전])")
_HOURS = re.compile(r" [0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}$")  # from, until: no offset
_NUMBER = re.compile(r"[0-9]")
_NUMBER_BEHIND = re.compile(r"[ ,;.()]*(?:(?:at|um|kl|klo|om|à|a|alle)\.? )?[0-9]")


def read(text: str, base: datetime.datetime, *, month_first: bool = False) -> datetime.datetime:
    """``base`` is when it was written, aware, in the reader's zone.

    Raises:
        ValueError: it is no date or time.
    """
    line = numbers.plain(text[: SHORT_CHARS + 1]).strip()
    if len(line) > SHORT_CHARS:
        raise ValueError("is too long for a date")
    try:
        return checked(_exact(line) or _read(line, base, month_first=month_first), base.tzinfo)
    except OverflowError:
        raise ValueError("is no date") from None


def prepare() -> None:
    """Reads the tables, so that no mail has to wait for them."""
    clock.american()
    calendars.months()
    calendars.weekdays()
    calendars.days()


def checked(value: datetime.datetime, zone: datetime.tzinfo | None) -> datetime.datetime:
    """Aware: in ``zone`` where it names none.

    Raises:
        ValueError: its year is out of reach.
    """
    if value.year not in YEARS:
        raise ValueError("is out of the calendar")
    return value if value.tzinfo else value.replace(tzinfo=zone)


def from_seconds(seconds: float) -> datetime.datetime:
    """POSIX time in seconds, or in milli- or microseconds where that would be after the year 5000.

    Raises:
        ValueError: no clock has shown that since 1973.
    """
    while 1e11 < seconds < 1e18:
        seconds /= 1_000
    if not 1e8 <= seconds <= 1e11:
        raise ValueError("is no date")
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def _exact(line: str) -> datetime.datetime | None:
    """ISO 8601, or POSIX time."""
    if line.isdecimal() and len(line) in (10, 13, 16):
        return from_seconds(int(line))
    if not line.isascii() or len(line) < 8 or _HOURS.search(line):
        return None
    try:
        return datetime.datetime.fromisoformat(line.upper())
    except ValueError:
        return None


def _read(line: str, base: datetime.datetime, *, month_first: bool) -> datetime.datetime:
    folded = fold(line)
    if compact := _COMPACT.search(folded):
        return _compact(line, folded, compact)
    today = base.date()
    if counted := _counted(line, folded):
        away, start, end = counted
        folded = _blank(folded, start, end)
    time = clock.find(line, folded)
    if counted and (time is None or away % days.DAY):
        return base.replace(microsecond=0) + away
    rest = _blank(folded, time.start, time.end) if time else folded
    if counted:
        found: days.Found | None = (today + away, start, end)
    else:
        found = days.find(rest, today, month_first=month_first, timed=time is not None) or days.by_weekday(rest, today)
    if found and time is None:
        time = clock.find_bare(line, _blank(folded, found[1], found[2]))
    _check_behind(folded, time, found)
    zone = (time.zone if time else None) or base.tzinfo
    if found:
        midnight = datetime.datetime.combine(found[0], datetime.time(), zone)
        return _at(midnight, time) if time else midnight
    if time is None:
        raise ValueError("is no date or time")
    near = base.astimezone(zone)
    return min((_at(near + away * days.DAY, time) for away in (0, -1, 1)), key=lambda one: abs(one - near))


def _at(day: datetime.datetime, time: clock.Clock) -> datetime.datetime:
    at = datetime.datetime.combine(day.date(), time.time, day.tzinfo)
    return at + days.DAY if time.next_day else at


def _blank(text: str, start: int, end: int) -> str:
    return text[:start] + " " * (end - start) + text[end:]


def _compact(line: str, folded: str, found: re.Match[str]) -> datetime.datetime:
    """``20261114_180512``, as cameras name their files."""
    day = datetime.datetime.combine(days.date(found[1], found[2], found[3]), datetime.time())
    if found[4]:
        return day.replace(hour=_below(found[4], 24), minute=int(found[5]), second=int(found[6] or 0))
    time = clock.find(line, _blank(folded, *found.span()))
    return _at(day.replace(tzinfo=time.zone), time) if time else day


def _below(written: str, limit: int) -> int:
    if int(written) >= limit:
        raise ValueError("is no date")
    return int(written)


def _counted(line: str, folded: str) -> tuple[datetime.timedelta, int, int] | None:
    """``in 2 hours``, ``vor 5 Minuten``, ``3 days ago``: (how far away, where it begins, where it ends)."""
    ahead, ago = _FROM_NOW.search(folded), _AGO.search(folded)
    number = _NUMBER.search(folded, ahead.end() if ahead else 0)
    if not number or not (ahead or ago) or (ahead and ahead[0] == "om " and "uur" in folded):  # that is a time of day
        return None
    at = number.start()
    try:
        length, end = lengths.leading(line, at)
    except ValueError:
        return None
    is_past = ago or (ahead and ahead[1])
    away = datetime.timedelta(seconds=-length if is_past else length)
    return away, (ahead.start() if ahead else at), (ago.end() if ago else end)


def _check_behind(folded: str, time: clock.Clock | None, found: days.Found | None) -> None:
    """
    Raises:
        ValueError: right behind it stands a number that nothing explains.
    """
    spans = [*([(time.start, time.end)] if time else []), *([found[1:]] if found else [])]
    for _, end in spans:
        number = _NUMBER_BEHIND.match(folded, end)
        if number and not any(start < number.end() <= until for start, until in spans):
            raise ValueError("has a number beside its date")
