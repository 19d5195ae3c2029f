"""``repeated: {min: 3, within: 10m, per: "{{ mail.subject }}"}``: at least the third mail in that time for which the
other keys hold. ``3/10m`` for short.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import pydantic

from bridge import rules, schema
from bridge.mail import Mail
from bridge.rules import arrival, claims, counting, nested


class Keys(schema.Model):
    """How often, in which time, and what is counted together."""

    min: Annotated[pydantic.StrictInt, pydantic.Field(ge=2, le=claims.MOST)] = pydantic.Field(
        description="From which mail on it holds; the fourth, fifth … hold, too."
    )
    within: schema.PositiveDuration = pydantic.Field(description="By the arrival of the mails.")
    per: counting.Per | None = pydantic.Field(None, description="A template: mails are counted for each of its texts.")


class Setting(nested.Parsed):
    """A map of these keys, or ``3/10m``."""

    def __init__(self, written: Any) -> None:
        if isinstance(written, str) and (short := counting.short(written)):
            self.keys = _from_short(*short)
            return
        if not isinstance(written, Mapping):
            raise ValueError("write it like 3/10m, or { min: 3, within: 10m, per: … }")  # noqa: TRY004 — pydantic wants ValueError
        known = schema.known_keys(Keys)
        wrong: list[tuple[nested.Place, str]] = [
            ((key,), nested.unknown(key, known - set(written))) for key in written if key not in known
        ]
        meant = " ".join(message for _, message in wrong)
        try:
            self.keys = Keys.model_validate({key: written[key] for key in written if key in known})
        except pydantic.ValidationError as error:
            wrong += [
                (at, text) for at, text in nested.faults(error) if text != "missing" or f'"{at[-1]}"' not in meant
            ]
        if wrong:
            raise nested.error(wrong)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        return {"anyOf": [counting.short_schema("3/10m"), Keys.model_json_schema()]}


def _from_short(number: int, within: str) -> Keys:
    try:
        return Keys(min=number, within=within)
    except pydantic.ValidationError as error:
        raise counting.in_one_line(error) from None


class Repeated(rules.CountedCondition):
    """Counts the mails of all mailboxes that its rule looks at."""

    def __init__(self, setting: Setting) -> None:
        keys = setting.keys
        self._counter = counting.Counter("repeated", keys.min, keys.within, keys.per)
        self.mentions = self._counter.names
        self.per = keys.per or ""

    @property
    def wanted(self) -> str:
        return self._counter.wanted

    def check(self, mail: Mail, moment: rules.Moment) -> rules.Outcome:
        return rules.Outcome(held=False, saw="counted when the mail is recorded")

    def claim(self, rule: str, mail: Mail, moment: rules.Moment, values: Mapping[str, Any]) -> rules.Claim:
        """A mail that seems to come from the future has come now."""
        return self._counter.claim(rule, min(arrival.at(mail), moment.now), values)


PLUGIN = rules.ConditionPlugin(
    setting=Setting,
    make=Repeated,
    summary="At least so many mails in so much time, with this one, for which the other keys hold.",
)
