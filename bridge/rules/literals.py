r"""The stretches of plain text that a regex cannot match without: ``/temp of (\d+) in hall/`` needs "temp of " and
" in hall".

A careful walk: what it does not understand ends a stretch. Only ASCII counts, since RE2 ignores case letter by letter,
and texts are folded before they are searched: of ASCII letters (and what RE2 takes for one: ſ, K) both make the same.
"""

from __future__ import annotations

from collections.abc import Iterable

from bridge.rules import anchors, re2_syntax

_ZERO_WIDTH = frozenset("bBAz")
_DEPTH = 50  # of groups; what is deeper is not looked at


def needed(place: anchors.Texts, source: str) -> anchors.Needed:
    """What a text must show for a regex to be found in it. ``source`` is a pattern that RE2 takes."""
    try:
        return _Walk(place, source).alternatives(0)
    except _TooDeep:
        return anchors.NOTHING


def of_glob(place: anchors.Texts, folded: str) -> anchors.Needed:
    """The same for a glob over a folded text (``regex.glob``)."""
    out, at = [""], 0
    while at < len(folded):
        closing = folded.find("]", at + 2) if folded[at] == "[" else -1
        if closing > 0 or folded[at] in "*?" or not folded[at].isascii():
            at = max(closing, at)
            out.append("")
        else:
            out[-1] += folded[at]
        at += 1
    return anchors.all_of(_stretches(place, out))


def _stretches(place: anchors.Texts, runs: Iterable[str]) -> Iterable[anchors.Needed]:
    return (anchors.stretch(place, " ".join(run.casefold().split())) for run in runs)


class _TooDeep(Exception):
    pass


class _Walk:
    """One walk over a pattern, from left to right; ``at`` is where it is."""

    def __init__(self, place: anchors.Texts, source: str) -> None:
        self._place = place
        self._source = source
        self._at = 0

    def alternatives(self, depth: int) -> anchors.Needed:
        """Up to the parenthesis that closes, or the end."""
        if depth > _DEPTH:
            raise _TooDeep
        branches = [self._sequence(depth)]
        while self._source.startswith("|", self._at):
            self._at += 1
            branches.append(self._sequence(depth))
        return anchors.any_of(branches)

    def _sequence(self, depth: int) -> anchors.Needed:
        runs, found = [""], list[anchors.Needed]()
        while self._at < len(self._source) and self._source[self._at] not in "|)":
            piece = self._atom(depth)
            least = self._repeated()
            if isinstance(piece, str) and piece and least is None:
                runs[-1] += piece
            elif isinstance(piece, str) and least != 0:
                runs[-1] += piece  # once, at least; what follows may be another of these
                runs.append("")
            elif piece is not None:
                runs.append("")
                if least != 0 and not isinstance(piece, str):
                    found.append(piece)
            elif least is not None:
                runs.append("")
        return anchors.all_of([*_stretches(self._place, runs), *found])

    def _atom(self, depth: int) -> str | anchors.Needed | None:
        """A character; "" for one that is not known; None for what takes up no room; a group."""
        char = self._source[self._at]
        if char == "\\":
            return self._escape()
        if char == "[":
            self._at = re2_syntax.class_end(self._source, self._at)
            return ""
        if char == "(":
            return self._group(depth)
        self._at += 1
        if char in "^$":
            return None
        return char if char.isascii() and char != "." else ""

    def _escape(self) -> str | None:
        if literal := re2_syntax.LITERAL.match(self._source, self._at):
            self._at = literal.end()
            return ""
        escape = re2_syntax.ESCAPE.match(self._source, self._at)
        if escape is None:
            self._at = len(self._source)
            return ""
        self._at = escape.end()
        name = escape[0][1:]
        if name in _ZERO_WIDTH:
            return None
        return name if len(name) == 1 and name.isascii() and not name.isalnum() else ""

    def _group(self, depth: int) -> anchors.Needed | None:
        group = re2_syntax.GROUP.match(self._source, self._at)
        self._at = group.end() if group else self._at + 1
        if group and group[4] == ")":
            return None  # flags
        inner = self.alternatives(depth + 1)
        self._at += 1  # its parenthesis
        return inner

    def _repeated(self) -> int | None:
        """How often the atom before has to be there at least, where something is said of that: 0, or 1 for more."""
        least: int | None = None
        while self._at < len(self._source):
            repeat = re2_syntax.REPEAT.match(self._source, self._at)
            if repeat is None and self._source[self._at] not in "*+?":
                break
            said = int(bool(int(repeat[0][1:-1].partition(",")[0]))) if repeat else int(self._source[self._at] == "+")
            least = said if least is None else min(least, said)
            self._at = repeat.end() if repeat else self._at + 1
            self._at += self._source.startswith("?", self._at)  # as few as possible: not less than that
        return least
