"""Which day a short text names: 14.11.2026, Nov 14th, 11月14日, tomorrow, next Saturday. All text here is folded."""

from __future__ import annotations

import datetime
import re

from bridge.rules.written import calendars

DAY = datetime.timedelta(days=1)
Found = tuple[datetime.date, int, int]  # (the day, where it begins, where it ends)

_YEAR_FIRST = re.compile(r"(?<![0-9.,/:-])([0-9]{4})([./-]) ?([0-9]{1,2})\2 ?([0-9]{1,2})\.?(?![0-9])")
_YEAR_LAST = re.compile(r"(?<![0-9,/:])(?<![0-9][.])([0-9]{1,2})([./-]) ?([0-9]{1,2})\2 ?([0-9]{4}|[0-9]{2})(?![0-9])")
_IDEOGRAPHS = re.compile(r"(?:([0-9]{4}) ?[年년] ?)?([0-9]{1,2}) ?[月월] ?([0-9]{1,2}) ?[日号號일]")
_NO_YEAR = re.compile(r"(?<![0-9.,/:-])([0-9]{1,2})(?:\. ?([0-9]{1,2})\.|([/.])([0-9]{1,2}))(?![0-9/.:]|,[0-9])")
_WORD = re.compile(r"[^\W\d_]+(?:[-'][^\W\d_]+)*")
_OF = r"(?:de |of |d')?"
_DAY_BEFORE = re.compile(rf"(?<![0-9.,/:])([0-9]{{1,2}})(?:st|nd|rd|th|er|e|\.|º|ª|°|-?го)?[ ,-]{{0,2}}{_OF}$")
_YEAR_BEHIND = re.compile(  # a time may stand between: it is blanked
    r"\.?(?:[ ,-]{0,2}(?:de |del |of )?| {0,40})([0-9]{4})(?![0-9:./]|,[0-9])"
    r"|\.?[ ,-]{0,2}'?([0-9]{2})(?![0-9:./]|,[0-9])"
)
_YEAR_BEFORE = re.compile(r"(?<![0-9.,/:-])([0-9]{4})[ .,-]{1,2}$")
_DAY_BEHIND = re.compile(r"\.?[ -]{0,2}(?:the )?([0-9]{1,2})(?:st|nd|rd|th|\.)?(?![0-9:/]|\.[0-9])")
_RANGE = re.compile(r"(?<![0-9.,/:-])([0-9]{1,2})(?:\. ?([0-9]{1,2}))?\.? ?(?:-|bis|to|a|al|do|до) ?$")
_IDEOGRAPHIC = "\u2e80"  # from here on, words have no blanks between them
_BESIDE_CHARS = 30  # of what stands beside the name of a month


def find(folded: str, today: datetime.date, *, month_first: bool, timed: bool) -> Found | None:
    """The day that a text names, other than by its weekday."""
    return (
        _numeric(folded, month_first=month_first)
        or _ideographs(folded, today)
        or _named(folded, today)
        or _without_year(folded, today, month_first=month_first, timed=timed)
        or _near(folded, today)
    )


def _numeric(folded: str, *, month_first: bool) -> Found | None:
    if found := _YEAR_FIRST.search(folded):
        return date(found[1], found[3], found[4]), *found.span()
    if found := _YEAR_LAST.search(folded):
        day, month = _order(found[1], found[3], month_first=month_first and found[2] != ".")
        from_day, from_month, start = _first_of_range(folded, found.start())
        return date(found[4], from_month or month, from_day or day), start, found.end()
    return None


def _first_of_range(folded: str, start: int) -> tuple[str, str, int]:
    """``30.11. - 2.12.2026``: the day and month before the hyphen ("" where there are none), and where they stand."""
    found = _RANGE.search(folded[max(0, start - _BESIDE_CHARS) : start])
    return (found[1], found[2] or "", start - len(found[0])) if found else ("", "", start)


def _order(first: str, second: str, *, month_first: bool) -> tuple[str, str]:
    """(the day, the month)"""
    if int(first) > 12 or int(second) > 12:
        month_first = int(second) > 12
    return (second, first) if month_first else (first, second)


def date(year: str, month: str | int, day: str) -> datetime.date:
    number = int(year)
    if len(year) == 2:
        number += 2000 if number < 69 else 1900  # as POSIX has it
    try:
        return datetime.date(number, int(month), int(day))
    except ValueError:
        raise ValueError("is no date") from None


