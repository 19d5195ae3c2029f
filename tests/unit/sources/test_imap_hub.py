"""Waiting without threads, and knocking on one host's door."""

from __future__ import annotations

import asyncio
import socket

import pytest

from bridge import errors
from bridge.sources.imap import hub

ADDRESS = ("imap.example", 993)


async def test_a_socket_with_something_to_read_wakes_its_waiter_and_no_other() -> None:
    hub_ = hub.Hub()
    ours, theirs = socket.socketpair()
    quiet, _other = socket.socketpair()
    with ours, theirs, quiet, _other:
        waiting = asyncio.create_task(hub_.readable(ours, within_s=10))
        still = asyncio.create_task(hub_.readable(quiet, within_s=10))
        theirs.send(b"x")
        assert await waiting
        assert not still.done()
        still.cancel()


async def test_waiting_ends_when_its_time_is_over() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert not await hub.Hub().readable(ours, within_s=0.01)


class Knocking:
    """Tasks that go through the door, hold it, and leave when told, well or failing."""

    def __init__(self, count: int) -> None:
        self.hub = hub.Hub()
        self.inside = 0
        self.outcomes: asyncio.Queue[Exception | None] = asyncio.Queue()
        self.tasks = [asyncio.create_task(self.enter()) for _ in range(count)]

    async def enter(self) -> None:
        async with self.hub.door(ADDRESS):
            self.inside += 1
            try:
                if outcome := await self.outcomes.get():
                    raise outcome
            finally:
                self.inside -= 1

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def test_while_a_host_fails_there_is_one_probe_at_a_time() -> None:
    knocking = Knocking(50)
    await knocking.settle()
    assert knocking.inside == hub.CONNECTING_AT_ONCE
    for _ in range(hub.CONNECTING_AT_ONCE):
        knocking.outcomes.put_nowait(errors.Disconnected())
    await knocking.settle()
    assert knocking.inside == 1
    knocking.outcomes.put_nowait(None)
    await knocking.settle()
    assert knocking.inside == hub.CONNECTING_AT_ONCE
    await knocking.end()


@pytest.mark.parametrize("failing", [True, False])
async def test_who_gives_up_waiting_at_the_door_does_not_block_it(failing: bool) -> None:
    knocking = Knocking(20)
    await knocking.settle()
    for task in knocking.tasks[16:19]:
        task.cancel()
    for _ in range(16):
        knocking.outcomes.put_nowait(errors.Disconnected() if failing else None)
    await knocking.settle()
    assert knocking.inside == 1
    await knocking.end()


async def test_refused_credentials_say_nothing_against_the_host() -> None:
    knocking = Knocking(50)
    await knocking.settle()
    knocking.outcomes.put_nowait(errors.LoginRefused())
    await knocking.settle()
    assert knocking.inside == hub.CONNECTING_AT_ONCE
    await knocking.end()


async def test_other_limits_hold_at_once() -> None:
    knocking = Knocking(40)
    await knocking.settle()
    knocking.hub.limit(at_once=30, a_second=None)
    await knocking.settle()
    assert knocking.inside == 30
    await knocking.end()


def test_a_pace_gives_each_a_slot_of_its_own_and_saves_none_up() -> None:
    pace = hub.Pace(10.0)
    assert [pytest.approx(pace.wait_s(100.0)) for _ in range(3)] == [0.0, 0.1, 0.2]
    assert [pytest.approx(pace.wait_s(200.0)) for _ in range(2)] == [0.0, 0.1]
    assert hub.Pace(None).wait_s(0.0) == 0.0


async def test_a_long_wait_ends_by_the_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "_LONG_S", 0.0)
    monkeypatch.setattr(hub, "_TICK_S", 0.02)
    hub_ = hub.Hub()
    pairs = [socket.socketpair() for _ in range(3)]
    waits = [asyncio.create_task(hub_.readable(ours, within_s=0.05)) for ours, _ in pairs]
    await asyncio.sleep(0)
    pairs[1][1].send(b"x")
    assert await asyncio.gather(*waits) == [False, True, False]
    for pair in pairs:
        for one in pair:
            one.close()


class Sleeper:
    def __init__(self, rung: list[int], number: int) -> None:
        self.rung, self.number = rung, number

    def ring(self) -> None:
        self.rung.append(self.number)


async def test_thousands_whose_time_comes_at_once_leave_others_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "_LONG_S", 0.0)
    monkeypatch.setattr(hub, "_TICK_S", 0.02)
    hub_, rung = hub.Hub(), list[int]()
    ours, theirs = socket.socketpair()
    sleepers = [Sleeper(rung, number) for number in range(1_000)]
    alarms = [hub_.alarm(sleeper, within_s=0.01) for sleeper in sleepers]
    while not rung:
        await asyncio.sleep(0)
    assert len(rung) < 100
    late = next(number for number in range(1_000) if number not in rung)
    hub_.call_off(alarms[late], sleepers[late])
    while len(rung) < 999:
        await asyncio.sleep(0)
    with ours, theirs:
        assert not await hub_.readable(ours, within_s=0.01)  # and later ones still ring
    assert sorted(rung) == [number for number in range(1_000) if number != late]


async def test_who_asks_for_the_same_name_meanwhile_shares_the_lookup(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def getaddrinfo(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        asked.append(host)
        await asyncio.sleep(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    hub_ = hub.Hub()
    found = await asyncio.gather(*(hub_.addresses("imap.example", 993) for _ in range(5)))
    assert asked == ["imap.example"]
    assert {addresses[0][4] for addresses in found} == {("192.0.2.1", 993)}
