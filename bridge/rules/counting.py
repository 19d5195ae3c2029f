"""What ``throttle`` and ``repeated`` have in common: a number, a time, and a template that says what is counted
together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pydantic

from bridge import rules, schema
from bridge.rules import claims, named, nested, template
from bridge.rules.text import clip


def _parses(per: str) -> str:
    template.Template(per)
    return per


Per = Annotated[str, pydantic.Field(min_length=1), pydantic.AfterValidator(_parses)]
_WRITE = "write it like 5/1m, or { max: 5, within: 1m, per: … }"
_SHORT = re.compile(r"\s*(\d{1,9})\s*/\s*(\S.*)")


class Throttle(schema.Model):
    """At most so many firings in any such time; the rest is dropped, and told of in one summary. ``5/1m`` for short."""

    max: Annotated[pydantic.StrictInt, pydantic.Field(ge=1, le=claims.MOST)] = pydantic.Field(
        description="Firings that send something."
    )
    within: schema.PositiveDuration = pydantic.Field(description="By the time at which the mails are looked at.")
    per: Per | None = pydantic.Field(None, description="A template: firings are counted for each of its texts.")

    @property
    def counter(self) -> Counter:
        return Counter("throttle", self.max, self.within, self.per)


def short(written: str) -> tuple[int, str] | None:
    """``5/1m`` → (5, ``1m``); None where it is not written like that."""
    match = _SHORT.fullmatch(written)
    return (int(match[1]), match[2].strip()) if match else None


def short_schema(example: str) -> dict[str, Any]:
    """The JSON Schema of ``5/1m``."""
    return {"type": "string", "pattern": r"^\s*\d+\s*/\s*\d", "examples": [example]}


def in_one_line(error: pydantic.ValidationError) -> ValueError:
    """What is wrong with a map that stands in the file as ``5/1m``: its keys are not there."""
    return ValueError("; ".join(f"{at[-1]}: {message}" for at, message in nested.faults(error)))


def _from_short(value: Any) -> Any:
    if isinstance(value, int | float):
        raise ValueError(_WRITE)  # noqa: TRY004 — pydantic wants ValueError
    if not isinstance(value, str):
        return value
    if not (found := short(value)):
        raise ValueError(_WRITE)
    try:
        return Throttle(max=found[0], within=found[1])
    except pydantic.ValidationError as error:
        raise in_one_line(error) from None


class _Short:
    """The schema of ``5/1m`` beside that of the map."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: pydantic.GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [short_schema("5/1m"), handler(core)]}


AnyThrottle = Annotated[Throttle, pydantic.BeforeValidator(_from_short), _Short]


class Counter:
    """Made once at load: what a rule claims for each mail that it matches."""

    def __init__(self, kind: Literal["repeated", "throttle"], number: int, within_s: float, per: str | None) -> None:
        """
        Raises:
            ValueError: ``per`` does not parse.
        """
        self._kind = kind
        self._number = number
        self._within_s = within_s
        self._per = template.Template(per) if per is not None else None
        self.names = self._per.names if self._per is not None else named.NOBODY
        self.wanted = claims.phrase(kind, number, within_s)

    def claim(self, rule: str, at: float, values: Mapping[str, Any]) -> rules.Claim:
        """
        Raises:
            errors.RuleError: ``per`` has no value.
        """
        per = self._per.text(values) if self._per is not None else ""
        return rules.Claim(
            kind=self._kind,
            rule=rule,
            key=claims.key(rule, self._kind, per),
            number=self._number,
            within_s=self._within_s,
            at=at,
            shown=clip(per),
        )
