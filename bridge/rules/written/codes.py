"""The one-time code in a mail: the number, or the mix of capitals and digits, that stands nearest to a word for it.

A candidate has 4 to 10 characters, at least one of them a digit. Every one gets a cost: how far its nearest keyword is,
in characters on its own line and in lines above it, and how unlike a code it looks; the cheapest one wins. What stands
behind a word for something else (order, phone, post code) is no candidate, and neither is what ``noise`` blanks, a part
of a longer number, or, unless the keyword says ``code: 2026``, a year or a date.

The value is what is typed: ``123 456`` and ``123-456`` are 123456, ``G-123456`` is 123456 (the prefix only says whose
it is), ``AB12-CD34`` stays as it is.
"""

from __future__ import annotations

import bisect
import dataclasses
import datetime
import itertools
import re
from collections.abc import Iterator, Sequence

from bridge.rules.written import keywords, noise, numbers
from bridge.rules.written.keywords import Hit

TEXT_CHARS = 8_192  # of a text that are looked at
CANDIDATES = 200
_RAW_CHARS = 24  # of a text that is nothing but a code
_MOST = 100  # what a code may cost
_LINES = 3  # that a keyword may stand above its code
_LINE_COST = 30
_LINK_CHARS = 60
_HITS = 6  # that are looked at before a candidate, and behind it
_CODE = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9](?:[ \t][0-9]){3,9}|[0-9]{3}([ -])[0-9]{3}(?:\1[0-9]{3})?|[0-9]{4}[ -][0-9]{4}"
    r"|[0-9]{5}[ -][0-9]{5}|[0-9]{2} [0-9]{2} [0-9]{2}(?: [0-9]{2})?|[A-Z]{1,2}-[0-9]{4,8}"
    r"|[0-9A-Z]{3,5}-[0-9A-Z]{3,5}|[0-9A-Za-z]{4,10})(?![0-9A-Za-z])"
)
_PREFIX = re.compile(r"[A-Z]{1,2}-(?=[0-9]+$)")
_GROUP = re.compile(r"[ \t-]")
_MEASURE = re.compile(
    r"[0-9]+(?:px|em|pt|rem|vh|vw|min|hrs?|sec|ms|[kmgt]b|kwh|km|cm|mm|kg|[kmgt]?hz|st|nd|rd|th|am|pm|p)", re.IGNORECASE
)
_TIED_BEFORE = re.compile(r"[0-9][.,/:-]$|[/@&%$€£¥+_~^.-]$|\0$")
_TIED_BEHIND = re.compile(r"[.,/:-][0-9]|[/@&=_~^+]|-[A-Za-z]|\0")
_NEIGHBOUR_BEFORE = re.compile(r"([0-9]+) $")
_NEIGHBOUR_BEHIND = re.compile(r" ([0-9]+)(?![0-9A-Za-z])")
_COMMA = "\uff0c"  # between Chinese words; in a number it would be one
_DECORATION = " \t*_|>\"'“”„«»[]().:-–—=~"
_PLACE_BEHIND = re.compile(r",? [A-ZÄÖÜÅØ][a-zäöüßéèåø]+")
_STATE_BEFORE = re.compile(r"(?:^|[ ,])(?:[A-Z]{1,2}[ -]|, )$")
_LINK = re.compile(
    r"(?:[\s:=\-\u2014>\"'“”„«»*|：()\[\]]|\b(?:is|your|the|for|lautet|ist|es|est|e|är|är|er|on|jest|je|este|to|ini|adalah"
    r"|là|la|today|следующий|это)\b|[为是為は：には]|です|입니다|은|는)*",
    re.IGNORECASE,
)


@dataclasses.dataclass(frozen=True, slots=True)
class _Candidate:
    value: str
    start: int
    end: int
    line: int  # its number among the lines that are not empty
    is_alone: bool  # on its line


