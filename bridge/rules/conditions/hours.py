"""``hours: 22:00-06:00``: the time of day at which the mail arrived, by the bridge's clock on the wall."""

from __future__ import annotations

import re
from typing import Any

from bridge import rules
from bridge.mail import Mail
from bridge.rules import arrival, nested, wallclock

_DASH = re.compile("[-\N{EN DASH}]")


class Span:
    """From a minute of the day up to, not including, another; across midnight where that comes first."""

    def __init__(self, written: Any) -> None:
        """
        Raises:
            ValueError: it is no span, or an empty one.
        """
        ends = _DASH.split(written) if isinstance(written, str) else []
        if len(ends) != 2:
            raise ValueError("write from when to when, like 22:00-06:00")
        self.start, self.end = map(wallclock.minutes, ends)
        if self.start in {self.end, wallclock.MINUTES}:
            raise ValueError("it ends when it begins; for the whole day leave the key out")

    def __contains__(self, minute: int) -> bool:
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end

    def __str__(self) -> str:
        return f"{wallclock.shown(self.start)}-{wallclock.shown(self.end)}"


class Spans(nested.Parsed):
    """A span, or a list of which any has to hold."""

    def __init__(self, written: Any) -> None:
        many = isinstance(written, list | tuple)
        if many and not written:
            raise ValueError("an empty list holds for nothing")
        self.spans = nested.each(Span, enumerate(written)) if many else [Span(written)]

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        span = {
            "type": "string",
            "pattern": "^\\s*\\d{1,2}(:\\d{2})?\\s*[-\N{EN DASH}]\\s*\\d{1,2}(:\\d{2})?\\s*$",
            "examples": ["22:00-06:00"],
        }
        return {"anyOf": [span, {"type": "array", "items": span, "minItems": 1}]}


class Hours(rules.Condition):
    """Days on which the clock is put forward or back need no care: what counts is what the clock showed."""

    def __init__(self, setting: Spans) -> None:
        self._spans = setting.spans

    @property
    def wanted(self) -> str:
        return " or ".join(map(str, self._spans))

    def check(self, mail: Mail, moment: rules.Moment) -> rules.Outcome:
        when = arrival.local(mail, moment.zone)
        minute = when.hour * 60 + when.minute
        return rules.Outcome(held=any(minute in span for span in self._spans), saw=arrival.shown(when))


PLUGIN = rules.ConditionPlugin(
    setting=Spans, make=Hours, summary="The time of day at which the mail arrived, such as 22:00-06:00; or a list."
)
