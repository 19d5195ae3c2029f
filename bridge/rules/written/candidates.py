"""What looks like a one-time code, wherever it stands: 4 to 10 characters, at least one of them a digit."""

from __future__ import annotations

import bisect
import dataclasses
import datetime
import itertools
import re
from collections.abc import Iterator

from bridge.rules.written import noise, numbers

CANDIDATES = 200
_RAW_CHARS = 24  # of a text that is nothing but a code
_CODE = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9](?:(?:[ \t]|\n\n?)[0-9]){3,9}|[0-9]{3}([ -])[0-9]{3}(?:\1[0-9]{3})?|[0-9]{4}[ -][0-9]{4}"
    r"|[0-9]{5}[ -][0-9]{5}|[0-9]{2} [0-9]{2} [0-9]{2}(?: [0-9]{2})?|[A-Z]{1,2}-[0-9]{4,8}"
    r"|[0-9A-Z]{3,5}-[0-9A-Z]{3,5}|[0-9A-Za-z]{4,10})(?![0-9A-Za-z])"
)
_PREFIX = re.compile(r"^[A-Z]{1,2}-(?=[0-9]+$)")
_GROUP = re.compile(r"[\s-]+")
_MEASURE = re.compile(
    r"[0-9]+(?:px|em|pt|rem|vh|vw|min|hrs?|sec|ms|[kmgt]b|kwh|km|cm|mm|kg|[kmgt]?hz|st|nd|rd|th|am|pm|p)", re.IGNORECASE
)
_WORDLIKE = re.compile(r"(?<![0-9A-Za-z])[A-Z]{4,}([0-9]{1,4})(?![0-9A-Za-z])")  # SUMMER25
_OFFER = re.compile(
    r"%\s*off\b|\b(?:checkout|discount|coupon|voucher|promo|gutschein|rabat|remise|sconto|descuento|korting|indirim"
    r"|alennus|скидк|промокод)|优惠|割引|クーポン|쿠폰",
    re.IGNORECASE,
)
_OFFERED = re.compile(r"(?<![0-9])([0-9]{1,4})\s?(?:%|€|\$|£|EUR\b|USD\b|GBP\b)|[€$£]\s?([0-9]{1,4})(?![0-9])")
_TIED_BEFORE = re.compile(r"(?:[0-9][.,/:-]|[/@&%$€£¥+_~^.-]|\0)\Z")  # $ would do before a line break, too
_TIED_BEHIND = re.compile(r"[.,/:-][0-9]|[/@&=_~^+]|-[A-Za-z]|\0")
_NEIGHBOUR_BEFORE = re.compile(r"([0-9]+) \Z")
_NEIGHBOUR_BEHIND = re.compile(r" ([0-9]+)(?![0-9A-Za-z])")
_DECORATION = " \t*_|>\"'“”„«»[]().:-–—=~"
_PLACE_BEHIND = re.compile(r",? [A-ZÄÖÜÅØ][a-zäöüßéèåø]+")
_TOWN_BEHIND = re.compile(_PLACE_BEHIND.pattern + r"(?=[ \t]*(?:[,.;|·\n]|$))")  # and no more of a sentence
_STREET_BEHIND = re.compile(
    r"(?: [A-ZÄÖÜÅØÉ][\w.'’-]{0,30}){0,3} (?:Road|Rd|Street|St|Avenue|Ave|Lane|Ln|Boulevard|Blvd|Drive|Dr|Way|Square"
    r"|Court|Parkway|Pkwy|Terrace|Plaza|Highway|Hwy)\b"
)
_SENTENCE_END = re.compile(r"[.!?…](?=\s)|[。！？]")
_STATE_BEFORE = re.compile(r"(?:^|[ ,])(?:[A-Z]{1,2}[ -]|, )\Z")


