"""``header.X``: from the first of the header fields of that name in which it is found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import pydantic

from bridge import rules
from bridge.mail import Mail
from bridge.rules import searching


class Header(rules.Finder):
    def __init__(self, searches: Mapping[str, searching.Search]) -> None:
        ((self._name, self._search),) = searches.items()
        self.wanted = f"{self._name} {self._search.wanted}"

    def find(self, mail: Mail, moment: rules.Moment) -> str | None:
        found = (self._search.find(field) for field in mail.headers.all(self._name))
        return next((value for value in found if value is not None), None)


PLUGIN = rules.ExtractPlugin(
    setting=Annotated[dict[str, searching.Search], pydantic.Field(min_length=1, max_length=1)],
    make=Header,
    summary="A header field.",
    dotted=True,
)
