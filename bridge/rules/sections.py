"""Which octets of a mail have to be in hand before a text or a file of it can be looked at: section → octets at most.

A section is named as IMAP has it (``Part.section``). What is in hand already is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from bridge.mail import Mail, limits
from bridge.mail.part import Part

Sections = Mapping[str, int]
_LEAST = 65_536  # octets that a file is asked for


def text(mail: Mail) -> Sections:
    """The readable text."""
    part = mail.text_part
    return {} if part is None else parts(mail, [part], limits.TEXT_BYTES)


def html(mail: Mail) -> Sections:
    """The HTML of what people read."""
    part = mail.html_part
    return {} if part is None else parts(mail, [part], limits.TEXT_BYTES)


def forwarded(mail: Mail) -> Sections:
    """The mail that it carries: the attached one, else the text in which it may be quoted."""
    attached = mail.forwarded_part
    return text(mail) if attached is None else parts(mail, [attached], limits.FORWARDED_BYTES)


def within(mail: Mail, wanted: Callable[[Mail], Iterable[Sections]]) -> Iterator[Sections]:
    """What has to be in hand before somebody can look at the mail that it carries; ``wanted`` says what they look at.
    What came with a quoted mail is the outer mail's. As long as the text does not show one, it may be the next octet
    that does.
    """
    yield forwarded(mail)
    if mail.forwarded_part is None:
        yield from wanted(mail.forwarded or mail)


def parts(mail: Mail, wanted: Iterable[Part], octets: int) -> Sections:
    """These parts of the mail, each up to so many octets as transferred."""
    return {part.section: octets for part in wanted if part.section not in mail.whole}


def file(mail: Mail, part: Part, most: int) -> Sections:
    """All of this part, unless it has more octets than that.

    More is asked for than the server says there is, since some understate it; and so much more that mails with parts
    of about the same size are asked for in one command.
    """
    if part.size > most:
        return {}
    octets = 1 << (part.size + part.size // 8).bit_length()
    return parts(mail, [part], min(max(octets, _LEAST), most) if part.size else most)


def together(several: Iterable[Sections]) -> Sections:
    """All of them; where two want the same section, the larger."""
    found: dict[str, int] = {}
    for one in several:
        for section, octets in one.items():
            found[section] = max(found.get(section, 0), octets)
    return found
