"""Transfer encodings (RFC 2045, section 6), undone leniently: junk is skipped, a cut end left out, nothing raises."""

from __future__ import annotations

import binascii
import contextlib

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NOT_BASE64 = bytes(set(range(256)) - set(_ALPHABET))


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
