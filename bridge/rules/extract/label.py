r"""``label: Temperature``: what stands right of a label, or below it, in a text or a table (``rules.labels`` says how).

temp: { label: Temperature, type: float }
temp: { label: [Temperature, Temperatur, '/T(emp)?\.? outside/'], type: float }     # any of these

What people read is looked through first, and the tables of the HTML where that has none: a text/plain beside HTML has
often lost them. Where HTML is what people read, its tables come first, since they know their empty cells.
"""

from __future__ import annotations

from typing import Any

from bridge import rules
from bridge.mail import Mail
from bridge.rules import labels, nested, sections
from bridge.rules.sections import Sections
from bridge.rules.text import clip


class Setting(nested.Parsed):
    """A label, a regex, or a list of them."""

    def __init__(self, written: Any) -> None:
        many = isinstance(written, list | tuple)
        if many and not written:
            raise ValueError("must not be empty")
        made = nested.each(_label, enumerate(written)) if many else [_label(written)]
        self.labels = labels.Labels(made)
        self.wanted = " or ".join(clip(label.written) for label in made)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        one = {"type": "string", "minLength": 1, "examples": ["Temperature"]}
        return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}


def _label(written: Any) -> labels.Label:
    if not isinstance(written, str):
        raise ValueError("write a label, such as Temperature, or a list of them (a number needs quotes)")  # noqa: TRY004 — pydantic wants ValueError
    return labels.Label(written)


class Label(rules.Finder):
    need = rules.Need.CONTENT

    def __init__(self, setting: Setting) -> None:
        self._labels = setting.labels
        self.wanted = f"label {setting.wanted}"

    def sections(self, mail: Mail) -> Sections:
        """The HTML only where the text, if that is in hand, does not do."""
        missing = sections.text(mail)
        if not missing and not self._reads_html(mail) and self._labels.in_text(mail.text) is not None:
            return {}
        return sections.together([missing, sections.html(mail)])

    def find(self, mail: Mail, moment: rules.Moment) -> str | None:
        in_text = self._labels.in_text(mail.text)
        if in_text is not None and not self._reads_html(mail):
            return in_text
        in_tables = self._labels.in_tables(mail.page) if mail.html else None
        if in_tables is not None:
            return in_tables or None
        return in_text if in_text is not None else self._labels.below_in_text(mail.text)

    @staticmethod
    def _reads_html(mail: Mail) -> bool:
        return mail.text_part is not None and mail.text_part == mail.html_part


PLUGIN = rules.ExtractPlugin(
    setting=Setting, make=Label, summary="What stands right of a label, or below it, in text or table."
)
