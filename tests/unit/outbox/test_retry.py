"""Backoff as a table."""

import pytest

from bridge.outbox import retry


@pytest.mark.parametrize(("tries", "expected"), [(1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (1_000, 300)])
def test_waits_double_and_are_capped(tries: int, expected: float) -> None:
    assert retry.backoff_s(tries, chance=0.5) == expected


@pytest.mark.parametrize(("chance", "expected"), [(0.0, 0.8), (1.0, 1.2)])
def test_jitter_is_a_fifth_either_way(chance: float, expected: float) -> None:
    assert retry.backoff_s(1, chance=chance) == pytest.approx(expected)
