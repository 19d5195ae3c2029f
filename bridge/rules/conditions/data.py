"""``data: {ParcelDelivery.trackingNumber: …}``: texts for the schema.org data in the mail's HTML, JSON-LD or Microdata;
``true`` where it has to be there, ``false`` where it must not. All that are named have to hold, each for one of the
values that are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge import rules
from bridge.mail import Mail
from bridge.rules import fields, kinds, named, nested, sections
from bridge.rules.sections import Sections
from bridge.rules.text import NOTHING, Text, clip


class Setting(nested.Parsed):
    """A map of paths, each to a text, or to whether it is there."""

    def __init__(self, written: Any) -> None:
        if not isinstance(written, Mapping) or not written:
            raise ValueError("write a map, such as { ParcelDelivery.trackingNumber: true }")
        paths = nested.each(fields.Path.parse, ((key, key) for key in written))
        wanted = nested.each(_wanted, written.items())
        self.fields = list(zip(paths, wanted, strict=True))

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        text = {"anyOf": [Text.json_schema(), {"type": "boolean"}]}
        names = fields.Path.json_schema()["pattern"]
        return {
            "type": "object",
            "patternProperties": {names: text},
            "additionalProperties": False,
            "minProperties": 1,
            "examples": [{"ParcelDelivery.trackingNumber": True}],
        }


def _wanted(value: Any) -> Text | bool:
    return value if isinstance(value, bool) else Text.parse(value)


class Data(rules.Condition):
    need = rules.Need.CONTENT

    def __init__(self, setting: Setting) -> None:
        self._fields = setting.fields
        self.names = named.together(text.names for _, text in self._fields if isinstance(text, Text))

    @property
    def wanted(self) -> str:
        return ", ".join(f"{path.written} {_told(text)}" for path, text in self._fields)

    def sections(self, mail: Mail) -> Sections:
        return sections.html(mail)

    def check(self, mail: Mail, moment: rules.Moment) -> rules.Outcome:
        values: dict[str, Any] = {}
        saw, held = [], True
        for path, wanted in self._fields:
            found = [_text(value) for value in path.values(mail.data)]
            seen, more = _matched(found, wanted)
            held = held and more is not None
            values.update(more or NOTHING)
            saw.append(f"{path.written}: {seen}" if found else f"no {path.written}")
        told = ", ".join(saw) if mail.data else "no schema.org data"
        return rules.Outcome(held=held, saw=clip(told), values=values if held else NOTHING)


def _told(wanted: Text | bool) -> str:
    if isinstance(wanted, bool):
        return "is there" if wanted else "is not there"
    return wanted.wanted


def _matched(found: list[str], wanted: Text | bool) -> tuple[str, Mapping[str, Any] | None]:
    """(the value to show, the values of its named groups; None where it does not hold)."""
    first = found[0] if found else ""
    if isinstance(wanted, bool):
        return first, NOTHING if wanted == bool(found) else None
    pairs = ((text, values) for text in found if (values := wanted.find(text)) is not None)
    return next(pairs, (first, None))


def _text(value: Any) -> str:
    """An item in data is no text, but it is there."""
    return "" if isinstance(value, dict) else kinds.text(value)


PLUGIN = rules.ConditionPlugin(
    setting=Setting,
    make=Data,
    summary="Texts for the schema.org data in the HTML, such as ParcelDelivery.trackingNumber.",
)
