"""What people write into mails, read in many languages: numbers, sums of money, lengths of time, dates, one-time codes.

The types of values (``kinds/``) are made of these. Everything here takes any text, costs time linear in it, and says
with a ``ValueError`` what a text is not; its message reads well behind the quoted text: ``"abc" is no number``.

    language.py   which habits a mail's own Content-Language and its other numbers show
    numbers.py    1,234.5 · 1.234,5 · 1 234,5 · 1'234.5, in the digits of any script
    money.py      a number that stands with a currency (currencies.py)
    lengths.py    1h 30m · 2,5 Stunden · 01:30:00 · PT1H30M (units.py)
    dates.py      a day and a time of day (days.py, clock.py; calendars.py: the names of months, weekdays, tomorrow)
    codes.py      the one-time code near its keyword (candidates.py, keywords.py; noise.py: what only looks like one)
"""

from __future__ import annotations

import functools
import unicodedata


def words(listed: str) -> frozenset[str]:
    """Those of a list with blanks between them."""
    return frozenset(listed.split())


def fold(text: str) -> str:
    """The text in lower case without accents; its length stays."""
    return text.lower() if text.isascii() else "".join(map(_folded, text))


@functools.lru_cache(maxsize=4_096)
def _folded(char: str) -> str:
    lower = char.lower()[:1]
    return unicodedata.normalize("NFKD", lower)[0] if lower < "\u2000" else lower
