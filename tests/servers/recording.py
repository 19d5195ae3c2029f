"""Far ends that acknowledge whatever arrives and keep it, octet by octet: an MQTT broker that knows one client, and a
CoAP device.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

_CONNECT, _PUBLISH, _PINGREQ = 1, 3, 12  # packet types (MQTT 5, section 2.1.2)
_CONNACK = {4: b"\x20\x02\x00\x00", 5: b"\x20\x03\x00\x00\x00"}  # by the protocol's level
_LEVEL_AT = 6  # behind the protocol's name in a CONNECT
_CHANGED = 0x44  # 2.04
_ACK = 0x60  # version 1, acknowledgement, no token yet


class Recording:
    """``port`` and what arrived there: whole PUBLISH packets, whole datagrams."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.packets: list[bytes] = []


@contextlib.asynccontextmanager
async def broker() -> AsyncIterator[Recording]:
    """Answers QoS 1 alone."""
    server = await asyncio.start_server(lambda reader, writer: _serve(reader, writer, found), "127.0.0.1", 0)
    found = Recording(server.sockets[0].getsockname()[1])
    async with server:
        yield found
        server.close()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, found: Recording) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            packet, begin = await _packet(reader)
            kind, flags = packet[0] >> 4, packet[0] & 0x0F
            if kind == _CONNECT:
                writer.write(_CONNACK[packet[begin + _LEVEL_AT]])
            elif kind == _PINGREQ:
                writer.write(b"\xd0\x00")
            elif kind == _PUBLISH and flags & 0x06:
                found.packets.append(packet)
                topic = int.from_bytes(packet[begin : begin + 2], "big")
                writer.write(b"\x40\x02" + packet[begin + 2 + topic : begin + 4 + topic])
            await writer.drain()
    writer.close()


async def _packet(reader: asyncio.StreamReader) -> tuple[bytes, int]:
    """A control packet, and where its variable header begins."""
    head = await reader.readexactly(2)
    length, shift = head[1] & 0x7F, 7
    while head[-1] & 0x80:
        head += await reader.readexactly(1)
        length |= (head[-1] & 0x7F) << shift
        shift += 7
    return head + await reader.readexactly(length), len(head)


class _Device(asyncio.DatagramProtocol):
    def __init__(self, found: Recording) -> None:
        self._found = found

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.DatagramTransport = transport  # type: ignore[assignment]  # it is one

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._found.packets.append(data)
        token = data[4 : 4 + (data[0] & 0x0F)]
        self._transport.sendto(bytes([_ACK | len(token), _CHANGED]) + data[2:4] + token, addr)


@contextlib.asynccontextmanager
async def device() -> AsyncIterator[Recording]:
    """On IPv4 and IPv6 alike, so that it can be called by its name."""
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as free:
        port = free.getsockname()[1]
    taken = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    taken.bind(("::", port))
    found = Recording(port)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: _Device(found), sock=taken)
    try:
        yield found
    finally:
        transport.close()