def only(text: str) -> str | None:
    """The code that a short text is, whatever stands around it; None where it is something else."""
    line = numbers.plain(text[: _RAW_CHARS + 1]).strip()
    found = _CODE.fullmatch(line) if len(line) <= _RAW_CHARS else None
    return _typed(found[0]) if found and any(char.isdecimal() for char in found[0]) else None


def find(text: str, subject: str) -> str:
    """The code in a text. A ``subject`` with a keyword helps a text that has none.

    Raises:
        ValueError: there is none.
    """
    plain = numbers.plain(text[:TEXT_CHARS].replace(_COMMA, ";"))
    blanked = noise.blanked(plain)
    lines = _Lines(plain)
    hits = keywords.find(plain)
    found = list(_candidates(plain, blanked, lines))
    judged = [(cost, one) for one, cost in _judged(plain, lines, hits, found) if cost <= _MOST]
    if not judged and not any(hit.kind == "code" for hit in hits) and _announces(subject):
        judged = [
            (one.line, one) for one in found if one.is_alone and one.value.isdecimal() and not _is_dated(one.value)
        ]
    if not judged:
        raise ValueError("has no one-time code")
    return min(judged, key=lambda pair: (pair[0], pair[1].start))[1].value


def _announces(subject: str) -> bool:
    return any(hit.kind == "code" for hit in keywords.find(subject[: numbers.SHORT_CHARS * 2]))


class _Lines:
    """The lines of a text that are not empty."""

    def __init__(self, text: str) -> None:
        spans, at = [], 0
        for line in text.split("\n"):
            if line.strip():
                spans.append((at, at + len(line)))
            at += len(line) + 1
        self._spans = spans
        self._starts = [start for start, _ in spans]

    def of(self, at: int) -> int:
        """The number of the line that has the character at ``at``."""
        return bisect.bisect_right(self._starts, at) - 1

    def span(self, number: int) -> tuple[int, int]:
        return self._spans[number]


def _typed(written: str) -> str:
    """Without what is not typed."""
    bare = _PREFIX.sub("", written)
    return bare if any(char.isalpha() for char in bare) else _GROUP.sub("", bare)


def _candidates(plain: str, blanked: str, lines: _Lines) -> Iterator[_Candidate]:
    for found in itertools.islice(_CODE.finditer(blanked), CANDIDATES):
        start, end = found.span()
        if not _is_possible(found[0]) or _is_part(blanked, start, end, found[0]) or noise.is_counted(blanked, end):
            continue
        line = lines.of(start)
        first, last = lines.span(line)
        around = plain[first:start] + plain[end:last] if last - first < 80 else "x"
        yield _Candidate(_typed(found[0]), start, end, line, not around.strip(_DECORATION))


def _is_possible(written: str) -> bool:
    if _MEASURE.fullmatch(written):
        return False
    return any(char.isdecimal() for char in written) and len(_GROUP.sub("", written)) >= 4


def _is_part(text: str, start: int, end: int, written: str) -> bool:
    """Whether it is part of a longer number, an address, a file name."""
    before, behind = text[max(0, start - 12) : start], text[end : end + 12]
    if _TIED_BEFORE.search(before) or _TIED_BEHIND.match(behind):
        return True
    size = len(_GROUP.split(written)[0])
    neighbours = (_NEIGHBOUR_BEFORE.search(before), _NEIGHBOUR_BEHIND.match(behind))
    return written[0].isdecimal() and any(one and (len(one[1]) >= 3 or len(one[1]) == size) for one in neighbours)


