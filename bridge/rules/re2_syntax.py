r"""RE2's syntax, and the translation of a pattern as an admin writes it into one of its own (``regex`` says why).

syntax: https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

import functools
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator

import re2

from bridge.rules import word_marks

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
REPEAT = re.compile(r"\{\d+(,\d*)?\}")
GROUP = re.compile(r"\(\?(P?<[^>]*>|([A-Za-z]*)(?:-([A-Za-z]*))?([:)]))")
ESCAPE = re.compile(r"\\(?:[pP](?:\{[^}]*\}|.)|x(?:\{[^}]*\}|..)|[0-7]{1,3}|.)", re.DOTALL)
LITERAL = re.compile(r"\\Q(.*?)(?:\\E|\Z)", re.DOTALL)
_POSIX = re.compile(r"\[:\^?\w+:\]")


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
        if 0xD800 <= code <= 0xDFFF or chr(code) == word_marks.MARK or inside(chr(code)):
            continue
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(rf"\x{{{first:X}}}-\x{{{last:X}}}" for first, last in ranges)


class Translation:
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
            return (f"{word_marks.MARK}?$" if self.marked else "$"), at + 1
        if char == ".":
            return self._dot(), at + 1
        return self._atom(char), at + 1

    def _atom(self, piece: str) -> str:
        return f"(?:{word_marks.MARK}?{piece})" if self.marked else piece

    def _dot(self) -> str:
        if not self.marked:
            return "."
        return self._atom(f"[^{word_marks.MARK}]" if self.dot_all[-1] else rf"[^\n{word_marks.MARK}]")

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
            return word_marks.MARK if self.marked else escape
        if name == "z":
            return rf"{word_marks.MARK}?\z" if self.marked else escape
        if name in "AB":
            return escape
        if name in "wds":
            return self._atom(f"[{self._class_of(name)}]")
        if name in "WDS":
            return self._atom(f"[^{self._class_of(name.lower())}{self._unmarked}]")
        if name in "pP":
            self._instructions += _INSTRUCTIONS["p"]
        if name == "P" and self.marked:
            return self._atom(f"[^\\p{escape[2:]}{word_marks.MARK}]")
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
        return word_marks.MARK if self.marked else ""

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
