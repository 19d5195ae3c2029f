"""A file that a mail carries, as far as rules look into it.

One that is larger than what is held in memory is a ``Large``: whoever has evaluated the rules fetches those that
deliveries are to send (``wanted``), once the rules are known to match, tells the mail of it, and evaluates it again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING

from bridge.mail import Mail, charset, limits
from bridge.mail.large import Large, size
from bridge.mail.part import Part
from bridge.rules import sections

if TYPE_CHECKING:
    from bridge.rules import Moment, Verdict

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
        raise ValueError(f"{name} is larger than {size(allowed)}")
    found = mail.decoded(part)
    if found is None:
        raise ValueError(f"{name} is not whole")
    return found


def text(mail: Mail, part: Part, most: int) -> str:
    """The same, as text."""
    return charset.decode_file(octets(mail, part, most), part.charset)


def whole(mail: Mail, part: Part, moment: Moment) -> bytes | Large:
    """The file as it is, in hand or not.

    Raises:
        ValueError: it is larger than the settings allow, or not in hand for another reason.
    """
    if part.section not in mail.large and not _overflows(mail, part):
        return octets(mail, part, limits.ATTACHMENT_BYTES)
    found = mail.large.get(part.section) or Large.of(part)
    if found.size > moment.attachment_bytes:
        raise ValueError(f"{found.name} has {size(found.size)}; limits.attachment is {size(moment.attachment_bytes)}")
    return found


def _overflows(mail: Mail, part: Part) -> bool:
    """Whether it is larger than what is held in memory; or than the server says, as its first octets show."""
    if part.size > limits.ATTACHMENT_BYTES:
        return True
    asked = sections.file(mail, part, limits.ATTACHMENT_BYTES).get(part.section)  # nothing where it is whole
    return asked is not None and len(mail.content.get(part.section, b"")) >= asked


def wanted(mail: Mail, verdicts: Iterable[Verdict]) -> list[Part]:
    """What has to be fetched before these deliveries can be sent."""
    files = (one.file for verdict in verdicts for one in verdict.deliveries if one.file is not None and not one.dead)
    sections_ = {file.section for file in files} - mail.large.keys()
    return [part for part in mail.parts if part.section in sections_]
