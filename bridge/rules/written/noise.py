"""What in a mail only looks like a one-time code: dates, times, sums, phone numbers, colours, style sheets, addresses.

It is blanked before codes are looked for; the text's length stays.
"""

from __future__ import annotations

import re

from bridge.rules.written import money, units, words

BLANK = "\0"
# Each begins with something that it cannot repeat without end, so that nothing is read twice.
_NOISE = re.compile(
    r"https?://[^\s<>\"]+|www\.[^\s<>\"]+"
    r"|(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]+"
    r"|#[0-9A-Za-z]+"
    r"|(?<![0-9])[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?![0-9])"
    r"|(?<![0-9])(?:[0-9]{4}([./-])[0-9]{1,2}\1[0-9]{1,2}|[0-9]{1,2}([./-])[0-9]{1,2}\2[0-9]{2,4})(?![0-9])"
    r"|(?:\+|\b00)[0-9][0-9 ()/.-]{5,20}[0-9]"  # phone numbers
    r"|\([0-9]{2,5}\)[ -]?[0-9][0-9 -]{4,12}[0-9]"
    r"|(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?: ?[0-9A-Z]{4}){3,7}(?: ?[0-9A-Z]{1,3})?(?![A-Za-z0-9])"  # IBANs
    r"|(?<![0-9])0[0-9]{2,5}[ /-][0-9]{5,9}(?![0-9])"
    r"|(?<![0-9])(?:1-)?[0-9]{3}[-. ][0-9]{3}[-. ][0-9]{4}(?![0-9])"
)
_BRACES = re.compile(r"\{[^{}]*\}")  # a style sheet, if it has a semicolon in it
_UNIT = re.compile(r" ?(?:[%°‰]|([^\W\d_]+))")
_COUNTED = words(
    "kb mb gb tb kwh wh kw w v km m cm mm kg g l ml px pt em rem vh vw hz ghz mhz dpi fps p k x pcs stk st stuck people"
    " users users points punkte pts characters zeichen digits ziffern stellen words times mal pages seiten items views"
    " years jahre jahren followers downloads steps schritte meter metres meters miles calories kcal ppm lux hpa mbar"
    " lines zeilen lignes rows files seats"
)


def blanked(text: str) -> str:
    """``text`` is ``numbers.plain``."""
    text = _BRACES.sub(lambda block: BLANK * len(block[0]) if ";" in block[0] else block[0], text)
    text = _NOISE.sub(lambda found: BLANK * len(found[0]), text)
    letters = list(text)
    for start, end in money.spans(text):
        letters[start:end] = BLANK * (end - start)
    return "".join(letters)


def is_counted(text: str, at: int) -> bool:
    """Whether a unit stands behind a number: ``3600 seconds``, ``1080 px``."""
    unit = _UNIT.match(text, at)
    if not unit:
        return False
    word = (unit[1] or "").lower()
    return not word or word in _COUNTED or (word in units.seconds() and len(word) > 1) or word in units.INEXACT
