"""``amount``: a sum of money, without its currency: ``EUR 1.234,50`` is 1234.5 (``written.money`` has the rules).

In a longer text it is the first number that stands with a currency's sign or code. (price-parser takes the first number
of all, loses its minus, and needs 90 s for 100,000 digits.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bridge import rules, schema
from bridge.mail import Mail
from bridge.rules import kinds
from bridge.rules.kinds import float_

TEXT_CHARS = 65_536  # of a text in which a sum is looked for


def make(options: schema.Model) -> Callable[[Any, Mail, rules.Moment], float]:
    from bridge.rules.written import money

    def convert(raw: Any, mail: Mail, moment: rules.Moment) -> float:
        if kinds.is_number(raw):
            return float_.finite(raw)
        return float_.finite(money.first(kinds.text(raw)[:TEXT_CHARS], mail))

    return convert


PLUGIN = rules.KindPlugin(make=make, summary="A sum of money, as a number.")
