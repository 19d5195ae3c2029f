"""The text forms of ``when``: what a subject, a body, a header or a display name has to say.

    word              contains it, ignoring case and runs of white space
    /re/ /re/s        an RE2 search, ignoring case; its named groups become values
                      (flags: `s` dot matches line ends, `m` ^ and $ at lines, `c` exact case)
    [a, b]            any of them
    {is, contains, starts, ends, glob, matches}   all of them

Each form is a ``Text``, made once at load by ``Text.parse``. Looking at a mail costs no parsing and cannot raise.
"""

from __future__ import annotations

import abc
import functools
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from bridge.rules import anchors, literals, named, nested, regex

_REGEX = re.compile(r"/(.*)/([a-z]{0,3})", re.DOTALL)
_FLAGS = {"s": "dot_all", "c": "exact_case", "m": "multi_line"}
SAW_CHARS = 80
NOTHING: Mapping[str, Any] = {}


@functools.lru_cache(maxsize=8)  # one mail's subject and body, for all rules
def fold(text: str) -> str:
    """The text without regard to case, runs of white space and ways to compose an accent."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return " ".join(text.casefold().split())


@functools.lru_cache(maxsize=32)
def clip(text: str, chars: int = SAW_CHARS) -> str:
    """The beginning of a text on one line, for people: never a whole body, and nothing that a terminal would obey."""
    line = " ".join(text[: chars * 8].split())
    line = "".join(char if char.isprintable() else "\ufffd" for char in line[: chars + 1])
    return line if len(line) <= chars else line[: chars - 1] + "…"


class Text(nested.Parsed, abc.ABC):
    """Holds for some texts."""

    names: frozenset[str] = frozenset()  # the values that it may give

    @property
    @abc.abstractmethod
    def wanted(self) -> str:
        """What it asks for, for people."""

    @abc.abstractmethod
    def find(self, text: str) -> Mapping[str, Any] | None:
        """The values of the named groups where it holds, else None."""

    def must_show(self, place: anchors.Texts) -> anchors.Needed:
        """What a text must show before it can hold (``rules.Condition.must_show``)."""
        return anchors.NOTHING

    @classmethod
    def parse(cls, value: Any) -> Text:
        """From a word, ``/regex/``, list or map.

        Raises:
            ValueError: it is none of these (a ``ValidationError`` where the fault lies deeper).
        """
        if isinstance(value, Text):
            return value
        if isinstance(value, str):
            return Regex(value, groups=False) if _REGEX.fullmatch(value) else Contains(value)
        if isinstance(value, list | tuple):
            return AnyOf(value)
        if isinstance(value, Mapping):
            return AllOf(value)
        raise ValueError("write a text: a word, /regex/, a list of these, or a map (a number or true needs quotes)")

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        one = {"type": "string", "description": "a word, or /regex/ with the flags s, m, c"}
        few = {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}
        keys = {
            "type": "object",
            "properties": dict.fromkeys(_FORMS, few),
            "additionalProperties": False,
            "minProperties": 1,
        }
        return {"anyOf": [one, {"type": "array", "items": {"anyOf": [one, keys]}, "minItems": 1}, keys]}


class Plain(Text):
    """A comparison with one string, both folded."""

    verb: ClassVar[str]
    takes_empty: ClassVar[bool] = False

    def __init__(self, word: str) -> None:
        self.word = word
        self.folded = fold(word)
        if not self.folded and not self.takes_empty:
            raise ValueError("an empty text holds for everything; leave the key out")

    @property
    def wanted(self) -> str:
        return f'{self.verb} "{clip(self.word)}"'

    def must_show(self, place: anchors.Texts) -> anchors.Needed:
        return anchors.stretch(place, self.folded)


class Contains(Plain):
    verb = "contains"

    def find(self, text: str) -> Mapping[str, Any] | None:
        return NOTHING if self.folded in fold(text) else None


class Is(Plain):
    verb = "is"
    takes_empty = True  # a mail without a subject

    def find(self, text: str) -> Mapping[str, Any] | None:
        return NOTHING if self.folded == fold(text) else None


class Starts(Plain):
    verb = "starts with"

    def find(self, text: str) -> Mapping[str, Any] | None:
        return NOTHING if fold(text).startswith(self.folded) else None


class Ends(Plain):
    verb = "ends with"

    def find(self, text: str) -> Mapping[str, Any] | None:
        return NOTHING if fold(text).endswith(self.folded) else None


class Glob(Plain):
    verb = "is like"

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.pattern = regex.glob(self.folded)

    def must_show(self, place: anchors.Texts) -> anchors.Needed:
        return literals.of_glob(place, self.folded)

    def find(self, text: str) -> Mapping[str, Any] | None:
        return NOTHING if self.pattern.fullmatch(fold(text)) else None


class Regex(Text):
    """``/re/flags``, or a bare regex under ``matches``. Without ``groups`` only those with a name find anything."""

    def __init__(self, written: str, *, groups: bool = True) -> None:
        parts = _REGEX.fullmatch(written)
        source, flags = (parts[1], parts[2]) if parts else (written, "")
        if strange := set(flags) - set(_FLAGS):
            hint = " (case is ignored without it)" if "i" in strange else ""
            raise ValueError(f'a regex has no flag "{min(strange)}"; there are s, m and c{hint}')
        self.written = written
        self.pattern = regex.Pattern(source, capture=groups, **{_FLAGS[flag]: True for flag in flags})
        self.names = self.pattern.names
        if odd := sorted(name for name in self.names if not (name.isascii() and name.isidentifier())):
            raise ValueError(f'"{odd[0]}" is no name for a value; use letters, digits and _')

    @property
    def wanted(self) -> str:
        return clip(self.written)

    def must_show(self, place: anchors.Texts) -> anchors.Needed:
        return literals.needed(place, self.pattern.source)

    def find(self, text: str) -> Mapping[str, Any] | None:
        found = self.pattern.search(text)
        if found is None:
            return None
        return found.values if self.names else NOTHING


class AnyOf(Text):
    """A list: the first that holds gives the values."""

    def __init__(self, items: Sequence[Any], parse: Callable[[Any], Text] = Text.parse) -> None:
        if not items:
            raise ValueError("an empty list holds for nothing")
        self.alternatives: list[Text] = nested.each(parse, enumerate(items))
        self.names = named.together(text.names for text in self.alternatives)

    @property
    def wanted(self) -> str:
        return " or ".join(text.wanted for text in self.alternatives)

    def must_show(self, place: anchors.Texts) -> anchors.Needed:
        return anchors.any_of(text.must_show(place) for text in self.alternatives)

    def find(self, text: str) -> Mapping[str, Any] | None:
        for one in self.alternatives:
            if (values := one.find(text)) is not None:
                return values
        return None


class AllOf(Text):
    """A map of comparisons."""

    def __init__(self, items: Mapping[str, Any]) -> None:
        if not items:
            raise ValueError(f"an empty map holds for everything; there are {', '.join(_FORMS)}")
        self.texts = nested.each(self._form, ((key, (key, value)) for key, value in items.items()))
        self.names = named.together(text.names for text in self.texts)

    @staticmethod
    def _form(item: tuple[str, Any]) -> Text:
        key, value = item
        if key not in _FORMS:
            raise ValueError(nested.unknown(key, _FORMS))
        one = functools.partial(AllOf._one, key)
        return AnyOf(value, one) if isinstance(value, list | tuple) else one(value)

    @staticmethod
    def _one(key: str, value: Any) -> Text:
        if not isinstance(value, str):
            raise ValueError("write a string (a number or true needs quotes)")  # noqa: TRY004 — pydantic wants ValueError
        return _FORMS[key](value)

    @property
    def wanted(self) -> str:
        return " and ".join(text.wanted for text in self.texts)

    def must_show(self, place: anchors.Texts) -> anchors.Needed:
        return anchors.all_of(text.must_show(place) for text in self.texts)

    def find(self, text: str) -> Mapping[str, Any] | None:
        values: dict[str, Any] = {}
        for one in self.texts:
            if (more := one.find(text)) is None:
                return None
            values.update(more)
        return values


_FORMS: dict[str, Callable[[str], Text]] = {
    "is": Is,
    "contains": Contains,
    "starts": Starts,
    "ends": Ends,
    "glob": Glob,
    "matches": functools.partial(Regex, groups=False),
}
NAMES = tuple(_FORMS)  # the keys of the map
