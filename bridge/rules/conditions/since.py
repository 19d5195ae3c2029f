"""``since: midnight``: the mail arrived since then, in the bridge's time zone.

midnight      the last one
06:00         the last time that the clock showed this
monday        the last Monday's midnight; on a Monday, today's
2026-11-01    that day's midnight
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator
from typing import Any

from bridge import rules
from bridge.mail import Mail
from bridge.rules import arrival, nested, wallclock
from bridge.sources import Search

_WORDS = ("midnight",)


class Since(nested.Parsed):
    """A time of day, on a day of the week, or on a date."""

    def __init__(self, written: Any) -> None:
        self._minute, self._weekday, self._date = 0, -1, None
        if isinstance(written, datetime.date) and not isinstance(written, datetime.datetime):
            written = written.isoformat()
        if not isinstance(written, str) or not written.strip():
            raise ValueError("write midnight, a time like 06:00, a day like monday, or a date like 2026-11-01")
        word = written.strip().lower()
        self.wanted = f"arrived since {word}"
        if word[0].isdigit():
            self._date = _date(word)
            self._minute = 0 if self._date else wallclock.minutes(word) % wallclock.MINUTES
        elif word not in _WORDS:
            self._weekday = wallclock.weekday(word, _WORDS)

    def last(self, now: datetime.datetime) -> datetime.datetime:
        """When that was, in UTC; ``now`` is of the zone whose clock counts."""
        if self._date is not None:
            return _at(self._date, 0, now.tzinfo, 0)
        return next(self._before(now))

    def next(self, now: datetime.datetime) -> datetime.datetime | None:
        """When it will be that time again, in UTC; None for a date."""
        if self._date is not None:
            return None
        days = (now.date() + datetime.timedelta(days=days) for days in range(-1, 9))
        suited = (day for day in days if self._weekday in (-1, day.weekday()))
        times = (_at(day, self._minute, now.tzinfo, fold) for day in suited for fold in (0, 1))
        return min(time for time in times if time > now)

    def _before(self, now: datetime.datetime) -> Iterator[datetime.datetime]:
        """The times that it was, from the last on. Where the clock is put back it may be twice on a day."""
        for days in range(9):
            day = now.date() - datetime.timedelta(days=days)
            if self._weekday in (-1, day.weekday()):
                times = (_at(day, self._minute, now.tzinfo, fold) for fold in (1, 0))
                yield from (time for time in times if time <= now)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "examples": [*_WORDS, "06:00", "monday", "2026-11-01"]}


def _date(word: str) -> datetime.date | None:
    if "-" not in word:
        return None
    with contextlib.suppress(ValueError):
        found = datetime.date.fromisoformat(word)
        if 1900 <= found.year <= 9000:  # so that no zone takes it beyond the calendar
            return found
    raise ValueError(f'"{word[:40]}" is no date; write it like 2026-11-01')


def _at(day: datetime.date, minute: int, zone: datetime.tzinfo | None, fold: int) -> datetime.datetime:
    time = datetime.time(minute // 60, minute % 60, tzinfo=zone, fold=fold)
    return datetime.datetime.combine(day, time).astimezone(datetime.UTC)


class ArrivedSince(rules.Condition):
    """INTERNALDATE counts as it is: it is cut to the second, and what that was for stays on its side of midnight."""

    fleeting = True

    def __init__(self, setting: Since) -> None:
        self._setting = setting

    @property
    def wanted(self) -> str:
        return self._setting.wanted

    def check(self, mail: Mail, moment: rules.Moment) -> rules.Outcome:
        last = self._last(moment)
        held = mail.received >= last
        came, then = arrival.shown(arrival.local(mail, moment.zone)), arrival.shown(last.astimezone(moment.zone))
        return rules.Outcome(held=held, saw=f"{came}, {'not before' if held else 'before'} {then}")

    def sought(self, moment: rules.Moment) -> Search:
        return Search(since=arrival.day_before(self._last(moment).timestamp()))

    def until(self, mail: Mail, moment: rules.Moment) -> float | None:
        """Once it is before, it stays so."""
        if mail.received < self._last(moment):
            return None
        following = self._setting.next(datetime.datetime.fromtimestamp(moment.now, moment.zone))
        return None if following is None else following.timestamp()

    def _last(self, moment: rules.Moment) -> datetime.datetime:
        return self._setting.last(datetime.datetime.fromtimestamp(moment.now, moment.zone))


PLUGIN = rules.ConditionPlugin(
    setting=Since,
    make=ArrivedSince,
    summary="The mail arrived since then: midnight, a time like 06:00, a day like monday, a date.",
)
