"""Lengths of time, as seconds: ``1h 30m``, ``90 min``, ``2,5 Stunden``, ``01:30:00``, ``1:30``, ``PT1H30M``.

``1:30`` is an hour and a half; with ``min`` behind it a minute and a half. A month and a year have no fixed length and
are refused, and so is a number without a unit, which could be anything.
"""

from __future__ import annotations

import math
import re

from bridge.rules.written import numbers, units

MOST_S = 100 * 365.25 * 86_400
_SHORT = numbers.SHORT_CHARS
_ISO = re.compile(
    r"([+-]?)P(?=[0-9T])(?:([0-9]+)W)?(?:([0-9.,]+)D)?(?:T(?=[0-9])(?:([0-9.,]+)H)?(?:([0-9.,]+)M)?(?:([0-9.,]+)S)?)?"
)
_ISO_INEXACT = re.compile(r"[+-]?P[0-9.,]+[YM]")
_ISO_S = (604_800, 86_400, 3_600, 60, 1)
_CLOCK = re.compile(r"([0-9]{1,4}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,6}))?)?(?![0-9:])")
_PART = re.compile(rf"({numbers.NUMBER}) ?([^\W\d_]+)\.?")
_UNIT = re.compile(r" ?([^\W\d_]+)\.?")
_HOURS = frozenset(("h", "hr", "hrs", "std", "hour", "hours", "stunde", "stunden"))
_BELOW_HOUR = re.compile(r"[0-9]{1,2}(?![0-9])")
_BETWEEN = re.compile(r"[ ,;&+]*(?:(?:and|und|et|y|e|en|och|og|i|a|ja|és|ve|и|și|και) )? *", re.IGNORECASE)
_START = re.compile(r"[0-9]|[.,][0-9]")


def seconds(text: str) -> float:
    """
    Raises:
        ValueError: it is no length of time, or has more than one.
    """
    line = numbers.plain(text[: _SHORT + 1]).strip()
    if len(line) > _SHORT:
        raise ValueError("is too long for a duration")
    if line[:2].lstrip("+-").startswith("P") and (found := _iso(line)) is not None:
        return checked(found)
    start = _START.search(line)
    if not start:
        raise ValueError("is no duration")
    length, end = leading(line, start.start())
    if any(char.isdigit() for char in line[end:]):
        raise ValueError("is no duration")
    is_negative = line[: start.start()].rstrip(" ").endswith("-") and not line[: start.start()].rstrip(" -")
    return checked(-length if is_negative else length)


def checked(length: float) -> float:
    """Whole seconds as an integer.

    Raises:
        ValueError: nobody lives that long.
    """
    if not math.isfinite(length) or abs(length) > MOST_S:
        raise ValueError("is too long a time")
    return int(length) if length == int(length) else length


def _iso(line: str) -> float | None:
    """ISO 8601; None where it is not that."""
    if _ISO_INEXACT.match(line):
        raise ValueError("has months or years, which have no fixed length")
    found = _ISO.fullmatch(line)
    if not found:
        return None
    length = sum(_decimal(part) * unit for part, unit in zip(found.groups()[1:], _ISO_S, strict=True) if part)
    return -length if found[1] == "-" else length


def _decimal(written: str) -> float:
    try:
        return float(written.replace(",", "."))
    except ValueError:
        raise ValueError("is no duration") from None


def leading(line: str, at: int) -> tuple[float, int]:
    """(seconds, where it ends) of one or more numbers with units, the last of which may be a clock: ``1 day, 2:30``."""
    total, found, last = 0.0, False, ""
    while True:
        if clock := _CLOCK.match(line, at):
            length, end = _clock(line, clock)
            return total + length, end
        if last in _HOURS and (rest := _BELOW_HOUR.match(line, at)) and not _PART.match(line, at):  # 1h30
            return total + 60 * int(rest[0]), rest.end()
        part = _PART.match(line, at)
        worth = _part(part) if part else None
        if part is None or worth is None:
            if not found:
                raise ValueError("has no unit of time: s, min, h, d")
            return total, at
        total, found, last = total + worth, True, part[2].lower()
        at = _BETWEEN.match(line, part.end()).end()  # type: ignore[union-attr]  # it matches nothing, too


def _clock(line: str, clock: re.Match[str]) -> tuple[float, int]:
    first, second, third = int(clock[1]), int(clock[2]), clock[3]
    if second > 59 or int(third or 0) > 59:
        raise ValueError("is no duration")
    unit = _UNIT.match(line, clock.end())
    name = units.seconds().get(unit[1].lower()) if unit else None
    end = unit.end() if unit and name else clock.end()
    if third is not None:
        return first * 3_600 + second * 60 + float(f"{third}.{clock[4] or 0}"), end
    return (first * 60.0 + second, end) if name == 60 else (first * 3_600.0 + second * 60, end)


def _part(part: re.Match[str]) -> float | None:
    """The seconds of a number and its unit; None where it has none."""
    unit = part[2].lower()
    if unit in units.INEXACT:
        raise ValueError("has months or years, which have no fixed length")
    length = units.seconds().get(unit)
    return None if length is None else round(float(numbers.value("", part[1], "", lambda: ".")) * length, 6)
