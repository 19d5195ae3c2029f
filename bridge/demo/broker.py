"""The demo's MQTT broker: amqtt in this process. It speaks 3.1.1 and not 5, as many a small broker does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker

from bridge.demo import listen

# An external listener: the socket is ours, so that its port is known without looking into amqtt's private parts.
_CONFIG = {
    "listeners": {"default": {"type": "external"}},
    "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
}


@contextlib.asynccontextmanager
async def serve() -> AsyncIterator[int]:
    """A broker for anyone on this machine, until the block ends; yields its port."""
    broker = Broker(_CONFIG)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await broker.external_connected(StreamReaderAdapter(reader), StreamWriterAdapter(writer), "default")

    await broker.start()
    try:
        async with listen.tcp(connected) as port:
            yield port
    finally:
        await broker.shutdown()
