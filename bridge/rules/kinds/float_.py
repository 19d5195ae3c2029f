"""``float``: a number, as people write it: ``1.234,5``, ``1,234.5``, ``21.5 °C`` (``written.numbers`` has the rules).

A percent sign is a unit like any other: ``12%`` is 12.
"""

from __future__ import annotations

import math
from typing import Any

from bridge import rules
from bridge.mail import Mail
from bridge.rules import kinds
from bridge.rules.written import numbers


def convert(raw: Any, mail: Mail, moment: rules.Moment) -> float:
    try:
        value = float(raw if kinds.is_number(raw) else numbers.only(kinds.text(raw), lambda: numbers.habit(mail) or "."))
    except OverflowError:
        raise ValueError("is no number") from None
    if not math.isfinite(value):
        raise ValueError("is no number")
    return value


PLUGIN = rules.KindPlugin(make=lambda _: convert, summary="A number.")
