"""What every settings model has in common: strict keys, the units that admins write, secrets that never show."""

from __future__ import annotations

import datetime
import re
from typing import Annotated, Any, ClassVar

import pydantic

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|kB|MB|GB)?")
_OCTETS = {None: 1, "B": 1, "kB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}


class Model(pydantic.BaseModel):
    """A settings model: unknown keys are refused, secrets are masked in repr.

    ``planned`` are keys of the public interface that are not built yet; they are refused as "not yet supported".
    """

    model_config = pydantic.ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, hide_input_in_errors=True, populate_by_name=True
    )
    planned: ClassVar[frozenset[str]] = frozenset()


def duration_s(value: Any) -> float:
    """``30s 5m 2h 1d`` → seconds.

    Raises:
        ValueError: it is not written like that.
    """
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        return float(match[1]) * _SECONDS[match[2]]
    raise ValueError(f"{value!r} is no duration; write it like 30s, 5m, 2h or 1d")


def size_octets(value: Any) -> int:
    """``512B 8kB 1MB`` (or a bare number of octets) → octets.

    Raises:
        ValueError: it is not written like that.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
        return int(float(match[1]) * _OCTETS[match[2]])
    raise ValueError(f"{value!r} is no size; write it like 512B, 8kB or 1MB")


Duration = Annotated[
    float,
    pydantic.BeforeValidator(duration_s),
    pydantic.WithJsonSchema({"type": "string", "pattern": _DURATION.pattern, "examples": ["30s", "5m", "2h", "1d"]}),
]
Size = Annotated[
    int,
    pydantic.BeforeValidator(size_octets),
    pydantic.WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": _SIZE.pattern}], "examples": ["512B", "8kB"]}
    ),
]
