"""``as: text``: what people would write: ``true``, ``21.5``, an ISO 8601 time, nothing for nothing. In UTF-8.

Maps and lists are written as JSON, bytes as base64.
"""

from __future__ import annotations

import math
from typing import Any

from bridge import errors
from bridge.payload import Encoding, Keys, json_


def encode(value: Any, keys: Keys) -> bytes:  # noqa: ARG001 - only CBOR has integer keys
    """
    Raises:
        errors.RuleError: it has no text.
    """
    try:
        return _text(value).encode("utf-8", "replace")  # a lone surrogate, from a broken mail, becomes a question mark
    except (TypeError, ValueError, RecursionError) as error:
        raise errors.RuleError(f"the payload does not fit into text: {error}") from error


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float() if not math.isfinite(value):
            return str(value)  # nan, inf: JSON has none, text does
        case int() | float() | dict() | list() | tuple():
            return json_.text(value)
    return str(json_.plain(value))


def decode(octets: bytes) -> Any:
    return octets.decode("utf-8", "replace")


PLUGIN = Encoding(name="text", media_type="text/plain;charset=utf-8", content_format=0, encode=encode, decode=decode)
