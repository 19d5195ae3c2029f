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

import re
import unicodedata
from collections.abc import Mapping

import re2

from bridge.rules import named, re2_syntax, word_marks

_SURELY_COMPILES = 200_000  # instructions; RE2 refuses above some 500,000
_NO_GROUPS: Mapping[str, int] = {}
_LOOKAROUND = re.compile(r"\(\?(<?[=!])")


class Pattern:
    """A compiled pattern. ``search`` and ``fullmatch`` never raise, whatever the text."""

    __slots__ = ("_ascii", "_boundary", "_capture", "_flags", "_groups", "_marked", "_unicode", "names", "source")

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
        walk = re2_syntax.Translation(source, dot_all=dot_all, ascii_only=True)
        translated = walk.result()
        self._capture = capture or bool(walk.named)
        self._ascii = self._compile(translated)
        if twice := [name for name in walk.named if walk.named.count(name) > 1]:
            raise ValueError(f'two groups are called "{twice[0]}": only one of them would give its value')
        self._groups: Mapping[str, int] = self._ascii.groupindex or _NO_GROUPS
        self.names = named.of(self._groups)
        self._boundary = walk.boundary
        self._unicode: re2._Regexp | None = None if walk.classes else self._ascii
        self._marked: re2._Regexp | None = None
        if self._boundary:
            word_marks.words()  # the same
        if walk.instructions > _SURELY_COMPILES:  # RE2 may refuse it: that is told now
            self._for_any_text(marked=False)
            if self._boundary:
                self._for_any_text(marked=True)

    def search(self, text: str) -> Found | None:
        """The leftmost match."""
        if text.isascii():
            match = self._ascii.search(text.encode())  # octets are characters then: the library need not count them
        elif self._boundary:
            text = word_marks.put(encodable(text))
            match = self._for_any_text(marked=True).search(text)
        else:
            text = encodable(text)
            match = self._for_any_text(marked=False).search(text)
        return Found(text, match, self._groups) if match else None

    def fullmatch(self, text: str) -> bool:
        if text.isascii():
            return self._ascii.fullmatch(text.encode()) is not None
        return self._for_any_text(marked=False).fullmatch(encodable(text)) is not None

    def _for_any_text(self, *, marked: bool) -> re2._Regexp:
        known = self._marked if marked else self._unicode
        if known is None:
            known = self._compile(
                re2_syntax.Translation(self.source, dot_all="s" in self._flags, marked=marked).result()
            )
            if marked:
                self._marked = known
            else:
                self._unicode = known
        return known

    def _compile(self, translated: str) -> re2._Regexp:
        return _compile(f"(?{self._flags})" * bool(self._flags) + translated, self.source, capture=self._capture)


class Found:
    """Where a pattern matched."""

    __slots__ = ("_groups", "_match", "_text")

    def __init__(self, text: str, match: re2._Match, groups: Mapping[str, int]) -> None:
        self._text = text
        self._match = match
        self._groups = groups

    def _part(self, group: int) -> str | None:
        """None where it took no part."""
        begin, end = self._match.span(group)
        return None if begin < 0 else word_marks.taken_out(self._text[begin:end])

    @property
    def values(self) -> Mapping[str, str]:
        """The named groups that took part."""
        found = ((name, self._part(group)) for name, group in self._groups.items())
        return {name: text for name, text in found if text is not None}

    @property
    def first(self) -> str | None:
        """The first group; without groups the whole match. None where the group took no part."""
        return self._part(1 if self._match.re.groups else 0)

    @property
    def whole(self) -> str:
        return self._part(0) or ""


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
