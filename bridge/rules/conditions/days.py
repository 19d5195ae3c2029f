"""``days: [sat, sun]``: the day of the week on which the mail arrived, in the bridge's time zone."""

from __future__ import annotations

from typing import Any

from bridge import rules
from bridge.mail import Mail
from bridge.rules import arrival, nested, wallclock

_GROUPS = {"weekdays": frozenset(range(5)), "weekend": frozenset((5, 6))}
_WORDS = tuple(_GROUPS)


class Days(nested.Parsed):
    """A day, a span of days, ``weekdays`` or ``weekend``; or a list of these."""

    def __init__(self, written: Any) -> None:
        many = isinstance(written, list | tuple)
        if many and not written:
            raise ValueError("an empty list holds for nothing")
        found = nested.each(_days, enumerate(written)) if many else [_days(written)]
        self.days = frozenset[int]().union(*found)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        words = [*wallclock.SHORT, *_WORDS, "mon-fri"]
        one = {"type": "string", "pattern": "^\\s*[A-Za-z]+\\s*(-\\s*[A-Za-z]+\\s*)?$", "examples": words}
        return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}


def _days(written: Any) -> frozenset[int]:
    if not isinstance(written, str) or not written.strip():
        raise ValueError("write a day like mon, a span like mon-fri, weekdays or weekend")
    if (word := written.strip().lower()) in _GROUPS:
        return _GROUPS[word]
    first, dash, last = word.partition("-")
    start = wallclock.weekday(first, () if dash else _WORDS)
    length = (wallclock.weekday(last) - start) % 7 if dash else 0
    return frozenset((start + n) % 7 for n in range(length + 1))


class OnDays(rules.Condition):
    def __init__(self, setting: Days) -> None:
        self._days = setting.days

    @property
    def wanted(self) -> str:
        return ", ".join(wallclock.SHORT[day] for day in sorted(self._days))

    def check(self, mail: Mail, moment: rules.Moment) -> rules.Outcome:
        when = arrival.local(mail, moment.zone)
        return rules.Outcome(held=when.weekday() in self._days, saw=arrival.shown(when))


PLUGIN = rules.ConditionPlugin(
    setting=Days,
    make=OnDays,
    summary="The day on which the mail arrived: mon … sun, mon-fri, weekdays, weekend; or a list.",
)
