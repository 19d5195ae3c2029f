"""Which attachments are meant, for ``when`` and for ``extract``.

"*.jpg"                                             a glob on the file name, ignoring case
{name: …, type: image/*, larger: …, smaller: …}     one attachment for which all of these hold; lists are any of them
true                                                any at all

They are told apart by the mail's structure alone: nothing is downloaded for it. Sizes are those of the files, as well
as those of the encoded parts tell.
"""

from __future__ import annotations

import dataclasses
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pydantic

from bridge import schema
from bridge.mail.large import size
from bridge.mail.part import Part
from bridge.rules import nested, regex
from bridge.rules.text import clip, fold

SHOWN = 20  # attachments; the rest is counted
_SAW_CHARS = 200
_REGEX = re.compile(r"/.*/[a-z]{0,3}", re.DOTALL)  # no file name has a slash in it
_SIZE = pydantic.TypeAdapter(schema.Size)
_Test = Callable[[Part], bool]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Meant:
    """What one attachment has to be."""

    wanted: str  # for people
    tests: tuple[_Test, ...] = ()
    larger: int = 0  # octets that it has more than

    def holds(self, part: Part) -> bool:
        return all(test(part) for test in self.tests)

    @classmethod
    def parse(cls, written: Any, others: Iterable[str] = ()) -> Meant:
        """``others`` are keys of a map that are somebody else's.

        Raises:
            ValueError: it is none of the forms above (a ``ValidationError`` where the fault lies deeper).
        """
        if written is True:
            return cls(wanted="any attachment")
        if isinstance(written, Mapping):
            return cls._from_keys(written, others)
        if not isinstance(written, str) or not written:
            raise ValueError('write a glob like "*.jpg", or {name: …, type: …, larger: …, smaller: …}')
        return cls(wanted=clip(written), tests=(_name([written]),))

    @classmethod
    def _from_keys(cls, written: Mapping[str, Any], others: Iterable[str]) -> Meant:
        known = (*_KEYS, *others)
        own = {key: value for key, value in written.items() if key not in others}
        if wrong := [((key,), nested.unknown(key, known)) for key in own if key not in _KEYS]:
            raise nested.error(wrong)
        if not written:
            raise ValueError("an empty map holds for every attachment; write true")
        tests = nested.each(_test, ((key, (key, value)) for key, value in own.items()))
        wanted = ", ".join(_shown(*item) for item in own.items()) or "any attachment"
        larger = schema.size_octets(own["larger"]) if "larger" in own else 0
        return cls(wanted=wanted, tests=tuple(tests), larger=larger)


def json_schemas(others: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """The schemas of the forms; ``others`` as for ``Meant.parse``."""
    sizes = dict.fromkeys(_SIGNS, _SIZE.json_schema())
    keys = {"name": _globs_schema("*.jpg", "report-*.csv"), "type": _globs_schema("image/*"), **sizes, **(others or {})}
    return [
        {"type": "string", "minLength": 1, "description": "a glob on the file name", "examples": ["*.jpg"]},
        {"const": True},
        {"type": "object", "properties": keys, "additionalProperties": False, "minProperties": 1},
    ]


def _globs_schema(*examples: str) -> dict[str, Any]:
    glob = {"type": "string", "minLength": 1, "examples": list(examples)}
    return {"anyOf": [glob, {"type": "array", "items": glob, "minItems": 1}]}


def _globs(written: Any) -> list[str]:
    globs = list(written) if isinstance(written, list | tuple) else [written]
    if not globs or not all(isinstance(glob, str) and glob for glob in globs):
        raise ValueError("write a glob, or a list of globs")
    return globs


def _name(written: Any) -> _Test:
    globs = _globs(written)
    if any(map(_REGEX.fullmatch, globs)):
        raise ValueError('a file name is a glob like "*.jpg" or a list of them, no regex')
    patterns = [regex.glob(fold(glob)) for glob in globs]

    def test(part: Part) -> bool:
        name = fold(part.name)
        return any(pattern.fullmatch(name) for pattern in patterns)

    return test


def _type(written: Any) -> _Test:
    globs = _globs(written)
    if odd := [glob for glob in globs if "/" not in glob and "*" not in glob]:
        raise ValueError(f'"{clip(odd[0])}" is no media type; write it like image/jpeg or image/*')
    patterns = [regex.glob(glob.lower()) for glob in globs]
    return lambda part: any(pattern.fullmatch(part.type) for pattern in patterns)


def _bound(key: str, written: Any) -> _Test:
    octets, holds = schema.size_octets(written), _SIGNS[key]
    return lambda part: bool(holds(part.decoded_size, octets))


_SIGNS = {"larger": operator.gt, "smaller": operator.lt}
_KEYS = ("name", "type", *_SIGNS)


def _test(item: tuple[str, Any]) -> _Test:
    key, value = item
    if key in _SIGNS:
        return _bound(key, value)
    return _name(value) if key == "name" else _type(value)


def _shown(key: str, value: Any) -> str:
    values = value if isinstance(value, list | tuple) else [value]
    text = " or ".join(map(str, values))
    return clip(text if key == "name" else f"{key} {text}" if key == "type" else f"{key} than {text}")


def saw(parts: tuple[Part, ...]) -> str:
    """A mail's attachments, for people."""
    shown = [f"{part.name or part.type} ({size(part.decoded_size)})" for part in parts[:SHOWN]]
    more = [f"{len(parts) - SHOWN} more"] if len(parts) > SHOWN else []
    return clip(", ".join([*more, *shown]), _SAW_CHARS) or "no attachments"
