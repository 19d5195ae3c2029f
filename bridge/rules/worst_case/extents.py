"""How large what a template renders to can be, told from its source: names, texts, numbers, the usual filters, ``~``,
``a if b else c`` and slices. Of anything else nothing is known (``bounds.ANYTHING``).
"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from collections.abc import Callable, Mapping

from bridge.rules import tags
from bridge.rules.worst_case import bounds, widths
from bridge.rules.worst_case.bounds import Bound
from bridge.rules.worst_case.widths import Width

_TOKEN = re.compile(
    r"""\s*(?: (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*') | (?P<number>\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)
      | (?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*) | (?P<sign>[=!<>]=|//|\*\*|.) )""",
    re.VERBOSE | re.DOTALL,
)
_COMPARISONS = frozenset(("==", "!=", "<", "<=", ">", ">=", "in", "is", "not"))
_ARITHMETIC = frozenset(("+", "-", "*", "/", "//", "%", "**"))
_NUMBERS = bounds.FLOATS | bounds.of_values(2**127 - 1, -(2**127))  # the engine's integers have 128 bits
_WORDS = {"true": True, "false": False, "none": None, "True": True, "False": False, "None": None}
_LEEWAY = 5  # characters that the engine's `truncate` leaves rather than cut
_HARMLESS = re.compile(r"\s*(?:if|elif|else|endif)\b")


def rendered(source: str, scope: Mapping[str, Bound]) -> Bound:
    """Of what a template renders to; ``scope`` has the values that it can name."""
    parts = list(tags.pieces(source))
    if all(part.kind == "text" for part in parts):
        return bounds.fixed(source)
    if len(parts) == 1 and parts[0].kind == "{{":
        return expression(parts[0].inner, scope)
    found, is_loose = widths.NOTHING, False
    for part in parts:
        one = _piece(part, scope)
        found, is_loose = found + one.text, is_loose or one.loose
    if any(part.kind == "{%" for part in parts):
        found = dataclasses.replace(found, least=0)
    return dataclasses.replace(bounds.of_text(found, found.chars), loose=is_loose)


def _piece(part: tags.Piece, scope: Mapping[str, Bound]) -> Bound:
    if part.kind == "text":
        return bounds.of_text(dataclasses.replace(widths.exactly(part.text), least=len(part.text.strip())))
    if part.kind == "{{":
        return expression(part.inner, scope)
    if part.kind == "{#" or _HARMLESS.match(part.inner):
        return bounds.of_text(widths.NOTHING)
    return bounds.ANYTHING


class _Unknown(Exception):
    """Something that is not understood here."""


def expression(source: str, scope: Mapping[str, Bound]) -> Bound:
    """Of an expression's value."""
    walk = _Walk(list(_TOKEN.finditer(source.strip())), scope)
    try:
        found = walk.choice()
        return found if walk.is_done else bounds.ANYTHING
    except (_Unknown, IndexError, ValueError, OverflowError, RecursionError):
        return bounds.ANYTHING


class _Walk:
    def __init__(self, tokens: list[re.Match[str]], scope: Mapping[str, Bound]) -> None:
        self._tokens = tokens
        self._scope = scope
        self._at = 0

    @property
    def is_done(self) -> bool:
        return self._at >= len(self._tokens)

    @property
    def _word(self) -> str:
        return "" if self.is_done else self._tokens[self._at][0].strip()

    def _took(self, word: str) -> bool:
        if self._word != word:
            return False
        self._at += 1
        return True

    def _expect(self, word: str) -> None:
        if not self._took(word):
            raise _Unknown

    def choice(self) -> Bound:
        """``a if b else c``"""
        found = self._joined()
        if not self._took("if"):
            return found
        self._skip("else")
        return found | self.choice()

    def _skip(self, word: str) -> None:
        """Past a condition, whatever it is."""
        depth = 0
        while depth or self._word != word:
            depth += (self._word in ("(", "[", "{")) - (self._word in (")", "]", "}"))
            if self.is_done or depth < 0:
                raise _Unknown
            self._at += 1
        self._at += 1

    def _joined(self) -> Bound:
        """``a ~ b``"""
        found = self._computed()
        while self._took("~"):
            other = self._computed()
            whole = bounds.of_text(found.text + other.text, found.text.chars + other.text.chars)
            found = dataclasses.replace(whole, loose=found.loose or other.loose)
        return found

    def _computed(self) -> Bound:
        found = self._postfix()
        while self._word in _ARITHMETIC:
            self._at += 1
            other = self._postfix()
            if not (_is_number(found) and _is_number(other)):
                raise _Unknown
            found = _NUMBERS
        if self._word in _COMPARISONS:
            raise _Unknown
        return found

    def _postfix(self) -> Bound:
        found = self._primary()
        while True:
            if self._took("|"):
                found = self._filtered(found)
            elif self._took("["):
                found = self._sliced(found)
            else:
                return found

    def _primary(self) -> Bound:
        if self._took("("):
            found = self.choice()
            self._expect(")")
            return found
        if self._took("-"):
            found = self._postfix()
            if not _is_number(found):
                raise _Unknown
            return _NUMBERS
        token = self._tokens[self._at]
        self._at += 1
        if token["text"]:
            return bounds.fixed(_literal(token["text"]))
        if token["number"]:
            return bounds.fixed(json.loads(token["number"].replace("_", "")))
        name = token["name"] or ""
        if name in _WORDS:
            return bounds.fixed(_WORDS[name])
        if name not in self._scope:
            raise _Unknown
        return self._scope[name]

    def _sliced(self, found: Bound) -> Bound:
        """``[:n]`` and ``[m:n]``, of a text."""
        first = self._count()
        self._expect(":")
        last = self._count()
        self._expect("]")
        if last is None or not found.is_text:
            raise _Unknown
        return _cut(found, chars=max(0, last - (first or 0)))

    def _count(self) -> int | None:
        if not self.is_done and (written := self._tokens[self._at]["number"]):
            self._at += 1
            return int(written)
        return None

    def _filtered(self, found: Bound) -> Bound:
        name = self._tokens[self._at]["name"] or ""
        self._at += 1
        given: list[Bound] = []
        if self._took("("):
            while not self._took(")"):
                keyword = self._at + 1 < len(self._tokens) and self._tokens[self._at + 1][0].strip() == "="
                if keyword and self._word != "length":
                    raise _Unknown
                self._at += 2 if keyword else 0
                given.append(self.choice())
                self._took(",")
        if name not in _FILTERS:
            raise _Unknown
        return _FILTERS[name](found, given)


def _is_number(found: Bound) -> bool:
    return all(isinstance(one, int | float) and not isinstance(one, bool) for one in found.worst)


def _is_whole(found: Bound) -> bool:
    return _is_number(found) and all(isinstance(one, int) for one in found.worst)


def _literal(written: str) -> str:
    """
    Raises:
        ValueError: it has an escape that JSON does not have.
    """
    inner = written[1:-1] if written[0] == '"' else written[1:-1].replace("\\'", "'").replace('"', '\\"')
    return str(json.loads(f'"{inner}"', strict=False))


def _cut(found: Bound, *, chars: int = widths.ENDLESS, octets: int = widths.ENDLESS, dots: bool = False) -> Bound:
    """Its text, cut: whatever it was, it has a bound then."""
    whole = dataclasses.replace(found.text.within(chars, octets), least=0)
    if dots:
        whole = dataclasses.replace(whole, mask=whole.mask | widths.mask_of("."))
    return bounds.of_text(whole, whole.chars)


def _number(given: list[Bound], default: int | None = None) -> int:
    if not given and default is not None:
        return default
    count = given[0].worst[0]
    if len(given[0].worst) != 1 or isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise _Unknown
    return count


def _grown(found: Bound, _: list[Bound], *, by: int) -> Bound:
    """Some characters that are not ASCII become several."""
    if not found.text.mask & widths.OTHER:
        return dataclasses.replace(bounds.of_text(found.text, found.text.chars), loose=found.loose)
    text = found.text.times(1, by)
    mask = text.mask | widths.EVERY & ~widths.mask_of("".join(map(chr, range(32))) + '"\\')
    whole = Width(chars=text.chars, octets=text.octets, mask=mask)
    return dataclasses.replace(bounds.of_text(whole, whole.chars), loose=found.loose)


def _slug(found: Bound, _: list[Bound]) -> Bound:
    """Compatibility forms are written out, such as ⑽ as 10."""
    by = 4 if found.text.mask & widths.OTHER else 1
    octets = min(widths.ENDLESS, found.text.octets * by)
    letters = widths.mask_of("abcdefghijklmnopqrstuvwxyz0123456789_")
    whole = Width(chars=octets, octets=octets, mask=letters)
    return dataclasses.replace(bounds.of_text(whole, octets), loose=found.loose)


def _default(found: Bound, given: list[Bound]) -> Bound:
    return found | (given[0] if given else bounds.fixed(""))


def _tojson(found: Bound, given: list[Bound]) -> Bound:
    if given or found.loose:
        raise _Unknown
    longest = max(len(json.dumps(one, ensure_ascii=False, default=str).encode()) for one in found.worst)
    mask = found.text.mask | widths.mask_of('"\\')
    return bounds.of_text(Width(chars=longest, octets=longest, mask=mask & ~widths.mask_of("\n\t")), longest)


def _same(found: Bound, _: list[Bound]) -> Bound:
    return dataclasses.replace(
        bounds.of_text(dataclasses.replace(found.text, least=0), found.text.chars), loose=found.loose
    )


_NUMERIC: tuple[str, ...] = ("float", "round", "abs")
_LENGTHS: tuple[str, ...] = ("length", "count")
_CASES: tuple[str, ...] = ("upper", "lower", "title", "capitalize")
_FILTERS: Mapping[str, Callable[[Bound, list[Bound]], Bound]] = {
    "bytes": lambda found, given: _cut(found, octets=_number(given)),
    "truncate": lambda found, given: _cut(found, chars=_number(given, 255) + _LEEWAY, dots=True),
    "slug": _slug,
    "trim": _same,
    "string": _same,
    "default": _default,
    "d": _default,
    "tojson": _tojson,
    "timestamp": lambda *_: bounds.of_values(253_402_300_799, -62_135_596_800),
    "iso": lambda *_: bounds.of_text(Width(least=10, chars=36, octets=36, mask=widths.mask_of("2T:+-."))),
    "int": lambda found, _: found if _is_whole(found) else _NUMBERS,
    **dict.fromkeys(_CASES, functools.partial(_grown, by=3)),
    **dict.fromkeys(_NUMERIC, lambda *_: _NUMBERS),
    **dict.fromkeys(_LENGTHS, lambda *_: bounds.of_values(9_999_999)),
}
