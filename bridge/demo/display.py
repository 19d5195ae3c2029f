"""The demo's MQTT device: a small text display that subscribes at the broker with paho, as a real one would."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import cbor2
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from bridge.demo import listen

TOPIC = "display/#"
READY_S = 10.0


@contextlib.asynccontextmanager
async def serve(broker_port: int, on_change: Callable[[bytes, str], None]) -> AsyncIterator[None]:
    """A display at this broker, subscribed when the block begins.

    ``on_change`` is called in the event loop with each payload that arrived and what the display shows now.
    """
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="demo-display", protocol=MQTTProtocolVersion.MQTTv311)

    # paho calls these in its own thread.
    def connected(*_: Any) -> None:
        client.subscribe(TOPIC, qos=1)

    def subscribed(*_: Any) -> None:
        loop.call_soon_threadsafe(ready.set)

    def arrived(_: paho.Client, __: Any, message: paho.MQTTMessage) -> None:
        payload = bytes(message.payload)
        loop.call_soon_threadsafe(on_change, payload, describe(payload))

    client.on_connect, client.on_subscribe, client.on_message = connected, subscribed, arrived
    client.connect_async(listen.HOST, broker_port)
    client.loop_start()
    try:
        await asyncio.wait_for(ready.wait(), READY_S)
        yield
    finally:
        client.disconnect()
        await asyncio.to_thread(client.loop_stop)


def describe(payload: bytes) -> str:
    """What the display shows for this payload: JSON and CBOR maps as ``name value``, anything else as it is."""
    value = _decode(payload)
    if isinstance(value, dict):
        return ", ".join(f"{name} {part}" for name, part in value.items())
    return str(value)


def _decode(payload: bytes) -> Any:
    for decode in (json.loads, cbor2.loads):
        try:
            value = decode(payload)
        except (ValueError, cbor2.CBORError, RecursionError):
            continue
        if isinstance(value, dict):
            return value
    return payload.decode("utf-8", "replace")
