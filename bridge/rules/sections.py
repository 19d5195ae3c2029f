"""Which octets of a mail have to be in hand before a text or a file of it can be looked at: section → octets at most.

A section is named as IMAP has it (``Part.section``). What is in hand already is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bridge.mail import Mail, limits
from bridge.mail.part import Part

Sections = Mapping[str, int]


def text(mail: Mail) -> Sections:
    """The readable text."""
    part = mail.text_part
    return {} if part is None else parts(mail, [part], limits.TEXT_BYTES)


def html(mail: Mail) -> Sections:
    """The HTML of what people read."""
    part = mail.html_part
    return {} if part is None else parts(mail, [part], limits.TEXT_BYTES)


def parts(mail: Mail, wanted: Iterable[Part], octets: int) -> Sections:
    """These parts of the mail, each up to so many octets as transferred."""
    return {part.section: octets for part in wanted if part.section not in mail.whole}


def together(several: Iterable[Sections]) -> Sections:
    """All of them; where two want the same section, the larger."""
    found: dict[str, int] = {}
    for one in several:
        for section, octets in one.items():
            found[section] = max(found.get(section, 0), octets)
    return found
