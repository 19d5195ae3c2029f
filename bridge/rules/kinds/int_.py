"""``int``: a whole number, as people write it: ``1.234``, ``1,234``, ``12 %`` (``written.numbers`` has the rules).

What is written with decimals is one if they are zero: ``3.0`` and ``1,234.00``.
"""

from __future__ import annotations

import decimal
from typing import Any

from bridge import rules
from bridge.mail import Mail
from bridge.rules import kinds
from bridge.rules.written import numbers

_MOST = 10**numbers.DIGITS


def convert(raw: Any, mail: Mail, moment: rules.Moment) -> int:
    value = raw if kinds.is_number(raw) else _read(kinds.text(raw))
    if not -_MOST < value < _MOST or value != int(value):  # nor is what is not finite
        raise ValueError("is no whole number")
    return int(value)


def _read(text: str) -> decimal.Decimal:
    try:
        return numbers.only(text, lambda: "")
    except ValueError as error:
        raise ValueError(str(error).replace("is no number", "is no whole number")) from None


PLUGIN = rules.KindPlugin(make=lambda _: convert, summary="A whole number.")
