"""The mail that a mail carries: attached, or quoted in its text by whoever forwarded it.

What is quoted is only text, written by a stranger. Of its header what is told becomes a header again, a line a field;
whatever stands in a value stays in its line.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterator, Sequence

from bridge.mail import charset, limits, phrases, quoting, structure
from bridge.mail.part import Part

SECTION = "quoted"  # of the text behind a quoted header: no server has one of that name
_MESSAGES = frozenset({"message/rfc822", "message/global"})
_LOOK_AHEAD = 6  # lines between the mark and the header
_MAILTO = re.compile(r"<?\[?mailto:([^\s<>\]\[]{1,320})[>\]]{0,2}", re.IGNORECASE)
_ADDRESS = re.compile(r"<([^\s<>@]{1,256}@[^\s<>@]{1,256})>")
_BETWEEN = re.compile(r"[\s<>,\"]+")
_AROUND = "<>(), \t\"'"
_NOT_IN_ADDRESS = frozenset('<>()[]\\,;:" \t')
_LISTS = ("From", "To", "Cc", "Bcc", "Reply-To")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Quoted:
    """What is told of a mail that is quoted."""

    head: bytes  # a header, one line a field, its blank line included
    text: str


def attached(parts: Sequence[Part]) -> Part | None:
    """The first part that is a mail: by its type, or by its name."""
    return next((part for part in parts if part.type in _MESSAGES or part.name.lower().endswith(".eml")), None)


def quoted(text: str, *, subject: str, wrapped: bool) -> Quoted | None:
    """The first mail that is quoted as a forwarded one in a readable text; None where none is. ``subject`` is that of
    the mail around it: what Outlook and others write above a mail is the same for an answer, so that there it decides.
    ``wrapped``: it is plain text, whose lines a mail program may have broken.
    """
    lines = text.split("\n", limits.LINES)
    at, header = _find(lines, is_reply=_is_reply(subject), wrapped=wrapped)
    if header is None:
        return None
    body = lines[header.end :]
    if lines[at].startswith(">"):
        body = [quoting.unquoted(line) for line in body]
    end = next((n for n, line in enumerate(body) if quoting.mark(line) == "end"), len(body))
    return Quoted(head=_head(header), text="\n".join(body[:end]).strip())


def around(told: Quoted, outer: structure.Anatomy) -> structure.Anatomy:
    """The parts of a quoted mail: its text, and whatever came with it, which is now the outer mail's. Their sections
    are the outer mail's.
    """
    octets = told.text.encode()
    text = Part(section=SECTION, charset="utf-8", encoding="8bit", size=len(octets))
    others = (part for part in outer.parts if part.type != "text/plain" or part.is_attachment)
    return structure.Anatomy(
        parts=(text, *others), content={**outer.content, SECTION: octets}, whole=outer.whole | {SECTION}
    )


def _find(lines: list[str], *, is_reply: bool, wrapped: bool) -> tuple[int, quoting.Block | None]:
    """(where the header begins, the header)"""
    headerless = 0  # up to here lines look like a header and are none
    for n, line in enumerate(lines[: limits.LINES]):
        if _announces(line, is_reply=is_reply):
            ahead = range(n + 1, min(n + _LOOK_AHEAD, len(lines)))
            begin = next((at for at in ahead if lines[at].strip("> ")), n + 1)
            header = quoting.block(lines, begin, wrapped=wrapped, marked=True)
            if len(header.fields) > 1 and {"From", "Subject"} & header.fields.keys():
                return begin, header
        elif n >= headerless and not is_reply and quoting.label(line) is not None:
            header = quoting.block(lines, n, wrapped=wrapped)
            if header.is_telling:
                return n, header
            headerless = header.end
    return 0, None


def _announces(line: str, *, is_reply: bool) -> bool:
    """Whether a mail that is forwarded begins behind this line. An answer quotes such lines too."""
    kind = quoting.mark(line)
    is_quoted = line.startswith(">")
    return (kind == "forwarded" and not (is_reply and is_quoted)) or (
        kind == "original" and not (is_reply or is_quoted)
    )


def _is_reply(subject: str) -> bool:
    """Whether its first prefix, ``Re:``, says so."""
    prefix, colon, _ = subject[:20].replace("：", ":").partition(":")
    return bool(colon) and phrases.fold(re.sub(r"[\[(]?\d{0,3}[\])]?$", "", prefix.strip())) in phrases.REPLY


def _head(header: quoting.Block) -> bytes:
    fields = {name: value for name, value in header.fields.items() if name != "Bcc"}
    lines = [f"{name}: {_value(name, value)}" for name, value in fields.items()]
    return "\r\n".join([*lines, "Content-Type: text/plain; charset=utf-8", "", ""]).encode()


def _value(name: str, value: str) -> str:
    value = charset.scrub(charset.one_line(value[: limits.FIELD_CHARS])).strip()
    return ", ".join(itertools.islice(_addresses(value), limits.ADDRESSES)) if name in _LISTS else value


def _addresses(value: str) -> Iterator[str]:
    """``Lovelace, Ada [mailto:ada@example.org]; Bob`` → each as RFC 5322 has it."""
    value = _MAILTO.sub(r"<\1>", value.replace("*", ""))
    for piece in value.split(";"):
        at, last = 0, ""
        for match in _ADDRESS.finditer(piece):
            *others, name = _before(piece[at : match.start()])
            yield from others
            if name or match[1] != last:  # some are told twice: ada@example.org<mailto:ada@example.org>
                yield _address(name, match[1])
            at, last = match.end(), match[1]
        yield from _without_brackets(piece[at:])


def _before(text: str) -> list[str]:
    """What stands before an address in brackets: bare addresses, and last its name, which may have a comma in it."""
    pieces = [one.strip(_AROUND) for one in text.partition("<")[0].split(",")]
    first = next((n for n, one in enumerate(pieces) if one and not _is_address(one)), len(pieces))
    return [*filter(None, pieces[:first]), ", ".join(filter(None, pieces[first:]))]


def _without_brackets(text: str) -> Iterator[str]:
    words = [word.strip(_AROUND) for word in _BETWEEN.split(text)]
    found = [word for word in words if _is_address(word)]
    name = " ".join(word for word in words if word and not _is_address(word))
    if len(found) > 1:
        yield from found
    elif found or name:
        yield _address(name if found else text.strip(_AROUND), found[0] if found else "")


def _is_address(word: str) -> bool:
    local, _, domain = word.partition("@")
    return bool(local and domain) and not set(word) & _NOT_IN_ADDRESS and "@" not in domain


def _address(name: str, address: str) -> str:
    phrase = '"' + name.replace("\\", "").replace('"', "") + '"' if name and name != address else ""
    return f"{phrase} <{address}>".strip() if address else phrase
