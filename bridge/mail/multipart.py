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
    """``--`` and the boundary of a multipart; b"" where it is none, or names none."""
    name = params.token(kind_params, "boundary").rstrip() if kind.startswith("multipart/") else ""
    return b"--" + name.encode() if name else b""


class _Scan:
    def __init__(self, body: bytes, *, entire: bool) -> None:
        self._body = body
        self._entire = entire
        self._stack: list[_Open] = []
        self._found: list[Leaf] = []
        self._leaf: Leaf | None = None  # the one that is open; its end is not known yet

    def leaves(self) -> list[Leaf]:
        lines = _dashed_lines(self._body)
        at = next(lines, None)
        while at is not None and self._stack and len(self._found) < limits.PARTS:
            behind = next(lines, None)
            depth = self._match(at)
            if depth >= 0:
                self._boundary(at, depth, len(self._body) if behind is None else behind)
            at = behind
        if self._leaf:
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
        for index, level in enumerate(self._stack):
            longer = best < 0 or len(level.delimiter) >= len(self._stack[best].delimiter)
            if longer and self._body.startswith(level.delimiter, at):
                best = index
        return best

    def _boundary(self, at: int, depth: int, next_line: int) -> None:
        if self._leaf:
            self._close(_without_line_end(self._body, at), closed=True)
        self._pop(depth + 1)
        level = self._stack[depth]
        if self._body.startswith(b"--", at + len(level.delimiter)):
            self._pop(depth)
            return
        level.children += 1
        self._open(level, at, next_line)

    def _open(self, level: _Open, at: int, next_line: int) -> None:
        """A part begins on the line behind the delimiter at ``at``. Its header ends before ``next_line`` at the
        latest: a delimiter in the header ends the part.
        """
        start = self._body.find(b"\n", at) + 1 or len(self._body)
        blank = _BLANK.search(self._body, start, max(start, next_line)) if start < len(self._body) else None
        if blank is None and next_line == len(self._body) and not self._entire:
            return  # the rest of its header was not downloaded
        end = blank.end() if blank else max(start, next_line)
        head = self._body[start : min(end, start + limits.HEADER_BYTES)]
        kind, kind_params = params.split(header.field(head, b"content-type"))
        section = f"{level.prefix}{level.children}"
        if not _delimiter(kind, kind_params):
            self._leaf = Leaf(
                section=section,
                head=head,
                kind=kind,
                kind_params=kind_params,
                start=end,
                end=end,
                in_digest=level.digest,
            )
        elif len(self._stack) < limits.DEPTH:
            self.push(kind, kind_params, section + ".")

    def push(self, kind: str, kind_params: params.Params, prefix: str) -> None:
        self._stack.append(_Open(_delimiter(kind, kind_params), prefix, kind == "multipart/digest"))

    def _pop(self, depth: int) -> None:
        """Closes the multiparts from ``depth`` inward; one without children has an empty text, as servers have it."""
        while len(self._stack) > depth:
            level = self._stack.pop()
            if not level.children:
                self._found.append(Leaf(section=level.prefix + "1", closed=True))

    def _close(self, end: int, *, closed: bool) -> None:
        if self._leaf:
            self._found.append(dataclasses.replace(self._leaf, end=max(self._leaf.start, end), closed=closed))
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
