"""``if: "{{ temp > 30 }}"``: looked at last, when everything that the rule takes from the mail is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge import rules
from bridge.mail import Mail
from bridge.rules import expression, nested


class Setting(expression.Expression, nested.Parsed):
    """One expression, checked at load."""

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        return {"type": "string", "examples": ["{{ temp > 30 }}"]}


class If(rules.LateCondition):
    """A missing value, or a comparison of unlike types, does not hold."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self.mentions = setting.names

    @property
    def wanted(self) -> str:
        return self._setting.source

    def judge(self, values: Mapping[str, Any]) -> rules.Outcome:
        held, saw = self._setting.holds(values)
        return rules.Outcome(held=held, saw=saw)

    def check(self, mail: Mail, moment: rules.Moment) -> rules.Outcome:
        return self.judge({})


PLUGIN = rules.ConditionPlugin(setting=Setting, make=If, summary="An expression on the values that the rule has found.")
