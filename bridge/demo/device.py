"""The demo's CoAP device: a lamp with one resource, /light, that shows what it was PUT (RFC 7252)."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiocoap
import aiocoap.resource
import cbor2

from bridge.demo import listen

CBOR = 60  # CoAP Content-Formats registry


class Lamp(aiocoap.resource.Resource):  # type: ignore[misc]  # aiocoap is untyped
    """PUT {on: true, why: "…"} as CBOR switches it; GET answers what was PUT last."""

    def __init__(self, on_change: Callable[[bytes, str], None]) -> None:
        super().__init__()
        self._on_change = on_change
        self._payload = cbor2.dumps({"on": False})

    async def render_put(self, request: aiocoap.Message) -> aiocoap.Message:
        shows = describe(request.payload)
        if shows is None:
            return aiocoap.Message(code=aiocoap.BAD_REQUEST, payload=b"a map with on: true or false, please")
        self._payload = request.payload
        self._on_change(request.payload, shows)
        return aiocoap.Message(code=aiocoap.CHANGED)

    async def render_get(self, request: aiocoap.Message) -> aiocoap.Message:
        return aiocoap.Message(payload=self._payload, content_format=CBOR)


def describe(payload: bytes) -> str | None:
    """What the lamp shows for this payload; None for one that it does not understand."""
    try:
        wanted: Any = cbor2.loads(payload)
    except (cbor2.CBORError, ValueError, RecursionError):
        return None
    if not isinstance(wanted, dict) or not isinstance(wanted.get("on"), bool):
        return None
    return f"on, {wanted.get('why') or 'for no reason'}" if wanted["on"] else "off"


@contextlib.asynccontextmanager
async def serve(on_change: Callable[[bytes, str], None]) -> AsyncIterator[int]:
    """A lamp on a free UDP port of loopback, until the block ends; yields the port.

    ``on_change`` is called in the event loop with each payload that the lamp understood and what it shows now.
    """
    site = aiocoap.resource.Site()
    site.add_resource(["light"], Lamp(on_change))
    port = _free_udp_port()
    # The simple transport: it is bound to one address and needs no IPv6.
    context = await aiocoap.Context.create_server_context(
        site, bind=(listen.HOST, port), transports=["simplesocketserver"]
    )
    try:
        yield port
    finally:
        await context.shutdown()


def _free_udp_port() -> int:
    """A port that is free now: aiocoap tells nobody which port it was given for 0."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((listen.HOST, 0))
        return int(probe.getsockname()[1])
