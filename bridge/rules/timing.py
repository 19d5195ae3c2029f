"""``delay``, ``expires``, ``reset.after``: a duration, or a template that gives one or a moment.

delay: 30s                              from the match
delay: "{{ start }}"                    a datetime: then; one without a zone is in the bridge's
delay: "{{ (start | timestamp) - 600 }}"   POSIX seconds: ten minutes before
delay: "{{ minutes }}m"                 a duration as it is written, or a number of seconds
"""

from __future__ import annotations

import dataclasses
import datetime
import math
from collections.abc import Mapping
from typing import Annotated, Any

import pydantic

from bridge import errors, schema
from bridge.rules import failing, named, tags, template

POSIX_S = 1e9  # a number from here on is a moment: nothing waits for 31 years
_LATEST = datetime.datetime.max.replace(tzinfo=datetime.UTC).timestamp()


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Time:
    """A duration from somewhere, or a moment."""

    seconds: float  # POSIX seconds for a moment
    is_moment: bool = False

    def after(self, start: float) -> float:
        """The moment, POSIX seconds."""
        return self.seconds if self.is_moment else start + self.seconds


class Timing:
    """One of the keys, compiled."""

    def __init__(self, written: float | str) -> None:
        """
        Raises:
            ValueError: the template does not parse.
        """
        self._made = template.Template(written) if isinstance(written, str) else Time(seconds=written)
        self.names = named.NOBODY if isinstance(self._made, Time) else self._made.names

    def render(self, values: Mapping[str, Any], zone: datetime.tzinfo) -> Time:
        """
        Raises:
            errors.RuleError: a value is missing, or what comes out is no time.
        """
        return self._made if isinstance(self._made, Time) else read(self._made.render(values), zone)

    def found(self, values: Mapping[str, Any], zone: datetime.tzinfo) -> Time | str:
        """The time, or why there is none."""
        try:
            return self.render(values, zone)
        except Exception as error:  # noqa: BLE001 — whatever it is, it costs this delivery alone
            return failing.reason(error)


def read(value: Any, zone: datetime.tzinfo) -> Time:
    """
    Raises:
        errors.RuleError: it is neither a moment nor a duration. What it is instead is not told: it may be the mail's.
    """
    try:
        found = _read(value, zone)
    except (ValueError, OverflowError):
        found = None
    if found is None or not math.isfinite(found.seconds) or abs(found.seconds) > _LATEST:
        kind = "a text" if isinstance(value, str) else type(value).__name__
        raise errors.RuleError(f"{kind} that is neither a time nor a duration")
    return found


def _read(value: Any, zone: datetime.tzinfo) -> Time | None:
    if isinstance(value, str):
        return _written(value.strip(), zone)
    if isinstance(value, datetime.timedelta):
        return Time(seconds=value.total_seconds())
    if isinstance(value, datetime.date):
        return _moment(value, zone)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Time(seconds=float(value), is_moment=value >= POSIX_S)
    return None


def _written(text: str, zone: datetime.tzinfo) -> Time:
    """``5m``, or ISO 8601."""
    try:
        return Time(seconds=schema.duration_s(text))
    except ValueError:
        return _moment(datetime.datetime.fromisoformat(text), zone)


def _moment(value: datetime.date, zone: datetime.tzinfo) -> Time:
    """A day is its midnight."""
    when = value if isinstance(value, datetime.datetime) else datetime.datetime.combine(value, datetime.time())
    return Time(seconds=(when if when.tzinfo else when.replace(tzinfo=zone)).timestamp(), is_moment=True)


# As admins write it.


def _setting(value: Any) -> Any:
    return value if tags.is_template(value) else schema.duration_s(value)


_DURATION = pydantic.TypeAdapter(schema.Duration).json_schema()
_TEMPLATE = {
    "type": "string",
    "pattern": r"\{[{%]",
    "examples": ["{{ start }}"],
    "description": "A template that gives a datetime, or a duration.",
}
Setting = Annotated[
    float | str,
    pydantic.BeforeValidator(_setting),
    pydantic.WithJsonSchema({"anyOf": [_DURATION, _TEMPLATE]}),
]
