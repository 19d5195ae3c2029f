"""``float``: a number, as people write it: ``1.234,5``, ``1,234.5``, ``21.5 °C`` (``written.numbers`` has the rules).

A percent sign is a unit like any other: ``12%`` is 12.
"""

from __future__ import annotations

import decimal
import math
from typing import Any

from bridge import rules
from bridge.mail import Mail
from bridge.rules import kinds
from bridge.rules.written import numbers


def convert(raw: Any, mail: Mail, moment: rules.Moment) -> float:
    if kinds.is_number(raw):
        return finite(raw)
    return finite(numbers.only(kinds.text(raw), lambda: numbers.habit(mail) or "."))


def finite(value: decimal.Decimal | float) -> float:
    """
    Raises:
        ValueError: no float has this value.
    """
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise ValueError("is no number")
    return found


PLUGIN = rules.KindPlugin(make=lambda _: convert, summary="A number.")
