"""Which of many rules can match a mail: those of which it shows what they need (``Condition.must_show``).

Every rule is filed under the anchors that the fewest others share, a whole key before a stretch of text. A mail's
places are then looked at once for all rules: a key in a hash, a text by one automaton (Aho–Corasick) that finds every
stretch at once. Whoever needs nothing is looked at for every mail.

There are two stages. The first looks at what the header tells; only if a rule is left that the text decides, the text
is decoded and searched. A rule that can be told by both is filed under both: by the first alone it is seen whether
the text is worth downloading (``needing_text``), and only what both let through is looked at.
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import structlog

from bridge.mail import Mail
from bridge.rules import anchors, text
from bridge.rules.compiled import CompiledRule

log = structlog.get_logger()

FEW = 20  # rules; to look at each of them is as fast
_SLICE_CHARS = 16_384  # of a text that is searched at a time

_Chosen = tuple[anchors.Anchor, ...]
_Numbers = frozenset[int]
_NONE: _Numbers = frozenset()


def of(found: Sequence[CompiledRule]) -> Few:
    """The cheapest way to look at these rules."""
    return Few(found) if len(found) <= FEW else Index(found)


class Few:
    """Rules that are all looked at."""

    def __init__(self, found: Sequence[CompiledRule]) -> None:
        self.rules = tuple(found)
        self._text_rules = tuple(rule for rule in found if rule.needs_more and not rule.needs_content)
        self._content_rules = tuple(rule for rule in found if rule.needs_content)

    def candidates(self, mail: Mail) -> Sequence[CompiledRule]:
        """The rules that can match, in order; some of them may not."""
        return self.rules

    def needing_text(self, mail: Mail) -> Iterable[CompiledRule]:
        """Those that can match, as far as the header tells, and ask for the readable text and nothing else."""
        return self._text_rules

    def needing_content(self, mail: Mail) -> Iterable[CompiledRule]:
        """Those that can match, as far as what is in hand tells, and ask for other sections."""
        return self._content_rules


class Index(Few):
    """Rules that are found by what a mail shows."""

    def __init__(self, found: Sequence[CompiledRule]) -> None:
        super().__init__(found)
        counts = collections.Counter(leaf for rule in found for leaf in set(anchors.leaves(rule.must_show)))
        first = [_choice(rule.must_show, counts, in_text=False) for rule in found]
        both = [_choice(rule.must_show, counts, in_text=True) for rule in found]
        second = [one if one and any(leaf.place.in_text for leaf in one) else None for one in both]
        self._always = frozenset(n for n in range(len(found)) if not first[n] and not second[n])
        self._second_only = frozenset(n for n in range(len(found)) if second[n] and not first[n])
        self._first_stage, self._second_stage = _filed(first, second)
        self._text_numbers = _numbers(found, self._text_rules)
        self._content_numbers = _numbers(found, self._content_rules)
        anyway = sorted(self._always | self._second_only)
        self._text_anyway = tuple(found[n] for n in anyway if n in self._text_numbers)
        self._content_anyway = tuple(found[n] for n in anyway if n in self._content_numbers)

    def candidates(self, mail: Mail) -> Sequence[CompiledRule]:
        found, begun, told = set(self._always), list[_Numbers](), set[int]()
        for drawer in _open(self._first_stage, mail):
            found |= drawer.decided
            told |= drawer.told
            if drawer.begun:
                begun.append(drawer.begun)
        if self._second_only or begun:
            for drawer in _open(self._second_stage, mail):
                told |= drawer.told
        found.update(n for n in told if n in self._second_only or any(n in numbers for numbers in begun))
        return [self.rules[n] for n in sorted(found)]

    def needing_text(self, mail: Mail) -> Iterator[CompiledRule]:
        return itertools.chain(self._text_anyway, self._shown(mail, self._text_numbers))

    def needing_content(self, mail: Mail) -> Iterator[CompiledRule]:
        if self._content_numbers and mail.has_text:  # then it is cheaper than a download
            return (rule for rule in self.candidates(mail) if rule.needs_content)
        return itertools.chain(self._content_anyway, self._shown(mail, self._content_numbers))

    def _shown(self, mail: Mail, among: _Numbers) -> Iterator[CompiledRule]:
        """The rules that the first stage finds."""
        drawers = list(_open(self._first_stage, mail)) if among else []
        numbers = _NONE.union(*(among & (drawer.decided | drawer.begun) for drawer in drawers))
        return (self.rules[n] for n in sorted(numbers))


def _numbers(found: Sequence[CompiledRule], some: Iterable[CompiledRule]) -> _Numbers:
    wanted = {id(rule) for rule in some}
    return frozenset(n for n, rule in enumerate(found) if id(rule) in wanted)


def _choice(
    needed: anchors.Needed, counts: Mapping[anchors.Anchor, int], *, in_text: bool
) -> tuple[anchors.Anchor, ...] | None:
    """The anchors of which a mail must show one, such that few other rules share them; None where there are none."""
    if isinstance(needed, anchors.Anchor):
        return (needed,) if in_text or not needed.place.in_text else None
    if isinstance(needed, anchors.AnyOf):
        chosen = [_choice(one, counts, in_text=in_text) for one in needed.branches]
        return None if None in chosen else tuple(leaf for one in chosen for leaf in one or ())
    possible = (_choice(one, counts, in_text=in_text) for one in needed.members)
    return min((one for one in possible if one), key=lambda one: _cost(one, counts), default=None)


def _cost(chosen: _Chosen, counts: Mapping[anchors.Anchor, int]) -> tuple[int, bool, bool, int]:
    """How many rules it leads to; then whether the text is needed; then a key before a stretch, a long one first."""
    return (
        sum(counts[leaf] for leaf in chosen),
        any(leaf.place.in_text for leaf in chosen),
        any(isinstance(leaf.place, anchors.Texts) for leaf in chosen),
        -min(len(leaf.key) for leaf in chosen),
    )


@dataclasses.dataclass(slots=True)
class _Drawer:
    """The rules that are filed under one anchor, by their numbers."""

    decided: _Numbers = _NONE  # nothing else is asked
    begun: _Numbers = _NONE  # the second stage is asked as well
    told: _Numbers = _NONE  # as the second stage


class _Cabinet:
    """The drawers of one place."""

    def __init__(self, place: anchors.Keys | anchors.Texts, drawers: Mapping[str, _Drawer]) -> None:
        self._place = place
        self._drawers = drawers
        if isinstance(place, anchors.Texts):
            self._in_order = list(drawers.values())
            self._overlap = max(map(len, drawers)) - 1
            self._automaton = _automaton(drawers)

    def open(self, mail: Mail) -> Iterable[_Drawer]:
        """What is filed under anything that the mail shows here; all of it where the place cannot be read, since the
        rules say then what is wrong.
        """
        try:
            return self._opened(mail)
        except Exception:
            log.exception("a place could not be looked at for all rules", place=self._place.name, uid=mail.place.uid)
            return self._drawers.values()

    def _opened(self, mail: Mail) -> list[_Drawer]:
        if isinstance(self._place, anchors.Keys):
            return [drawer for key in set(self._place.read(mail)) if (drawer := self._drawers.get(key))]
        if not (read := self._place.read(mail)):
            return []
        shown = {n for folded in anchors.foldings(read, text.fold) for n in self._in(folded)}
        return [self._in_order[n] for n in shown]

    def _in(self, folded: str) -> Iterator[int]:
        """By slices: a text that shows one stretch again and again needs no memory for it."""
        for at in range(0, len(folded), _SLICE_CHARS):
            piece = folded[at : at + _SLICE_CHARS + self._overlap]
            yield from {match[0] for match in self._automaton.find_matches_as_indexes(piece, overlapping=True)}


def _automaton(keys: Iterable[str]) -> Any:
    import ahocorasick_rs  # only where there are many rules

    return ahocorasick_rs.AhoCorasick(list(keys), store_patterns=False)


def _filed(first: Sequence[_Chosen | None], second: Sequence[_Chosen | None]) -> tuple[list[_Cabinet], list[_Cabinet]]:
    """The cabinets of the header, and those of the text."""
    filed: dict[anchors.Anchor, dict[str, list[int]]] = {}
    for n, (by_header, by_text) in enumerate(zip(first, second, strict=True)):
        for leaf in by_header or ():
            filed.setdefault(leaf, {}).setdefault("begun" if by_text else "decided", []).append(n)
        for leaf in by_text or ():
            filed.setdefault(leaf, {}).setdefault("told", []).append(n)
    places: dict[anchors.Keys | anchors.Texts, dict[str, _Drawer]] = {}
    for leaf, numbers in filed.items():
        drawer = _Drawer(**{name: frozenset(some) for name, some in numbers.items()})
        places.setdefault(leaf.place, {})[leaf.key] = drawer
    cabinets = [(place.in_text, _Cabinet(place, drawers)) for place, drawers in places.items()]
    return [one for in_text, one in cabinets if not in_text], [one for in_text, one in cabinets if in_text]


def _open(cabinets: Iterable[_Cabinet], mail: Mail) -> Iterator[_Drawer]:
    return (drawer for cabinet in cabinets for drawer in cabinet.open(mail))
