"""``as: json``: compact, in UTF-8 (RFC 8259). Datetimes as ISO 8601, bytes as base64, durations in seconds."""

from __future__ import annotations

import base64
import datetime
import json
from typing import Any

from bridge import errors
from bridge.payload import Encoding, Keys


def encode(value: Any, keys: Keys) -> bytes:  # noqa: ARG001 - only CBOR has integer keys
    """
    Raises:
        errors.RuleError: JSON cannot express it: not a number, infinite, or nested too deep.
    """
    try:
        return text(value).encode("utf-8", "replace")  # a lone surrogate, from a broken mail, becomes a question mark
    except (TypeError, ValueError, RecursionError) as error:
        raise errors.RuleError(f"the payload does not fit into JSON: {error}") from error


def text(value: Any) -> str:
    """
    Raises:
        TypeError: a type that JSON does not have; also ValueError and RecursionError.
    """
    return _ENCODER.encode(value)


def plain(value: Any) -> str | float:
    """What stands for a value of a type that JSON does not have.

    Raises:
        TypeError: nothing does.
    """
    match value:
        case bytes() | bytearray() | memoryview():
            return base64.b64encode(value).decode("ascii")
        case datetime.date() | datetime.time():
            return value.isoformat()
        case datetime.timedelta():
            return value.total_seconds()
    raise TypeError(f"a {type(value).__name__} is nothing that JSON knows")


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=plain)


def decode(octets: bytes) -> Any:
    return json.loads(octets)


PLUGIN = Encoding(name="json", media_type="application/json", content_format=50, encode=encode, decode=decode)
