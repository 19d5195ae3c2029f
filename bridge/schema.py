"""What every settings model has in common: strict keys, the units that admins write, secrets that never show.

Beside a secret ``password`` an admin may write ``password_file: PATH``; a ``Path`` is relative to the folder of the
configuration file. Both need to know which file is being read, and work only while ``reading`` holds: never for what
comes through page, API or store.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import datetime
import functools
import hashlib
import json
import re
import types
import typing
import zoneinfo
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pydantic
import pydantic_core
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from bridge import wording

DEPTH = 60  # of nested lists and maps; a rule needs about ten
SECRET_BYTES = 1_000_000
LEAST_S = 0.001  # of a positive duration
MOST_S = 365 * 86400.0
_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)\s*(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PLAIN = {int, float, bool, types.NoneType, datetime.date, zoneinfo.ZoneInfo}
_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)\s*(B|kB|MB|GB)?")
_OCTETS = {None: 1, "B": 1, "kB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What is known while a configuration file is being read, and what the models find out.

    Maps are known by their ``id``: pydantic hands them on as they are, but not where they stand.
    """

    folder: Path
    note: Callable[[Path], None] = lambda _: None  # is told each file that is looked at, whether it is there or not
    tried: dict[int, list[type[Model]]] = dataclasses.field(default_factory=dict)  # map → what it was read as
    wrong: dict[tuple[int, str], str] = dataclasses.field(default_factory=dict)  # (map, key) → why it cannot be used


_READING: contextvars.ContextVar[Reading | None] = contextvars.ContextVar("reading", default=None)


@contextlib.contextmanager
def reading(folder: Path, *, note: Callable[[Path], None] = lambda _: None) -> Iterator[Reading]:
    """While this holds, models may refer to files; relative ones are in ``folder``. ``note`` is told each of them."""
    now = Reading(folder=folder, note=note)
    token = _READING.set(now)
    try:
        yield now
    finally:
        _READING.reset(token)


class Model(pydantic.BaseModel):
    """A settings model: unknown keys are refused, secrets are masked in repr.

    ``planned`` are keys of the public interface that are not built yet; they are refused as "not yet supported".
    """

    model_config = pydantic.ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, hide_input_in_errors=True, populate_by_name=True
    )
    planned: ClassVar[frozenset[str]] = frozenset()

    @pydantic.model_validator(mode="before")
    @classmethod
    def _look_up_files(cls, data: Any) -> Any:
        now = _READING.get()
        if now is None or not isinstance(data, dict):
            return data
        now.tried.setdefault(id(data), []).append(cls)
        for name, alias in _inner_names(cls).items():
            if name in data:
                now.wrong[id(data), name] = f'unknown key; did you mean "{alias}"?'
        found = {name: _secret_from(now, data, name) for name in _secrets(cls) if f"{name}_file" in data}
        moved = {name: _resolved(now, data, name) for name in _paths(cls) if isinstance(data.get(name), str)}
        if not found and not moved:
            return data
        return {key: value for key, value in data.items() if key.removesuffix("_file") not in found} | found | moved

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: core_schema.CoreSchema, handler: pydantic.GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The model's schema, with ``NAME_file`` beside each secret."""
        found = handler(core)
        schema = handler.resolve_ref_schema(found)
        for name in _secrets(cls):
            description = f"A file that holds the value of `{name}`; relative to the configuration file's folder."
            schema["properties"][f"{name}_file"] = {"type": "string", "minLength": 1, "description": description}
            alternatives: list[dict[str, Any]] = [{"required": [name]}, {"required": [f"{name}_file"]}]
            if name in schema.get("required", ()):
                schema["required"] = [key for key in schema["required"] if key != name]
                schema.setdefault("allOf", []).append({"oneOf": alternatives})
            else:
                schema.setdefault("allOf", []).append({"not": {"required": [name, f"{name}_file"]}})
        return found


