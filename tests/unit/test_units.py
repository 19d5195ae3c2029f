"""Units live and end in order; of several, only those are renewed whose settings are others than before."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge import errors, outbox, testing, units
from bridge.delivery import Delivery
from bridge.outbox.dispatcher import Dispatcher
from bridge.outbox.store import Store


class House:
    """Sinks on a store, and what became of each: ``log`` holds ``opened a1``, ``closed a1``."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.log: list[str] = []
        self.sinks: dict[str, testing.FlakySink] = {}
        self.broken: set[str] = set()  # what cannot be opened
        self.taken = 0
        self._uid = 0

    def wanted(self, *names: str) -> dict[str, units.Wanted]:
        """``a1`` is the unit ``a`` with the settings 1."""
        return {name[0]: self._wanted(name) for name in names}

    def _wanted(self, name: str) -> units.Wanted:
        async def open_(stack: contextlib.AsyncExitStack) -> units.Open:
            if name in self.broken:
                raise errors.ConfigError([errors.Fault(file="ca.pem", message="is no certificate")])
            self.log.append(f"opened {name}")
            stack.callback(self.log.append, f"closed {name}")
            self.sinks[name[0]] = sink = testing.FlakySink()
            return units.Open(
                dispatcher=Dispatcher(name[0], sink, self.store, onlooker=lambda _: None), take=self._take
            )

        return units.Wanted(settings=name[1:], open=open_)

    async def _take(self) -> None:
        self.taken += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.taken -= 1

    async def record(self, sink: str) -> Delivery:
        self._uid += 1
        delivery = testing.delivery(self._uid, sink=sink)
        firing = outbox.Firing(rule=delivery.rule, deliveries=(delivery,))
        entry = outbox.Entry(place=testing.place(self._uid), fingerprint="f", firings=(firing,))
        await self.store.record(testing.cursor(self._uid), [entry])
        return delivery

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0)

    async def sends(self, sink: str) -> bool:
        """Whether the sink of that name is handed what is recorded for it now."""
        delivery = await self.record(sink)
        await self.until(lambda: delivery.id in self.sinks[sink].ids)
        return True


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with Store(f"sqlite:///{tmp_path}/state.db") as store:
        yield House(store)


@contextlib.asynccontextmanager
async def running(house: House, *names: str) -> AsyncIterator[units.Units]:
    all_ = units.Units("sink")
    await all_.take_up(house.wanted(*names))
    async with asyncio.TaskGroup() as group:
        all_.start(group)
        yield all_
        await units.stop_all(all_)


async def test_only_what_is_new_or_has_changed_is_opened_and_only_what_is_gone_or_has_changed_is_closed(
    house: House,
) -> None:
    async with running(house, "a1", "b1", "c1") as all_:
        house.log.clear()
        untouched = house.sinks["a"]
        wanted = house.wanted("a1", "b2", "d1")
        difference = await all_.take_up(wanted)
        assert ["closed b1", "opened b2", "opened d1"] == house.log
        assert (("d",), ("b",)) == (difference.added, difference.reopened)
        assert await house.sends("c"), "what is gone goes on until it is let go"
        assert ("c",) == await all_.let_go(wanted)
        assert "closed c1" == house.log[-1]
        assert untouched is house.sinks["a"]
        assert [await house.sends(sink) for sink in "abd"]
        assert ["a", "b", "d"] == sorted(all_.names)
        assert [1, 1, 0, 1] == [len(house.store._news[sink]) for sink in "abcd"], "who has ended listens no more"
    assert all_.names == []
    assert ["closed a1", "closed b2", "closed d1"] == sorted(house.log[-3:])


async def test_what_cannot_be_opened_leaves_everything_as_it_was(house: House) -> None:
    async with running(house, "a1", "b1") as all_:
        house.broken = {"b2"}
        with pytest.raises(errors.ConfigError, match="no certificate"):
            await all_.take_up(house.wanted("a2", "b2", "c1"))
        assert ["closed a2", "opened a1", "opened b1"] == house.log[-3:]
        assert [await house.sends(sink) for sink in "ab"]
        assert ["a", "b"] == sorted(all_.names)
        house.log.clear()
        assert await all_.take_up(house.wanted("a1", "b1")) == units.Difference()
        assert house.log == []


async def test_a_unit_that_cannot_be_opened_again_is_told_of_and_the_others_go_on(house: House) -> None:
    async with running(house, "a1", "b1") as all_:
        house.broken = {"a1", "b2"}
        with capture_logs() as logs, pytest.raises(errors.ConfigError):
            await all_.take_up(house.wanted("a2", "b2"))
        assert [("what ran before could not be opened again", "a")] == [(line["event"], line["sink"]) for line in logs]
        assert ["b"] == all_.names
        assert await house.sends("b")
        house.broken = set()
        assert ("a",) == (await all_.take_up(house.wanted("a1", "b1"))).added
        assert await house.sends("a")


async def test_what_is_in_flight_is_acknowledged_before_its_sink_is_closed_and_the_rest_waits_for_the_next(
    house: House,
) -> None:
    async with running(house, "a1") as all_:
        before = house.sinks["a"]
        before.release.clear()
        flying, waiting = await house.record("a"), await house.record("a")
        await house.until(lambda: flying.id in before.ids)
        renewing = asyncio.create_task(all_.take_up(house.wanted("a2")))
        await house.until(lambda: house.taken == 0)  # it takes no more
        for _ in range(3):
            await house.store.counts()  # time enough for whoever does not wait
        assert "closed a1" not in house.log
        before.release.set()
        await renewing
        await house.until(lambda: waiting.id in house.sinks["a"].ids)
        assert [flying.id] == before.ids
        assert [waiting.id] == house.sinks["a"].ids
        assert house.taken == 1


async def test_a_sink_that_never_answers_keeps_nothing_in_flight_when_it_is_closed(house: House) -> None:
    clock = testing.Clock()
    async with running(house, "a1") as all_:
        before = house.sinks["a"]
        before.release.clear()
        delivery = await house.record("a")
        await house.until(lambda: delivery.id in before.ids)
        renewing = asyncio.create_task(all_.take_up(house.wanted("a2")))
        await house.until(lambda: house.taken == 0)
        await asyncio.sleep(0)
        while not renewing.done():
            clock.advance(5)
            await asyncio.sleep(0.001)
        await renewing
        await house.until(lambda: delivery.id in house.sinks["a"].ids)
        await house.until(lambda: not any(task.get_name() == "a: home/hall" for task in asyncio.all_tasks()))


async def test_what_fails_to_close_is_gone_all_the_same(house: House) -> None:
    async with running(house, "a1") as all_:

        async def open_(stack: contextlib.AsyncExitStack) -> units.Open:
            stack.push_async_callback(_fail)
            return await house.wanted("b1")["b"].open(stack)

        wanted = {**house.wanted("a1"), "b": units.Wanted(settings="1", open=open_)}
        await all_.take_up(wanted)
        with capture_logs() as logs:
            await all_.take_up(house.wanted("a1", "b2"))
        assert ["it could not be closed in order"] == [line["event"] for line in logs]
        assert [await house.sends(sink) for sink in "ab"]


async def _fail() -> None:
    raise RuntimeError


async def test_closing_ends_everything_though_nobody_stopped_it(house: House) -> None:
    all_ = units.Units("sink")
    await all_.take_up(house.wanted("a1", "b1"))
    await all_.close()
    assert ["closed a1", "closed b1"] == sorted(house.log[-2:])
    assert all_.names == []
