"""Octets from the server → whole responses, however they were cut into segments. Pure.

A response is a list of pieces: text, then literal, text, literal, … and text at the end; the ``{n}`` that announces a
literal stays at the end of the text before it (RFC 9051, sections 2.2.2 and 4.3).
"""

from __future__ import annotations

import re

from bridge import errors

LINE_BYTES = 1_000_000  # of one line; BODYSTRUCTURE of a mail with hundreds of parts is far below
SEARCH_BYTES = 32 * 1024 * 1024  # of the answer to a search: three million UIDs stand in one line
LITERAL_BYTES = 64 * 1024 * 1024  # more than any part that a rule may ask for
_LISTS = frozenset({b"* SEARCH ", b"* ESEARCH", b"* VANISHE"})  # of UIDs
_LITERAL = re.compile(rb"\{(\d{1,12})\+?\}\Z")

Pieces = list[bytes]


class Frames:
    """A buffer that gives out what is complete and keeps what is not, and nothing of what it gave out."""

    __slots__ = ("_buffer", "_looked", "_missing", "_pieces", "_start")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._start = 0
        self._looked = 0  # no line end before that
        self._pieces: Pieces = []
        self._missing: int | None = None  # octets of a literal that is being read

    def __len__(self) -> int:
        return len(self._buffer) - self._start

    def feed(self, data: bytes) -> None:
        if self._start:
            del self._buffer[: self._start]
            self._looked = max(0, self._looked - self._start)
            self._start = 0
        self._buffer += data

    def line(self) -> bytes | None:
        """The next line with its line end, or None while it is not complete.

        Raises:
            errors.Disconnected: it is longer than any line should be; the stream cannot be followed any more.
        """
        end = self._buffer.find(b"\n", max(self._start, self._looked))
        if end < 0:
            self._looked = len(self._buffer)
            if len(self) > self._most():
                raise errors.Disconnected("the server sent an endless line")
            return None
        line = bytes(self._buffer[self._start : end + 1])
        self._start = end + 1
        return line

    def _most(self) -> int:
        begins = bytes(self._buffer[self._start : self._start + 9]).upper()
        return SEARCH_BYTES if begins in _LISTS else LINE_BYTES

    def whole(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """All that is there, from the beginning of a response on, if it is this; it stays there."""
        if self._pieces or self._missing is not None:
            return None
        return pattern.fullmatch(self._buffer, self._start)

    def clear(self) -> None:
        """What is there was read by ``whole``."""
        self._buffer, self._start, self._looked = bytearray(), 0, 0  # thousands of these lie idle

    def octets(self, count: int) -> bytes | None:
        """The next ``count`` octets, or None while they are not all there."""
        if count > LITERAL_BYTES:
            raise errors.Disconnected(f"the server announced a literal of {count} octets")
        if len(self) < count:
            return None
        data = bytes(self._buffer[self._start : self._start + count])
        self._start += count
        return data

    def response(self) -> Pieces | None:
        """The next whole response, or None while it is not complete."""
        while True:
            if self._missing is not None:
                literal = self.octets(self._missing)
                if literal is None:
                    return None
                self._pieces.append(literal)
                self._missing = None
            line = self.line()
            if line is None:
                return None
            text = line.rstrip(b"\r\n")
            self._pieces.append(text)
            announced = _LITERAL.search(text) if text.endswith(b"}") else None
            if announced is None:
                whole, self._pieces = self._pieces, []
                if not len(self):
                    self.clear()
                return whole
            self._missing = int(announced[1])
