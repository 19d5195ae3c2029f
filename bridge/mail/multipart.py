"""Where the parts of a multipart body lie (RFC 2046, section 5.1), numbered as IMAP does (RFC 9051, section 6.4.5.1).

One pass over the lines that begin with ``--``, with the open multiparts on a stack: nothing is copied, nothing
recurses, and deep nesting costs no more than wide.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from bridge.mail import header, limits, params

_BLANK = re.compile(rb"^\r?\n", re.MULTILINE)
_NEVER = b"\n"  # the delimiter of a multipart that names none: no line that begins with "--" begins with it
_MESSAGES = frozenset({"message/rfc822", "message/global"})


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Leaf:
    """One part that is no multipart; ``body[start:end]`` is its content as transferred."""

    section: str
    head: bytes = b""  # its own header
    kind: str = ""  # of its Content-Type, in lower case; "" where it has none
    kind_params: params.Params = dataclasses.field(default_factory=list)
    start: int = 0
    end: int = 0
    closed: bool = False  # its end was seen: a boundary, or the end of a whole message
    in_digest: bool = False  # the default type is message/rfc822 (RFC 2046, section 5.1.5)


@dataclasses.dataclass(slots=True)
class _Open:
    """A multipart whose end has not been seen."""

    delimiter: bytes  # "--" and its boundary
    prefix: str  # of its children's section numbers
    digest: bool
    hidden: bool = False  # inside a message/rfc822 leaf: its lines must be known, its parts are not ours
    children: int = 0


def leaves(head: bytes, body: bytes, *, entire: bool) -> list[Leaf]:
    """The leaves of a message, at most ``limits.PARTS`` of them and no deeper than ``limits.DEPTH``.

    ``entire`` is False where ``body`` is only the beginning: its last leaf is then not closed.
    """
    kind, kind_params = params.split(header.field(head, b"content-type"))
    if not _delimiter(kind, kind_params):
        leaf = Leaf(section="1", head=head, kind=kind, kind_params=kind_params, start=0, end=len(body), closed=entire)
        return [leaf]
    scan = _Scan(body, entire=entire)
    scan.push(kind, kind_params, "")
    return scan.leaves()


def _delimiter(kind: str, kind_params: params.Params) -> bytes:
    """``--`` and the boundary of a multipart; b"" where it is none."""
    if not kind.startswith("multipart/"):
        return b""
    named = any(key == "boundary" for key, _ in kind_params)
    return b"--" + params.token(kind_params, "boundary").encode() if named else _NEVER


@dataclasses.dataclass(slots=True)
class _Header:
    """A header whose end has not been seen."""

    start: int
    level: _Open | None  # None: of a message inside a message/rfc822 leaf
    searched: int


class _Scan:
    def __init__(self, body: bytes, *, entire: bool) -> None:
        self._body = body
        self._entire = entire
        # Cut off in its last line, "--ab" looks like "--a", which may be open as well.
        self._lines_end = len(body) if entire else body.rfind(b"\n") + 1
        self._stack: list[_Open] = []
        self._delimiters: tuple[bytes, ...] = ()  # of the stack
        self._found: list[Leaf] = []
        self._header: _Header | None = None
        self._header_end = 0  # of the last header, hidden ones included: no part ends before it
        self._leaf: Leaf | None = None  # the one that is open; its end is not known yet

    def leaves(self) -> list[Leaf]:
        for at in _dashed_lines(self._body):
            self._read_headers(at)
            depth = self._match(at)
            if depth >= 0:
                self._read_headers(at, ended=True)  # a delimiter ends it, blank line or not
                self._boundary(at, depth)
            if not self._stack or len(self._found) >= limits.PARTS:
                break
        else:
            self._read_headers(len(self._body), ended=self._entire)
        self._close(len(self._body), closed=self._entire)
        if self._entire:
            self._pop(0)
        return self._found[: limits.PARTS]

    def _match(self, at: int) -> int:
        """The index of the open multipart whose delimiter begins the line at ``at``; -1 for none.

        The longest wins: a boundary may begin with another one's, and the rest of a line does not count (RFC 2046,
        section 5.1.1).
        """
        best = -1
        if at >= self._lines_end or not self._body.startswith(self._delimiters, at):
            return best
        for index, level in enumerate(self._stack):
            longer = best < 0 or len(level.delimiter) >= len(self._stack[best].delimiter)
            if longer and self._body.startswith(level.delimiter, at):
                best = index
        return best

    def _boundary(self, at: int, depth: int) -> None:
        level = self._stack[depth]
        if not level.hidden:
            self._close(_without_line_end(self._body, at), closed=True)
        self._pop(depth + 1)
        if self._body.startswith(b"--", at + len(level.delimiter)):
            self._pop(depth)
            return
        level.children += 1
        self._expect_header(self._body.find(b"\n", at) + 1 or len(self._body), level)

    def _expect_header(self, start: int, level: _Open | None) -> None:
        self._header = _Header(start, level, searched=start)

    def _read_headers(self, upto: int, *, ended: bool = False) -> None:
        """Reads the header that is open, and those of messages right behind it, as far as they end before ``upto``."""
        while header_ := self._header:
            blank = _BLANK.search(self._body, header_.searched, upto)
            if blank is None and not ended:
                header_.searched = max(header_.searched, upto)
                return
            self._header = None
            self._header_end = blank.end() if blank else max(header_.start, upto)
            self._begin(header_, self._header_end)

    def _begin(self, header_: _Header, end: int) -> None:
        """A part, or a message inside a leaf, whose header ends at ``end``."""
        level = header_.level
        head, kind, kind_params = self._described(header_.start, end)
        if _delimiter(kind, kind_params):
            prefix = f"{level.prefix}{level.children}." if level else ""
            self.push(kind, kind_params, prefix, hidden=level is None or level.hidden)
            return
        if level and not level.hidden:
            self._leaf = Leaf(
                section=f"{level.prefix}{level.children}",
                head=head,
                kind=kind,
                kind_params=kind_params,
                start=end,
                end=end,
                in_digest=level.digest,
            )
        if kind in _MESSAGES or (level and level.digest and not kind):
            # It has delimiters of its own, which may look like those around it.
            self._expect_header(end, None)

    def _described(self, start: int, end: int) -> tuple[bytes, str, params.Params]:
        head = self._body[start : min(end, start + limits.HEADER_BYTES)]
        return head, *params.split(header.field(head, b"content-type"))

    def push(self, kind: str, kind_params: params.Params, prefix: str, *, hidden: bool = False) -> None:
        """Opens a multipart, unless that would be too deep: then its parts are left out."""
        if len(self._stack) < limits.DEPTH:
            delimiter = _delimiter(kind, kind_params)
            self._stack.append(_Open(delimiter, prefix, kind == "multipart/digest", hidden))
            self._delimiters = (*self._delimiters, delimiter)

    def _pop(self, depth: int) -> None:
        """Closes the multiparts from ``depth`` inward; one without children has an empty text, as servers have it."""
        while len(self._stack) > depth:
            level = self._stack.pop()
            if not level.children and not level.hidden:
                self._found.append(Leaf(section=level.prefix + "1", closed=True))
        self._delimiters = self._delimiters[: len(self._stack)]

    def _close(self, end: int, *, closed: bool) -> None:
        if self._leaf:
            self._found.append(dataclasses.replace(self._leaf, end=max(self._header_end, end), closed=closed))
        self._leaf = None


def _dashed_lines(body: bytes) -> Iterator[int]:
    """Where the lines that begin with ``--`` begin."""
    if body.startswith(b"--"):
        yield 0
    at = body.find(b"\n--")
    while at >= 0:
        yield at + 1
        at = body.find(b"\n--", at + 1)


def _without_line_end(body: bytes, at: int) -> int:
    """The line break before a delimiter belongs to the delimiter."""
    if body.startswith(b"\r\n", max(at - 2, 0)) and at >= 2:
        return at - 2
    return at - 1 if at else 0
