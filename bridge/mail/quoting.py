"""The shapes of lines that say: from here on, this is another mail.

Everything here looks at a line, or at a bounded number of them, so that whoever walks over a text once stays linear.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

from bridge.mail import phrases

LABEL_CHARS = 40
LINE_CHARS = 400  # of a line that introduces a quote; what is longer is prose
HEADER_LINES = 100
_LISTS = ("To", "Cc", "Bcc")
_INTRO_LINES = 4
_FOLDED_LINES = 8  # that a field other than addresses is wrapped over
_RULE_CHARS = 20
_OTHER_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*:(?:\s|$)")
_TIME = re.compile(r"(?<![\d.])\d{1,2}[:.h]\d{2}(?![\d.])|\d:\d{2}")
_DATE = re.compile(r"(?<!\d)\d{4}(?!\d)|\d{1,2}[./-] ?\d{1,2}[./-]")
_ADDRESS = re.compile(r"[^\s@]@[^\s@]")
_MARK_ENDS = "-=_*~> \t"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A header as a mail program shows it in a text: field → what is told, and the line behind it."""

    fields: Mapping[str, str]
    end: int

    @property
    def is_telling(self) -> bool:
        """Whether it is a header beyond doubt, with nothing above that says so."""
        return {"From", "Subject"} <= self.fields.keys() and bool({"To", "Date"} & self.fields.keys())


def is_rule(line: str) -> bool:
    """Outlook's line above the header of what it quotes."""
    return len(line) >= _RULE_CHARS and not line.strip("_ ")


def mark(line: str) -> str:
    """``forwarded``, ``original`` or ``end`` for the line that a mail program writes above or below a mail; else ""."""
    if len(line) > LINE_CHARS:
        return ""
    words = line.strip(_MARK_ENDS)
    dashes = line.lstrip("> \t*")[:2]
    if not words or not (dashes in ("--", "==", "__") or words[-1] in ":："):
        return ""
    words = phrases.fold(words.rstrip(":： "))
    if words in phrases.FORWARDED or words.startswith(phrases.FORWARDED_BY):
        return "forwarded"
    if words in phrases.ORIGINAL:
        return "original"
    return "end" if words.startswith(phrases.END) else ""


def label(line: str) -> tuple[str, str] | None:
    """(field, value) of ``*Von:* Ada <ada@example.org>``; None where it is no line of a header."""
    start = line[:LABEL_CHARS]
    at = start.find(":")
    if at < 0 and (at := start.find("：")) < 0:
        return None
    field = phrases.LABELS.get(phrases.fold(start[:at].strip("*_ \t")))
    return (field, line[at + 1 :].lstrip("*_ \t").rstrip()) if field else None


def unquoted(line: str) -> str:
    """Without one level of quoting."""
    return line[1:].removeprefix(" ") if line.startswith(">") else line


def block(lines: Sequence[str], at: int, *, wrapped: bool, marked: bool = False, lists_only: bool = False) -> Block:
    """The header that begins at ``at``; its fields may be none. ``wrapped``: a mail program may have broken its lines
    (in plain text), so that what follows up to a blank line belongs to it; ``lists_only``: only lists of addresses, so
    that no line further down decides. ``marked``: a line above says that it is a header, so that fields of no interest
    are passed over.
    """
    fields: dict[str, str] = {}
    name, since, n = "", 0, at
    while n < min(len(lines), at + HEADER_LINES):
        line = unquoted(lines[n])
        since += 1
        if not line.strip():
            break
        if found := label(line):
            name, value = found
            name = "" if name in fields else name  # of two, the first
            if name:
                fields[name] = value
            since = 0
        elif marked and wrapped and _OTHER_FIELD.match(line):
            name = ""
        elif name and not fields[name]:
            fields[name] = line.strip()  # beneath its label, as in a table
        elif (
            wrapped
            and name
            and (
                (name in _LISTS and _list_goes_on(fields[name], line)) or (not lists_only and _goes_on(lines, n, since))
            )
        ):
            fields[name] += " " + line.strip()
        elif not (marked and wrapped and not name and line[:1].isspace()):  # what is passed over may be folded
            break
        n += 1
    return Block(fields=fields, end=n)


def _list_goes_on(value: str, line: str) -> bool:
    return value.endswith((",", ";")) or "@" in line


def _goes_on(lines: Sequence[str], n: int, since: int) -> bool:
    """Whether a line without a label belongs to the field above it: a blank line or another label has to come soon."""
    if since > 2:
        return False
    for line in map(unquoted, lines[n + 1 : n + 1 + _FOLDED_LINES]):
        if not line.strip() or label(line):
            return True
    return n + 1 >= len(lines)


def intro(lines: Sequence[str], *, quote_follows: bool) -> int:
    """How many of the last lines are ``On … wrote:``; 0 where they are not. Without a quote behind it, it has to begin
    like that, and to say when or who.
    """
    above = _paragraph_end(lines)
    wrote = any(_wrote(" ".join(above[-count:])) for count in (1, 2) if count <= len(above))
    if not above or not (wrote or quote_follows):
        return 0
    shortest = 0
    for count in range(1, len(above) + 1):
        line = above[-count]
        begins = phrases.ON.match(line) is not None
        if not begins and (shortest or not quote_follows):
            continue
        told = _tells(" ".join(above[-count:]))
        if told >= (2 if wrote else 3) or (wrote and quote_follows):
            if begins:
                return count
            shortest = count
    return shortest


def _paragraph_end(lines: Sequence[str]) -> list[str]:
    """The last lines, as far as they may be one sentence that ends with a colon."""
    found: list[str] = []
    if lines and lines[-1][-1:] in (":", "："):
        for line in reversed(lines[-_INTRO_LINES:]):
            if not line.strip() or len(line) > LINE_CHARS:
                break
            found.append(line)
    return found[::-1]


def _wrote(text: str) -> bool:
    words = text.casefold().rstrip(":： ").split()
    last = words[-1] if words else ""
    if last in phrases.WROTE or last.endswith(phrases.WROTE_ENDS):
        return True
    return not phrases.WROTE_BEFORE_NAME.isdisjoint(words[-16:])


def _tells(text: str) -> int:
    """How many of time, date and address it has."""
    return sum(found.search(text) is not None for found in (_TIME, _DATE, _ADDRESS))
