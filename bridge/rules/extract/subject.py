"""``subject``: from the decoded Subject."""

from __future__ import annotations

from bridge import rules
from bridge.mail import Mail
from bridge.rules import searching


class Subject:
    need = rules.Need.HEAD

    def __init__(self, search: searching.Search) -> None:
        self._search = search
        self.wanted = f"subject {search.wanted}"

    def find(self, mail: Mail, moment: rules.Moment) -> str | None:
        return self._search.find(mail.subject)


PLUGIN = rules.ExtractPlugin(setting=searching.Search, make=Subject, summary="The subject.")
