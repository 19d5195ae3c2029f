"""BODYSTRUCTURE, or a whole message → the leaves of a mail, and which of their octets are in hand.

Sections are numbered as an IMAP server numbers them, so that a part can be asked for by what is found here. A
message/rfc822 part is one leaf. Parts beyond ``limits.PARTS`` and deeper than ``limits.DEPTH`` are left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from bridge.mail import charset, header, limits, multipart, params
from bridge.mail.part import Part, make, part_type

__all__ = ["Anatomy", "Fetched", "Part", "from_bodystructure", "from_message", "html_part", "slice_prefix", "text_part"]

_EMPTY_TEXT_OCTETS = 2  # one line end: the text/plain that mailers put beside HTML for form's sake
_FIXED_FIELDS = 7  # of a leaf in BODYSTRUCTURE, before the optional ones


@dataclasses.dataclass(frozen=True, kw_only=True)
class Anatomy:
    """The parts of a mail, and what of them is in hand."""

    parts: tuple[Part, ...] = ()  # the leaves, in order
    content: Mapping[str, bytes] = dataclasses.field(
        default_factory=dict, repr=False
    )  # section → octets as transferred
    whole: frozenset[str] = frozenset()  # the sections whose content is complete

    @property
    def count(self) -> int:
        """Parts, about."""
        return len(self.parts)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fetched:
    """What one FETCH gave: an ``Anatomy``, once somebody looks at it. Most rules only look at the header."""

    head: bytes = dataclasses.field(repr=False)
    bodystructure: Any = dataclasses.field(repr=False)
    text_prefix: bytes = dataclasses.field(repr=False)

    @property
    def count(self) -> int:
        """Parts, about: those that stand side by side at the top. Nothing is parsed for it."""
        body = self.bodystructure
        many = body[0] if isinstance(body, list | tuple) and body and isinstance(body[0], list) else body
        return len(many) if isinstance(many, list | tuple) else 0

    def anatomy(self) -> Anatomy:
        parts = from_bodystructure(self.bodystructure)
        content, whole = slice_prefix(self.head, self.text_prefix, parts)
        return Anatomy(parts=parts, content=content, whole=whole)


def from_bodystructure(nested: Any) -> tuple[Part, ...]:
    """The leaves of a BODYSTRUCTURE (RFC 9051, section 7.5.2): nested tuples or lists of bytes, str, int and None, a
    multipart's parts either in a list of their own (as imapclient gives them) or one after the other. What is missing
    or odd is passed over.
    """
    found: list[Part] = []
    todo: list[tuple[Any, str, int]] = [(nested, "", 0)]  # (body, section, depth); the last is the next
    while todo and len(found) < limits.PARTS:
        body, section, depth = todo.pop()
        if not isinstance(body, list | tuple) or not body:
            continue
        if isinstance(body[0], list | tuple):
            if depth < limits.DEPTH:
                dot = f"{section}." if section else ""
                todo += [(child, f"{dot}{number}", depth + 1) for number, child in reversed(_children(body))]
        else:
            found.append(_leaf(body, section or "1"))
    return tuple(found)


def _children(body: Sequence[Any]) -> list[tuple[int, Any]]:
    parts = body[0] if isinstance(body[0], list) else body
    if parts and not isinstance(parts[0], list | tuple):  # a list for a body, instead of a list of bodies
        parts = body
    children: list[tuple[int, Any]] = []
    for number, part in enumerate(parts[: limits.PARTS], 1):
        if not isinstance(part, list | tuple):
            break  # the subtype and what follows it
        children.append((number, part))
    return children


def _leaf(body: Sequence[Any], section: str) -> Part:
    fixed = list(body[:_FIXED_FIELDS]) + [None] * (_FIXED_FIELDS - len(body))
    kind, subtype, kind_params, content_id, _, encoding, size = fixed
    disposition, disposition_params = _disposition(body[_FIXED_FIELDS:])
    return make(
        section=section,
        kind=f"{_text(kind)}/{_text(subtype)}",
        kind_params=_pairs(kind_params),
        encoding=_text(encoding),
        disposition=disposition,
        disposition_params=disposition_params,
        content_id=_text(content_id),
        size=size if isinstance(size, int) else 0,
    )


def _disposition(optional: Sequence[Any]) -> tuple[str, params.Params]:
    """Looked for by its shape, ``("attachment" (…))``, since servers differ in how many fields stand before it."""
    for field in optional:
        pair = isinstance(field, list | tuple) and len(field) == 2 and isinstance(field[0], bytes | str)
        if pair and (field[1] is None or isinstance(field[1], list | tuple)):
            return _text(field[0]), _pairs(field[1])
    return "", []


def _pairs(flat: Any) -> params.Params:
    """``(b"CHARSET", b"utf-8", …)`` → pairs."""
    if not isinstance(flat, list | tuple):
        return []
    return [(_text(flat[at]).lower(), _text(flat[at + 1])) for at in range(0, len(flat) - 1, 2)]


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return charset.decode(value[: limits.FIELD_CHARS])
    return charset.scrub(str(value)[: limits.FIELD_CHARS]) if isinstance(value, str | int) else ""


def slice_prefix(head: bytes, text_prefix: bytes, parts: Sequence[Part]) -> tuple[dict[str, bytes], frozenset[str]]:
    """What of each part lies in the first octets of BODY[TEXT]: section → its octets as transferred, and the sections
    of which that is all. A section that the server describes otherwise than these octets look is left out: it has to
    be fetched.
    """
    if len(head) >= limits.HEADER_BYTES:
        return {}, frozenset()  # it is cut, and the field that names the boundary may be missing
    found = multipart.leaves(head, text_prefix, entire=False)
    if len(found) == 1 < len(parts) and found[0].head is head:
        return {}, frozenset()  # the server saw parts where no boundary is named
    by_section = {part.section: part for part in parts}
    content: dict[str, bytes] = {}
    whole: set[str] = set()
    for leaf in found:
        part = by_section.get(leaf.section)
        if part is None or part.type != part_type(_kind(leaf)):
            continue
        octets, complete = _known(leaf, text_prefix[leaf.start : leaf.end], part.size)
        content[leaf.section] = octets
        if complete:
            whole.add(leaf.section)
    return content, frozenset(whole)


def _known(leaf: multipart.Leaf, octets: bytes, size: int) -> tuple[bytes, bool]:
    """The part's octets, and whether they are all: behind the size that the server names only a boundary may follow."""
    if leaf.closed:
        return octets, True
    rest = octets[size:]
    if len(octets) < size or (octets and not size) or not rest.startswith(b"\r\n--"[: len(rest)]):
        return octets, False
    return octets[:size], True


