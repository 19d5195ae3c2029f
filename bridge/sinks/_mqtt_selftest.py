"""A message to ourselves through a broker: published under a topic of the bridge's own, and received again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator
from typing import Protocol

from bridge import errors, sinks
from bridge.sinks import _mqtt_reasons, _paho

TOPIC = "selftest"  # below <base_topic>/<bridge>


class Connected(Protocol):
    """What is asked of the sink."""

    async def probe(self) -> str: ...

    def link(self) -> _paho.Link: ...


async def run(sink: Connected, context: sinks.Context, step: sinks.Step, *, timeout_s: float) -> None:
    """See ``bridge.sinks.SelfTested``."""
    topic = f"{context.base_topic}/{context.bridge}/{TOPIC}"
    payload = json.dumps({"selftest": secrets.token_hex(8)}).encode()  # others may test meanwhile
    back = asyncio.Event()

    def heard(received: bytes) -> None:
        if received == payload:
            back.set()

    with step("connect", f"check url, user and password of sinks.{context.name}"):
        await sink.probe()
    may_read = f"allow this user to read {topic}"
    with step("subscribe", may_read):
        async with _within(timeout_s, "the broker did not answer"):
            _check(await sink.link().subscribe(topic, heard), f"the broker does not allow to subscribe to {topic}")
    with step("publish", f"allow this user to write to {topic}, and to what the rules publish"):
        async with _within(timeout_s, "the broker did not acknowledge"):
            await sink.link().slot()
            code = await sink.link().put(topic, payload, qos=1, retain=False, properties=None)
            _check(code, f"the broker does not allow to publish under {topic}")
    with step("receive", may_read):
        async with _within(timeout_s, "the broker acknowledged, and did not bring it back"):
            await back.wait()


def _check(code: int, refused: str) -> None:
    if code >= _mqtt_reasons.FAILURE:
        raise errors.Refused(f"{refused} (0x{code:02x})", code=f"0x{code:02x}")


@contextlib.asynccontextmanager
async def _within(seconds: float, late: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise errors.Unavailable(f"{late} within {seconds:g} s") from None
