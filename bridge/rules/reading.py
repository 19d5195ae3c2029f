"""The two texts that every mail has, its subject and what people read, for ``when`` and for ``extract``."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from bridge import rules
from bridge.mail import Mail
from bridge.rules import anchors, searching
from bridge.rules.text import NOTHING, Text, clip


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """Where such a text is taken from; "" where there is none."""

    name: str
    read: Callable[[Mail], str]
    need: rules.Need = rules.Need.HEAD

    @property
    def place(self) -> anchors.Texts:
        """Where the index over many rules looks."""
        return anchors.Texts(name=self.name, read=self.read, in_text=self.need > rules.Need.HEAD)

    def condition(self, text: Text) -> rules.Condition:
        return _Condition(self, text)

    def finder(self, search: searching.Search) -> rules.Finder:
        return _Finder(self, search)


class _Condition(rules.Condition):
    def __init__(self, reading: Reading, text: Text) -> None:
        self._reading = reading
        self._text = text
        self.need = reading.need
        self.names = text.names

    @property
    def wanted(self) -> str:
        return self._text.wanted

    def must_show(self) -> anchors.Needed:
        return self._text.must_show(self._reading.place)

    def check(self, mail: Mail, moment: rules.Moment) -> rules.Outcome:
        read = self._reading.read(mail)
        values = self._text.find(read)
        saw = clip(read) or f"no {self._reading.name}"
        return rules.Outcome(held=values is not None, saw=saw, values=values or NOTHING)


class _Finder(rules.Finder):
    def __init__(self, reading: Reading, search: searching.Search) -> None:
        self._reading = reading
        self._search = search
        self.need = reading.need
        self.wanted = f"{reading.name} {search.wanted}"

    def must_show(self) -> anchors.Needed:
        return self._search.must_show(self._reading.place)

    def find(self, mail: Mail, moment: rules.Moment) -> str | None:
        return self._search.find(self._reading.read(mail))


SUBJECT = Reading(name="subject", read=lambda mail: mail.subject)
BODY = Reading(name="body", read=lambda mail: mail.text, need=rules.Need.TEXT)
FRESH = Reading(name="fresh body", read=lambda mail: mail.fresh, need=rules.Need.TEXT)
