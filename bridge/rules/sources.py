r"""One value under ``extract:``: where it is found, and of which type it is.

temp: { body: '/temp=([-\d.]+)/', type: float }
temp: [ { subject: … }, { header.X-Temp: …, default: 0 } ]     # the first that is found
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Annotated, Any

import pydantic

from bridge import plugins, rules, spelling
from bridge.rules import kinds, nested

RESERVED = frozenset(("mail", "mailbox", "folder", "rule", "count", "result", "delivery_id"))
PLANNED = frozenset(("attachment", "calendar", "data", "css", "label", "forwarded"))
_OPTIONS = frozenset(("type", "default"))
_PLANNED_OPTIONS = frozenset(("width", "height", "bits", "format"))
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS = frozenset(  # the template language's own, and the names of what it has built in
    (
        *("and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None", "loop"),
        *("self", "debug", "dict", "namespace", "range", "_compare", "_gaps"),
    )
)


def checked_name(name: str) -> str:
    """
    Raises:
        ValueError: no value can be called that.
    """
    if name in RESERVED:
        raise ValueError(f'"{name}" is reserved')
    if name in _WORDS:
        raise ValueError(f'"{name}" is a word of the template language')
    if not _NAME.fullmatch(name):
        raise ValueError(f'"{name}" is no name for a value; use letters, digits and _')
    return name


ValueName = Annotated[str, pydantic.AfterValidator(checked_name)]


class Source:
    """One place to look."""

    def __init__(self, written: Any) -> None:
        """
        Raises:
            pydantic.ValidationError: what is wrong, each at its key.
            ValueError: it is no map with one source.
        """
        if not isinstance(written, Mapping):
            raise ValueError("write where the value is found, such as { body: '/temp=([-\\d.]+)/', type: float }")  # noqa: TRY004 — pydantic wants ValueError
        wrong = [((key,), message) for key, message in self._take(written) if message]
        if wrong:
            raise nested.error(wrong)
        found = [key for key in written if key not in _OPTIONS]
        if len(found) != 1:
            raise ValueError(
                f"name one place where it is found: {_listed()}"
                + ("; a list of maps is tried in order" if found else "")
            )
        self.kind, self.setting = _setting(found[0], written[found[0]])
        self.type = str(written.get("type", "str"))
        self.default = written.get("default")
        self.has_default = "default" in written

    @staticmethod
    def _take(written: Mapping[str, Any]) -> list[tuple[str, str]]:
        """What is wrong with each key."""
        return [(key, _type_fault(value) if key == "type" else _key_fault(key)) for key, value in written.items()]


def _type_fault(value: Any) -> str:
    if isinstance(value, str) and value in kinds.TYPES:
        return ""
    if isinstance(value, str) and value in kinds.PLANNED:
        return "not yet supported"
    hint = spelling.did_you_mean(str(value), kinds.TYPES) or f"; there are {', '.join(kinds.TYPES)}"
    return f'no type is called "{value}"{hint}'


def _key_fault(key: str) -> str:
    kind, dot, name = key.partition(".")
    known = plugins.names("extract")
    if key in _OPTIONS or (kind in known and (kind == "header" or not dot) and (not dot or name)):
        return ""
    planned = kind in PLANNED or key in _PLANNED_OPTIONS
    return "not yet supported" if planned else nested.unknown(key, {*known, *_OPTIONS})


def _listed() -> str:
    return ", ".join(f"{name}.X" if name == "header" else name for name in plugins.names("extract"))


@functools.cache
def _adapter(kind: str) -> pydantic.TypeAdapter[Any]:
    plugin: rules.ExtractPlugin = plugins.find("extract", kind)
    return pydantic.TypeAdapter(plugin.setting, config=pydantic.ConfigDict(hide_input_in_errors=True))


def _setting(key: str, value: Any) -> tuple[str, Any]:
    """``header.X-Temp: v`` is ``header: {X-Temp: v}``."""
    kind, dot, name = key.partition(".")
    try:
        return kind, _adapter(kind).validate_python({name: value} if dot else value)
    except pydantic.ValidationError as error:
        skip = 1 if dot else 0
        raise nested.error(((key, *at[skip:]), message) for at, message in nested.faults(error)) from None


class Extract(nested.Parsed):
    """The places to look, in order."""

    def __init__(self, written: Any) -> None:
        many = isinstance(written, list | tuple)
        if many and not written:
            raise ValueError("must not be empty")
        self.sources = nested.each(Source, enumerate(written)) if many else [Source(written)]

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        found = {name: _adapter(name).json_schema() for name in plugins.names("extract") if name != "header"}
        one = {
            "type": "object",
            "properties": {**found, "type": {"enum": [*kinds.TYPES], "default": "str"}, "default": {}},
            "patternProperties": {"^header\\.": next(iter(found.values()), {}), "^header$": {"type": "object"}},
            "additionalProperties": False,
        }
        return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}
