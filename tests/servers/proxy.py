"""A TCP proxy on loopback between the bridge and a server: counts octets, notes when a line passes, delays, cuts,
swallows.

It runs an event loop in a thread of its own, so that tests and benches of any kind can use it.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any, Self


class Proxy:
    """Listens on a free port and passes everything on to ``host:port``.

    ``delay_s`` is added each way. ``on_line(direction, line, monotonic)`` is called for every line that passes ("up"
    to the server, "down" to the client), at the moment at which it is handed on.
    """

    def __init__(
        self, port: int, *, host: str = "127.0.0.1", delay_s: float = 0.0, on_line: Callable[..., None] | None = None
    ) -> None:
        self._upstream = (host, port)
        self._delay_s = delay_s
        self._on_line = on_line
        self.octets = {"up": 0, "down": 0}
        self.connections = 0
        self.port = 0
        self.swallow = False  # True: nothing passes, and nobody is told
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *exc: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def cut(self) -> None:
        """Ends every connection at once, with a reset."""
        self._loop.call_soon_threadsafe(self._cut)

    def refuse(self) -> None:
        """Nobody listens from here on; connections that there are stay."""
        asyncio.run_coroutine_threadsafe(self._refuse(), self._loop).result(10)

    def listen_again(self) -> None:
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    async def _refuse(self) -> None:
        self._server.close()

    def _cut(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    def _run(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(self._listen())
        self._ready.set()
        self._loop.run_forever()
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        self._cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            up_reader, up_writer = await asyncio.open_connection(*self._upstream)
        except OSError:
            writer.transport.abort()
            return
        for direction, source, target in (("up", reader, up_writer), ("down", up_reader, writer)):
            task = asyncio.create_task(self._pipe(direction, source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pipe(self, direction: str, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        self._writers.add(target)
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        sender = asyncio.create_task(self._send_late(direction, queue, target))
        try:
            while data := await source.read(65_536):
                if not self.swallow:
                    queue.put_nowait((time.monotonic() + self._delay_s, data))
        except OSError:
            pass
        finally:
            queue.put_nowait((0.0, b""))
            await sender
            self._writers.discard(target)

    async def _send_late(self, direction: str, queue: asyncio.Queue[tuple[float, bytes]], target: Any) -> None:
        rest = b""
        with contextlib.suppress(OSError):
            while (item := await queue.get())[1]:
                at, data = item
                wait_s = at - time.monotonic()
                if wait_s > 0:
                    await asyncio.sleep(wait_s)
                self.octets[direction] += len(data)
                if self._on_line is not None:
                    *lines, rest = (rest + data).split(b"\r\n")
                    for line in lines:
                        self._on_line(direction, line, time.monotonic())
                target.write(data)
                await target.drain()
        with contextlib.suppress(OSError):
            target.close()
