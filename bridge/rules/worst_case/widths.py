r"""How long what a regex finds can be, without running it: ``\d{1,4}`` is one to four characters.

Always a bound: what is not understood is taken as endless. So ``\d`` and ``\w`` have characters of four octets, since
they are Unicode's, and ``k`` has three, since it also stands for U+212A (the sign of the kelvin) where case is ignored.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import re
from collections.abc import Iterator

ENDLESS = 10**9
OTHER = 1 << 128  # of a mask: a character that is not ASCII
_CHAR_OCTETS = 4  # in UTF-8, at most
_SPLIT = re.compile(
    r"""(?P<quote>\\Q.*?(?:\\E|\Z)) | (?P<escape>\\(?:[pP](?:\{[^}]*\}|.)|x(?:\{[^}]*\}|..)|[0-7]{1,3}|.))
      | (?P<posix>\[:\^?\w+:\]) | (?P<repeat>\{\d+(?:,\d*)?\}|[*+?])
      | (?P<open>\((?:\?(?:P?<(?P<name>[^>]*)>|(?P<flags>[A-Za-z-]*[:)])))?) | (?P<char>.)""",
    re.VERBOSE | re.DOTALL,
)


def mask_of(text: str) -> int:
    """Which characters a text has: a bit for each of ASCII, and ``OTHER``."""
    found = 0
    for char in set(text):
        found |= 1 << ord(char) if char.isascii() else OTHER
    return found


EVERY = (1 << 129) - 1
_ASCII = EVERY & ~OTHER
_KELVIN = mask_of("kK")
_LONG_S = mask_of("sS")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Width:
    """Of a text: octets of UTF-8 at least and at most, characters at most, and which there can be (``mask_of``)."""

    least: int = 0
    chars: int = 0
    octets: int = 0
    mask: int = 0

    @property
    def is_endless(self) -> bool:
        return self.chars >= ENDLESS

    def __add__(self, other: Width) -> Width:
        """One behind the other."""
        return Width(
            least=self.least + other.least,
            chars=min(ENDLESS, self.chars + other.chars),
            octets=min(ENDLESS, self.octets + other.octets),
            mask=self.mask | other.mask,
        )

    def __or__(self, other: Width) -> Width:
        """One or the other."""
        return Width(
            least=min(self.least, other.least),
            chars=max(self.chars, other.chars),
            octets=max(self.octets, other.octets),
            mask=self.mask | other.mask,
        )

    def times(self, least: int, most: int) -> Width:
        return Width(
            least=self.least * least,
            chars=min(ENDLESS, self.chars * most),
            octets=min(ENDLESS, self.octets * most),
            mask=self.mask if most else 0,
        )

    def within(self, chars: int, octets: int = ENDLESS, mask: int = EVERY) -> Width:
        """Cut to so many characters, and with no others than these."""
        most = min(self.chars, chars)
        each = 1 if not self.mask & mask & OTHER else _CHAR_OCTETS
        return Width(
            least=min(self.least, octets, most),
            chars=most,
            octets=min(self.octets, octets, most * each),
            mask=self.mask & mask,
        )


NOTHING = Width()
ANYTHING = Width(chars=ENDLESS, octets=ENDLESS, mask=EVERY)


def exactly(text: str) -> Width:
    octets = len(text.encode("utf-8", "replace"))
    return Width(least=octets, chars=len(text), octets=octets, mask=mask_of(text))


def _char(char: str) -> Width:
    """One character of a regex, whose case may be ignored."""
    mask = mask_of(char.lower() + char.upper() + char)
    if not char.isascii():
        return Width(least=1, chars=1, octets=_CHAR_OCTETS, mask=mask | OTHER | _KELVIN | _LONG_S)
    return _ascii(mask)


def _ascii(mask: int) -> Width:
    octets = 3 if mask & _KELVIN else 2 if mask & _LONG_S else 1
    return Width(least=1, chars=1, octets=octets, mask=mask | (OTHER if octets > 1 else 0))


def _unicode(mask: int) -> Width:
    return Width(least=1, chars=1, octets=_CHAR_OCTETS, mask=mask | OTHER)


_ANY = _unicode(EVERY)
_CLASSES = {
    "d": _unicode(mask_of("0123456789")),
    "w": _unicode(mask_of("".join(char for char in map(chr, range(128)) if char.isalnum() or char == "_"))),
    "s": _unicode(mask_of(" \t\n\v\f\r")),
}
_CONTROLS = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


@functools.lru_cache(maxsize=1_024)
def groups(pattern: str) -> dict[str | int, Width]:
    """The width of each group by its number and its name; 0 is the whole match."""
    walk = _Walk(pattern)
    try:
        found = walk.either("")
        return {**walk.groups, 0: found if walk.is_done else ANYTHING}
    except (ValueError, IndexError, OverflowError, RecursionError):
        return {}


@functools.lru_cache(maxsize=1_024)
def optional(pattern: str) -> frozenset[str]:
    """The named groups that a match can be without; none where the pattern is not understood."""
    walk = _Walk(pattern)
    try:
        walk.either("")
    except (ValueError, IndexError, OverflowError, RecursionError):
        return frozenset()
    return frozenset(name for name in walk.optional if isinstance(name, str))


class _Walk:
    """Through a pattern that RE2 takes, whichever flags it has: those can only make a match shorter."""

    def __init__(self, pattern: str) -> None:
        self._pieces = list(_SPLIT.finditer(pattern))
        self._at = 0
        self.groups: dict[str | int, Width] = {}
        self.optional: set[str | int] = set()
        self._opened = 0

    @property
    def is_done(self) -> bool:
        return self._at >= len(self._pieces)

    def _next(self) -> re.Match[str]:
        self._at += 1
        return self._pieces[self._at - 1]

    def _sees(self, *texts: str) -> bool:
        return not self.is_done and self._pieces[self._at][0] in texts

    def either(self, closer: str) -> Width:
        """Alternatives, up to the bracket that ends them."""
        before = len(self.groups)
        found = self._sequence(closer)
        while self._sees("|"):
            self._next()
            found |= self._sequence(closer)
            self._is_optional_from(before)
        return found

    def _is_optional_from(self, count: int) -> None:
        """A match can be without the groups that were found after so many."""
        self.optional.update(itertools.islice(self.groups, count, None))

    def _sequence(self, closer: str) -> Width:
        found = NOTHING
        while not self.is_done and not self._sees("|", *([closer] if closer else [])):
            before = len(self.groups)
            found += self._repeated(self._atom(), before)
        return found

    def _repeated(self, one: Width, before: int) -> Width:
        """``before`` so many groups were found."""
        while not self.is_done and (written := self._pieces[self._at]["repeat"]):
            self._next()
            if written == "?" and self._pieces[self._at - 2]["repeat"]:
                continue  # lazy
            least, most = _times(written)
            one = one.times(least, most)
            if not least:
                self._is_optional_from(before)
        return one

    def _atom(self) -> Width:
        piece = self._next()
        if quote := piece["quote"]:
            literal = quote[2:].removesuffix("\\E")
            return functools.reduce(Width.__add__, map(_char, literal), NOTHING)
        if escape := piece["escape"]:
            return _escaped(escape)
        if piece["open"]:
            return self._group(piece)
        if piece["posix"]:  # outside of a class: a class that begins with a colon
            return self._class_of(piece[0])
        char = piece[0]
        if char == "[":
            return self._class()
        if char in "^$":
            return NOTHING
        return _ANY if char == "." else _char(char)

    def _group(self, piece: re.Match[str]) -> Width:
        flags, name = piece["flags"], piece["name"]
        if flags is not None and flags.endswith(")"):
            return NOTHING
        number = 0
        if flags is None:
            self._opened += 1
            number = self._opened
        inner = self.either(")")
        self._next()
        if number:
            self.groups[number] = inner
            if name:
                self.groups[name] = inner
        return inner

    def _class_of(self, written: str) -> Width:
        return functools.reduce(Width.__or__, map(_char, written[1:-1]))

    def _class(self) -> Width:
        found: list[Width] = []
        negated = self._sees("^")
        if negated:
            self._next()
        for member, begins, last in self._members():
            found.append(_range(member, last) if begins else _member(member))
        return _ANY if negated or not found else functools.reduce(Width.__or__, found)

    def _members(self) -> Iterator[tuple[str, bool, str]]:
        """(member, whether it begins a range, the range's last)"""
        first = True
        while first or not self._sees("]"):
            piece = self._next()
            member, first = piece[0], False
            if piece["quote"] or (piece["open"] and "]" in member):
                raise ValueError(member)  # cut up as if it stood outside
            for one in member if len(member) > 1 and member[0] in "{(" else (member,):
                if self._sees("-") and self._pieces[self._at + 1][0] != "]":
                    self._next()
                    yield one, True, self._next()[0]
                else:
                    yield one, False, ""
        self._next()


def _times(written: str) -> tuple[int, int]:
    if written in "*+?":
        return {"*": (0, ENDLESS), "+": (1, ENDLESS), "?": (0, 1)}[written]
    least, comma, most = written[1:-1].partition(",")
    return int(least), int(most) if most else ENDLESS if comma else int(least)


def _escaped(escape: str) -> Width:
    name = escape[1]
    if name in "bBAz":
        return NOTHING
    if name in "pPWDS":
        return _ANY
    return _CLASSES.get(name) or _char(_plain(escape))


def _member(member: str) -> Width:
    """Of a class."""
    if member.startswith("[:"):
        return _ANY if "^" in member else _ascii(_ASCII)
    return _escaped(member) if member.startswith("\\") else _char(member)


def _plain(member: str) -> str:
    """The character that stands there.

    Raises:
        ValueError: more than one can.
    """
    if len(member) == 1:
        return member
    name, rest = member[1], member[2:]
    if name == "x":
        return chr(int(rest.strip("{}"), 16))
    if name in "01234567":
        return chr(int(member[1:], 8))
    if rest or name in "pPwWdDsSbBAzQE":
        raise ValueError(member)
    return _CONTROLS.get(name, name)


def _range(first: str, last: str) -> Width:
    low, high = ord(_plain(first)), ord(_plain(last))
    mask = mask_of("".join(chr(code) + chr(code).swapcase() for code in range(low, min(high, 127) + 1)))
    found = _ascii(mask)
    return found if high < 128 else _unicode(mask | _KELVIN | _LONG_S)
