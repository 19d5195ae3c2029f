"""The one-time code in a mail: the number, or the mix of capitals and digits, that stands nearest to a word for it.

A candidate has 4 to 10 characters, at least one of them a digit. Every one gets a cost: how far its nearest keyword is,
in characters on its own line and in lines above it, and how unlike a code it looks; the cheapest one wins. What stands
behind a word for something else (order, phone, post code) is no candidate, and neither is what ``noise`` blanks, a part
of a longer number, an address, or, unless the keyword says ``code: 2026``, a year or a date. What stands in the middle
of another line has to be of the keyword's own sentence, and a code that is typed for a discount uses its keyword up.

The value is what is typed: ``123 456`` and ``123-456`` are 123456, ``G-123456`` is 123456 (the prefix only says whose
it is), ``AB12-CD34`` stays as it is.
"""

from __future__ import annotations

import bisect
import functools
import re
from collections.abc import Iterator, Sequence

from bridge.rules.written import candidates, keywords, noise, numbers
from bridge.rules.written.candidates import Candidate, Lines
from bridge.rules.written.keywords import Hit

TEXT_CHARS = 8_192  # of a text that are looked at
SUBJECT_CHARS = 200
_MOST = 100  # what a code may cost
_LINES = 3  # that a keyword may stand above its code
_LINE_COST = 30
_LINK_CHARS = 60
_HITS = 6  # that are looked at before a candidate, and behind it
_OTHER_CHARS = 40  # that a word for something else reaches
_LABEL_CHARS = 4  # between a label and the line below it
_DIGIT = re.compile(r"[0-9]")
_COMMA = "\uff0c"  # between Chinese words; in a number it would be one
_LINK = re.compile(
    r"(?:[\s:=\-\u2014>\"'“”„«»*|：()\[\]]|\b(?:is|your|the|for|lautet|ist|es|est|e|är|är|er|on|jest|je|este|to|ini|adalah"
    r"|là|la|today|следующий|это)\b|[为是為は：には]|です|입니다|은|는)*",
    re.IGNORECASE,
)


def find(text: str, subject: str) -> str:
    """The code in a text. A ``subject`` with a keyword helps a text that has none.

    Raises:
        ValueError: there is none.
    """
    found = _find(text[:TEXT_CHARS], subject[:SUBJECT_CHARS])
    if found is None:
        raise ValueError("has no one-time code")
    return found


@functools.lru_cache(maxsize=2)  # one mail, for all rules
def _find(text: str, subject: str) -> str | None:
    plain = numbers.plain(text.replace(_COMMA, ";"))
    lines = Lines(plain)
    hits = _unspent(plain, keywords.find(plain))
    found = list(candidates.find(plain, noise.blanked(plain), lines))
    judged = [(cost, one) for one, cost in _judged(plain, lines, hits, found) if cost <= _MOST]
    if not judged and not _announces(hits) and _announces(keywords.find(subject)):
        judged = [(0.0, one) for one in found if one.is_alone and one.value.isdecimal() and not one.is_dated]
    return min(judged, key=lambda pair: (pair[0], pair[1].start))[1].value if judged else None


def _unspent(text: str, hits: Sequence[Hit]) -> Sequence[Hit]:
    """Without the words for a code whose code is one for a discount."""
    offers = candidates.promotions(text)
    return [hit for hit in hits if not offers or hit.kind == "other" or _linked_to(text, hit) not in offers]


def _linked_to(text: str, hit: Hit) -> int:
    """Where what it announces begins."""
    link = _LINK.match(text, hit.end, hit.end + _LINK_CHARS)
    return link.end() if link else hit.end


def _announces(hits: Sequence[Hit]) -> bool:
    return any(hit.kind == "code" for hit in hits)


def _judged(
    text: str, lines: Lines, hits: Sequence[Hit], found: Sequence[Candidate]
) -> Iterator[tuple[Candidate, float]]:
    """Each candidate that has a keyword, and its cost."""
    ends = [hit.end for hit in hits]
    for one in found:
        n = bisect.bisect_right(ends, one.start)
        before, behind = hits[max(0, n - _HITS) : n], hits[n : n + _HITS]
        if not _is_something_else(text, lines, before, one):
            costs = [
                *(_from_before(text, lines, hit, one) for hit in before if hit.kind != "other"),
                *(_from_behind(lines, hit, one) for hit in behind if hit.kind != "other"),
            ]
            if known := [cost for cost in costs if cost is not None]:
                yield one, min(known) + _unlikeness(one)


def _is_something_else(text: str, lines: Lines, before: Sequence[Hit], one: Candidate) -> bool:
    """Whether the word before it says so: on its line, or as a label above it. In ``Code for room 204: 7719`` the
    room was for the other number.
    """
    for hit in reversed(before):
        if hit.kind != "other" or one.start - hit.end > _OTHER_CHARS:
            return False
        if text[hit.end] == "," or not lines.is_one_sentence(hit.end, one.start):  # Dear customer, 483920 is your code
            return False
        if not _DIGIT.search(text, hit.end, one.start):  # else it was for that number
            away = one.line - lines.of(hit.start)
            return away == 0 or (away == 1 and one.is_alone and one.start - hit.end <= _LABEL_CHARS)
    return False


def _from_before(text: str, lines: Lines, hit: Hit, one: Candidate) -> float | None:
    """The cost where the keyword stands before the code."""
    away = one.line - lines.of(hit.start)
    gap = one.start - hit.end
    linked = gap <= _LINK_CHARS and _LINK.fullmatch(text, hit.end, one.start) is not None
    linked = linked or (away == 0 and gap <= _LINK_CHARS and text[one.start - 2 : one.start].endswith((":", ": ")))
    weak = 15 if hit.kind == "perhaps" else 0
    if not linked and (one.is_dated or candidates.is_place(text, one)):
        return None
    if linked and away <= 1:
        return weak + (15 if one.is_dated else 0) + away * 5
    if not one.is_alone and not one.value.isdecimal():
        return None
    if away == 0:
        return weak + 5 + gap if gap <= (25 if weak else 90) else None
    if away > _LINES or (weak and not one.is_alone):
        return None
    further = 0 if lines.is_one_sentence(hit.end, one.start) else 8
    if not one.is_alone and further and not _opens(text, lines, one):
        return None
    return weak + further + away * _LINE_COST * (0.5 if one.is_alone else 1) + (0 if one.is_alone else 10)


def _opens(text: str, lines: Lines, one: Candidate) -> bool:
    """Whether its line begins with it, and is no address: ``482913 is valid for ten minutes``."""
    return not text[lines.span(one.line)[0] : one.start].strip() and not candidates.is_town(text, one)


def _from_behind(lines: Lines, hit: Hit, one: Candidate) -> float | None:
    """The cost where the keyword stands behind the code: ``123456 is your code``."""
    away = lines.of(hit.start) - one.line
    gap = hit.start - one.end
    if one.is_dated and not (one.is_alone and away == 1):
        return None
    if away == 0 and gap <= (25 if hit.kind == "perhaps" else 50) and one.value.isdecimal():
        return 20 + gap + (15 if hit.kind == "perhaps" else 0)
    return 60 if away == 1 and one.is_alone and hit.kind == "code" else None


def _unlikeness(one: Candidate) -> float:
    """Six digits are what most senders send."""
    letters = 10 if not one.value.isdecimal() else 0
    mixed = 10 if one.value != one.value.upper() else 0
    return letters + mixed + {6: 0, 4: 4, 5: 3, 7: 3, 8: 2}.get(len(one.value), 8) - (3 if one.is_alone else 0)