def _judged(
    text: str, lines: _Lines, hits: Sequence[Hit], found: Sequence[_Candidate]
) -> Iterator[tuple[_Candidate, float]]:
    """Each candidate that has a keyword, and its cost."""
    ends = [hit.end for hit in hits]
    last = -1
    for one in found:
        n = bisect.bisect_right(ends, one.start)
        before, behind = hits[max(0, n - _HITS) : n], hits[n : n + _HITS]
        if not _is_something_else(lines, before, one, last):
            costs = [
                *(_from_before(text, lines, hit, one) for hit in before if hit.kind != "other"),
                *(_from_behind(lines, hit, one) for hit in behind if hit.kind != "other"),
            ]
            if known := [cost for cost in costs if cost is not None]:
                yield one, min(known) + _unlikeness(one)
        last = one.end


def _is_something_else(lines: _Lines, before: Sequence[Hit], one: _Candidate, last: int) -> bool:
    """Whether the word before it says so. One that stands before the candidate that ends at ``last`` was for that."""
    hit = next((hit for hit in reversed(before) if hit.kind != "other" or hit.end > last), None)
    return hit is not None and hit.kind == "other" and _is_near(lines, hit, one)


def _is_near(lines: _Lines, hit: Hit, one: _Candidate) -> bool:
    return one.start - hit.end <= 40 and one.line - lines.of(hit.start) <= (1 if one.is_alone else 0)


def _from_before(text: str, lines: _Lines, hit: Hit, one: _Candidate) -> float | None:
    """The cost where the keyword stands before the code."""
    away = one.line - lines.of(hit.start)
    gap = one.start - hit.end
    linked = gap <= _LINK_CHARS and _LINK.fullmatch(text, hit.end, one.start) is not None
    linked = linked or (away == 0 and gap <= _LINK_CHARS and text[one.start - 2 : one.start].endswith((":", ": ")))
    weak = 15 if hit.kind == "perhaps" else 0
    if not linked and (_is_dated(one.value) or _is_place(text, one)):
        return None
    if linked and away <= 1:
        return weak + (15 if _is_dated(one.value) else 0) + away * 5
    if not one.is_alone and not one.value.isdecimal():
        return None
    if away == 0:
        return weak + 5 + gap if gap <= (25 if weak else 90) else None
    if away > _LINES or (weak and not one.is_alone):
        return None
    return weak + away * _LINE_COST * (0.5 if one.is_alone else 1) + (0 if one.is_alone else 10)


def _from_behind(lines: _Lines, hit: Hit, one: _Candidate) -> float | None:
    """The cost where the keyword stands behind the code: ``123456 is your code``."""
    away = lines.of(hit.start) - one.line
    gap = hit.start - one.end
    if _is_dated(one.value) and not (one.is_alone and away == 1):
        return None
    if away == 0 and gap <= (25 if hit.kind == "perhaps" else 50) and one.value.isdecimal():
        return 20 + gap + (15 if hit.kind == "perhaps" else 0)
    return 60 if away == 1 and one.is_alone and hit.kind == "code" else None


def _is_dated(value: str) -> bool:
    """Whether it could as well be a year, or a day written 20261114."""
    if not value.isdecimal():
        return False
    if len(value) == 4:
        return value[:2] in ("19", "20")
    if len(value) != 8 or value[:2] not in ("19", "20"):
        return False
    try:
        datetime.date(int(value[:4]), int(value[4:6]), int(value[6:]))
    except ValueError:
        return False
    return True


def _is_place(text: str, one: _Candidate) -> bool:
    """Whether it looks like a post code: ``10115 Berlin``, ``CA 94043``."""
    if len(one.value) not in (4, 5) or not one.value.isdecimal():
        return False
    behind = _PLACE_BEHIND.match(text, one.end)
    return behind is not None or _STATE_BEFORE.search(text[max(0, one.start - 5) : one.start]) is not None


def _unlikeness(one: _Candidate) -> float:
    """Six digits are what most senders send."""
    letters = 10 if not one.value.isdecimal() else 0
    mixed = 10 if one.value != one.value.upper() else 0
    return letters + mixed + {6: 0, 4: 4, 5: 3, 7: 3, 8: 2}.get(len(one.value), 8) - (3 if one.is_alone else 0)
