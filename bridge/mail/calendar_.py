"""An invitation (RFC 5545, RFC 5546): the event in a calendar file."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Iterator
from typing import Any

from bridge.mail import charset, ical, limits, timezones

_TEXTS = {"place": "LOCATION", "summary": "SUMMARY", "uid": "UID", "description": "DESCRIPTION", "url": "URL"}
_ALL_DAY = "X-MICROSOFT-CDO-ALLDAYEVENT"  # Exchange writes a midnight and this
_LINES = (
    *("METHOD", "RECURRENCE-ID", "DTSTART", "DTEND", "DURATION", _ALL_DAY, *_TEXTS.values()),
    *("SEQUENCE", "STATUS", "ORGANIZER", "ATTENDEE", *timezones.LINES),
)
_ATTENDEES = 200
_YEARS = range(1900, 9000)  # so that no zone takes a time beyond the calendar
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """What an invitation says. What it does not say is None."""

    start: datetime.datetime | None = None  # aware; of an all-day event, midnight where the bridge is
    end: datetime.datetime | None = None  # the first moment that is not part of it any more
    place: str | None = None
    summary: str | None = None
    method: str | None = None  # request, cancel, reply, publish, counter …
    uid: str | None = None
    all_day: bool = False
    organizer: str | None = None  # the address
    attendee: tuple[str, ...] = ()
    status: str | None = None  # confirmed, tentative, cancelled
    description: str | None = None
    url: str | None = None
    sequence: int | None = None

    def plain(self, field: str) -> Any:
        """A field's value: a text, a number, true or false, a datetime; None where there is none."""
        value = getattr(self, field)
        return ", ".join(value) or None if isinstance(value, tuple) else value


FIELDS = tuple(field.name for field in dataclasses.fields(Event))


def ready() -> None:
    """Loads what reading needs: asked for at load, so that no mail waits for it."""
    ical.ready()
    timezones.known()


def read(text: str, zone: datetime.tzinfo) -> Event | None:
    """The first event, rather one that is no exception of a series; None where there is none. Times without a zone are
    those of ``zone``.
    """
    file = next(iter(ical.parse(text, _LINES).of("VCALENDAR")), None)
    if file is None or not (events := file.of("VEVENT")):
        return None
    found = next((event for event in events if "RECURRENCE-ID" not in event.lines), events[0])
    zones = timezones.Zones(file, zone)
    start, end, all_day = _times(found, zones)
    return Event(
        start=start,
        end=end,
        all_day=all_day,
        method=_word(file.first("METHOD")),
        status=_word(found.first("STATUS")),
        organizer=_address(found.first("ORGANIZER")),
        attendee=tuple(_attendees(found)),
        sequence=int(number) if _NUMBER.fullmatch(number := found.first("SEQUENCE").value) else None,
        **{field: found.first(name).text[: limits.FIELD_CHARS] or None for field, name in _TEXTS.items()},
    )


def _times(
    event: ical.Component, zones: timezones.Zones
) -> tuple[datetime.datetime | None, datetime.datetime | None, bool]:
    """(start, end, whether it is about days)"""
    start, end = _time(event.first("DTSTART"), zones), _time(event.first("DTEND"), zones)
    if start is None:
        return None, end, False
    is_date = not isinstance(event.first("DTSTART").when, datetime.datetime)
    all_day = is_date or event.first(_ALL_DAY).value.upper() == "TRUE"
    end = end or _end(start, event.first("DURATION"), all_day=all_day)
    if all_day:  # the zone where a date was written says nothing
        start, end = (when.replace(hour=0, minute=0, second=0, tzinfo=zones.zone) for when in (start, end))
    return start, end, all_day


def _time(line: ical.Line, zones: timezones.Zones) -> datetime.datetime | None:
    found = line.when
    if found is None or found.year not in _YEARS:
        return None
    if not isinstance(found, datetime.datetime):
        return datetime.datetime(found.year, found.month, found.day, tzinfo=zones.zone)
    return found if found.tzinfo else zones.localized(found, line.tzid)


def _end(start: datetime.datetime, duration: ical.Line, *, all_day: bool) -> datetime.datetime:
    """Where only its length is said, or nothing (section 3.6.1): a day, or no time at all."""
    length = duration.duration or datetime.timedelta(days=all_day)
    try:
        if all_day or "T" not in duration.value.upper():
            end = start + length  # days are those of the calendar, whatever the clock does
        else:
            end = (start.astimezone(datetime.UTC) + length).astimezone(start.tzinfo)
    except OverflowError:
        return start
    return end if end.year in _YEARS else start


def _word(line: ical.Line) -> str | None:
    return charset.one_line(line.value).strip().lower()[: limits.NAME_CHARS] or None


def _address(line: ical.Line) -> str | None:
    found = charset.one_line(line.value).strip()
    return (found[7:] if found[:7].lower() == "mailto:" else found)[: limits.NAME_CHARS] or None


def _attendees(event: ical.Component) -> Iterator[str]:
    for line in event.lines.get("ATTENDEE", [])[:_ATTENDEES]:
        if address := _address(line):
            yield address
