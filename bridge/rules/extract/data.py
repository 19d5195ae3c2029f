"""``data: ParcelDelivery.trackingNumber``: from the schema.org data in the mail's HTML, JSON-LD or Microdata.

A text, a number or true and false stay what they are, dates stay texts (``type: datetime`` makes one), and a path that
ends at an item gives the item, a map.
"""

from __future__ import annotations

from typing import Any

from bridge import rules
from bridge.mail import Mail
from bridge.rules import fields, sections
from bridge.rules.sections import Sections


class Data(rules.Finder):
    need = rules.Need.CONTENT

    def __init__(self, path: fields.Path) -> None:
        self._path = path
        self.wanted = f"data {path.written}"

    def sections(self, mail: Mail) -> Sections:
        return sections.html(mail)

    def find(self, mail: Mail, moment: rules.Moment) -> Any:
        return next(self._path.values(mail.data), None)


PLUGIN = rules.ExtractPlugin(
    setting=fields.Path,
    make=Data,
    summary="The schema.org data in the HTML, such as ParcelDelivery.trackingNumber.",
    maps=True,
)
