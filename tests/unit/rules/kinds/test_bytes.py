"""``type: bytes``."""

from __future__ import annotations

from typing import Any

import pytest

from bridge import plugins
from tests.unit.rules import making


def converted(raw: Any) -> Any:
    plugin = plugins.find("kinds", "bytes")
    return plugin.make(plugin.options())(raw, making.mail(), making.moment())


@pytest.mark.parametrize(
    ("raw", "octets"),
    [(b"\xff\x00", b"\xff\x00"), (bytearray(b"a"), b"a"), ("ü", b"\xc3\xbc"), ("\ud800", b"?"), ("", b"")],
)
def test_bytes_stay_and_a_text_is_its_utf_8(raw: Any, octets: bytes) -> None:
    assert converted(raw) == octets
    assert type(converted(raw)) is bytes


@pytest.mark.parametrize("raw", [None, 7, 7.5, True, [1], {"a": 1}])
def test_anything_else_is_no_bytes(raw: Any) -> None:
    with pytest.raises(ValueError, match="is neither bytes nor text"):
        converted(raw)
