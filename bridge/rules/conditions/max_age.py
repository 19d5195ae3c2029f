"""``max_age: 10m``: the mail arrived at the server no longer ago than this when it is looked at; where the rule has
another event than ``new``, that happened no longer ago.
"""

from __future__ import annotations

import math
from typing import Any

import pydantic

from bridge import rules, schema
from bridge.mail import Mail
from bridge.rules import arrival, nested
from bridge.sources import Search

_JUST_S = 0.001  # on the second it still holds
_DURATION = pydantic.TypeAdapter(schema.PositiveDuration)


class Age(nested.Parsed):
    """A duration."""

    def __init__(self, written: Any) -> None:
        self.seconds = schema.positive_duration_s(written)
        self.written = written.strip() if isinstance(written, str) else f"{self.seconds:g}s"

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        return _DURATION.json_schema()


class MaxAge(rules.Condition):
    """A mail from the future, which a skewed clock makes of one, is not too old."""

    fleeting = True

    def __init__(self, setting: Age) -> None:
        self._setting = setting

    @property
    def wanted(self) -> str:
        return f"no older than {self._setting.written}"

    def check(self, mail: Mail, moment: rules.Moment) -> rules.Outcome:
        age_s = moment.now - arrival.arrived(mail, moment.now)
        what = "arrived" if mail.event in ("new", "count") else mail.event
        return rules.Outcome(held=age_s <= self._setting.seconds, saw=f"{what} {_ago(age_s)}")

    def sought(self, moment: rules.Moment) -> Search:
        return Search(since=arrival.day_before(moment.now - self._setting.seconds - arrival.GRAIN_S))

    def until(self, mail: Mail, moment: rules.Moment) -> float | None:
        too_old = arrival.arrived(mail, math.inf) + self._setting.seconds + _JUST_S
        return too_old if too_old > moment.now else None


def _ago(age_s: float) -> str:
    if age_s < 0:
        return "in the future"
    unit, seconds = next((pair for pair in (("d", 86400), ("h", 3600), ("m", 60)) if age_s >= 2 * pair[1]), ("s", 1))
    return f"{age_s // seconds:.0f}{unit} ago"


PLUGIN = rules.ConditionPlugin(
    setting=Age,
    make=MaxAge,
    summary="The mail arrived (or what happened to it did) no longer ago than this when it is looked at.",
)
