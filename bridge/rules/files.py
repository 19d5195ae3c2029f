"""A file that a mail carries, as far as rules look into it.

One that is larger than what is held in memory is a ``Large``: whoever has evaluated the rules fetches those that
deliveries are to send (``wanted``), once the rules are known to match, tells the mail of it, and evaluates it again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from bridge.mail import Mail, charset, limits, transfer
from bridge.mail.large import Large, size
from bridge.mail.part import Part
from bridge.rules import sections

if TYPE_CHECKING:
    from bridge.rules import Moment, Verdict

_PIECE_BYTES = 262_144  # as transferred

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


def measured(mail: Mail, evaluate: Callable[[Mail], Sequence[Verdict]]) -> tuple[Mail, Sequence[Verdict]]:
    """What comes of a mail that somebody holds in hand, and the mail with what is known of its large files: they are
    measured where they are.
    """
    verdicts = evaluate(mail)
    while found := wanted(mail, verdicts):
        mail = mail.with_large([_measured(mail, part) for part in found])
        verdicts = evaluate(mail)
    return mail, verdicts


def _measured(mail: Mail, part: Part) -> Large:
    file = Large.of(part)
    if part.section not in mail.whole:
        return file
    return dataclasses.replace(file, size=sum(map(len, pieces(mail, part.section))))


def pieces(mail: Mail, section: str) -> Iterator[bytes]:
    """A file out of what is in hand of its mail, a bit at a time."""
    part = next((one for one in mail.parts if one.section == section), None)
    if part is None:
        return
    raw, undoing = mail.content.get(section, b""), transfer.undoing(part.encoding)
    for at in range(0, len(raw), _PIECE_BYTES):
        yield undoing.feed(raw[at : at + _PIECE_BYTES])
    yield undoing.finish()


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
