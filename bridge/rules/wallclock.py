"""Times of the day and days of the week, as people write them: ``22:00``, ``6``, ``mon``, ``Monday``."""

from __future__ import annotations

import re

from bridge import spelling

MINUTES = 24 * 60
_TIME = re.compile(r"(\d{1,2})(?::(\d{2}))?", re.ASCII)
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SHORT = tuple(day[:3] for day in DAYS)


def minutes(written: str) -> int:
    """``22:30`` or ``22`` → minutes since midnight; ``24:00`` is the end of the day.

    Raises:
        ValueError: it is no time.
    """
    match = _TIME.fullmatch(written.strip())
    found = int(match[1]) * 60 + int(match[2] or 0) if match else MINUTES + 1
    if match is None or found > MINUTES or int(match[2] or 0) >= 60:
        raise ValueError(f'"{written.strip()[:40]}" is no time; write it like 22:00 or 6')
    return found


def shown(minute: int) -> str:
    """``06:00``"""
    return f"{minute // 60:02}:{minute % 60:02}"


def weekday(written: str, others: tuple[str, ...] = ()) -> int:
    """``mon``, ``Monday`` → 0 … 6 (``sun``); ``others`` are words that could have stood there as well.

    Raises:
        ValueError: it is no day of the week.
    """
    word = written.strip().lower()
    if word in SHORT:
        return SHORT.index(word)
    if word in DAYS:
        return DAYS.index(word)
    hint = spelling.did_you_mean(word, (*SHORT, *DAYS, *others))
    raise ValueError(f'"{word[:40]}" is no day{hint or "; write mon, tue, wed, thu, fri, sat, sun" + _listed(others)}')


def _listed(words: tuple[str, ...]) -> str:
    return "".join(f", {word}" for word in words)
