"""Sums of money: a number with a currency's sign, code or word beside it.

Beside what ``numbers`` reads: cents that are a dash (``12,-``, ``1'200.–``), cents behind the sign (``12€50``), minus
behind the number (``12,50-``). What is ambiguous there (one comma or point, three digits behind it) is decided here by
the mail's other numbers, its Content-Language, then by the place of the currency: in the countries that write the euro
sign behind the number the comma precedes decimals (``1,789 €`` a litre); the dinars with three decimals have them;
else both signs group.
"""

from __future__ import annotations

import decimal
import functools
import itertools
import re
from collections.abc import Iterator

from bridge.mail import Mail
from bridge.rules.written import currencies, numbers

_NUMBER = re.compile(rf"{numbers.NUMBER}(?P<dash>[.,](?:--?|\u2014))?")
_CENTS = re.compile(r"[0-9]{2}(?![0-9])")
NUMBERS = 2_000  # of a text that are looked at
_LONE = re.compile(rf"([+-]?) ?({numbers.NUMBER})(?:[.,](?:--?|\u2014)|[.,])?(-?)")


def first(text: str, mail: Mail) -> decimal.Decimal:
    """The first sum in a text; where no currency is named, the only number of a short one.

    Raises:
        ValueError: there is none.
    """
    found = _first(text, numbers.habit(mail))
    if found is None:
        raise ValueError("has no sum of money")
    return found


@functools.lru_cache(maxsize=2)  # one mail, for all rules
def _first(text: str, habit: str) -> decimal.Decimal | None:
    line = numbers.plain(text)
    for number in itertools.islice(_NUMBER.finditer(line), NUMBERS):
        if (found := _sum(line, number, habit)) is not None:
            return found
    lone = _LONE.fullmatch(line.strip()) if len(line) <= numbers.SHORT_CHARS else None
    return _value("-" if lone and "-" in (lone[1], lone[3]) else "", lone[2], habit) if lone else None


def _value(minus: str, written: str, sign: str) -> decimal.Decimal | None:
    try:
        return numbers.value(minus, written, "", lambda: sign)
    except ValueError:
        return None


def spans(line: str) -> Iterator[tuple[int, int]]:
    """Where there are sums in a text that is ``plain``: (start, end) of the number."""
    for number in _NUMBER.finditer(line):
        if currencies.before(line, number.start()) or currencies.behind(line, number.end()):
            yield number.span()


def _sum(line: str, number: re.Match[str], habit: str) -> decimal.Decimal | None:
    """The number's value if it is a sum of money."""
    start, end = number.span()
    before = currencies.before(line, start)
    trailing = line.startswith("-", end) and not number["dash"]
    behind = currencies.behind(line, end + trailing)
    if before is None and behind is None:
        return None
    written = number[0].removesuffix(number["dash"] or "")
    value = _value("", written, habit or _sign(before, behind))
    if (
        value is not None
        and behind
        and "." not in written
        and "," not in written
        and (cents := _CENTS.match(line, behind.end()))
    ):
        value += decimal.Decimal(cents[0]) / 100
    is_negative = (trailing and behind) or _is_negative(line, start, before)
    return -value if value is not None and is_negative else value


def _sign(before: re.Match[str] | None, behind: re.Match[str] | None) -> str:
    """What precedes decimals, as far as the currency tells."""
    if (before and before[2] in currencies.FINE) or (behind and behind[1] in currencies.FINE):
        return "."
    return "," if behind and not before and behind[1].lower() in currencies.COMMA_BEHIND else ""


def _is_negative(line: str, start: int, before: re.Match[str] | None) -> bool:
    """Whether there is a minus before the number, or before the currency before it."""
    if before is None:
        return _is_minus(line, start)
    begin = start - len(before[0])
    return before[3] == "-" or _is_minus(line, begin + len(before[1]))


def _is_minus(line: str, at: int) -> bool:
    """Whether the hyphen before ``at`` is one: it touches the sum, or begins what is said; ``Kaffee - 12 €`` is no
    debt, and ``5-12 €`` neither.
    """
    said = line[max(0, at - 4) : at]
    if said.endswith("-"):
        return not said[-2:-1].isalnum()
    return said.endswith("- ") and (at == 2 or said[:-2].rstrip().endswith((":", "=")))
