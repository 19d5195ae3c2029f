"""``body``: from the readable text."""

from __future__ import annotations

from bridge import rules
from bridge.mail import Mail
from bridge.rules import searching


class Body:
    need = rules.Need.TEXT

    def __init__(self, search: searching.Search) -> None:
        self._search = search
        self.wanted = f"body {search.wanted}"

    def find(self, mail: Mail, moment: rules.Moment) -> str | None:
        return self._search.find(mail.text)


PLUGIN = rules.ExtractPlugin(setting=searching.Search, make=Body, summary="The readable text.")
