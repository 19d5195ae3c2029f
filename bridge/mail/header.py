"""A raw header → its fields, found in one scan and decoded when they are asked for (RFC 5322, section 2.2; RFC 2047).

Every string that leaves here is one line without control characters and encodes to UTF-8.
"""

from __future__ import annotations

import contextlib
import datetime
import email.utils
import itertools
import re
from collections.abc import Iterator, Sequence

from bridge.mail import charset, limits, transfer

_FIELD = re.compile(rb"^([!-9;-~]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)", re.MULTILINE)
# Lenient: blanks and question marks may stand in the text, and nothing need stand around the word. The text ends at
# the next "=?", so that a thousand words without an end cost no more than their length. (Possessive only where no
# alternatives are repeated: Python 3.11 before 3.11.5 matches those wrongly, python/cpython#106052.)
_WORD = re.compile(r"=\?([^?\s=]{1,60}+)\?([bBqQ])\?([^?=]*(?:(?:=(?!\?(?!=))|\?(?!=))[^?=]*)*)\?=")
_DATE_CHARS = 128
_YEARS = range(1900, 9999)  # every time zone has them, and arithmetic on them cannot overflow

_Field = tuple[bytes, bytes]  # (name, everything behind its colon, folded)


class Headers:
    """The fields of one header, in order. Names are asked for in any case."""

    __slots__ = ("_fields", "_values")

    def __init__(self, fields: Sequence[_Field]) -> None:
        self._fields = fields
        self._values: dict[bytes, list[bytes]] = {}
        for name, value in fields:
            self._values.setdefault(name.lower(), []).append(value)

    def first(self, name: str) -> str:
        """The topmost field of this name, decoded and unfolded; "" where there is none."""
        values = self._values.get(_key(name))
        return _decoded(values[0]) if values else ""

    def all(self, name: str) -> list[str]:
        """Every field of this name, decoded and unfolded."""
        return [_decoded(value) for value in self._values.get(_key(name), ())]

    def raw(self, name: str) -> list[str]:
        """Every field of this name, unfolded, encoded words as they are: what structured fields are parsed from."""
        return [_unfold(value) for value in self._values.get(_key(name), ())]

    def names(self) -> list[str]:
        """Every name that there is, once, in lower case."""
        return [name.decode("ascii") for name in self._values]

    def items(self) -> Iterator[tuple[str, str]]:
        """Every field, (name as written, value decoded and unfolded)."""
        return ((name.decode("ascii"), _decoded(value)) for name, value in self._fields)


def parse(head: bytes) -> Headers:
    """The fields up to the first blank line; what is no field is passed over, what is beyond ``limits`` not read."""
    head = head[: end(head)]
    found = itertools.islice(_FIELD.finditer(head, 0, limits.HEADER_BYTES), limits.FIELDS)
    fields = [(match[1], match[2]) for match in found]
    if len(head) >= limits.HEADER_BYTES:
        del fields[-1:]  # half a field may say something else than the whole
    return Headers(fields)


def end(raw: bytes) -> int:
    """Where the header ends: behind the first blank line, or at the end of ``raw``."""
    for blank in (b"\r\n", b"\n"):
        if raw.startswith(blank):
            return len(blank)
    crlf = raw.find(b"\n\r\n")
    lf = raw.find(b"\n\n", 0, crlf if crlf >= 0 else len(raw))
    if lf >= 0:
        return lf + 2
    return crlf + 3 if crlf >= 0 else len(raw)


def field(head: bytes, name: bytes) -> str:
    """``parse(head).raw(name)[0]`` without a look at the others; ``name`` in lower case; "" where there is none."""
    lower = b"\n" + head.lower()
    at = lower.find(b"\n" + name)
    while at >= 0:
        match = _FIELD.match(head, at)
        if match and len(match[1]) == len(name):
            return _unfold(match[2])
        at = lower.find(b"\n" + name, at + 1)
    return ""


def words(value: str) -> str:
    """``value`` with its encoded words decoded (RFC 2047), at most ``limits.ENCODED_WORDS`` of them.

    Neighbours of one charset are joined before they are decoded, since mailers cut characters in two; the blanks
    between neighbours are not part of the text (section 6.2).
    """
    if "=?" not in value:
        return value
    pieces: list[str] = []
    joined, name, behind = b"", "", 0
    for match in itertools.islice(_WORD.finditer(value), limits.ENCODED_WORDS):
        between = value[behind : match.start()]
        adjacent = behind > 0 and not between.strip()
        if not (adjacent and match[1] == name):
            pieces.append(_text(joined, name))
            joined = b""
        if not adjacent:
            pieces.append(between)
        joined, name, behind = joined + _octets(match), match[1], match.end()
    pieces += _text(joined, name), value[behind:]
    return charset.one_line("".join(pieces)).strip()


def _text(octets: bytes, name: str) -> str:
    return charset.decode(octets, name.partition("*")[0])  # behind the "*" stands a language (RFC 2231, section 5)


def _octets(word: re.Match[str]) -> bytes:
    text = word[3].encode()
    return transfer.base64(text) if word[2] in "bB" else transfer.q_word(text)


def date(value: str) -> datetime.datetime | None:
    """A Date field's value, aware (UTC where it names no zone); None where it is no date (RFC 5322, section 3.3)."""
    for read in (email.utils.parsedate_to_datetime, datetime.datetime.fromisoformat):  # some devices write ISO 8601
        with contextlib.suppress(ValueError, TypeError, IndexError, OverflowError):
            parsed = read(value[:_DATE_CHARS].strip())
            if parsed.year in _YEARS:
                return parsed if parsed.tzinfo else parsed.replace(tzinfo=datetime.UTC)
    return None


def arrival(headers: Headers) -> datetime.datetime | None:
    """When the mail arrived at the last server: the topmost Received field, else Date; None where neither is a date."""
    received = headers.raw("Received")[:1]
    stamps = [value.rpartition(";")[2].strip() for value in received] + headers.raw("Date")[:1]
    return next((when for stamp in stamps if (when := date(stamp))), None)


def _key(name: str) -> bytes:
    return name.lower().encode("utf-8", "replace")


def _decoded(value: bytes) -> str:
    return words(_unfold(value)[: limits.FIELD_CHARS])


def _unfold(value: bytes) -> str:
    """One line: a line break goes, the blank behind it stays (RFC 5322, section 2.2.3); raw octets are guessed at."""
    if b"\n" in value:
        value = value.replace(b"\r\n", b"").replace(b"\n", b"")
    text = charset.decode(value) if value.isascii() else charset.guess(value)
    return charset.one_line(text).strip()
