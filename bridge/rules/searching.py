"""What ``extract`` looks for in a text: a regex, whose first group is the value (without groups the whole match), or
all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from bridge.rules import anchors, nested
from bridge.rules.text import Regex


class Search(nested.Parsed):
    r"""``/temp=([-\d.]+)/``; ``true`` takes the whole text."""

    def __init__(self, written: Any) -> None:
        if not (written is True or (isinstance(written, str) and written.startswith("/"))):
            raise ValueError("write a regex between slashes, such as '/temp=([-\\d.]+)/', or true for all of it")
        self._regex = Regex(written) if isinstance(written, str) else None
        self.wanted = self._regex.wanted if self._regex else "all of it"

    def find(self, text: str) -> str | None:
        """The value, or None where there is none."""
        if self._regex is None:
            return text.strip() or None
        found = self._regex.pattern.search(text)
        return found.first if found else None

    @property
    def pattern(self) -> str | None:
        """The regex, without its slashes; None for all of it."""
        return self._regex.pattern.source if self._regex else None

    def must_show(self, place: anchors.Texts) -> anchors.Needed:
        """What a text must show for it to be found."""
        return anchors.NOTHING if self._regex is None else self._regex.must_show(place)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        return {"anyOf": [{"type": "string", "pattern": "^/"}, {"const": True}], "examples": [r"/temp=([-\d.]+)/"]}


class Beside(nested.Parsed):
    """A search, or ``{key: a search}`` for one in another text that stands beside it."""

    key: ClassVar[str]
    example: ClassVar[str]

    def __init__(self, written: Any) -> None:
        self.is_beside = isinstance(written, Mapping)
        if not self.is_beside:
            self.search = Search.parse(written)
            return
        if wrong := [((key,), nested.unknown(key, (self.key,))) for key in written if key != self.key]:
            raise nested.error(wrong)
        if not written:
            raise ValueError(f"write {self.example}")
        (self.search,) = nested.each(Search.parse, written.items())

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        search = Search.json_schema()
        beside = {
            "type": "object",
            "properties": {cls.key: search},
            "required": [cls.key],
            "additionalProperties": False,
        }
        return {"anyOf": [search, beside]}
