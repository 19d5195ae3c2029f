"""``as: base64``: octets as text (RFC 4648, section 4), for a target that takes no others. A text is its UTF-8."""

from __future__ import annotations

import base64
from typing import Any

from bridge.payload import Encoding, Keys, _octets


def encode(value: Any, keys: Keys) -> bytes:  # noqa: ARG001 - only CBOR has integer keys
    """
    Raises:
        errors.RuleError: it is no octets.
    """
    return base64.b64encode(_octets.octets(value))


def decode(octets: bytes) -> Any:
    return _octets.shown(base64.b64decode(octets))


PLUGIN = Encoding(name="base64", media_type="text/plain;charset=utf-8", content_format=0, encode=encode, decode=decode)
