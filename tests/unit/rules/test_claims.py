"""When a claim holds, and what is kept for the next one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.rules import Claim, claims

M = 60.0


def claim(at: float, kind: str = "repeated", number: int = 3, within_s: float = 10 * M) -> Claim:
    return Claim(kind=kind, rule="r", key="k", number=number, within_s=within_s, at=at)  # type: ignore[arg-type]


def held(times: list[float], **about: object) -> list[bool]:
    """Whether each of these claims holds, one after the other."""
    tally, found = claims.Tally(), []
    for at in times:
        one = claim(at, **about)  # type: ignore[arg-type]
        used = claims.use(one, tally)
        tally = used.tally
        found.append(used.held)
        assert list(tally.times) == sorted(tally.times)
        assert len(tally.times) <= one.number
    return found


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        ([0, 1, 2, 3, 4], [0, 0, 1, 1, 1]),
        ([0, 0, 0], [0, 0, 1]),
        ([0, 1, 9.9], [0, 0, 1]),
        ([0, 1, 10], [0, 0, 0]),  # ten minutes later is no longer within ten minutes
        ([0, 1, 10, 10.5], [0, 0, 0, 1]),
        ([0, 5, 10, 14.9, 19.8], [0, 0, 0, 1, 1]),
        ([0, 1, 2, 30, 31, 32], [0, 0, 1, 0, 0, 1]),
        ([3, 1, 2], [0, 0, 1]),  # by folder, not by arrival: they are in one span all the same
        (
            [30, 31, 1, 2, 3, 32],
            [0, 0, 0, 0, 0, 1],
        ),  # old mails that are met later count for nothing, and spoil nothing
    ],
)
def test_repeated_holds_from_the_third_mail_within_ten_minutes(minutes: list[float], expected: list[int]) -> None:
    assert held([minute * M for minute in minutes]) == [bool(one) for one in expected]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([0, 1, 2, 3], [1, 1, 0, 0]),
        ([0, 1, 59.9, 60, 60.5, 61], [1, 1, 0, 1, 0, 1]),  # a firing makes room when it is a whole minute old
        ([0, 100, 101, 102], [1, 1, 1, 0]),
        ([0, 1, -0.5], [1, 1, 0]),  # the clock was set back a little: still one minute
        ([5_000, 5_001, 10, 11, 12], [1, 1, 1, 1, 0]),  # set back far: what lies ahead is forgotten
        ([10, 11, 5_000], [1, 1, 1]),
    ],
)
def test_a_throttle_lets_two_through_in_any_minute(seconds: list[float], expected: list[int]) -> None:
    assert held(seconds, kind="throttle", number=2, within_s=M) == [bool(one) for one in expected]


def test_what_is_suppressed_is_counted_until_the_throttle_lets_one_through_again() -> None:
    tally = claims.Tally()
    for at in (0.0, 10.0, 20.0, 30.0):
        tally = claims.use(claim(at, "throttle", 2, M), tally).tally
    assert tally == claims.Tally(times=(0.0, 10.0), suppressed=2, since=20.0, report_at=60.0)
    after = claims.use(claim(61.0, "throttle", 2, M), tally)
    assert (after.held, after.tally.suppressed, after.tally.report_at) == (True, 2, 60.0), "nobody has told of it yet"


moments = st.lists(st.integers(0, 40).map(float), max_size=40)


@given(moments, st.integers(2, 5), st.integers(1, 15))
def test_repeated_holds_where_counting_them_all_says_so(gaps: list[float], number: int, within: int) -> None:
    times = [sum(gaps[: n + 1]) / 10 for n in range(len(gaps))]
    expected = [sum(at - within < one <= at for one in times[: n + 1]) >= number for n, at in enumerate(times)]
    assert held(times, number=number, within_s=float(within)) == expected


@given(moments, st.integers(1, 4), st.integers(1, 15))
def test_no_span_has_more_firings_than_the_throttle_allows_and_none_is_suppressed_without_need(
    gaps: list[float], number: int, within: int
) -> None:
    times = [sum(gaps[: n + 1]) / 10 for n in range(len(gaps))]
    through = held(times, kind="throttle", number=number, within_s=float(within))
    fired = [at for at, one in zip(times, through, strict=True) if one]
    assert all(sum(at <= one < at + within for one in fired) <= number for at in fired)
    for at, one in zip(times, through, strict=True):
        assert one or sum(at - within < other <= at for other in fired) == number


@given(moments, st.sampled_from(["throttle", "repeated"]), st.integers(2, 4), st.integers(1, 15))
def test_whatever_the_clocks_say_what_is_kept_is_sorted_and_bounded(
    times: list[float], kind: str, number: int, within: int
) -> None:
    held(times, kind=kind, number=number, within_s=float(within))


def test_what_counts_together_has_one_key() -> None:
    assert claims.key("r", "throttle", "a") == claims.key("r", "throttle", "a")
    others = [("s", "throttle", "a"), ("r", "repeated", "a"), ("r", "throttle", "b"), ("r", "throttle", "\ud800")]
    assert len({claims.key("r", "throttle", "a"), *(claims.key(*one) for one in others)}) == 5


def test_a_rule_that_is_not_repeated_often_enough_uses_up_no_throttle_and_stops_nothing() -> None:
    asked: list[str] = []

    def use(one: Claim) -> bool:
        asked.append(one.kind)
        return one.kind == "throttle"

    both = (claim(0.0), claim(0.0, "throttle"))
    assert claims.fates([(both, True), ((), False)], use) == ["unmet", "fired"]
    assert asked == ["repeated"]


def test_a_rule_that_is_suppressed_stops_and_what_is_behind_it_uses_nothing_up() -> None:
    asked: list[float] = []

    def use(one: Claim) -> bool:
        asked.append(one.at)
        return False

    firings = [((claim(1.0, "throttle"),), True), ((claim(2.0, "throttle"),), False), ((), True)]
    assert claims.fates(firings, use) == ["suppressed", "stopped", "stopped"]
    assert asked == [1.0]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.25, "250ms"), (1.5, "1.5s"), (30.0, "30s"), (90.0, "90s"), (600.0, "10m"), (7_200.0, "2h"), (86_400.0, "1d")],
)
def test_a_span_is_told_as_it_is_written(seconds: float, words: str) -> None:
    assert claims.span(seconds) == words


@pytest.mark.parametrize(
    ("count", "nth"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (112, "112th")]
)
def test_how_often_is_told_in_words(count: int, nth: str) -> None:
    used = claims.Used(held=True, nth=count, tally=claims.Tally())
    assert claims.saw(claim(0.0, "throttle"), used) == f"{nth} within 10m"
