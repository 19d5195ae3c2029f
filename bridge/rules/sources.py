r"""One value under ``extract:``: where it is found, and of which type it is.

temp: { body: '/temp=([-\d.]+)/', type: float }
temp: [ { subject: … }, { header.X-Temp: …, default: 0 } ]     # the first that is found
"""

from __future__ import annotations

import datetime
import functools
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Annotated, Any

import pydantic

from bridge import plugins, rules, schema, spelling
from bridge.mail import Mail, Place
from bridge.rules import filters, nested, template
from bridge.rules.text import clip

RESERVED = frozenset(("mail", "mailbox", "folder", "rule", "count", "result", "delivery_id"))
_OPTIONS = frozenset(("type", "default"))
_BESIDE = "stands beside the source, not in it"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS = frozenset(  # the template language's own, and the names of what it has built in
    (
        *("and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None", "loop"),
        *("self", "debug", "dict", "namespace", "range", "_compare", "_gaps", template.ZONE),
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
    """One place to look, and what is made of what is found there; without a ``type`` it stays what it is."""

    def __init__(self, written: Any) -> None:
        """
        Raises:
            pydantic.ValidationError: what is wrong, each at its key.
            ValueError: it is no map with one source.
        """
        if not isinstance(written, Mapping):
            raise ValueError("write where the value is found, such as { body: '/temp=([-\\d.]+)/', type: float }")  # noqa: TRY004 — pydantic wants ValueError
        self.type: str | None = written.get("type")
        fault = _type_fault(self.type) if "type" in written else ""
        kind = _kind_of(written)
        own = schema.known_keys(kind.options)
        wrong = [((key,), message) for key in written if (message := _key_fault(key, own))]
        if wrong or fault:
            raise nested.error([*wrong, *([(("type",), fault)] if fault else [])])
        self.kind, self.setting = _place([key for key in written if key not in {*_OPTIONS, *own}], written, kind)
        self.octets, self.links = kind.octets, kind.links
        self.options = _options(kind, {key: written[key] for key in written if key in own})
        self.convert = kind.make(self.options)
        self.has_default = "default" in written
        self._default = _Default(written.get("default"), kind, self.convert)
        self.default = self._checked_default() if self.has_default else None

    def default_for(self, mail: Mail, moment: rules.Moment) -> Any:
        """The default, read as what is found would be: ``5m`` of a duration is 300, ``18:00`` the mail's evening.

        Raises:
            ValueError: for this mail it is no value of the type.
        """
        return self._default.read(mail, moment)

    def _checked_default(self) -> Any:
        """
        Raises:
            pydantic.ValidationError: it is not of the type.
        """
        try:
            return self.default_for(_blank(), rules.Moment(now=0.0))
        except ValueError as error:
            shown = clip(filters.shown(self._default.written))
            raise nested.error(
                [(("default",), f"{shown} {error}; write a value of type {self.type}, or null")]
            ) from None


class _Default:
    """A default as it is written. Nothing (null) is of every type, and an empty text of those that are texts."""

    def __init__(self, written: Any, kind: rules.KindPlugin, convert: Callable[[Any, Mail, rules.Moment], Any]) -> None:
        self.written = written
        self._convert = None if written is None or (written == "" and kind.texts) else convert

    def read(self, mail: Mail, moment: rules.Moment) -> Any:
        return self.written if self._convert is None else self._convert(self.written, mail, moment)


@functools.cache
def _blank() -> Mail:
    """A mail that says nothing, to try defaults with."""
    received = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    return Mail.from_bytes(b"", place=Place(mailbox="", folder="", uidvalidity=1, uid=1), received=received)


_ANY = rules.KindPlugin(make=lambda _: lambda raw, mail, moment: raw, summary="What is found, as it is.")


def _kind_of(written: Mapping[str, Any]) -> rules.KindPlugin:
    """The type that is meant, though ``type`` may be misspelt: its own keys are then no faults."""
    known = (*plugins.names("extract"), *_OPTIONS)
    slip = next((key for key in written if key not in known and spelling.nearest(key, known) == "type"), "type")
    name = written.get("type", written.get(slip))
    found: rules.KindPlugin = plugins.find("kinds", name) if name in plugins.names("kinds") else _ANY
    return found


def _place(keys: list[str], written: Mapping[str, Any], kind: rules.KindPlugin) -> tuple[str, Any]:
    """(source, its setting)"""
    if not keys and kind.source is not None:
        return _setting(*kind.source)
    if len(keys) != 1:
        hint = "; a list of maps is tried in order" if keys else ""
        raise ValueError(f"name one place where it is found: {_listed()}{hint}")
    return _setting(keys[0], written[keys[0]])


def _options(kind: rules.KindPlugin, written: Mapping[str, Any]) -> schema.Model:
    try:
        return kind.options.model_validate(dict(written))
    except pydantic.ValidationError as error:
        raise nested.error(nested.faults(error)) from None


def _type_fault(value: Any) -> str:
    known = plugins.names("kinds")
    if isinstance(value, str) and value in known:
        return ""
    hint = spelling.did_you_mean(str(value), known) or f"; there are {', '.join(known)}"
    return f'no type is called "{value}"{hint}'


def _key_fault(key: str, own: Collection[str]) -> str:
    """What is wrong with a key; ``own`` are those of the type."""
    kind, dot, name = key.partition(".")
    known = plugins.names("extract")
    if key in _OPTIONS or key in own or (kind in known and (not dot or (name and _is_dotted(kind)))):
        return ""
    if others := [one for one in plugins.names("kinds") if key in _own_to(one)]:
        return f"goes with type: {' or '.join(others)}"
    if dot and (meant := spelling.nearest(kind, filter(_is_dotted, known))):
        return f'unknown key; did you mean "{meant}.{name}"?'
    return nested.unknown(key, {*known, *_OPTIONS, *own})


@functools.cache
def _own_to(kind: str) -> frozenset[str]:
    """The keys of a type's own."""
    return schema.known_keys(plugins.find("kinds", kind).options)


def _is_dotted(kind: str) -> bool:
    return bool(plugins.find("extract", kind).dotted)


def _listed() -> str:
    return ", ".join(f"{name}.X" if _is_dotted(name) else name for name in plugins.names("extract"))


@functools.cache
def _adapter(kind: str) -> pydantic.TypeAdapter[Any]:
    plugin: rules.ExtractPlugin = plugins.find("extract", kind)
    return pydantic.TypeAdapter(plugin.setting, config=pydantic.ConfigDict(hide_input_in_errors=True))


def one_place(written: Mapping[str, Any]) -> tuple[str, Any]:
    """``{subject: true}`` → (source, its setting).

    Raises:
        pydantic.ValidationError: what is wrong, each at its key.
        ValueError: it names no source, or several.
    """
    faults = (((key,), _BESIDE if key in _OPTIONS else _key_fault(key, ())) for key in written)
    if wrong := [fault for fault in faults if fault[1]]:
        raise nested.error(wrong)
    if len(written) != 1:
        raise ValueError(f"name one place where it is found: {_listed()}")
    ((key, value),) = written.items()
    return _setting(key, value)


def place_schema(name: str) -> dict[str, Any]:
    """What may stand under a source."""
    return {"description": plugins.find("extract", name).summary, **_adapter(name).json_schema()}


def _setting(key: str, value: Any) -> tuple[str, Any]:
    """``header.X-Temp: v`` is ``header: {X-Temp: v}``."""
    kind, dot, name = key.partition(".")
    try:
        return kind, _adapter(kind).validate_python({name: value} if dot else value)
    except pydantic.ValidationError as error:
        if dot:
            raise nested.error(_dotted(kind, name, nested.faults(error))) from None
        raise nested.error(((key, *at), message) for at, message in nested.faults(error)) from None


def _dotted(kind: str, name: str, found: Iterable[tuple[nested.Place, str]]) -> Iterator[tuple[nested.Place, str]]:
    """The faults of ``kind: {name: …}`` where that is written ``kind.name: …``."""
    for at, message in found:
        own = message.replace('did you mean "', f'did you mean "{kind}.') if at == (name,) else message
        yield (f"{kind}.{name}", *at[1:]), own


class Extract(nested.Parsed):
    """The places to look, in order."""

    def __init__(self, written: Any) -> None:
        many = isinstance(written, list | tuple)
        if many and not written:
            raise ValueError("must not be empty")
        self.sources = nested.each(Source, enumerate(written)) if many else [Source(written)]

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        one = {
            "type": "object",
            "properties": {**_places(), "type": {"enum": plugins.names("kinds")}, "default": {}, **_own_keys()},
            "patternProperties": {
                f"^{name}\\.": _value_schema(_adapter(name).json_schema())
                for name in plugins.names("extract")
                if _is_dotted(name)
            },
            "additionalProperties": False,
        }
        return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}


def _places() -> dict[str, Any]:
    """The schema of every source."""
    return {name: place_schema(name) for name in plugins.names("extract")}


def _value_schema(whole: dict[str, Any]) -> dict[str, Any]:
    """What may stand behind ``header.X:``, of what may stand behind ``header:``."""
    value = whole.get("additionalProperties", {})
    return value if isinstance(value, dict) else {}


def _own_keys() -> dict[str, Any]:
    """The keys of the types' own, whichever type they are for."""
    models = (plugins.find("kinds", name).options for name in plugins.names("kinds"))
    return {key: value for model in models for key, value in model.model_json_schema().get("properties", {}).items()}
