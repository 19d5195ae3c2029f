"""``attachment: "*.jpg"``: what is attached, an attached mail too; ``true`` for anything, ``false`` for nothing."""

from __future__ import annotations

from typing import Any

from bridge import rules
from bridge.mail import Mail
from bridge.rules import attachments, nested


class Setting(nested.Parsed):
    """One attachment that is meant, or a list of which any has to be there; or that there is none."""

    def __init__(self, written: Any) -> None:
        many = isinstance(written, list | tuple)
        if many and not written:
            raise ValueError("an empty list holds for nothing")
        self.none = written is False
        parse = attachments.Meant.parse
        self.meant = nested.each(parse, enumerate(written)) if many else [parse(True if self.none else written)]

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        one = attachments.json_schemas()
        return {"anyOf": [*one, {"const": False}, {"type": "array", "items": {"anyOf": one}, "minItems": 1}]}


class Attachment(rules.Condition):
    """One attachment has to meet all keys of a map. Judged by the structure of the mail."""

    parts = True

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    @property
    def wanted(self) -> str:
        return "no attachment" if self._setting.none else " or ".join(one.wanted for one in self._setting.meant)

    def check(self, mail: Mail, moment: rules.Moment) -> rules.Outcome:
        found = any(one.holds(part) for part in mail.attachments for one in self._setting.meant)
        return rules.Outcome(held=found != self._setting.none, saw=attachments.saw(mail.attachments))


PLUGIN = rules.ConditionPlugin(
    setting=Setting,
    make=Attachment,
    summary="A glob on the name of an attached file, {name, type, larger, smaller}, or a list; true or false.",
)
