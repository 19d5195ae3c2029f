"""A small HTTP server that records what it is asked, and answers as it is told."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import ssl
from collections.abc import Mapping
from typing import Self

from tests import servers


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """One request as it came over the wire; header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    raw_head: bytes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """``body`` is sent with its length; ``hang`` sends nothing at all, ``cut`` closes without an answer."""

    status: int = 200
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    body: bytes = b""
    endless: bool = False  # goes on sending the body for as long as it is read
    hang: bool = False
    cut: bool = False


class Server:
    """An async context manager; answers are used up in order, then it is 200."""

    def __init__(self, *answers: Answer, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.answers = collections.deque(answers)
        self.connections = 0
        self.sent_bytes = 0
        self.port = servers.free_port()
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}" if self._tls else f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, ssl=self._tls)
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
        self.connections += 1
        task = asyncio.create_task(self._serve(reader, writer))
        self._writers.add(writer)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass  # the client has gone
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.requests.append(Request(method=method, target=target, headers=headers, body=body, raw_head=head))
        answer = self.answers.popleft() if self.answers else Answer()
        if answer.hang:
            await asyncio.Event().wait()
        if answer.cut:
            return False
        await self._send(writer, answer)
        return not answer.endless

    async def _send(self, writer: asyncio.StreamWriter, answer: Answer) -> None:
        length = {} if answer.endless else {"Content-Length": str(len(answer.body))}
        lines = [f"HTTP/1.1 {answer.status} Scripted", *(f"{k}: {v}" for k, v in {**length, **answer.headers}.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + answer.body)
        await writer.drain()
        self.sent_bytes += len(answer.body)
        while answer.endless:
            writer.write(answer.body)
            await writer.drain()
            self.sent_bytes += len(answer.body)
