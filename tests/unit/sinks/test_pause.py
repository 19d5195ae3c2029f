from __future__ import annotations

import asyncio

import pytest

from bridge.sinks import _pause


@pytest.mark.parametrize(
    ("failures", "chance", "wait_s"),
    [
        (1, 1.0, 1.0),
        (1, 0.0, 0.5),
        (2, 1.0, 2.0),
        (3, 1.0, 4.0),
        (5, 1.0, 15.0),
        (5, 0.0, 7.5),
        (10_000, 1.0, 15.0),
        (0, 1.0, 1.0),
    ],
)
def test_waits_double_up_to_the_longest_and_lose_up_to_half(failures: int, chance: float, wait_s: float) -> None:
    assert _pause.backoff_s(failures, min_s=1.0, max_s=15.0, chance=lambda: chance) == wait_s


async def test_without_a_failure_there_is_no_pause() -> None:
    await asyncio.wait_for(_pause.Pause(min_s=3600, max_s=3600).over(), 1)


async def test_an_answer_ends_the_pause_for_those_who_ask_then() -> None:
    pause = _pause.Pause(min_s=3600, max_s=3600)
    pause.begin()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(pause.over(), 0.01)
    pause.end()
    await asyncio.wait_for(pause.over(), 1)


async def test_failures_of_what_was_sent_together_count_once() -> None:
    pause = _pause.Pause(min_s=0.02, max_s=3600)
    for _ in range(100):
        pause.begin()
    await asyncio.wait_for(pause.over(), 5)
