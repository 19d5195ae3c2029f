"""Where a text can be cut so that every character that people see stays whole: an accent with its letter, an emoji of
several, a flag of two.

What belongs together is told as Unicode has it (UAX #29, grapheme clusters), less the scripts whose clusters depend on
tables that the standard library does not have: there it cuts between code points.
"""

from __future__ import annotations

import unicodedata

CLUSTER = 32  # code points that are held together at most, whatever a mail piles up
_JOINER = "\u200d"
_SKIN = range(0x1F3FB, 0x1F400)  # emoji modifiers
_TAGS = range(0xE0020, 0xE0080)
_FLAGS = range(0x1F1E6, 0x1F200)  # regional indicators: two make a flag
_JAMO = (range(0x1100, 0x1160), range(0x1160, 0x11A8), range(0x11A8, 0x1200))  # leading, vowel, trailing


def cut(text: str, chars: int) -> str:
    """The beginning of a text: so many code points at most, and as many fewer as keep the last character whole."""
    return text[: boundary(text, chars)]


def cut_octets(text: str, octets: int) -> str:
    """The beginning of a text: so many octets of UTF-8 at most."""
    if octets <= 0:
        return ""
    kept = text[:octets].encode("utf-8", "replace")[:octets].decode("utf-8", "ignore")
    return cut(text, len(kept)).encode("utf-8", "replace").decode("utf-8")


def boundary(text: str, at: int) -> int:
    """The last place at or before ``at`` where a character ends."""
    if at >= len(text):
        return len(text)
    for place in range(max(0, at), max(0, at - CLUSTER), -1):
        if not _joined(text, place):
            return place
    return max(0, at) if at > CLUSTER else 0


def _joined(text: str, at: int) -> bool:
    """Whether what stands before ``at`` and what stands behind it are one character."""
    before, after = text[at - 1], text[at]
    if after.isascii():
        return before == "\r" and after == "\n"
    code = ord(after)
    if after == _JOINER or code in _SKIN or code in _TAGS or unicodedata.category(after) in ("Mn", "Mc", "Me"):
        return before not in "\r\n"
    if before == _JOINER:
        return unicodedata.category(after) == "So"
    if code in _FLAGS:
        return _flags_before(text, at) % 2 == 1
    return _syllable(ord(before), code)


def _flags_before(text: str, at: int) -> int:
    count = 0
    while count < at and count < CLUSTER and ord(text[at - 1 - count]) in _FLAGS:
        count += 1
    return count


def _syllable(before: int, after: int) -> bool:
    """Hangul that is written letter by letter."""
    leading, vowel, trailing = _JAMO
    return (before in leading and (after in leading or after in vowel)) or (
        (before in vowel or before in trailing) and (after in trailing or (before in vowel and after in vowel))
    )
