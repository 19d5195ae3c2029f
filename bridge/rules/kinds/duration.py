"""``duration``: a length of time, as seconds: ``1h 30m`` is 5400 (``written.lengths`` has the rules).

Seconds, since a number is what a payload carries, ``if: "{{ d > 60 }}"`` compares and a template can calculate with; a
number that was found (in JSON) is taken as seconds.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from bridge import rules, schema
from bridge.mail import Mail
from bridge.rules import kinds
from bridge.rules.kinds import float_


def make(options: schema.Model) -> Callable[[Any, Mail, rules.Moment], float]:
    from bridge.rules.written import lengths

    def convert(raw: Any, mail: Mail, moment: rules.Moment) -> float:
        if isinstance(raw, datetime.timedelta):
            return lengths.checked(raw.total_seconds())
        if kinds.is_number(raw):
            return lengths.checked(float_.finite(raw))
        return lengths.seconds(kinds.text(raw))

    return convert


PLUGIN = rules.KindPlugin(make=make, summary="A length of time, in seconds.")
