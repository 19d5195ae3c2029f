"""Transfer encodings (RFC 2045, section 6), undone leniently: junk is skipped, a cut end left out, nothing raises.

In one piece (``decode``), or as the octets come (``undoing``), which gives the same, however they were cut.
"""

from __future__ import annotations

import abc
import binascii
import contextlib
import re

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NOT_BASE64 = bytes(set(range(256)) - set(_ALPHABET))
_QP_TOKEN = re.compile(rb"=(?:=|\r|[0-9A-Fa-f]{2})?")  # as binascii reads a line that has no end yet
_QP_LINE_BYTES = 65_536  # of a line that is waited for whole


def base64(raw: bytes) -> bytes:
    """Up to the first padding, as RFC 4648 has it; the last, incomplete group gives the octets that it has."""
    padding = raw.find(b"=")
    if padding < 0 or not raw[padding:].rstrip(b"=\r\n"):
        with contextlib.suppress(binascii.Error):  # as nearly all are: in one pass, since large files come this way
            return binascii.a2b_base64(raw)
    digits = raw.translate(None, _NOT_BASE64).split(b"=", 1)[0]
    if len(digits) % 4 == 1:
        digits = digits[:-1]
    return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))


def quoted_printable(raw: bytes) -> bytes:
    return binascii.a2b_qp(raw)


def q_word(raw: bytes) -> bytes:
    """The Q encoding of headers (RFC 2047, section 4.2), where ``_`` is a space."""
    return binascii.a2b_qp(raw, header=True)


def decode(raw: bytes, encoding: str) -> bytes:
    """``encoding`` is a Content-Transfer-Encoding in lower case; unknown ones are taken as they are."""
    if encoding == "base64":
        return base64(raw)
    if encoding == "quoted-printable":
        return quoted_printable(raw)
    return raw


class Undoing(abc.ABC):
    """Octets as transferred go in, octets as they were come out; what is held back is bounded."""

    @abc.abstractmethod
    def feed(self, raw: bytes) -> bytes: ...

    def finish(self) -> bytes:
        """What was held back, when nothing more comes."""
        return b""


def undoing(encoding: str) -> Undoing:
    """``encoding`` as for ``decode``."""
    if encoding == "base64":
        return _Base64()
    return _QuotedPrintable() if encoding == "quoted-printable" else _AsIs()


class _AsIs(Undoing):
    def feed(self, raw: bytes) -> bytes:
        return raw


class _Base64(Undoing):
    def __init__(self) -> None:
        self._rest = b""  # of a group
        self._ended = False

    def feed(self, raw: bytes) -> bytes:
        if self._ended:
            return b""
        digits, padding, _ = raw.partition(b"=")
        digits = self._rest + digits.translate(None, _NOT_BASE64)
        groups = len(digits) // 4 * 4
        self._rest = digits[groups:]
        octets = binascii.a2b_base64(digits[:groups])
        if padding:
            octets += self.finish()
        return octets

    def finish(self) -> bytes:
        self._ended = True
        rest, self._rest = self._rest, b""
        return base64(rest)


class _QuotedPrintable(Undoing):
    """Line by line: behind a line feed nothing is open."""

    def __init__(self) -> None:
        self._rest = b""  # of a line
        self._skipping = False  # up to the end of the line: a soft break was begun, and has more in it

    def feed(self, raw: bytes) -> bytes:
        if self._skipping:
            _, end, raw = raw.partition(b"\n")
            self._skipping = not end
        raw = self._rest + raw
        lines = raw.rfind(b"\n") + 1
        octets, self._rest = quoted_printable(raw[:lines]), raw[lines:]
        return octets + self._of_long_line() if len(self._rest) > _QP_LINE_BYTES else octets

    def _of_long_line(self) -> bytes:
        """As much as is certain of a line whose end has not come."""
        line, certain = self._rest, len(self._rest)
        for token in _QP_TOKEN.finditer(line):
            if token[0] == b"=\r":
                certain, self._skipping = token.start(), True
                break
            if token[0] == b"=" and token.start() >= len(line) - 2:
                certain = token.start()  # two digits may follow
        self._rest = b"" if self._skipping else line[certain:]
        return quoted_printable(line[:certain])

    def finish(self) -> bytes:
        rest, self._rest = self._rest, b""
        return quoted_printable(rest)
