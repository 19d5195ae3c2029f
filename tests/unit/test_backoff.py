"""How long to wait before the next try."""

from __future__ import annotations

import pytest

from bridge import backoff


@pytest.mark.parametrize(
    ("failures", "chance", "expected_s"),
    [
        (1, 0.0, 1.0),
        (2, 0.0, 2.0),
        (3, 0.0, 4.0),
        (6, 0.0, 32.0),
        (7, 0.0, 60.0),
        (10_000, 0.0, 60.0),
        (0, 0.0, 1.0),
        (1, 1.0, 0.5),
        (3, 0.5, 3.0),
        (7, 1.0, 30.0),
    ],
)
def test_waits_double_up_to_the_longest_and_chance_takes_up_to_half(
    failures: int, chance: float, expected_s: float
) -> None:
    assert expected_s == backoff.wait_s(failures, least_s=1.0, most_s=60.0, chance=chance)