def _ideographs(folded: str, today: datetime.date) -> Found | None:
    if not (found := _IDEOGRAPHS.search(folded)):
        return None
    day = date(found[1], found[2], found[3]) if found[1] else _nearest(today, int(found[2]), int(found[3]), folded)
    return day, *found.span()


def _named(folded: str, today: datetime.date) -> Found | None:
    """The first name of a month that has a day beside it."""
    for word in _WORD.finditer(folded):
        month = calendars.months().get(word[0].removeprefix("d'"))
        if month and (found := _beside(folded, word, month, today)):
            return found
    return None


def _beside(folded: str, word: re.Match[str], month: int, today: datetime.date) -> Found | None:
    first = max(0, word.start() - _BESIDE_CHARS)
    before = folded[first : word.start()]
    if day := _DAY_BEFORE.search(before):
        from_day, _, start = _first_of_range(folded, first + day.start())
        number, end, year = from_day or day[1], word.end(), _YEAR_BEHIND.match(folded, word.end())
    elif day := _DAY_BEHIND.match(folded, word.end()):
        number, start, end, year = day[1], word.start(), day.end(), _YEAR_BEHIND.match(folded, day.end())
    else:
        return None
    if year and (year[1] or word[0] not in calendars.RISKY):
        return date(year[1] or year[2], month, number), start, year.end()
    if leading := _YEAR_BEFORE.search(folded[max(0, start - _BESIDE_CHARS) : start]):
        return date(leading[1], month, number), start - len(leading[0]), end
    if word[0] in calendars.RISKY:
        return None
    return _nearest(today, month, int(number), folded), start, end


def _without_year(folded: str, today: datetime.date, *, month_first: bool, timed: bool) -> Found | None:
    found = _NO_YEAR.search(folded)
    if not found or not (found[2] or timed or _weekdays(folded) or (found[3] == "/" and _is_plain(found))):
        return None
    day, month = _order(found[1], found[2] or found[4], month_first=month_first and found[3] == "/")
    return _nearest(today, int(month), int(day), folded), *found.span()


def _is_plain(found: re.Match[str]) -> bool:
    """Whether ``12/25`` is no fraction. (Without a time beside it ``18.05`` may be one, or a number.)"""
    return max(int(found[1]), int(found[4])) > 12


def _nearest(today: datetime.date, month: int, day: int, folded: str) -> datetime.date:
    """In the year that makes it the weekday that is named, or else brings it nearest to today."""
    weekday = next((number for number, _, _ in _weekdays(folded)), None)
    years = range(today.year - 1, today.year + 2)
    if (month, day) == (2, 29):
        years = range(today.year - 4, today.year + 5)
    some = [found for year in years if (found := _maybe(year, month, day))]
    if not some:
        raise ValueError("is no date")
    return min(some, key=lambda one: (weekday is not None and one.weekday() != weekday, abs(one - today)))


def _maybe(year: int, month: int, day: int) -> datetime.date | None:
    try:
        return datetime.date(year, month, day)
    except ValueError:
        return None


def _near(folded: str, today: datetime.date) -> Found | None:
    """Today, tomorrow and their like: the first of them, since ``heute Morgen`` is today."""
    found = [(at, away, at + len(name)) for name, away in calendars.days().items() if (at := _word(folded, name)) >= 0]
    at, away, end = min(found, key=lambda one: one[0], default=(0, 0, 0))
    return (today + away * DAY, at, end) if found else None


def _word(folded: str, name: str) -> int:
    """Where it stands as a word, or -1. ``Guten Morgen`` is no day."""
    at = folded.find(name)
    if name >= _IDEOGRAPHIC or at < 0:
        return at
    is_part = folded[max(0, at - 1) : at].isalnum() or folded[at + len(name) :][:1].isalnum()
    return -1 if is_part or folded.endswith("guten ", 0, at) else at


def _weekdays(folded: str) -> list[tuple[int, int, int]]:
    """(0 for Monday …, where it begins, where it ends) of those that are named."""
    known = calendars.weekdays()
    words = ((word, folded[word.end() : word.end() + 2]) for word in _WORD.finditer(folded))
    found = ((known.get(word[0], calendars.german(word[0], behind)), *word.span()) for word, behind in words)
    return [(number, start, end) for number, start, end in found if number is not None]


def by_weekday(folded: str, today: datetime.date) -> Found | None:
    if not (found := _weekdays(folded)):
        return None
    number, start, end = found[0]
    words = set(_WORD.findall(folded))
    away = (number - today.weekday()) % 7
    if words & calendars.LAST:
        away = away - 7
    elif words & calendars.NEXT and not away:
        away = 7
    return today + away * DAY, start, end
