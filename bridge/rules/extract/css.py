"""``css: "td.price"``: from the first element of the mail's HTML that a CSS selector means, whether or not a text/plain
is what people read.

price: { css: "td.price" }                                 # its text, as the readable text has it
link: { css: { select: "a.track", attribute: href } }      # one of its attributes
link: { css: a.track, type: url }                          # where a link leads to
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bridge import rules
from bridge.mail import Mail
from bridge.rules import nested, sections
from bridge.rules.sections import Sections
from bridge.rules.text import clip

if TYPE_CHECKING:
    from bridge.mail.css import Selector

_KEYS = ("select", "attribute")
_LINKS = ("href", "src")


class Setting(nested.Parsed):
    """A selector, or a map of it and an attribute's name."""

    selector: Selector
    attribute: str = ""  # lower case; "" for the text

    def __init__(self, written: Any) -> None:
        if isinstance(written, Mapping):
            if wrong := [((key,), nested.unknown(key, _KEYS)) for key in written if key not in _KEYS]:
                raise nested.error(wrong)
            if "select" not in written:
                raise ValueError("write a selector under select, such as { select: a.track, attribute: href }")
            made = nested.each(_value, ((key, (key, value)) for key, value in written.items()))
            found: dict[str, Any] = dict(zip(written, made, strict=True))
            self.selector, self.attribute = found["select"], found.get("attribute", "")
        else:
            self.selector = _selector(written)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        selector = {"type": "string", "minLength": 1, "examples": ["td.price"]}
        keys = {
            "type": "object",
            "properties": {"select": selector, "attribute": {"type": "string", "minLength": 1, "examples": ["href"]}},
            "required": ["select"],
            "additionalProperties": False,
        }
        return {"anyOf": [selector, keys]}


def _value(item: tuple[str, Any]) -> Selector | str:
    key, value = item
    if key == "select":
        return _selector(value)
    if not isinstance(value, str) or not value.strip():
        raise ValueError("write the name of an attribute, such as href")
    return value.strip().lower()


def _selector(written: Any) -> Selector:
    from bridge.mail import css  # the parser is there for those who use it

    if not isinstance(written, str) or not written.strip():
        raise ValueError('write a CSS selector, such as "td.price"')
    return css.Selector(written.strip())


class Css(rules.Finder):
    need = rules.Need.CONTENT

    def __init__(self, setting: Setting) -> None:
        self._selector = setting.selector
        self._attribute = setting.attribute
        self.wanted = f"{setting.attribute + ' of ' if setting.attribute else ''}css {clip(setting.selector.written)}"

    def sections(self, mail: Mail) -> Sections:
        return sections.html(mail)

    def find(self, mail: Mail, moment: rules.Moment) -> str | None:
        if not mail.html:
            return None
        page = mail.page
        element = self._selector.first(page)
        if element is None:
            return None
        if self._attribute:
            value = element.attributes.get(self._attribute)
            return None if value is None else value.strip()
        link = next((found for name in _LINKS if (found := element.attributes.get(name))), None) if self.links else None
        return link.strip() if link else page.text(element) or None


PLUGIN = rules.ExtractPlugin(setting=Setting, make=Css, summary="An element of the HTML, by a CSS selector.")
