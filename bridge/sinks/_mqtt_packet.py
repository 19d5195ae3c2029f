"""What paho has no fast or public word for: the properties and the length of a PUBLISH packet (MQTT 5, section 3.3)."""

from __future__ import annotations

import struct
from collections.abc import Mapping


class Packed:
    """Properties of a PUBLISH as they go over the wire (MQTT 5, section 3.3.2.3); duck-typed to paho's
    ``Properties``.
    """

    def __init__(
        self, *, expiry_s: int | None = None, content_type: str = "", user: Mapping[str, str] | None = None
    ) -> None:
        packed = b"" if expiry_s is None else struct.pack("!BI", 0x02, min(expiry_s, 0xFFFF_FFFF))
        if content_type:
            packed += b"\x03" + _utf8(content_type)
        for name, value in (user or {}).items():
            packed += b"\x26" + _utf8(name) + _utf8(value)
        self._packed = variable_int(len(packed)) + packed

    def pack(self) -> bytes:
        return self._packed


def _utf8(text: str) -> bytes:
    encoded = text.encode("utf-8", "replace")[:65_535]
    return struct.pack("!H", len(encoded)) + encoded


def variable_int(number: int) -> bytes:
    """MQTT's Variable Byte Integer (section 1.5.5)."""
    out = bytearray()
    while True:
        number, digit = divmod(number, 128)
        out.append(digit | (0x80 if number else 0))
        if not number:
            return bytes(out)


def packet_bytes(*, topic: bytes, payload: bytes, qos: int, properties: Packed | None) -> int:
    """How long the PUBLISH packet is, its fixed header included."""
    remaining = 2 + len(topic) + (2 if qos else 0) + len(payload) + (len(properties.pack()) if properties else 0)
    return 1 + len(variable_int(remaining)) + remaining
