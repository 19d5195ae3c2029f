"""The HTTP sink with a body that is not in memory, against a real server on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest

from bridge import errors, sinks, testing
from bridge.delivery import Delivery, File
from bridge.sinks import http
from tests.servers.hashing import Hashing
from tests.servers.http import Answer, Server

CONTEXT = sinks.Context(name="hook", bridge="house")
OCTETS = bytes(range(256)) * 9_000


class Content:
    """Octets in pieces, and then perhaps an exception; ``read`` counts the pieces that were asked for."""

    def __init__(self, octets: bytes = OCTETS, *, then: Exception | None = None, size: int | None = None) -> None:
        self.size = len(octets) if size is None else size
        self.read = 0
        self.closed = 0
        self._octets = octets
        self._then = then

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        try:
            for at in range(0, len(self._octets), 700_000):
                self.read += 1
                yield self._octets[at : at + 700_000]
            if self._then is not None:
                raise self._then
        finally:
            self.closed += 1


def delivery(content: Content, **options: Any) -> Delivery:
    given = {"path": "", **options}
    return Delivery(
        id="0123456789abcdef", sink="hook", target="", payload=b"", options=given, file=File(id="f", size=content.size)
    )


@contextlib.asynccontextmanager
async def sink_for(url: str, **settings: Any) -> AsyncIterator[http.Http]:
    made = http.Settings.model_validate({"type": "http", "url": url, "timeout": "5s", **settings})
    async with http.Http(made, CONTEXT) as sink:
        yield sink


async def test_it_has_its_length_its_type_and_its_id_as_any_other() -> None:
    content = Content()
    async with Server(Answer(status=201)) as server, sink_for(f"{server.url}/up") as sink:
        receipt = await sink.stream(delivery(content, headers={"X-Name": "ä"}), content, expires_in_s=None)
    (request,) = server.requests
    assert (receipt.code, request.method, request.target, request.body) == ("201", "POST", "/up", OCTETS)
    headers = {name: request.headers.get(name) for name in ("content-type", "content-length", "transfer-encoding")}
    assert headers == {
        "content-type": "application/octet-stream",
        "content-length": str(len(OCTETS)),
        "transfer-encoding": None,
    }
    assert request.headers["idempotency-key"] == "0123456789abcdef"


async def test_an_empty_file_is_an_empty_body() -> None:
    content = Content(b"")
    async with Server() as server, sink_for(server.url) as sink:
        await sink.stream(delivery(content), content, expires_in_s=None)
    assert (server.requests[0].body, server.requests[0].headers["content-length"]) == (b"", "0")


async def test_a_get_has_no_body_and_reads_nothing() -> None:
    content = Content()
    async with Server() as server, sink_for(server.url) as sink:
        await sink.stream(delivery(content, method="GET"), content, expires_in_s=None)
    assert (server.requests[0].body, content.read) == (b"", 0)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (503, errors.Retryable),
        (429, errors.Retryable),
        (401, errors.Refused),
        (413, errors.Permanent),
        (302, errors.Permanent),
    ],
)
async def test_the_answers_mean_what_they_mean_for_any_other(status: int, error: type[Exception]) -> None:
    content = Content()
    async with Server(Answer(status=status)) as server, sink_for(server.url) as sink:
        with pytest.raises(error):
            await sink.stream(delivery(content), content, expires_in_s=None)
        await sink.stream(delivery(content), content, expires_in_s=None)
    assert server.requests[-1].body == OCTETS


async def test_a_connection_that_breaks_in_the_middle_is_tried_again_from_the_beginning() -> None:
    content = Content()
    with Hashing(cut_after=500_000) as server:
        async with sink_for(server.url) as sink:
            with pytest.raises(errors.Retryable):
                await sink.stream(delivery(content), content, expires_in_s=None)
            await sink.stream(delivery(content), content, expires_in_s=None)
        (posted,) = server.posted
    assert (posted.octets, posted.sha256) == (len(OCTETS), hashlib.sha256(OCTETS).hexdigest())
    assert content.closed == 2


async def test_a_server_that_is_away_costs_no_try() -> None:
    content = Content()
    async with Server() as server:
        url = server.url
    async with sink_for(url) as sink:
        with pytest.raises(errors.Unavailable):
            await sink.stream(delivery(content), content, expires_in_s=None)
    assert content.read == 0


async def test_what_is_no_longer_kept_says_so_and_the_next_one_goes_out() -> None:
    lost, whole = Content(b"x", then=errors.Permanent("no longer kept"), size=10), Content()
    async with Server() as server, sink_for(server.url) as sink:
        with pytest.raises(errors.Permanent, match="no longer kept"):
            await sink.stream(delivery(lost), lost, expires_in_s=None)
        await sink.stream(delivery(whole), whole, expires_in_s=None)
    assert [request.body for request in server.requests] == [OCTETS]


async def test_the_end_of_a_body_has_time_to_arrive() -> None:
    """What was handed to the network is not at the server yet: over a poor link that takes longer than an answer."""
    clock, taken, answer = testing.Clock(), asyncio.Event(), asyncio.Event()

    async def read_slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(len(OCTETS))
        taken.set()
        await answer.wait()
        writer.write(b"HTTP/1.1 204 Fine\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(read_slowly, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, sink_for(url, timeout="5s") as sink:
        content = Content()
        sending = asyncio.create_task(sink.stream(delivery(content), content, expires_in_s=None))
        await taken.wait()
        clock.advance(40)
        answer.set()
        assert (await sending).code == "204"


async def test_a_server_that_takes_nothing_more_is_given_up() -> None:
    async def read_no_more(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        await released.wait()
        writer.close()

    released = asyncio.Event()
    content = Content(OCTETS * 10)
    server = await asyncio.start_server(read_no_more, "127.0.0.1", 0, limit=1_024)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, sink_for(url, timeout="200ms") as sink:
        with pytest.raises(errors.Retryable):
            await sink.stream(delivery(content), content, expires_in_s=None)
        released.set()
    assert content.closed == 1
