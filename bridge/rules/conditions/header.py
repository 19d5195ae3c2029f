"""``header: {List-Id: …}``: a text for any header; all that are named have to hold, each for one of the fields of
that name.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Annotated, Any

import pydantic

from bridge import rules
from bridge.mail import Mail
from bridge.rules import anchors
from bridge.rules.text import NOTHING, Text, clip


class Header(rules.Condition):
    """Header names in any case."""

    def __init__(self, texts: Mapping[str, Text]) -> None:
        self._texts = texts
        self.names = frozenset[str]().union(*(text.names for text in texts.values()))

    @property
    def wanted(self) -> str:
        return ", ".join(f"{name} {text.wanted}" for name, text in self._texts.items())

    def must_show(self) -> anchors.Needed:
        return anchors.all_of(one for name, text in self._texts.items() for one in _anchors(name.lower(), text))

    def check(self, mail: Mail, moment: rules.Moment) -> rules.Outcome:
        values: dict[str, Any] = {}
        saw, held = [], True
        for name, text in self._texts.items():
            fields = mail.headers.all(name)
            matching = ((field, found) for field in fields if (found := text.find(field)) is not None)
            field, found = next(matching, (fields[0] if fields else "", None))
            held = held and found is not None
            values.update(found or NOTHING)
            saw.append(f"{name}: {field}" if fields else f"no {name}")
        return rules.Outcome(held=held, saw=clip(", ".join(saw)), values=values)


_NAMES = anchors.Keys(name="header names", read=lambda mail: mail.headers.names())


def _anchors(name: str, text: Text) -> tuple[anchors.Needed, ...]:
    """The field is there, and shows what the text needs."""
    return anchors.Anchor(_NAMES, name), text.must_show(_place(name))


@functools.cache
def _place(name: str) -> anchors.Texts:
    return anchors.Texts(name=f"header {name}", read=lambda mail: "\n".join(mail.headers.all(name)))


PLUGIN = rules.ConditionPlugin(
    setting=Annotated[dict[str, Text], pydantic.Field(min_length=1)],
    make=Header,
    summary="A text for each header that is named.",
)
