"""``forwarded.subject``, ``forwarded.header.List-Id``: any source, of the mail that this one carries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bridge import plugins, rules
from bridge.mail import Mail, limits
from bridge.rules import nested, sections, sources
from bridge.rules.sections import Sections

_SOURCE = "forwarded"


class Setting(nested.Parsed):
    """``{body: '/temp=(.*)/'}``, as under the name of a value, but with one source and nothing else."""

    def __init__(self, written: Any) -> None:
        if not isinstance(written, Mapping):
            raise ValueError("write what is found where in that mail, such as { body: '/temp=([-\\d.]+)/' }")  # noqa: TRY004 — pydantic wants ValueError
        self.kind, self.setting = sources.one_place(written)
        inner = self.setting
        self.depth: int = inner.depth + 1 if isinstance(inner, Setting) else 1
        if self.depth > limits.FORWARDED_DEPTH:
            raise ValueError(f"a mail in a mail is looked at {limits.FORWARDED_DEPTH} deep")

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        others = [name for name in plugins.names("extract") if name != _SOURCE]
        dotted = [name for name in plugins.names("extract") if plugins.find("extract", name).dotted]
        return {
            "type": "object",
            "properties": {**{name: sources.place_schema(name) for name in others}, _SOURCE: {"type": "object"}},
            "patternProperties": {f"^({'|'.join(dotted)})\\.": {}},
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        }


class Forwarded(rules.Finder):
    need = rules.Need.CONTENT

    def __init__(self, setting: Setting) -> None:
        self._finder: rules.Finder = plugins.find("extract", setting.kind).make(setting.setting)
        self.wanted = f"{_SOURCE} {self._finder.wanted or setting.kind}"

    def find(self, mail: Mail, moment: rules.Moment) -> Any:
        return self._finder.find(mail.forwarded, moment) if mail.forwarded else None

    def sections(self, mail: Mail) -> Sections:
        return sections.together(sections.within(mail, self._inner))

    def _inner(self, mail: Mail) -> Iterator[Sections]:
        if self._finder.need > rules.Need.HEAD:
            yield self._finder.sections(mail)


PLUGIN = rules.ExtractPlugin(
    setting=Setting, make=Forwarded, summary="A source of the mail that this one carries.", dotted=True, maps=True
)
