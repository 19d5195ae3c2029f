"""``as: bytes``: raw octets, nothing added: a picture, a file, a protocol of a device's own. A text is its UTF-8."""

from __future__ import annotations

from typing import Any

from bridge.payload import Encoding, Keys, _octets


def encode(value: Any, keys: Keys) -> bytes:  # noqa: ARG001 - only CBOR has integer keys
    """
    Raises:
        errors.RuleError: it is no octets.
    """
    return _octets.octets(value)


PLUGIN = Encoding(
    name="bytes",
    media_type="application/octet-stream",
    content_format=42,
    encode=encode,
    decode=_octets.shown,
)
