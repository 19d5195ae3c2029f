"""BODYSTRUCTURE, or a whole message → the leaves of a mail, and which of their octets are in hand.

Sections are numbered as an IMAP server numbers them, so that a part can be asked for by what is found here. A message/rfc822 part is
one leaf. Parts beyond ``limits.PARTS`` and deeper than ``limits.DEPTH`` are left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from bridge.mail import charset, header, limits, multipart, params
from bridge.mail.part import Part, make

__all__ = ["Part", "from_bodystructure", "from_message", "slice_prefix", "text_part"]

_CONTENT_TYPE = re.compile(rb"^content-type[ \t]*+:[^\n]*+(?:\n[ \t][^\n]*+)*+\n?", re.MULTILINE | re.IGNORECASE)
_EMPTY_TEXT_OCTETS = 2  # one line end: the text/plain that mailers put beside HTML for form's sake
_FIXED_FIELDS = 7  # of a leaf in BODYSTRUCTURE, before the optional ones


def from_bodystructure(nested: Any) -> tuple[Part, ...]:
    """The leaves of a BODYSTRUCTURE (RFC 9051, section 7.5.2): nested tuples or lists of bytes, str, int and None, a multipart's
    parts either in a list of their own (as imapclient gives them) or one after the other. What is missing or odd is passed over.
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
    kind, subtype, kind_params, content_id, _, encoding, size = (*body[:_FIXED_FIELDS], *[None] * _FIXED_FIELDS)[
        :_FIXED_FIELDS
    ]
    disposition, disposition_params = _disposition(body[_FIXED_FIELDS:])
    return make(
        section=section,
        kind=f"{_text(kind) or 'text'}/{_text(subtype) or 'plain'}",
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
        if isinstance(field, list | tuple) and len(field) == 2 and isinstance(field[0], bytes | str):
            if field[1] is None or isinstance(field[1], list | tuple):
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
    """What of each part lies in the first octets of BODY[TEXT]: section → its octets as transferred, and the sections of which that is
    all. A section that the server describes otherwise than these octets look is left out: it has to be fetched.
    """
    match = _CONTENT_TYPE.search(head)
    found = multipart.leaves(header.parse(match[0] if match else b""), text_prefix, entire=False)
    if len(head) >= limits.HEADER_BYTES or (len(found) == 1 < len(parts) and not multipart.boundary(found[0].headers)):
        return {}, frozenset()
    by_section = {part.section: part for part in parts}
    content: dict[str, bytes] = {}
    whole: set[str] = set()
    for leaf in found:
        part = by_section.get(leaf.section)
        if part is None or part.type != _described(leaf, 0).type:
            continue
        octets, complete = _known(leaf, text_prefix[leaf.start : leaf.end], part.size)
        content[leaf.section] = octets
        if complete:
            whole.add(leaf.section)
    return content, frozenset(whole)


def _known(leaf: multipart.Leaf, octets: bytes, size: int) -> tuple[bytes, bool]:
    """The part's octets, and whether they are all: behind the size that the server names, only its boundary may follow."""
    if leaf.closed:
        return octets, True
    rest = octets[size:]
    if len(octets) < size or (octets and not size) or not rest.startswith(b"\r\n--"[: len(rest)]):
        return octets, False
    return octets[:size], True


def from_message(raw: bytes) -> tuple[bytes, tuple[Part, ...], dict[str, bytes]]:
    """A whole message, with CRLF or LF line ends → (its header, its leaves, section → octets), all as IMAP would give them (CRLF)."""
    if raw.count(b"\n") != raw.count(b"\r\n"):
        raw = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    end = header.end(raw)
    head, body = raw[:end][: limits.HEADER_BYTES], raw[end:]
    found = multipart.leaves(header.parse(head), body, entire=True)
    parts = tuple(_described(leaf, leaf.end - leaf.start) for leaf in found)
    return head, parts, {leaf.section: body[leaf.start : leaf.end] for leaf in found}


def _described(leaf: multipart.Leaf, size: int) -> Part:
    raw = leaf.headers.raw
    kind, kind_params = params.split(next(iter(raw("Content-Type")), ""))
    disposition, disposition_params = params.split(next(iter(raw("Content-Disposition")), ""))
    return make(
        section=leaf.section,
        kind=kind or ("message/rfc822" if leaf.in_digest else "text/plain"),
        kind_params=kind_params,
        encoding=next(iter(raw("Content-Transfer-Encoding")), ""),
        disposition=disposition,
        disposition_params=disposition_params,
        content_id=next(iter(raw("Content-ID")), ""),
        size=size,
    )


def text_part(parts: Sequence[Part]) -> Part | None:
    """What people read: the first text/plain that is no attachment, else the first text/html, else a named text that is not declared
    as an attachment. An empty text/plain beside HTML does not count.
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
