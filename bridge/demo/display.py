"""The demo's MQTT device: a small text display that subscribes at the broker with paho, as a real one would."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import cbor2
import paho.mqtt.client as paho

from bridge.demo import listen

TOPIC = "display/#"


@contextlib.asynccontextmanager
async def serve(broker_port: int, on_change: Callable[[bytes, str], None]) -> AsyncIterator[None]:
    """A display at this broker, subscribed when the block begins.

    ``on_change`` is called in the event loop with each payload that arrived and what the display shows now.
    """
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="demo-display", protocol=paho.MQTTv311)
    client.on_connect = lambda *_: client.subscribe(TOPIC, qos=1)
    client.on_subscribe = lambda *_: loop.call_soon_threadsafe(ready.set)
    client.on_message = lambda _, __, message: loop.call_soon_threadsafe(
        on_change, message.payload, describe(message.payload)
    )
    client.connect_async(listen.HOST, broker_port)
    client.loop_start()
    try:
        await asyncio.wait_for(ready.wait(), 10)
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
