"""A value in a JSON file: ``sensor.temp``, ``values.0``, ``values[-1].temp``; ``true`` is all of it."""

from __future__ import annotations

import functools
import json
import math
import re
from typing import Any

from bridge.rules import nested

_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_INDEX = re.compile(r"-?\d{1,6}", re.ASCII)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_MISSING = object()
_DEPTH = 60
_CONTAINERS = frozenset((dict, list))


class Path(nested.Parsed):
    """Keys of maps and indexes of lists; a list of these where a key has a dot in it."""

    def __init__(self, written: Any) -> None:
        self.keys = tuple(_keys(written))
        if not (written is True or self.keys) or not all(isinstance(key, str | int) and key != "" for key in self.keys):
            raise ValueError("write a path like sensor.temp or values[0].temp, or true for all of it")
        self.wanted = "all of it" if written is True else ".".join(map(str, self.keys))

    def find(self, text: str) -> Any:
        """The value, None where there is none.

        Raises:
            ValueError: it is no JSON.
        """
        value: Any = read(text)
        for key in self.keys:
            value = _step(value, key)
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError("is too large for a number")
        return None if value is _MISSING else value

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        keys = {"type": "array", "items": {"type": ["string", "integer"]}, "minItems": 1}
        path = {"type": "string", "minLength": 1, "examples": ["sensor.temp", "values[0].temp"]}
        return {"anyOf": [path, keys, {"const": True}]}


def _keys(written: Any) -> list[Any]:
    if isinstance(written, str):
        return _BRACKETS.sub(r".\1", written.strip()).removeprefix(".").split(".")
    keys = list(written) if isinstance(written, list | tuple) else []
    return [str(key) if isinstance(key, int) and not isinstance(key, bool) else key for key in keys]


def _step(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return value.get(key, _MISSING)
    if isinstance(value, list) and _INDEX.fullmatch(key) and -len(value) <= int(key) < len(value):
        return value[int(key)]
    return _MISSING


@functools.lru_cache(maxsize=2)  # one mail's, for all rules
def read(text: str) -> Any:
    """JSON → its value, without the NaN and Infinity that Python would take.

    Raises:
        ValueError: it is no JSON, or is nested deeper than anything that can be sent on.
    """
    try:
        value = json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("is nested too deep") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"is no JSON: {error.msg} in line {error.lineno}") from None
    if _is_deep(value):
        raise ValueError("is nested too deep")
    if _SURROGATE.search(text):
        _check(value)
    return value


def _check(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("is no JSON: half of a character") from None


def _is_deep(value: Any) -> bool:
    level = [value] if type(value) in _CONTAINERS else []
    for _ in range(_DEPTH):
        inner = (one.values() if type(one) is dict else one for one in level)
        level = [child for children in inner for child in children if type(child) in _CONTAINERS]
    return bool(level)


def _no_number(word: str) -> float:
    raise ValueError(f"is no JSON: {word[:20]} is no number")
