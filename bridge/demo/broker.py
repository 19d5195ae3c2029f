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
V311 = 4  # CONNECT's protocol level
UNACCEPTABLE_VERSION = bytes.fromhex("20020001")  # CONNACK with return code 1


class _Reader(StreamReaderAdapter):  # type: ignore[misc]  # amqtt is untyped
    """A client's stream, from its first byte, although the beginning was looked at before amqtt reads it."""

    def __init__(self, reader: asyncio.StreamReader, seen: bytes) -> None:
        super().__init__(reader)
        self._seen = seen

    async def read(self, n: int = -1) -> bytes:
        if not self._seen:
            return bytes(await super().read(n))
        if n < 0:
            n = len(self._seen)
        first, self._seen = self._seen[:n], self._seen[n:]
        return first if len(first) == n else first + bytes(await super().read(n - len(first)))


@contextlib.asynccontextmanager
async def serve() -> AsyncIterator[int]:
    """A broker for anyone on this machine, until the block ends; yields its port."""
    broker = Broker(_CONFIG)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            seen = await _to_level(reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        if seen[-1] > V311:
            # amqtt takes MQTT 5's properties for a very long client id, and waits for the rest of it for ever. A server
            # that does not speak a version answers so, and closes (MQTT 3.1.1, section 3.1.2.2).
            writer.write(UNACCEPTABLE_VERSION)
            return
        await broker.external_connected(_Reader(reader, seen), StreamWriterAdapter(writer), "default")

    await broker.start()
    try:
        async with listen.tcp(connected) as port:
            yield port
    finally:
        await broker.shutdown()


async def _to_level(reader: asyncio.StreamReader) -> bytes:
    """The bytes of CONNECT up to its protocol level: type, length (one to four bytes), "MQTT", level."""
    seen = await reader.readexactly(2)
    while seen[-1] & 0x80 and len(seen) < 5:
        seen += await reader.readexactly(1)
    return seen + await reader.readexactly(7)
