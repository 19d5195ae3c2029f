"""libcoap's example server as a device, and its client as a second, independent look at it.

The server keeps what is PUT to ``/example_data`` and, with ``-d``, to any other path: the first PUT creates it (2.01),
the next ones change it (2.04), a GET reads it back. Without ``-d`` a PUT to an unknown path is 4.04. ``/`` and
``/time`` can be read; ``/async`` answers separately after some seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Sequence
from typing import Self

from tests import servers

PING = b"\x40\x00\x12\x34"  # an empty confirmable message; every CoAP endpoint answers with RST (RFC 7252, section 4.3)


class Libcoap:
    """A context manager."""

    def __init__(self, *, dynamic: int = 100, options: Sequence[str] = ()) -> None:
        servers.needs("coap-server-notls", "coap-client-notls")
        self.port = servers.free_port(socket.SOCK_DGRAM)
        self._options = (*(("-d", str(dynamic)) if dynamic else ()), *options)
        self._exit = contextlib.ExitStack()

    @property
    def url(self) -> str:
        return f"coap://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        folder = self._exit.enter_context(servers.folder())
        argv = ["coap-server-notls", "-A", "127.0.0.1", "-p", str(self.port), "-v", "7", *self._options]
        self._process = servers.Process(argv, cwd=folder, ready=lambda: answers(self.port))
        self._exit.enter_context(self._process)
        return self

    def __exit__(self, *exc: object) -> None:
        self._exit.close()

    def start(self) -> None:
        self._process.start()

    def stop(self) -> None:
        self._process.kill()  # it has nothing to write, and no manners to test

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        return self._process.log.read_text(errors="replace")

    async def get(self, path: str) -> bytes:
        """What libcoap's own client reads there."""
        client = await asyncio.create_subprocess_exec(
            *("coap-client-notls", "-m", "get", "-B", "5", "-o", "-", f"{self.url}/{path.lstrip('/')}"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
        )
        said, _ = await client.communicate()
        return said


def answers(port: int) -> bool:
    """Whether a CoAP endpoint is there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.2)
        try:
            sock.connect(("127.0.0.1", port))
            sock.send(PING)
            return bool(sock.recv(64))
        except OSError:
            return False
