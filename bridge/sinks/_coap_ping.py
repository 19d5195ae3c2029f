"""Is a CoAP device there? An empty confirmable message asks for nothing, and every device answers it with a reset (RFC
7252, section 4.3). aiocoap sends none, so these are four octets over a socket of our own.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from typing import Any

TRIES = 3  # a datagram may be lost
_PING, _RESET = 0x40, 0x70  # version 1, no token: confirmable, reset


async def ping(host: str, port: int, *, timeout_s: float) -> None:
    """Returns when the device has answered. Each address of the name gets its share of the time.

    Raises:
        OSError: nothing is there, or it does not answer (TimeoutError), or there is no such name.
        UnicodeError: no name that IDNA can express.
    """
    async with asyncio.timeout(timeout_s):
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    failure: OSError = socket.gaierror("the name has no address")
    for family, kind, protocol, _, address in found:
        try:
            await _ping(family, kind, protocol, address, timeout_s / len(found))
        except OSError as error:  # TimeoutError is one
            failure = error
        else:
            return
    raise failure


async def _ping(family: int, kind: int, protocol: int, address: Any, timeout_s: float) -> None:
    number = secrets.token_bytes(2)
    with socket.socket(family, kind, protocol) as sock:
        sock.setblocking(False)
        sock.connect(address)  # a datagram socket's: hears this device alone, and that nothing listens there
        for tries_left in reversed(range(TRIES)):
            await asyncio.get_running_loop().sock_sendall(sock, bytes((_PING, 0)) + number)
            try:
                async with asyncio.timeout(timeout_s / TRIES):
                    await _reset(sock, number)
            except TimeoutError:
                if not tries_left:
                    raise
            else:
                return


async def _reset(sock: socket.socket, number: bytes) -> None:
    while await asyncio.get_running_loop().sock_recv(sock, 64) != bytes((_RESET, 0)) + number:
        pass  # an answer to somebody who had this port before
