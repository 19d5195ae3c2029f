from __future__ import annotations

import pytest
import structlog

from bridge import sinks
from bridge.delivery import Delivery
from bridge.sinks import log


@pytest.mark.parametrize(
    ("payload", "media_type", "shown"),
    [
        (b"on", "text/plain;charset=utf-8", "on"),
        (b'{"a":1}', "application/json", '{"a":1}'),
        (b"\xff", "text/plain", "\ufffd"),
        (b"\xa1\x61", "application/cbor", "a161"),
        (b"x" * 2000, "text/plain", "x" * 1024 + "…"),
        (b"\0" * 2000, "application/octet-stream", "00" * 1024 + "…"),
    ],
)
async def test_the_line_shows_text_as_text_and_the_rest_in_hex(payload: bytes, media_type: str, shown: str) -> None:
    delivery = Delivery(id="1", sink="there", target="a/b", payload=payload, media_type=media_type, rule="bell")
    with structlog.testing.capture_logs() as logs:
        async with log.Log(log.Settings(type="log"), sinks.Context(name="there", bridge="house")) as sink:
            assert (await sink.send(delivery, expires_in_s=None)).code == "logged"
    (line,) = logs
    assert (line["payload"], line["bytes"], line["target"], line["rule"]) == (shown, len(payload), "a/b", "bell")
