"""``calendar: {summary: …, method: request}``: texts on the fields of the invitation; ``true`` for any invitation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge import rules
from bridge.mail import Mail, calendar_
from bridge.rules import invitation, kinds, named, nested, sections
from bridge.rules.text import NOTHING, Text, clip

_SHOWN = ("method", "summary", "start")
_SAW_CHARS = 200


class Setting(nested.Parsed):
    """Texts by field: all have to hold. ``true`` for any invitation, ``false`` for none."""

    def __init__(self, written: Any) -> None:
        if not isinstance(written, bool | Mapping) or written == {}:
            raise ValueError("write {summary: …, method: request}, or true for any invitation")
        self.none = written is False
        fields = written if isinstance(written, Mapping) else {}
        if wrong := [((key,), nested.unknown(key, calendar_.FIELDS)) for key in fields if key not in calendar_.FIELDS]:
            raise nested.error(wrong)
        texts = nested.each(_text, ((key, (key, value)) for key, value in fields.items()))
        self.texts = dict(zip(fields, texts, strict=True))

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        texts = dict.fromkeys(calendar_.FIELDS, Text.json_schema()) | {"all_day": {"type": "boolean"}}
        keys = {"type": "object", "properties": texts, "additionalProperties": False, "minProperties": 1}
        return {"anyOf": [keys, {"type": "boolean"}]}


def _text(item: tuple[str, Any]) -> Text:
    key, value = item
    return Text.parse(kinds.text(value) if key == "all_day" and isinstance(value, bool) else value)


class Calendar(rules.Condition):
    """The texts of times are as ``2026-11-05T09:00:00+01:00``."""

    need = rules.Need.CONTENT

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self.names = named.together(text.names for text in setting.texts.values())
        calendar_.ready()

    @property
    def wanted(self) -> str:
        texts = ", ".join(f"{field} {text.wanted}" for field, text in self._setting.texts.items())
        return texts or ("no invitation" if self._setting.none else "an invitation")

    def sections(self, mail: Mail) -> sections.Sections:
        return invitation.needed(mail)

    def check(self, mail: Mail, moment: rules.Moment) -> rules.Outcome:
        try:
            event = invitation.event(mail, moment.zone)
        except ValueError as error:
            return rules.Outcome(held=False, saw=clip(str(error)))
        if event is None or self._setting.none:
            return rules.Outcome(held=(event is None) == self._setting.none, saw=_saw(event, ()))
        values: dict[str, Any] = {}
        held = True
        for field, text in self._setting.texts.items():
            found = _find(text, event, field)
            held = held and found is not None
            values.update(found or NOTHING)
        return rules.Outcome(held=held, saw=_saw(event, self._setting.texts), values=values)


def _find(text: Text, event: calendar_.Event, field: str) -> Mapping[str, Any] | None:
    """One of the attendees is enough."""
    value = event.attendee if field == "attendee" else (getattr(event, field),)
    found = (text.find(kinds.text(one)) for one in value if one is not None)
    return next((values for values in found if values is not None), None)


def _saw(event: calendar_.Event | None, fields: Any) -> str:
    if event is None:
        return "no invitation"
    shown = ((field, event.plain(field)) for field in fields or _SHOWN)
    return clip(
        ", ".join(f"no {field}" if value is None else f"{field} {kinds.text(value)}" for field, value in shown),
        _SAW_CHARS,
    )


PLUGIN = rules.ConditionPlugin(
    setting=Setting,
    make=Calendar,
    summary="Texts on the fields of the invitation, such as {method: request}; true for any invitation.",
)