@dataclasses.dataclass(frozen=True, slots=True)
class Candidate:
    """One of them; ``value`` is what is typed."""

    value: str
    start: int
    end: int
    line: int  # its number among the lines that are not empty
    is_alone: bool  # on its line

    @property
    def is_dated(self) -> bool:
        """Whether it could as well be a year, or a day written 20261114."""
        if not self.value.isdecimal() or self.value[:2] not in ("19", "20"):
            return False
        if len(self.value) != 8:
            return len(self.value) == 4
        try:
            datetime.date(int(self.value[:4]), int(self.value[4:6]), int(self.value[6:]))
        except ValueError:
            return False
        return True


class Lines:
    """The lines of a text that are not empty."""

    def __init__(self, text: str) -> None:
        spans, at = [], 0
        for line in text.split("\n"):
            if line.strip():
                spans.append((at, at + len(line)))
            at += len(line) + 1
        self._ends = [found.start() for found in _SENTENCE_END.finditer(text)]
        self._spans = spans
        self._starts = [start for start, _ in spans]

    def of(self, at: int) -> int:
        """The number of the line that has the character at ``at``."""
        return bisect.bisect_right(self._starts, at) - 1

    def is_one_sentence(self, start: int, end: int) -> bool:
        """Whether no sentence ends between these characters."""
        n = bisect.bisect_left(self._ends, start)
        return n == len(self._ends) or self._ends[n] >= end

    def span(self, number: int) -> tuple[int, int]:
        return self._spans[number]


def only(text: str) -> str | None:
    """The code that a short text is, whatever stands around it; None where it is something else."""
    line = numbers.plain(text[: _RAW_CHARS + 1]).strip()
    found = _CODE.fullmatch(line) if len(line) <= _RAW_CHARS else None
    return _typed(found[0]) if found and _is_possible(found[0]) else None


def find(plain: str, blanked: str, lines: Lines) -> Iterator[Candidate]:
    """Those of a text, in its order. ``blanked`` is the text without ``noise``."""
    offers = promotions(plain)
    for found in itertools.islice(_CODE.finditer(blanked), CANDIDATES):
        start, end = found.span()
        if not _is_possible(found[0]) or _is_part(blanked, start, end, found[0]) or noise.is_counted(blanked, end):
            continue
        if start in offers:
            continue
        line = lines.of(start)
        first, last = lines.span(line)
        around = plain[first:start] + plain[end:last] if last - first < 80 else "x"
        yield Candidate(_typed(found[0]), start, end, line, not around.strip(_DECORATION))


def promotions(plain: str) -> frozenset[int]:
    """Where the codes stand that are typed for a discount: ``SUMMER25``, where a text is of offers or says ``25 %``."""
    found = {match.start(): match[1] for match in _WORDLIKE.finditer(plain)}
    if not found or _OFFER.search(plain):
        return frozenset(found)
    offered = {match[1] or match[2] for match in _OFFERED.finditer(plain)}
    return frozenset(start for start, number in found.items() if number in offered)


def _typed(written: str) -> str:
    """Without what is not typed."""
    bare = _PREFIX.sub("", written)
    return bare if any(char.isalpha() for char in bare) else _GROUP.sub("", bare)


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


def is_place(text: str, one: Candidate) -> bool:
    """Whether it looks like a post code or a house: ``10115 Berlin``, ``CA 94043``, ``100200 Lamp Road``."""
    if len(one.value) not in (4, 5, 6) or not one.value.isdecimal():
        return False
    if _STREET_BEHIND.match(text, one.end):
        return True
    if len(one.value) == 6:
        return _TOWN_BEHIND.match(text, one.end) is not None
    behind = _PLACE_BEHIND.match(text, one.end)
    return behind is not None or _STATE_BEFORE.search(text[max(0, one.start - 5) : one.start]) is not None


def is_town(text: str, one: Candidate) -> bool:
    """Whether a name stands behind it, as behind a post code of any length: ``560001 Bengaluru``."""
    return one.value.isdecimal() and _PLACE_BEHIND.match(text, one.end) is not None
