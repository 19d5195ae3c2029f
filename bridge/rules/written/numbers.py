"""Numbers as people write them, in the digits of any script.

Blanks (no-break and thin ones too), apostrophes, commas and points group digits by three, or as in India
``12,34,567.89``. What a comma or a point means follows from where it stands:

    ================================  ==================================  ======================
    written                           read as                             such as
    ================================  ==================================  ======================
    both of them                      the last one precedes the decimals  1.234,5 → 1234.5
    one of them, repeated             it groups                           1,234,567 → 1234567
    one, behind other groups          it precedes the decimals            1 234,567 → 1234.567
    one, three digits behind it, one  ambiguous: see below                1,234 and 1.234
    to three (no leading 0) before
    one, any other                    it precedes the decimals            21,5 → 21.5
    ================================  ==================================  ======================

The ambiguous ones are decided by ``habit``: the mail's own other numbers (``12,50`` somewhere in its text, and nothing
to the contrary), else its Content-Language. Where neither tells, it is up to the type: for ``float`` the comma groups
and the point precedes decimals, for ``int`` both group, since a whole number has no decimals; for ``amount`` see
``money``.
"""

from __future__ import annotations

import decimal
import functools
import re
from collections.abc import Callable

from bridge.mail import Mail
from bridge.rules.written import currencies, language, words

SHORT_CHARS = 100  # of a text that is a number and little else
DIGITS = 300  # of a number; float ends at 308
EVIDENCE_CHARS = 20_000  # of a mail's text in which its other numbers are looked at

_ZEROS = (  # of every script in the basic plane; nine more digits stand behind each
    "0660 06F0 07C0 0966 09E6 0A66 0AE6 0B66 0BE6 0C66 0CE6 0D66 0DE6 0E50 0ED0 0F20 1040 1090 17E0 1810"
    " 1946 19D0 1A80 1A90 1B50 1BB0 1C40 1C50 A620 A8D0 A900 A9D0 A9F0 AA50 ABF0 FF10"
)
_PLAIN = {
    **{int(zero, 16) + digit: str(digit) for zero in words(_ZEROS) for digit in range(10)},
    **dict.fromkeys(map(ord, "\t\xa0\u202f\u205f\u3000"), " "),
    **dict.fromkeys(range(0x2000, 0x200B), " "),
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d"), "-"),
    **dict.fromkeys(map(ord, "\u2018\u2019\u02bc\xb4\u2032\u066c"), "'"),
    **dict.fromkeys(map(ord, "\uff0c\u066b"), ","),
    ord("\uff0e"): ".",
    ord("\uff0b"): "+",
}

# A digit begins every repetition, and nothing behind a repetition can fail: no text is read twice.
NUMBER = r"(?:[0-9]{1,3}(?: [0-9]{3}(?![0-9]))+(?:[.,][0-9]+)?|[0-9]+(?:[.,'][0-9]+)*|[.,][0-9]+)"
_TOKEN = re.compile(rf"([+-]?)({NUMBER})([eE][+-]?[0-9]{{1,3}}(?![0-9A-Za-z]))?")
_WHOLE = re.compile(rf"([+-]?) ?({NUMBER})[.,]?([eE][+-]?[0-9]{{1,3}})?")
_WORD_BEHIND = re.compile(r"_|(?!m[23]\b)[^\W\d_]+[0-9]")  # 0x1F; but 12m3 is a volume
_GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}")
_AMBIGUOUS = re.compile(r"[1-9][0-9]{0,2}[.,][0-9]{3}")
_ANY = re.compile(r"[0-9]+(?:[.,'/:-][0-9]+)*")
_COMMA = re.compile(r"[0-9]{1,3}(?:[.'][0-9]{3})+,[0-9]+|[0-9]+,(?:[0-9]{1,2}|[0-9]{4,})|0,[0-9]+")
_POINT = re.compile(  # 18.05 may be a time or a date, 2.4 a version
    r"[0-9]{1,3}(?:[,'][0-9]{3})+\.[0-9]+|[0-9]+\.[6-9][0-9]|(?:3[2-9]|[4-9][0-9]|[0-9]{3,})\.[0-9]{2}|0\.[0-9]{2,}"
)


def plain(text: str) -> str:
    """The same text, character by character, with ASCII digits, blanks, signs and apostrophes."""
    return text.replace("\t", " ") if text.isascii() else text.translate(_PLAIN)


def only(text: str, sign: Callable[[], str]) -> decimal.Decimal:
    """The number that a short text has, whatever unit stands beside it. ``sign`` tells what precedes the decimals of
    an ambiguous one: ``.``, ``,`` or, for neither, "".

    Raises:
        ValueError: it has none, or more than one.
    """
    line = plain(text[: DIGITS + SHORT_CHARS]).strip()
    if whole := _WHOLE.fullmatch(line):
        return value(whole[1], whole[2], whole[3] or "", sign)
    if len(text) > SHORT_CHARS:
        raise ValueError("is too long for a number")
    found = [token for token in _TOKEN.finditer(line) if not _is_word(line, *token.span())]
    if len(found) > 1:
        raise ValueError("has more than one number")
    if not found:
        raise ValueError("is no number")
    return value(found[0][1], found[0][2], found[0][3] or "", sign)


def _is_word(line: str, start: int, end: int) -> bool:
    """Whether the digits are part of a word: ``CO2``, ``CAM-7``, ``0x1F``; but ``EUR12`` is a sum."""
    before = line[max(0, start - 4) : start]
    glued = before[-1:].isalpha() or before[-1:] == "_" or (before[-1:] in {"-", "."} and before[-2:-1].isalpha())
    return bool(glued and before[-3:].strip() not in currencies.CODES) or bool(_WORD_BEHIND.match(line, end))


def value(minus: str, written: str, exponent: str, sign: Callable[[], str]) -> decimal.Decimal:
    """What ``NUMBER`` found, as a number.

    Raises:
        ValueError: its digits are grouped as no number's are.
    """
    whole, decimals = _split(written, sign)
    if decimals and not decimals.isdecimal():
        raise ValueError("is no number")
    for group in set(whole) - set("0123456789"):
        if not _GROUPED.fullmatch(whole.replace(group, ",")):  # nor where there are groups of two kinds
            raise ValueError("is no number")
        whole = whole.replace(group, "")
    if len(whole) + len(decimals) > DIGITS:
        raise ValueError("is too long for a number")
    return decimal.Decimal(f"{minus}{whole or '0'}.{decimals or '0'}{exponent}")


def _split(written: str, sign: Callable[[], str]) -> tuple[str, str]:
    """(the digits before the decimals, as they are grouped; the decimals)."""
    last = max(written.rfind("."), written.rfind(","))
    if last < 0:
        return written, ""
    both = "." in written and "," in written
    groups = written.count(written[last]) > 1 or (
        not both and bool(_AMBIGUOUS.fullmatch(written)) and sign() != written[last]
    )
    return (written, "") if groups else (written[:last], written[last + 1 :])


def habit(mail: Mail) -> str:
    """What precedes decimals in this mail: ``.`` or ``,``; "" where nothing tells."""
    return _evidence(mail.text[:EVIDENCE_CHARS]) or language.decimal_sign(mail)


@functools.lru_cache(maxsize=2)  # one mail, for all values of all rules
def _evidence(text: str) -> str:
    """The sign that its unambiguous numbers have, if they agree."""
    seen = set()
    for number in _ANY.findall(plain(text)):
        if _COMMA.fullmatch(number):
            seen.add(",")
        elif _POINT.fullmatch(number):
            seen.add(".")
    return seen.pop() if len(seen) == 1 else ""