def from_message(raw: bytes) -> tuple[bytes, tuple[Part, ...], dict[str, bytes]]:
    """A whole message, CRLF or LF → (its header, its leaves, section → octets), as IMAP gives them: with CRLF."""
    if raw.count(b"\n") != raw.count(b"\r\n"):
        raw = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    end = header.end(raw)
    head, body = raw[:end][: limits.HEADER_BYTES], raw[end:]
    found = multipart.leaves(head, body, entire=True)
    parts = tuple(_described(leaf, leaf.end - leaf.start) for leaf in found)
    return head, parts, {leaf.section: body[leaf.start : leaf.end] for leaf in found}


def _described(leaf: multipart.Leaf, size: int) -> Part:
    disposition, disposition_params = params.split(header.field(leaf.head, b"content-disposition"))
    return make(
        section=leaf.section,
        kind=_kind(leaf),
        kind_params=leaf.kind_params,
        encoding=header.field(leaf.head, b"content-transfer-encoding"),
        disposition=disposition,
        disposition_params=disposition_params,
        content_id=header.field(leaf.head, b"content-id"),
        size=size,
    )


def _kind(leaf: multipart.Leaf) -> str:
    return leaf.kind or ("message/rfc822" if leaf.in_digest else "text/plain")


def text_part(parts: Sequence[Part]) -> Part | None:
    """What people read: the first text/plain that is no attachment, else the first text/html, else a text that has a
    name but is not declared an attachment. An empty text/plain beside HTML does not count.
    """
    for attached in (False, True):
        texts = [part for part in parts if part.is_attachment is attached and part.disposition != "attachment"]
        plain = next((part for part in texts if part.type == "text/plain"), None)
        html = next((part for part in texts if part.type == "text/html"), None)
        if plain and html and plain.size <= _EMPTY_TEXT_OCTETS:
            return html
        if plain or html:
            return plain or html
    return None


def html_part(parts: Sequence[Part]) -> Part | None:
    """The HTML of what people read: the first text/html that is no attachment, else one that has a name but is not
    declared an attachment.
    """
    found = [part for part in parts if part.type == "text/html" and part.disposition != "attachment"]
    return next((part for part in found if not part.is_attachment), found[0] if found else None)
