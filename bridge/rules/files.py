"""A file that a mail carries, as far as rules look into it."""

from __future__ import annotations

import dataclasses

from bridge.mail import Mail, charset
from bridge.mail.part import Part
from bridge.rules import attachments

_TEXTS = frozenset(
    ("application/json", "application/csv", "application/xml", "application/yaml", "application/x-ndjson")
)
_ENDS = (".json", ".csv", ".txt", ".log", ".xml", ".yaml", ".yml", ".tsv", ".ini")


def is_text(part: Part) -> bool:
    """Whether it is something that people can read: by its type, or, since that often says nothing, by its name."""
    if part.type.startswith("text/") or part.type in _TEXTS or part.type.endswith(("+json", "+xml")):
        return True
    return part.type.startswith("application/") and part.name.lower().endswith(_ENDS)


def octets(mail: Mail, part: Part, most: int) -> bytes:
    """
    Raises:
        ValueError: it is larger than what is taken, as transferred, or not in hand.
    """
    name = part.name or part.type
    if part.size > most:
        allowed = dataclasses.replace(part, size=most).decoded_size
        raise ValueError(f"{name} is larger than {attachments.size(allowed)}")
    found = mail.decoded(part)
    if found is None:
        raise ValueError(f"{name} is not whole")
    return found


def text(mail: Mail, part: Part, most: int) -> str:
    """The same, as text."""
    return charset.decode_file(octets(mail, part, most), part.charset)
