"""``bytes``: octets as they are: a file that is attached, say."""

from __future__ import annotations

from typing import Any

from bridge import rules
from bridge.mail import Mail
from bridge.mail.large import Large


def convert(raw: Any, mail: Mail, moment: rules.Moment) -> bytes | Large:
    if isinstance(raw, Large):
        return raw
    if isinstance(raw, bytes | bytearray | memoryview):
        return bytes(raw)
    if isinstance(raw, str):
        return raw.encode("utf-8", "replace")  # a lone surrogate, from a broken mail, becomes a question mark
    raise ValueError("is neither bytes nor text")


PLUGIN = rules.KindPlugin(make=lambda _: convert, summary="Octets as they are; of a text its UTF-8.", octets=True)
