"""``body``: a text on what people read: text/plain, else HTML turned to text.

``{fresh: …}`` is a text on what of it is new: without quoted history and signature. It may stand beside the other
forms of that map, and in a list.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pydantic

from bridge import rules
from bridge.mail import Mail
from bridge.rules import anchors, named, nested, reading
from bridge.rules.text import NAMES, NOTHING, Text, clip

_FRESH = "fresh"
Values = Mapping[str, Any]


class Body(nested.Parsed):
    """One of these has to hold; of each, all."""

    def __init__(self, written: Any) -> None:
        is_list = isinstance(written, list | tuple) and len(written) > 0
        found = nested.each(_alternative, enumerate(written)) if is_list else [_alternative(written)]
        self.alternatives: list[list[tuple[reading.Reading, Text]]] = found
        texts = [text for one in found for _, text in one]
        self.names = named.together(text.names for text in texts)
        self.wanted = " or ".join(" and ".join(map(_wanted, one)) for one in found)
        self.is_fresh = any(read is reading.FRESH for one in found for read, _ in one)

    def find(self, mail: Mail) -> Values | None:
        """The values of the named groups where it holds, else None."""
        return next((values for one in self.alternatives if (values := _all(one, mail)) is not None), None)

    def must_show(self) -> anchors.Needed:
        """As ``rules.Condition.must_show``."""
        forms = ((text.must_show(read.place) for read, text in one) for one in self.alternatives)
        return anchors.any_of(anchors.all_of(one) for one in forms)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        schema = Text.json_schema()
        *_, keys = schema["anyOf"]
        keys["properties"] = {**keys["properties"], _FRESH: Text.json_schema()}
        return schema


def _alternative(value: Any) -> list[tuple[reading.Reading, Text]]:
    """A map's forms one by one, so that all that is wrong is told; anything else is one form."""
    if not isinstance(value, Mapping) or not value:
        return [(reading.BODY, Text.parse(value))]
    found, wrong = [], []
    for key, one in value.items():
        try:
            found.append(_form(key, one))
        except pydantic.ValidationError as error:
            wrong += nested.faults(error)
    if wrong:
        raise nested.error(wrong)
    return found


def _form(key: Any, value: Any) -> tuple[reading.Reading, Text]:
    if key == _FRESH:
        return reading.FRESH, nested.each(Text.parse, [(key, value)])[0]
    if key not in NAMES:
        raise nested.error([((key,), nested.unknown(key, (*NAMES, _FRESH)))])
    return reading.BODY, Text.parse({key: value})


def _wanted(form: tuple[reading.Reading, Text]) -> str:
    read, text = form
    return f"what is new {text.wanted}" if read is reading.FRESH else text.wanted


def _all(forms: list[tuple[reading.Reading, Text]], mail: Mail) -> Values | None:
    values: dict[str, Any] = {}
    for read, text in forms:
        if (found := text.find(read.read(mail))) is None:
            return None
        values.update(found)
    return values or NOTHING


class BodyCondition(rules.Condition):
    """The readable text."""

    need = rules.Need.TEXT

    def __init__(self, body: Body) -> None:
        self._body = body
        self._shown = reading.FRESH if body.is_fresh else reading.BODY
        self.names = body.names

    @property
    def wanted(self) -> str:
        return self._body.wanted

    def must_show(self) -> anchors.Needed:
        return self._body.must_show()

    def check(self, mail: Mail, moment: rules.Moment) -> rules.Outcome:
        values = self._body.find(mail)
        saw = clip(self._shown.read(mail)) or f"no {self._shown.name}"
        return rules.Outcome(held=values is not None, saw=saw, values=values or NOTHING)


PLUGIN = rules.ConditionPlugin(
    setting=Body,
    make=BodyCondition,
    summary="A text on the readable text; fresh: on that without quoted history and signature.",
)
