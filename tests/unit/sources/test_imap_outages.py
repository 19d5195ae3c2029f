"""Hosts that cannot be reached are tried by one of those who wait, and by all when they are back."""

from __future__ import annotations

import asyncio

import pytest

from bridge import testing
from bridge.sources.imap import outages

HOST, OTHER = ("imap.example", 993), ("mail.example", 993)
LONG_S = 1_000.0


@pytest.mark.parametrize(
    ("away_s", "chance", "expected"),
    [(0.0, 0.0, 1.5), (0.0, 1.0, 0.75), (600.0, 0.0, 1.5), (4_000.0, 0.0, 10.0), (1e6, 0.0, 60.0), (1e6, 1.0, 30.0)],
)
def test_the_longer_a_host_is_away_the_less_often_it_is_tried(away_s: float, chance: float, expected: float) -> None:
    assert outages.probe_s(away_s, chance=chance) == expected


class Waiting:
    """So many who wait for a host that was found to be away; ``awake`` is who does not any more."""

    def __init__(self, count: int) -> None:
        self.clock = testing.Clock()
        self.outages = outages.Outages()
        self.outages.unreachable(HOST)
        self.awake: list[int] = []
        self.tasks = [asyncio.create_task(self._wait(n)) for n in range(count)]

    async def _wait(self, number: int, address: outages.Address = HOST, most_s: float = LONG_S) -> None:
        await self.outages.wait(address, most_s=most_s)
        self.awake.append(number)

    async def later(self, seconds: float = 0.0) -> list[int]:
        self.clock.advance(seconds)
        for _ in range(10):
            await asyncio.sleep(0)
        return self.awake

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.wait(self.tasks)


async def test_one_of_those_who_wait_tries_it_at_a_time() -> None:
    waiting = Waiting(3)
    assert await waiting.later() == []
    assert await waiting.later(outages.PROBE_S) == [0]
    assert await waiting.later(outages.PROBE_S) == [0, 1]
    await waiting.end()


async def test_when_somebody_was_answered_all_of_them_try() -> None:
    waiting = Waiting(3)
    await waiting.later()
    waiting.outages.reached(HOST)
    assert await waiting.later() == [0, 1, 2]


async def test_another_host_says_nothing_about_it() -> None:
    waiting = Waiting(2)
    await waiting.later()
    waiting.outages.reached(OTHER)
    waiting.outages.unreachable(OTHER)
    assert await waiting.later() == []
    await waiting.end()


async def test_who_stops_waiting_keeps_nobody_from_trying() -> None:
    waiting = Waiting(2)
    await waiting.later()
    waiting.tasks[0].cancel()
    assert await waiting.later(outages.PROBE_S) == [1]


async def test_who_tried_in_vain_has_its_turn_again_after_the_others() -> None:
    waiting = Waiting(2)
    await waiting.later()
    await waiting.later(outages.PROBE_S)
    waiting.outages.unreachable(HOST)
    waiting.tasks.append(asyncio.create_task(waiting._wait(0)))
    assert await waiting.later() == [0]
    assert await waiting.later(outages.PROBE_S) == [0, 1]
    assert await waiting.later(outages.PROBE_S) == [0, 1, 0]


@pytest.mark.parametrize("address", [HOST, OTHER])
async def test_nobody_waits_longer_than_it_wants(address: outages.Address) -> None:
    waiting = Waiting(1)
    waiting.tasks.append(asyncio.create_task(waiting._wait(7, address, most_s=0.5)))
    assert await waiting.later() == []
    assert await waiting.later(0.5) == [7]
    await waiting.end()
