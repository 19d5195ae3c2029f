"""``header: {List-Id: …}``: a text for any header; all that are named have to hold, each for one of the fields of
that name. ``true`` where it has to be there, ``false`` where it must not.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import pydantic

from bridge import rules
from bridge.mail import Mail
from bridge.rules import anchors, named, nested
from bridge.rules.text import NOTHING, Text, clip


class _Wanted(nested.Parsed):
    """A text, or whether the header is there."""

    def __init__(self, written: Any) -> None:
        self.text = None if isinstance(written, bool) else Text.parse(written)
        self.is_there = written is not False
        self.names = self.text.names if self.text is not None else named.NOBODY
        self.told = self.text.wanted if self.text is not None else "is there" if self.is_there else "is not there"

    def find(self, field: str) -> Mapping[str, Any] | None:
        return NOTHING if self.text is None else self.text.find(field)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        return {"anyOf": [Text.json_schema(), {"type": "boolean"}]}


class Header(rules.Condition):
    """Header names in any case."""

    def __init__(self, texts: Mapping[str, _Wanted]) -> None:
        self._texts = texts
        self.names = named.together(text.names for text in texts.values())

    @property
    def wanted(self) -> str:
        return ", ".join(f"{name} {text.told}" for name, text in self._texts.items())

    def must_show(self) -> anchors.Needed:
        return anchors.all_of(one for name, text in self._texts.items() for one in _anchors(name.lower(), text))

    def check(self, mail: Mail, moment: rules.Moment) -> rules.Outcome:
        values: dict[str, Any] = {}
        saw, held = [], True
        for name, text in self._texts.items():
            fields = mail.headers.all(name)
            matching = ((field, found) for field in fields if (found := text.find(field)) is not None)
            field, found = next(matching, (fields[0] if fields else "", None))
            held = held and (found is not None) == text.is_there
            values.update(found or NOTHING)
            saw.append(f"{name}: {field}" if fields else f"no {name}")
        return rules.Outcome(held=held, saw=clip(", ".join(saw)), values=values)


_NAMES = anchors.Keys(name="header names", read=lambda mail: mail.headers.names())


def _anchors(name: str, wanted: _Wanted) -> Iterator[anchors.Needed]:
    """The field is there, and shows what the text needs."""
    if wanted.is_there:
        yield anchors.Anchor(_NAMES, name)
    if wanted.text is not None:
        yield wanted.text.must_show(_place(name))


@functools.cache
def _place(name: str) -> anchors.Texts:
    return anchors.Texts(name=f"header {name}", read=lambda mail: "\n".join(mail.headers.all(name)))


PLUGIN = rules.ConditionPlugin(
    setting=Annotated[dict[str, _Wanted], pydantic.Field(min_length=1)],
    make=Header,
    summary="A text for each header that is named; true or false for whether it is there.",
)
