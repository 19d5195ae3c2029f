"""A broker that does what brokers do seldom: refuses a version, a message, a client; falls silent; closes the
connection."""

from __future__ import annotations

import asyncio
import dataclasses
import struct
from collections.abc import Callable
from typing import Self

from tests import servers

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, PINGREQ, DISCONNECT = 1, 2, 3, 4, 5, 6, 7, 12, 14
ACCEPT_5 = b"\x20\x03\x00\x00\x00"
ACCEPT_311 = b"\x20\x02\x00\x00"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Publish:
    """One PUBLISH, its properties undecoded."""

    connection: int  # counted from 1
    level: int  # 5, or 4 for 3.1.1
    topic: str
    qos: int
    mid: int
    rest: bytes


def connack(reason: int = 0, properties: bytes = b"") -> bytes:
    """CONNACK of MQTT 5."""
    return bytes([0x20, 3 + len(properties), 0, reason, len(properties)]) + properties


def ack(message: Publish, reason: int = 0) -> bytes:
    """What acknowledges it: PUBACK or PUBREC, with a reason code in MQTT 5."""
    kind = {1: 0x40, 2: 0x50}[message.qos]
    if message.level == 5:
        return struct.pack("!BBHB", kind, 3, message.mid, reason)
    return struct.pack("!BBH", kind, 2, message.mid)


def usual(message: Publish) -> bytes | None:
    """Acknowledges everything. ``None`` closes the connection."""
    return ack(message) if message.qos else b""


class Broker:
    """An async context manager. ``hello(level)`` answers a CONNECT, ``answer(message)`` a PUBLISH; None closes."""

    def __init__(
        self,
        *,
        hello: Callable[[int], bytes | None] = lambda level: ACCEPT_5 if level == 5 else ACCEPT_311,
        answer: Callable[[Publish], bytes | None] = usual,
    ) -> None:
        self.hello, self.answer = hello, answer
        self.connects: list[tuple[int, bytes]] = []  # protocol level, the packet's body
        self.published: list[Publish] = []  # `online` and `offline` apart
        self.states: list[Publish] = []
        self.goodbyes = 0
        self.port = servers.free_port()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()  # a task that was cancelled before it began has closed nothing
        await self._server.wait_closed()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._writers.add(writer)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (answer := self._answer(*await _packet(reader))) is not None:
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            writer.close()

    def _answer(self, first: int, body: bytes) -> bytes | None:
        match first >> 4:
            case 1:
                self.connects.append((body[6], body))
                return self.hello(body[6])
            case 3:
                return self._published(first, body)
            case 6:
                return bytes([0x70, 2]) + body[:2]
            case 12:
                return b"\xd0\x00"
            case 14:
                self.goodbyes += 1
        return None

    def _published(self, first: int, body: bytes) -> bytes | None:
        length, qos = struct.unpack("!H", body[:2])[0], (first >> 1) & 3
        topic, rest = body[2 : 2 + length].decode(), body[2 + length :]
        mid = struct.unpack("!H", rest[:2])[0] if qos else 0
        level = self.connects[-1][0]
        message = Publish(
            connection=len(self.connects), level=level, topic=topic, qos=qos, mid=mid, rest=rest[2:] if qos else rest
        )
        if topic.endswith("/state"):
            self.states.append(message)
            return usual(message)
        self.published.append(message)
        return self.answer(message)


async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    first = (await reader.readexactly(1))[0]
    length, shift = 0, 0
    while True:
        digit = (await reader.readexactly(1))[0]
        length |= (digit & 0x7F) << shift
        shift += 7
        if not digit & 0x80:
            return first, await reader.readexactly(length)
