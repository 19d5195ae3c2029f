"""A time of day in a text: ``18:05``, ``18.05 Uhr``, ``6pm``, ``18h05``, ``下午6点``, and the zone behind it."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import re
import zoneinfo
from collections.abc import Mapping

_WORDS = r"(?:uhr|h|hrs|uur|heures?|horas?|ore|klokken|ura|hodin|hod|godz|ora|час(?:а|ов)?|ч|год)\b"
_BEFORE = r"\b(?:um|kl|klo|klockan|klokken|at|alle|ore|a las|as|a|om|godz|v|ve|u|в|о|у)\.? "
_FORMS = (  # digits are at most two, so that nothing is read far
    rf"(?P<h1>[0-9]{{1,2}}):(?P<m1>[0-9]{{2}})(?::(?P<s1>[0-9]{{2}})(?:[.,](?P<f1>[0-9]{{1,9}}))?)?(?![0-9:])"
    rf"(?: ?(?:(?P<half1>[ap])\.? ?m\b\.?|{_WORDS}))?",
    r"(?P<h2>[0-9]{1,2})(?:[.](?P<m2>[0-9]{2}))? ?(?P<half2>[ap])\.? ?m\b\.?",
    rf"(?P<h3>[0-9]{{1,2}})[.](?P<m3>[0-9]{{2}}) ?{_WORDS}",
    r"(?P<h4>[0-9]{1,2}) ?h ?(?P<m4>[0-9]{2})(?![0-9.:/-])",
    rf"(?P<h5>[0-9]{{1,2}}) ?{_WORDS}(?: (?P<m5>[0-9]{{2}})(?![0-9.:/-]))?",
    r"(?P<h6>[0-9]{1,2}) ?[時时点點시](?: ?(?P<m6>[0-9]{1,2}) ?[分분])?(?: ?(?P<s6>[0-9]{1,2}) ?[秒초])?",
)
_OTHERS = (
    rf"{_BEFORE}(?P<h7>[0-9]{{1,2}})[.](?P<m7>[0-9]{{2}})(?![0-9.])",
    r"\b(?P<noon>noon|mittags?|midi|mediodia|mezzogiorno)\b",
    r"\b(?P<midnight>midnight|mitternacht|minuit|medianoche|mezzanotte)\b",
)
_TIME = re.compile(rf"(?<![0-9.,:/+-])(?:{'|'.join(_FORMS)})|{'|'.join(_OTHERS)}")
_BARE = re.compile(r"(?<![0-9.,:/+-])(?P<h1>[0-2]?[0-9])[.](?P<m1>[0-5][0-9])(?![0-9.,:/-])")
_HALF_BEFORE = re.compile(r"(午前|上午|오전)|(午後|下午|오후|晚上)")
_HALF_CHARS = 4
_ZONE = re.compile(
    r" ?(?:\(|, )?(?:(?P<utc>UTC|GMT|Z)(?![A-Za-z]))? ?"
    r"(?:(?P<sign>[+-])(?P<hours>0?[0-9]|1[0-4])(?::?(?P<minutes>00|15|30|45))?(?![0-9:.])|(?P<name>[A-Z]{2,5})(?![A-Za-z]))?"
)
_HOURS = {
    **dict.fromkeys(("WET",), 0),
    **dict.fromkeys(("CET", "MEZ", "BST", "WEST", "WAT"), 1),
    **dict.fromkeys(("CEST", "MESZ", "EET", "SAST", "CAT"), 2),
    **dict.fromkeys(("EEST", "MSK", "EAT", "TRT"), 3),
    **dict.fromkeys(("GST",), 4),
    **dict.fromkeys(("PKT",), 5),
    **dict.fromkeys(("IST",), 5.5),
    **dict.fromkeys(("ICT", "WIB"), 7),
    **dict.fromkeys(("SGT", "HKT", "AWST", "PHT"), 8),
    **dict.fromkeys(("JST", "KST"), 9),
    **dict.fromkeys(("ACST",), 9.5),
    **dict.fromkeys(("AEST",), 10),
    **dict.fromkeys(("AEDT",), 11),
    **dict.fromkeys(("NZST",), 12),
    **dict.fromkeys(("NZDT",), 13),
    **dict.fromkeys(("BRT", "ART"), -3),
    **dict.fromkeys(("EDT",), -4),
    **dict.fromkeys(("EST", "CDT"), -5),
    **dict.fromkeys(("CST", "MDT"), -6),
    **dict.fromkeys(("MST", "PDT"), -7),
    **dict.fromkeys(("PST", "AKDT"), -8),
    **dict.fromkeys(("AKST",), -9),
    **dict.fromkeys(("HST",), -10),
}
_AMERICAN = {
    "ET": "America/New_York",
    "CT": "America/Chicago",
    "MT": "America/Denver",
    "PT": "America/Los_Angeles",
}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """A time of day and where it stands; without ``zone`` it is that of the reader."""

    time: datetime.time
    zone: datetime.tzinfo | None
    start: int
    end: int
    next_day: bool = False  # 24:00


def find(line: str, folded: str, at: int = 0) -> Clock | None:
    """The first time of day. ``folded`` is ``line`` folded.

    Raises:
        ValueError: there is no such time.
    """
    found = _TIME.search(folded, at)
    return _read(line, folded, found) if found else None


def find_bare(line: str, folded: str) -> Clock | None:
    """``18.05``, which is a time only where a date stands beside it."""
    found = _BARE.search(folded)
    return _read(line, folded, found) if found else None


def _read(line: str, folded: str, found: re.Match[str]) -> Clock:
    parts = {name: value for name, value in found.groupdict().items() if value is not None}
    start = found.start()
    if "noon" in parts or "midnight" in parts:
        return Clock(time=datetime.time(12 if "noon" in parts else 0), zone=None, start=start, end=found.end())
    hour, minute, second = (
        next((int(parts[n]) for n in parts if n[0] == unit and n[1:].isdigit()), 0) for unit in "hms"
    )
    half = parts.get("half1") or parts.get("half2")
    if before := _HALF_BEFORE.search(folded, max(0, start - _HALF_CHARS), start):
        half, start = ("a" if before[1] else "p"), before.start()
    if half and 1 <= hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    next_day = hour == 24 and not minute and not second
    try:
        time = datetime.time(
            0 if next_day else hour, minute, min(second, 59), int((parts.get("f1", "") + "000000")[:6])
        )
    except ValueError:
        raise ValueError("is no time of day") from None
    zone, end = _zone(line, found.end(), exact=second > 0 or "s1" in parts or folded[start - 1 : start] == "t")
    return Clock(time=time, zone=zone, start=start, end=end, next_day=next_day)


def _zone(line: str, at: int, *, exact: bool) -> tuple[datetime.tzinfo | None, int]:
    """The zone behind a time and where it ends. ``10:00-11:30`` is a range unless the time is ``exact``."""
    found = _ZONE.match(line, at)
    if not found or not (found["utc"] or found["sign"] or found["name"]):
        return None, at
    if found["name"]:
        zone = _named(found["name"])
        return (zone, found.end()) if zone else (None, at)
    if not found["sign"]:
        return datetime.UTC, found.end()
    is_range = found["sign"] == "-" and not (exact or found["utc"] or (line[at : at + 1] == " " and found["minutes"]))
    if is_range:
        return None, at
    away = datetime.timedelta(hours=int(found["hours"]), minutes=int(found["minutes"] or 0))
    return datetime.timezone(-away if found["sign"] == "-" else away), found.end()


def _named(name: str) -> datetime.tzinfo | None:
    if name in _AMERICAN:
        return american()[name]
    return datetime.timezone(datetime.timedelta(hours=_HOURS[name])) if name in _HOURS else None


@functools.cache
def american() -> Mapping[str, datetime.tzinfo]:
    """``ET`` and its like, which mean summer time in summer."""
    return {short: zoneinfo.ZoneInfo(name) for short, name in _AMERICAN.items()}
