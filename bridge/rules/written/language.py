"""The habits of the language that a mail is written in, as far as it tells (Content-Language, RFC 3282)."""

from __future__ import annotations

from bridge.mail import Mail
from bridge.rules.written import words

_COMMA = words(
    "af az be bg bs ca cs da de el es et eu fi fo fr fy gl hr hu hy id is it ka kk ky lb lt lv mk mn nb nl nn no"
    " pl pt ro ru sk sl sq sr sv tr uk uz vi"
)
_POINT = words("bn en fa fil ga gd gu he hi ja kn ko ml mr ms mt ne pa si sw ta te th tl ur cy zh")
_COMMA_REGIONS = frozenset(("en-za",))
_POINT_REGIONS = words(
    "de-ch de-li fr-ch it-ch rm-ch es-419 es-bz es-cr es-do es-gt es-hn es-mx es-ni es-pa es-pe es-pr es-sv es-us"
)
_MONTH_FIRST = frozenset(("en-us", "es-us", "es-pr", "en-pr", "en-ph", "fil-ph"))
_TAG_CHARS = 35  # RFC 5646, section 4.4.1


def tag(mail: Mail) -> str:
    """The first language of Content-Language, in lower case: ``en-us``; "" where there is none."""
    return mail.headers.first("Content-Language").partition(",")[0].strip().lower().replace("_", "-")[:_TAG_CHARS]


def decimal_sign(mail: Mail) -> str:
    """How this language writes the sign before the decimals: ``.`` or ``,``; "" where the mail does not tell."""
    language, _, region = tag(mail).partition("-")
    place = f"{language}-{region.rpartition('-')[2]}"
    if place in _COMMA_REGIONS or (language in _COMMA and place not in _POINT_REGIONS):
        return ","
    return "." if language in _POINT or place in _POINT_REGIONS else ""


def month_first(mail: Mail) -> bool:
    """Whether 03/04/2026 is the fourth of March."""
    return tag(mail) in _MONTH_FIRST
