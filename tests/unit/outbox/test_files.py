"""Files that are too large for memory: kept in pieces until the last delivery that names them has ended."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bridge import errors, outbox, sinks, testing
from bridge.delivery import Delivery, File, Receipt
from bridge.outbox import database, files, queue
from bridge.outbox.store import Store
from tests.unit.outbox.conftest import Bench

PIECES = (b"a" * 70_000, b"", b"b" * 3)


async def stream(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def keep(keeper: files.Keeper, *pieces: bytes, most: int = 1_000_000) -> File:
    return await keeper.keep(stream(*(pieces or PIECES)), most=most)


async def read(store: Store, file: File) -> bytes:
    return b"".join([piece async for piece in store.files.content(file).pieces()])


async def rows(store: Store) -> tuple[int, int]:
    """How many files and pieces there are, when nothing is being erased any more."""
    found = None
    while found != (found := await store._do(_count)):
        await asyncio.sleep(0)
    return found


def _count(connection: Any) -> tuple[int, int]:
    ask = connection.exec_driver_sql
    return ask("SELECT count(*) FROM files").scalar_one(), ask("SELECT count(*) FROM chunks").scalar_one()


async def until(store: Store, wanted: tuple[int, int]) -> None:
    async with asyncio.timeout(20):
        while await rows(store) != wanted:
            await asyncio.sleep(0)


class Streamer(testing.FlakySink):
    """Takes files, too."""

    def __init__(self) -> None:
        super().__init__()
        self.bodies: list[bytes] = []

    async def stream(self, delivery: Delivery, content: sinks.Content, *, expires_in_s: float | None) -> Receipt:
        receipt = await self.send(delivery, expires_in_s=expires_in_s)
        self.bodies.append(b"".join([piece async for piece in content.pieces()]))
        assert len(self.bodies[-1]) == content.size
        return receipt


async def test_what_was_kept_is_read_again_also_after_a_restart(url: str) -> None:
    async with Store(url) as store:
        with store.files.keeping() as keeper:
            file = await keep(keeper)
            assert file.size == 70_003
            fired = outbox.Firing(rule="rule", deliveries=[testing.delivery(1, payload=b"", file=file)])
            await store.record(Bench.cursor(1), [outbox.Entry(place=testing.place(1), firings=[fired])])
    async with Store(url) as store:
        (queued,) = (await store.page("broker", after=0, limit=10, horizon=0)).deliveries
        assert (queued.delivery.file, queued.delivery.size) == (File(id=file.id, size=70_003), 70_003)
        assert await read(store, file) == b"".join(PIECES)


async def test_a_file_is_erased_when_its_last_delivery_has_been_acknowledged(bench: Bench) -> None:
    with bench.store.files.keeping() as keeper:
        file = await keep(keeper)
        deliveries = [testing.delivery(1, action=n, target=f"t{n}", payload=b"", file=file) for n in range(2)]
        await bench.record(*deliveries)
    assert await rows(bench.store) == (1, 2)
    sink = Streamer()
    sink.fail("t1", errors.Permanent("no"))
    async with bench.dispatching(sink):
        assert sorted(await bench.until_ended(2)) == ["dead", "delivered"]
        assert sink.bodies == [b"".join(PIECES)]
        assert await rows(bench.store) == (1, 2), "a dead delivery keeps it"
        await bench.store._do(lambda c: queue.retry(c, queue.Selection(everything=True), now=bench.clock()))
        await bench.store._do(lambda c: c.exec_driver_sql("SELECT 1"))
    async with bench.dispatching(sink):
        await bench.until_ended(3)
        assert sink.bodies == [b"".join(PIECES)] * 2
        await until(bench.store, (0, 0))


async def test_a_file_that_no_delivery_names_is_erased(bench: Bench) -> None:
    with bench.store.files.keeping() as keeper:
        await keep(keeper)
        assert await rows(bench.store) == (1, 2), "its mail is not recorded yet"
        bench.store.files.released()
        await asyncio.sleep(0)
        assert await rows(bench.store) == (1, 2)
    await until(bench.store, (0, 0))


async def test_what_a_crash_left_behind_is_erased_at_the_next_start(url: str, tmp_path: Path) -> None:
    async with Store(url):
        pass
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("INSERT INTO files VALUES ('left', 0)")
        connection.executemany("INSERT INTO chunks VALUES ('left', ?, x'00')", [(n,) for n in range(20)])
    connection.close()
    async with Store(url) as store:
        await until(store, (0, 0))


async def test_one_that_is_too_large_is_given_up_as_soon_as_that_is_known(bench: Bench) -> None:
    asked = []

    async def endless() -> AsyncIterator[bytes]:
        while True:
            asked.append(1)
            yield b"x" * 1_000

    with bench.store.files.keeping() as keeper:
        with pytest.raises(files.TooLargeError) as caught:
            await keeper.keep(endless(), most=2_500)
        assert (caught.value.size, len(asked)) == (3_000, 3)
    await until(bench.store, (0, 0))


async def test_what_breaks_half_way_leaves_nothing_behind(bench: Bench) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield b"x"
        raise errors.MailError("gone")

    with bench.store.files.keeping() as keeper, pytest.raises(errors.MailError):
        await keeper.keep(breaking(), most=100)
    await until(bench.store, (0, 0))


async def test_dropping_by_hand_beside_the_running_bridge_lets_go_of_the_file(bench: Bench, url: str) -> None:
    with bench.store.files.keeping() as keeper:
        await bench.record(testing.delivery(1, payload=b"", file=await keep(keeper)))

    def drop() -> int:
        with database.transaction(url) as connection:
            return queue.drop(connection, queue.Selection(everything=True), now=0.0)

    assert await asyncio.to_thread(drop) == 1
    bench.clock.advance(5)  # the bridge looks once a second
    await until(bench.store, (0, 0))


async def test_a_sink_that_takes_no_stream_never_gets_one(bench: Bench) -> None:
    with bench.store.files.keeping() as keeper:
        await bench.record(testing.delivery(1, payload=b"", file=await keep(keeper)))
    sink = testing.FlakySink()
    async with bench.dispatching(sink):
        assert await bench.until_ended(1) == ["dead"]
    assert sink.sent == []


async def test_a_file_of_which_something_is_missing_ends_the_delivery(bench: Bench) -> None:
    with bench.store.files.keeping() as keeper:
        file = await keep(keeper)
        await bench.record(testing.delivery(1, payload=b"", file=file))
    await bench.store._do(lambda c: c.exec_driver_sql("DELETE FROM chunks WHERE n = 1"))
    async with bench.dispatching(Streamer()):
        assert await bench.until_ended(1) == ["dead"]
    assert "no longer kept" in bench.ended[0].reason
