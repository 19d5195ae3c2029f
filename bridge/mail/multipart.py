"""Where the parts of a multipart body lie (RFC 2046, section 5.1), numbered as IMAP numbers them (RFC 9051, section 6.4.5.1).

One pass over the lines that begin with ``--``, with the open multiparts on a stack: nothing is copied, nothing recurses, and deep
nesting costs no more than wide.
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
    headers: header.Headers
    start: int
    end: int
    closed: bool  # its end was seen: a boundary, or the end of a whole message
    in_digest: bool = False  # the default type is message/rfc822 (RFC 2046, section 5.1.5)


@dataclasses.dataclass(slots=True)
class _Open:
    """A multipart whose end has not been seen."""

    delimiter: bytes  # "--" and its boundary
    prefix: str  # of its children's section numbers
    digest: bool
    children: int = 0


def boundary(headers: header.Headers) -> bytes:
    """The boundary of a multipart; b"" where it is none, or names none."""
    value = next(iter(headers.raw("Content-Type")), "")
    if not value[:12].lower().lstrip().startswith("multipart/"):
        return b""
    name = params.token(params.split(value)[1], "boundary")
    return name.rstrip().encode()


def leaves(headers: header.Headers, body: bytes, *, entire: bool) -> list[Leaf]:
    """The leaves of a message with these headers, at most ``limits.PARTS`` of them and no deeper than ``limits.DEPTH``.

    ``entire`` is False where ``body`` is only the beginning: its last leaf is then not closed.
    """
    if not boundary(headers):
        return [Leaf(section="1", headers=headers, start=0, end=len(body), closed=entire)]
    return _Scan(headers, body, entire=entire).leaves()


class _Scan:
    def __init__(self, headers: header.Headers, body: bytes, *, entire: bool) -> None:
        self._body = body
        self._entire = entire
        self._stack: list[_Open] = []
        self._found: list[Leaf] = []
        self._leaf: tuple[str, header.Headers, int] | None = None  # the one that is open: (section, headers, start)
        self._push(headers, "")

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

        The longest wins: a boundary may begin with another one's, and the rest of a line does not count (RFC 2046, section 5.1.1).
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
        """A part begins on the line behind the delimiter at ``at``. Its header ends before ``next_line`` at the latest: a
        delimiter in the header ends the part."""
        start = self._body.find(b"\n", at) + 1 or len(self._body)
        blank = _BLANK.search(self._body, start, max(start, next_line)) if start < len(self._body) else None
        if blank is None and next_line == len(self._body) and not self._entire:
            return  # the rest of its header was not downloaded
        end = blank.end() if blank else max(start, next_line)
        headers = header.parse(self._body[start:end])
        section = f"{level.prefix}{level.children}"
        if not boundary(headers):
            self._leaf = (section, headers, end)
        elif len(self._stack) < limits.DEPTH:
            self._push(headers, section + ".")

    def _push(self, headers: header.Headers, prefix: str) -> None:
        kind = next(iter(headers.raw("Content-Type")), "").lower()
        self._stack.append(_Open(b"--" + boundary(headers), prefix, kind.lstrip().startswith("multipart/digest")))

    def _pop(self, depth: int) -> None:
        """Closes the multiparts from ``depth`` inward; one without children has an empty text, as IMAP servers have it."""
        while len(self._stack) > depth:
            level = self._stack.pop()
            if not level.children:
                empty = Leaf(section=level.prefix + "1", headers=header.Headers(()), start=0, end=0, closed=True)
                self._found.append(empty)

    def _close(self, end: int, *, closed: bool) -> None:
        if self._leaf:
            section, headers, start = self._leaf
            digest = self._stack[-1].digest
            leaf = Leaf(
                section=section, headers=headers, start=start, end=max(start, end), closed=closed, in_digest=digest
            )
            self._found.append(leaf)
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