def known_keys(model: type[Model]) -> frozenset[str]:
    """Every key that an admin may write there, as it is written."""
    return frozenset({*_keys(model), *(f"{name}_file" for name in _secrets(model))})


def contents(made: Model) -> dict[str, bytes]:
    """The key of each file that the settings name and that is read later (``ca_file``) → a digest of what is in it:
    settings may compare equal, and mean another certificate. Blocks.
    """
    found = {}
    for key in _paths(type(made)):
        path = getattr(made, key, None)
        if key.endswith("_file") and isinstance(path, Path):
            with contextlib.suppress(OSError):
                found[key] = hashlib.blake2b(path.read_bytes()).digest()
    return found


def is_plain(model: type[Model], key: str) -> bool:
    """Whether only a number, a duration, a choice or the like stands there: it can be shown, since it is no secret."""
    kinds = _keys(model).get(key, set())
    return bool(kinds) and all(kind in _PLAIN or typing.get_origin(kind) is typing.Literal for kind in kinds)


def decode_lists(model: type[Model], data: dict[Any, Any]) -> dict[Any, Any]:
    """Decodes the JSON that an environment variable gives for a list or a map, in ``data`` itself: what is noted of a
    map is found again by its id.
    """
    for key, kinds in _keys(model).items():
        value = data.get(key)
        if isinstance(value, str) and value[:1] in {"[", "{"} and not kinds & {str, pydantic.SecretStr, Any}:
            with contextlib.suppress(ValueError, RecursionError):
                data[key] = bounded(json.loads(value))
    return data


def bounded(value: Any) -> Any:
    """The value, which is no deeper than a file may be.

    Raises:
        ValueError: it is.
    """
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(DEPTH):
        level = [child for one in level for child in (one.values() if isinstance(one, dict) else one)]
        level = [child for child in level if isinstance(child, (dict, list))]
        if not level:
            return value
    raise ValueError(f"nested deeper than {DEPTH} levels")


def misplaced(key: str, text: str) -> pydantic.ValidationError:
    """What a model's validator raises of one of its keys, or (``canary.folder``) of one within."""
    fault = pydantic_core.PydanticCustomError("mailwire", "{text}", {"text": text})
    details = [pydantic_core.InitErrorDetails(type=fault, loc=tuple(key.split(".")), input=None)]
    return pydantic.ValidationError.from_exception_data("mailwire", details, hide_input=True)


def absolute(path: Path) -> Path:
    """The path from the folder of the configuration that is being read, else from the working directory."""
    now = _READING.get()
    return ((now.folder if now else Path()) / path.expanduser()).absolute()


