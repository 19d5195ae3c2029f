"""``max_bytes`` and ``too_big``: a payload that fits its target."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Path = tuple[Any, ...]


def truncated(value: Any, encode: Callable[[Any], bytes], limit: int) -> bytes | None:
    """The encoded value, its longest texts cut between characters until it has at most ``limit`` octets; None where
    even that is not enough.
    """
    encoded = encode(value)
    while len(encoded) > limit:
        path, text = _longest(value)
        if not text:
            return None
        value = _replaced(value, path, _cut(text, len(encoded) - limit))
        encoded = encode(value)
    return encoded


def _cut(text: str | bytes, octets: int) -> str | bytes:
    """At least one octet less; an encoding may need more for a character than UTF-8 does, so that one cut is rarely
    too much.
    """
    if isinstance(text, bytes):
        return text[: max(0, len(text) - octets)]
    raw = text.encode("utf-8", "replace")
    kept = raw[: max(0, len(raw) - octets)].decode("utf-8", "ignore")
    return kept if len(kept) < len(text) else text[:-1]


def _longest(value: Any) -> tuple[Path, str | bytes]:
    """The place of the longest text, and the text; "" where there is none."""
    if isinstance(value, str | bytes):
        return (), value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: tuple[Path, str | bytes] = (), ""
    for key, item in items:
        path, text = _longest(item)
        if _octets(text) > _octets(found[1]):
            found = (key, *path), text
    return found


def _octets(text: str | bytes) -> int:
    return len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "replace"))


def _replaced(value: Any, path: Path, text: str | bytes) -> Any:
    if not path:
        return text
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _replaced(value[path[0]], path[1:], text)
    return copy
