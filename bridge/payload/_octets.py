"""A value that is octets already, or stands for some."""

from __future__ import annotations

from typing import Any

from bridge import errors


def octets(value: Any) -> bytes:
    """Bytes as they are, a text as UTF-8, a list of numbers from 0 to 255 as the octets that they are.

    Raises:
        errors.RuleError: it is something else; the message says what to do.
    """
    match value:
        case bytes() | bytearray() | memoryview():
            return bytes(value)
        case str():
            return value.encode("utf-8", "replace")  # a lone surrogate, from a broken mail, becomes a question mark
        case list() | tuple() if all(isinstance(one, int) and not isinstance(one, bool) for one in value):
            try:
                return bytes(value)
            except ValueError:
                raise errors.RuleError("the payload is a list of octets, which go from 0 to 255") from None
    raise errors.RuleError(
        f"the payload is a {_called(value)}, which is no octets: give a text, bytes (type: bytes) or a list of numbers "
        "from 0 to 255, or choose another encoding (as: text, json, cbor)"
    )


def _called(value: Any) -> str:
    names = {type(None): "nothing", bool: "bool", int: "number", float: "number", dict: "map"}
    return names.get(type(value), type(value).__name__)


def shown(found: bytes) -> Any:
    """For people: the text that they are, where they are one."""
    try:
        text = found.decode("utf-8")
    except UnicodeDecodeError:
        return found
    return text if all(char.isprintable() or char in "\t\n\r" for char in text) else found