def _bare(annotation: Any) -> set[Any]:
    """The types that an annotation allows: ``SecretStr | None`` → {SecretStr, NoneType}."""
    if typing.get_origin(annotation) is Annotated:
        return _bare(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in {typing.Union, types.UnionType}:
        return set().union(*map(_bare, typing.get_args(annotation)))
    return {annotation}


@functools.cache
def _keys(model: type[Model]) -> dict[str, set[Any]]:
    """Key as it is written → the types that its value may have."""
    fields = model.model_fields.items()
    return {
        field.validation_alias if isinstance(field.validation_alias, str) else name: _bare(field.annotation)
        for name, field in fields
    }


@functools.cache
def _secrets(model: type[Model]) -> tuple[str, ...]:
    return tuple(name for name, kinds in _keys(model).items() if pydantic.SecretStr in kinds)


@functools.cache
def _inner_names(model: type[Model]) -> dict[str, str]:
    """A field's name in the code → what admins write, where that differs (``as_``: ``as``). pydantic takes both."""
    fields = model.model_fields.items()
    return {name: str(field.validation_alias) for name, field in fields if field.validation_alias not in {None, name}}


@functools.cache
def _paths(model: type[Model]) -> tuple[str, ...]:
    return tuple(name for name, kinds in _keys(model).items() if Path in kinds)


def _secret_from(now: Reading, data: dict[Any, Any], name: str) -> pydantic.SecretStr:
    """What is in the file of ``NAME_file``, less a trailing line break; "" and a note where it cannot be had."""
    key, where = f"{name}_file", data[f"{name}_file"]
    path = now.folder
    try:
        if name in data:
            raise ValueError(f"both {name} and {key} are given; one is enough")
        if not isinstance(where, str) or not where:
            raise ValueError("expected the name of a file")
        path = now.folder / Path(where).expanduser()
        now.note(path)
        return pydantic.SecretStr(_contents(path))
    except (OSError, ValueError, RuntimeError) as error:
        now.wrong[id(data), key] = _why(error, path)
        return pydantic.SecretStr("")


def _contents(path: Path) -> str:
    with path.open("rb") as file:
        octets = file.read(SECRET_BYTES + 1)
    if len(octets) > SECRET_BYTES:
        raise ValueError(f"{path} is too large for a secret")
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text") from None
    if not (secret := text.removesuffix("\n").removesuffix("\r")):
        raise ValueError(f"{path} is empty")
    return secret


def _resolved(now: Reading, data: dict[Any, Any], name: str) -> Path:
    """The path, absolute or relative to where we are. A file that is read (``ca_file``) must be there."""
    path: Path = now.folder / data[name]
    try:
        path = now.folder / Path(data[name]).expanduser()
        if name.endswith("_file"):
            now.note(path)
            path.open("rb").close()
    except (OSError, ValueError, RuntimeError) as error:
        now.wrong[id(data), name] = _why(error, path)
    return path


def _why(error: Exception, path: Path) -> str:
    if isinstance(error, OSError):
        return f"{path} cannot be read: {error.strerror or error}"
    return str(error)


def duration_s(value: Any) -> float:
    """``30s 5m 2h 1d`` → seconds.

    Raises:
        ValueError: it is not written like that.
    """
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        return float(match[1]) * _SECONDS[match[2]]
    raise ValueError(f"{_quoted(value)} is no duration; write it like 30s, 5m, 2h or 1d")


def size_octets(value: Any) -> int:
    """``512B 8kB 1MB`` (or a bare number of octets) → octets.

    Raises:
        ValueError: it is not written like that.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
        return int(float(match[1]) * _OCTETS[match[2]])
    raise ValueError(f"{_quoted(value)} is no size; write it like 512B, 8kB or 1MB")


def _quoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else wording.describe(value).removeprefix("the number ")


def positive_duration_s(value: Any) -> float:
    """Like ``duration_s``, but neither nothing, since what is done again and again needs a pause, nor for ever, since
    a socket's timeout ends somewhere.

    Raises:
        ValueError: it is not written like that, or below 1 ms, or above a year.
    """
    seconds = duration_s(value)
    if seconds < LEAST_S:
        raise ValueError("is too short; 1ms is the least, written like 30s, 5m or 2h")
    if seconds > MOST_S:
        raise ValueError("is too long; 365d is the most")
    return seconds


Duration = Annotated[
    float,
    pydantic.BeforeValidator(duration_s),
    pydantic.WithJsonSchema(
        {"type": "string", "pattern": f"^{_DURATION.pattern}$", "examples": ["30s", "5m", "2h", "1d"]}
    ),
]
PositiveDuration = Annotated[
    float,
    pydantic.BeforeValidator(positive_duration_s),
    pydantic.WithJsonSchema(
        {"type": "string", "pattern": f"^{_DURATION.pattern}$", "examples": ["30s", "5m", "2h", "1d"]}
    ),
]
Size = Annotated[
    int,
    pydantic.BeforeValidator(size_octets),
    pydantic.WithJsonSchema(
        {
            "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": f"^{_SIZE.pattern}$"}],
            "examples": ["512B", "8kB"],
        }
    ),
]
