"""A dispatcher that is there only while there is something to do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from bridge import errors, testing
from bridge.outbox import database, queue
from bridge.outbox.dispatcher import Dispatcher
from bridge.outbox.on_demand import LINGER_S, OnDemand
from tests.unit.outbox.conftest import Bench


class Stage:
    """One sink behind a dispatcher on demand; ``made`` counts the dispatchers."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.sink = testing.FlakySink()
        self.made = 0
        self.failures: list[Exception] = []
        self.on_demand = OnDemand("broker", bench.store, make=self._make)

    def _make(self) -> Dispatcher:
        if self.failures:
            raise self.failures.pop()
        self.made += 1
        return Dispatcher("broker", self.sink, self.bench.store, onlooker=self.bench.on_event)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(self.on_demand.run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait([task])
            await self.on_demand.close()

    async def record(self, uid: int) -> None:
        await self.bench.record(testing.delivery(uid))

    async def asleep(self) -> None:
        """Time passes until there is no dispatcher any more."""
        while self.on_demand.awake:
            self.bench.clock.advance(LINGER_S + 1)
            await asyncio.sleep(0.001)


@pytest.fixture
def stage(bench: Bench) -> Stage:
    return Stage(bench)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.001)


async def test_without_deliveries_there_is_no_dispatcher(stage: Stage) -> None:
    async with stage.running():
        await stage.bench.store.pending("broker")  # the same question again: the first one is answered
        await stage.bench.record(testing.delivery(1, sink="another"))
    assert stage.made == 0


async def test_what_the_process_before_left_is_sent(stage: Stage) -> None:
    await stage.record(1)
    async with stage.running():
        assert await stage.bench.until_ended(1) == ["delivered"]


async def test_what_is_recorded_is_sent_by_one_dispatcher(stage: Stage) -> None:
    async with stage.running():
        await stage.bench.store.pending("broker")
        for uid in range(1, 6):
            await stage.record(uid)
        assert await stage.bench.until_ended(5) == ["delivered"] * 5
    assert stage.made == 1


async def test_it_goes_when_nothing_is_left_and_comes_back_with_the_next_delivery(stage: Stage) -> None:
    async with stage.running():
        await stage.record(1)
        await stage.bench.until_ended(1)
        await stage.asleep()
        await stage.record(2)
        assert await stage.bench.until_ended(2) == ["delivered"] * 2
    assert stage.made == 2


async def test_it_stays_while_a_delivery_waits_for_its_next_try(stage: Stage) -> None:
    stage.sink.fail("home/hall", errors.Retryable("busy", retry_after_s=10 * LINGER_S))
    async with stage.running():
        await stage.record(1)
        await until(lambda: len(stage.sink.sent) == 1)
        await stage.bench.store.pending("broker")
        stage.bench.clock.advance(LINGER_S + 1)
        for _ in range(3):
            await stage.bench.store.pending("broker")
        assert stage.on_demand.awake
        stage.bench.clock.advance(10 * LINGER_S)
        assert await stage.bench.until_ended(1) == ["delivered"]
    assert stage.made == 1


async def test_told_to_drain_it_waits_for_what_is_in_flight_and_begins_nothing(stage: Stage) -> None:
    stage.sink.release.clear()
    async with stage.running():
        await stage.record(1)
        await stage.sink.arrived.wait()
        draining = asyncio.create_task(stage.on_demand.drain(20))
        await stage.record(2)
        stage.sink.release.set()
        await draining
        assert await stage.bench.states() == {"broker": {"delivered": 1, "pending": 1}}


async def test_told_to_drain_while_asleep_it_stays_asleep(stage: Stage) -> None:
    async with stage.running():
        await stage.bench.store.pending("broker")
        await stage.on_demand.drain(20)
        await stage.record(1)
        await stage.bench.store.pending("broker")
    assert stage.made == 0
    assert await stage.bench.states() == {"broker": {"pending": 1}}


async def test_a_delivery_that_is_retried_by_hand_wakes_it(stage: Stage, url: str) -> None:
    stage.sink.fail("home/hall", errors.Permanent("refused"))
    async with stage.running():
        await stage.record(1)
        assert await stage.bench.until_ended(1) == ["dead"]
        await stage.asleep()
        with database.transaction(url) as connection:  # another process
            queue.retry(connection, queue.Selection(ids=(testing.delivery(1).id,)), now=stage.bench.clock())
        assert await stage.bench.until_ended(2) == ["dead", "delivered"]


async def test_what_a_dispatcher_raises_is_raised(stage: Stage) -> None:
    stage.failures.append(errors.StoreError("the state is closed"))
    await stage.record(1)
    async with stage.running() as task:
        await asyncio.wait([task], timeout=20)
        with pytest.raises(errors.StoreError):
            task.result()
