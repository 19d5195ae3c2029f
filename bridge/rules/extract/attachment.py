r"""``attachment``: an attached file, or what is in it.

{attachment: "*.jpg", type: bytes}                       the file
{attachment: {name: "*.json", json: sensor.temp}}        a value in JSON
{attachment: {name: "*.csv", column: temp}}              a field of the first row below the header
{attachment: {name: "*.txt", text: '/level=(\d+)/'}}     a regex, or true for all of it

The first attachment counts that is meant. Without a type a text is a text, and any other file its octets; one that is
larger than what is held in memory is a ``Large``, which an HTTP sink sends as a stream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from bridge import rules
from bridge.mail import Mail, limits
from bridge.mail.part import Part
from bridge.rules import attachments, csv_row, files, json_path, nested, searching, sections


class Look(Protocol):
    """What is looked for in the text of a file."""

    wanted: str

    def find(self, text: str) -> Any:
        """The value, None where there is none.

        Raises:
            ValueError: there is none, and why.
        """


_INSIDE: Mapping[str, Callable[[Any], Look]] = {
    "json": json_path.Path.parse,
    "column": csv_row.Column.parse,
    "text": searching.Search.parse,
}


class Setting(nested.Parsed):
    """Which attachment, and what in it (None: the file itself)."""

    def __init__(self, written: Any) -> None:
        keys = written if isinstance(written, Mapping) else {}
        inside = [key for key in keys if key in _INSIDE]
        if len(inside) > 1:
            raise ValueError(f"one of {' and '.join(inside)} is enough")
        self.meant = attachments.Meant.parse(written, _INSIDE)
        self.look: Look | None = None
        for key in inside:
            (self.look,) = nested.each(_INSIDE[key], [(key, keys[key])])
        self.wanted = self.meant.wanted + (f": {inside[0]} {self.look.wanted}" if self.look else "")

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        looks = {"json": json_path.Path, "column": csv_row.Column, "text": searching.Search}
        return {"anyOf": attachments.json_schemas({key: look.json_schema() for key, look in looks.items()})}


class Attachment(rules.Finder):
    """Its content is fetched only for it."""

    need = rules.Need.CONTENT

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self.wanted = f"attachment {setting.wanted}"

    def find(self, mail: Mail, moment: rules.Moment) -> Any:
        part = self._part(mail)
        if part is None:
            return None
        if not self._as_text(part):
            return files.whole(mail, part, moment)
        text = files.text(mail, part, limits.FILE_BYTES)
        return text if self._setting.look is None else _looked(self._setting.look, text, part)

    def sections(self, mail: Mail) -> sections.Sections:
        part = self._part(mail)
        if part is None:
            return {}
        return sections.file(mail, part, limits.FILE_BYTES if self._as_text(part) else limits.ATTACHMENT_BYTES)

    def _part(self, mail: Mail) -> Part | None:
        return next((part for part in mail.attachments if self._setting.meant.holds(part)), None)

    def _as_text(self, part: Part) -> bool:
        return self._setting.look is not None or (not self.octets and files.is_text(part))


def _looked(look: Look, text: str, part: Part) -> Any:
    try:
        return look.find(text)
    except ValueError as error:
        raise ValueError(f"{part.name or part.type} {error}") from None


PLUGIN = rules.ExtractPlugin(
    setting=Setting,
    make=Attachment,
    summary="An attached file, by a glob on its name or a map; with json, column or text, what is in it.",
    maps=True,
)
