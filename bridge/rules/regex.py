r"""RE2 as admins write it: ignoring case, with ``\w \d \s \b`` as Unicode.

RE2 runs in time linear in the text, whatever the pattern. Its Perl classes and its ``\b`` are ASCII, so a pattern is
translated before it is compiled: ``\w`` becomes ``[\pL\pM\pN_]``, ``\d`` becomes ``\p{Nd}``, ``\s`` takes in
every Unicode space. That makes it large (a millisecond for a ``\w``), and most texts are ASCII: so there is a small
program for these, compiled at load, and the large one is compiled when a text first asks for it.

``\b`` has no Unicode form in RE2, and nothing to build one from (it has no lookaround). For an ASCII text RE2's own
is right. For any other text a pattern with a ``\b`` has a second program: the text gets a mark (a code point that is
no character) at both ends of every run of word characters, ``\b`` becomes that mark, and every other atom may step
over one. It is exact and stays linear; only ``\B``, and a ``\b`` written twice in a row, keep their ASCII meaning
or fail in such a text.

    syntax: https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

import functools
import itertools
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping

import re2

_BEYOND = "\U00010000"  # the first character beyond the basic plane
MARK = "\ufdd0"  # a noncharacter: it is taken out of a text before marks are put in
_WORD = r"\pL\pM\pN_"
_DIGIT = r"\p{Nd}"
_SPACE = r"\t-\r\pZ\x{85}"
_CLASSES = {"w": _WORD, "d": _DIGIT, "s": _SPACE}
_ASCII_CLASSES = {  # of these and of their opposites only what an ASCII text can have
    "w": "0-9A-Za-z_",
    "W": r"\x00-/:-@\[-\^`{-\x7f",
    "d": "0-9",
    "D": r"\x00-/:-\x7f",
    "s": r"\t-\r\x20",
    "S": r"\x00-\x08\x0e-\x1f!-\x7f",
}
_INSTRUCTIONS = {"w": 1500, "d": 100, "s": 30, "p": 1500}  # of RE2's, for each of these classes and its opposite
_ATOM_INSTRUCTIONS = 12  # for everything else, with a mark before it
_SURELY_COMPILES = 200_000  # instructions; RE2 refuses above some 500,000
REPEAT = re.compile(r"\{\d+(,\d*)?\}")
GROUP = re.compile(r"\(\?(P?<[^>]*>|([A-Za-z]*)(?:-([A-Za-z]*))?([:)]))")
ESCAPE = re.compile(r"\\(?:[pP](?:\{[^}]*\}|.)|x(?:\{[^}]*\}|..)|[0-7]{1,3}|.)", re.DOTALL)
LITERAL = re.compile(r"\\Q(.*?)(?:\\E|\Z)", re.DOTALL)
_POSIX = re.compile(r"\[:\^?\w+:\]")
_LOOKAROUND = re.compile(r"\(\?(<?[=!])")


@functools.cache
def _outside(name: str) -> str:
    """The ranges of every code point that is not in a class, for use inside ``[…]``, where RE2 cannot subtract."""
    inside: Callable[[str], bool] = {
        "W": lambda char: unicodedata.category(char)[0] in "LMN" or char == "_",
        "D": lambda char: unicodedata.category(char) == "Nd",
        "S": lambda char: char in "\t\n\v\f\r\x85" or unicodedata.category(char)[0] == "Z",
    }[name]
    ranges: list[list[int]] = []
    for code in range(sys.maxunicode + 1):
        if 0xD800 <= code <= 0xDFFF or chr(code) == MARK or inside(chr(code)):
            continue
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(rf"\x{{{first:X}}}-\x{{{last:X}}}" for first, last in ranges)


class _Translation:
    r"""One walk over a pattern. With ``ascii_only`` it is for ASCII texts; with ``marked`` every atom may step over a
    mark, and ``\b`` is one.
    """

    def __init__(self, pattern: str, *, dot_all: bool, ascii_only: bool = False, marked: bool = False) -> None:
        self.pattern, self.ascii_only, self.marked = pattern, ascii_only, marked
        self.dot_all = [dot_all]  # one a group that is open: `(?s)` ends with its group
        self.boundary = False  # whether there is a \b
        self.classes = 0  # of those that are larger in Unicode
        self._instructions = _ATOM_INSTRUCTIONS * len(pattern)
        self.copies = 1  # how often RE2 writes down what is repeated a number of times, at most
        self.named: list[str] = []  # the groups' names, in order

    def result(self) -> str:
        out, at = [], 0
        while at < len(self.pattern):
            piece, at = self._next(at)
            out.append(piece)
        return "".join(out)

    def _next(self, at: int) -> tuple[str, int]:
        char = self.pattern[at]
        if char == "\\":
            return self._escape(at)
        if char == "[":
            return self._class(at)
        if char == "(":
            return self._open(at)
        if char == "{" and (repeat := REPEAT.match(self.pattern, at)):
            self.copies *= max(int(number or 0) for number in repeat[0][1:-1].split(",")) + 1
            return repeat[0], repeat.end()
        if char == ")" and len(self.dot_all) > 1:
            self.dot_all.pop()
        if char in ")|*+?^":
            return char, at + 1
        if char == "$":
            return (f"{MARK}?$" if self.marked else "$"), at + 1
        if char == ".":
            return self._dot(), at + 1
        return self._atom(char), at + 1

    def _atom(self, piece: str) -> str:
        return f"(?:{MARK}?{piece})" if self.marked else piece

    def _dot(self) -> str:
        if not self.marked:
            return "."
        return self._atom(f"[^{MARK}]" if self.dot_all[-1] else rf"[^\n{MARK}]")

    def _open(self, at: int) -> tuple[str, int]:
        group = GROUP.match(self.pattern, at)
        if group is None:
            self.dot_all.append(self.dot_all[-1])
            return "(", at + 1
        if group[1].endswith(">"):
            self.named.append(group[1].partition("<")[2].removesuffix(">"))
        dot_all = self.dot_all[-1]
        if group[4]:  # flags
            dot_all = "s" not in (group[3] or "") and ("s" in group[2] or dot_all)
        if group[4] == ")":
            self.dot_all[-1] = dot_all
        else:
            self.dot_all.append(dot_all)
        return group[0], group.end()

    def _escape(self, at: int) -> tuple[str, int]:
        if literal := LITERAL.match(self.pattern, at):
            return "".join(self._atom(re2.escape(char)) for char in literal[1]), literal.end()
        escape = ESCAPE.match(self.pattern, at)
        if escape is None:  # a lone backslash at the end: RE2 says so
            return "\\", at + 1
        return self._escaped(escape[0]), escape.end()

    def _escaped(self, escape: str) -> str:
        name = escape[1]
        if name == "C":
            raise ValueError(r"\C matches half a character; write . instead")
        if name == "b":
            self.boundary = True
            return MARK if self.marked else escape
        if name == "z":
            return rf"{MARK}?\z" if self.marked else escape
        if name in "AB":
            return escape
        if name in "wds":
            return self._atom(f"[{self._class_of(name)}]")
        if name in "WDS":
            return self._atom(f"[^{self._class_of(name.lower())}{self._unmarked}]")
        if name in "pP":
            self._instructions += _INSTRUCTIONS["p"]
        if name == "P" and self.marked:
            return self._atom(f"[^\\p{escape[2:]}{MARK}]")
        return self._atom(escape)

    def _class_of(self, name: str) -> str:
        r"""What stands for ``\w`` and the like inside ``[…]``."""
        self.classes += 1
        self._instructions += _INSTRUCTIONS[name.lower()]
        any_text = _CLASSES.get(name) or _outside(name)  # made now, not when a mail waits for it
        return _ASCII_CLASSES[name] if self.ascii_only else any_text

    @property
    def instructions(self) -> int:
        """Of the program for any text, at most."""
        return self._instructions * self.copies

    @property
    def _unmarked(self) -> str:
        return MARK if self.marked else ""

    def _class(self, at: int) -> tuple[str, int]:
        at, out = at + 1, "["
        if self.pattern.startswith("^", at):
            at, out = at + 1, f"[^{self._unmarked}"
        if self.pattern[at : at + 1] in ("]", "-"):
            at, out = at + 1, out + "\\" + self.pattern[at]
        for piece in _members(self.pattern, at):
            at += len(piece)
            if piece == "]":
                return self._atom(out + "]"), at
            out += self._member(piece)
        return out, at  # never closed: RE2 says so

    def _member(self, piece: str) -> str:
        name = piece[1:2] if piece[0] == "\\" else ""
        if name in ("p", "P"):
            self._instructions += _INSTRUCTIONS["p"]
        return self._class_of(name) if name and name in "wdsWDS" else piece


def _members(pattern: str, at: int) -> Iterator[str]:
    """What stands in a class, from ``at`` on, and whatever comes after it."""
    while at < len(pattern):
        match = ESCAPE.match(pattern, at) or _POSIX.match(pattern, at)
        piece = match[0] if match else pattern[at]
        yield piece
        at += len(piece)


def class_end(pattern: str, at: int) -> int:
    """Behind the class that begins at ``at``."""
    at += 2 if pattern.startswith("[^", at) else 1
    at += pattern[at : at + 1] in ("]", "-")
    for piece in _members(pattern, at):
        at += len(piece)
        if piece == "]":
            break
    return at


class Pattern:
    """A compiled pattern. ``search`` and ``fullmatch`` never raise, whatever the text."""

    __slots__ = ("_ascii", "_boundary", "_capture", "_flags", "_marked", "_unicode", "names", "source")

    def __init__(
        self,
        source: str,
        *,
        dot_all: bool = False,
        exact_case: bool = False,
        multi_line: bool = False,
        capture: bool = True,
    ) -> None:
        """Without ``capture`` groups without a name find nothing: to know where a group is in a long text costs twenty
        times as much as to know that there is a match.

        Raises:
            ValueError: RE2 refuses it; the message says why, for people.
        """
        if source != encodable(source):
            raise ValueError("a regex has to be Unicode text")
        self.source = source
        self._flags = "i" * (not exact_case) + "s" * dot_all + "m" * multi_line
        walk = _Translation(source, dot_all=dot_all, ascii_only=True)
        translated = walk.result()
        self._capture = capture or bool(walk.named)
        self._ascii = self._compile(translated)
        if twice := [name for name in walk.named if walk.named.count(name) > 1]:
            raise ValueError(f'two groups are called "{twice[0]}": only one of them would give its value')
        self.names = frozenset(self._ascii.groupindex)
        self._boundary = walk.boundary
        self._unicode: re2._Regexp | None = None if walk.classes else self._ascii
        self._marked: re2._Regexp | None = None
        if self._boundary:
            _words()  # the same
        if walk.instructions > _SURELY_COMPILES:  # RE2 may refuse it: that is told now
            self._for_any_text(marked=False)
            if self._boundary:
                self._for_any_text(marked=True)

    def search(self, text: str) -> Found | None:
        """The leftmost match."""
        if text.isascii():
            match = self._ascii.search(text)
        elif self._boundary:
            match = self._for_any_text(marked=True).search(_mark(encodable(text)))
        else:
            match = self._for_any_text(marked=False).search(encodable(text))
        return Found(match) if match else None

    def fullmatch(self, text: str) -> bool:
        if text.isascii():
            return self._ascii.fullmatch(text) is not None
        return self._for_any_text(marked=False).fullmatch(encodable(text)) is not None

    def _for_any_text(self, *, marked: bool) -> re2._Regexp:
        known = self._marked if marked else self._unicode
        if known is None:
            known = self._compile(_Translation(self.source, dot_all="s" in self._flags, marked=marked).result())
            if marked:
                self._marked = known
            else:
                self._unicode = known
        return known

    def _compile(self, translated: str) -> re2._Regexp:
        return _compile(f"(?{self._flags})" * bool(self._flags) + translated, self.source, capture=self._capture)


class Found:
    """Where a pattern matched."""

    __slots__ = ("_match",)

    def __init__(self, match: re2._Match) -> None:
        self._match = match

    @property
    def values(self) -> Mapping[str, str]:
        """The named groups that took part."""
        return {name: _unmark(text) for name, text in self._match.groupdict().items() if text is not None}

    @property
    def first(self) -> str | None:
        """The first group; without groups the whole match. None where the group took no part."""
        text = self._match.group(1) if self._match.groups() else self._match.group()
        return None if text is None else _unmark(text)

    @property
    def whole(self) -> str:
        return _unmark(self._match.group())


def glob(pattern: str) -> Pattern:
    """``*`` any characters, ``?`` one, ``[…]`` one of these; for ``fullmatch``, ignoring case.

    Raises:
        ValueError: a ``[`` whose content is no class.
    """
    out, at = [], 0
    while at < len(pattern):
        closing = pattern.find("]", at + 2) if pattern[at] == "[" else -1
        if closing > 0:
            inner = pattern[at + 1 : closing].replace("\\", "\\\\").replace("[", "\\[")
            out.append("[" + re.sub("^!", "^", inner) + "]")
            at = closing
        else:
            out.append({"*": ".*", "?": "."}.get(pattern[at]) or re2.escape(pattern[at]))
        at += 1
    return Pattern("".join(out), dot_all=True, capture=False)


def encodable(text: str) -> str:
    """The same text where it is UTF-8, else with what is not (lone surrogates) as question marks."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def composed(text: str) -> str:
    """The same text with each accent in its letter (NFC), so that ``ü`` is found however it is written."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


@functools.cache
def _combining() -> frozenset[str]:
    """Every mark that belongs to the letter before it, and so to its word."""
    planes = (*range(0x300, 0x20000), *range(0xE0100, 0xE01F0))
    return frozenset(chr(code) for code in planes if unicodedata.category(chr(code))[0] == "M")


@functools.lru_cache(maxsize=8)
def _words(beyond: str = "") -> re.Pattern[str]:
    """Runs of word characters. A single class cannot backtrack, so that the standard library's ``re`` is safe, and it
    is faster; but it looks through what is beyond the basic plane range by range, for every character. So of the marks
    beyond it only those stand in the class that the text has: hardly ever any.
    """
    near = (char for char in _combining() if char < _BEYOND)
    return re.compile(rf"([\w{''.join(_ranges(sorted(map(ord, (*near, *beyond)))))}]+)")


def _ranges(codes: Iterable[int]) -> Iterator[str]:
    """Ascending code points as ranges of a class."""
    for _, run in itertools.groupby(enumerate(codes), lambda pair: pair[1] - pair[0]):
        members = [chr(code) for _, code in run]
        yield f"{members[0]}-{members[-1]}"


@functools.lru_cache(maxsize=2)  # one subject, one body: the rules after the first need not do it again
def _mark(text: str) -> str:
    far = _combining().intersection(text) if max(text, default="") >= _BEYOND else ()
    words = _words("".join(sorted(one for one in far if one >= _BEYOND)))
    return MARK.join(words.split(text.replace(MARK, " ")))  # the words, and what is between them, in turn


def _unmark(text: str) -> str:
    return text.replace(MARK, "")


def _compile(translated: str, source: str, *, capture: bool) -> re2._Regexp:
    options = _options()
    options.never_capture = not capture
    try:
        return re2.compile(translated, options)
    except re2.error as error:
        raise ValueError(_reason(source, error)) from None


def _options() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    return options


def _reason(source: str, error: re2.error) -> str:
    """What RE2 says of the pattern as the admin wrote it, in the words of its documentation."""
    try:
        re2.compile(source, _options())
    except re2.error as own:
        error = own
    detail = error.args[0] if error.args else ""
    message = detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(detail)
    if look := _LOOKAROUND.search(message + source if "perl operator" in message else ""):
        return f"RE2 has no lookahead or lookbehind: (?{look[1]}"
    if re.search(r"invalid escape sequence: \\[1-9]", message):
        return f"RE2 has no backreferences: {message.rpartition(' ')[2]}"
    if "bad repetition operator" in message:
        return f"RE2 has no possessive or double repetition: {message.rpartition(' ')[2]}"
    return f"RE2 refuses this regex: {message or 'it is too large'}"
