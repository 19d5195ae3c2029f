from __future__ import annotations

import pytest

from bridge.sinks import _backoff


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
    assert _backoff.backoff_s(failures, min_s=1.0, max_s=15.0, chance=lambda: chance) == wait_s
