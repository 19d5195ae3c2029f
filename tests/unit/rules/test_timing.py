"""Times that a mail gives: delay, expires, reset.after."""

from __future__ import annotations

import datetime
import zoneinfo
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import errors, rules
from bridge.rules import explanation, timing
from tests.unit.rules import making

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
AT = datetime.datetime(2026, 11, 1, 14, 0, tzinfo=datetime.UTC)
WHEN = {"body": r"/at=(?P<at>.*)/"}


@pytest.mark.parametrize(
    ("value", "seconds", "is_moment"),
    [
        (30, 30.0, False),
        (1.5, 1.5, False),
        (-5, -5.0, False),
        ("5m", 300.0, False),
        (" 250ms ", 0.25, False),
        (datetime.timedelta(minutes=2), 120.0, False),
        (AT, AT.timestamp(), True),
        (AT.timestamp(), AT.timestamp(), True),
        (int(AT.timestamp()), AT.timestamp(), True),
        ("2026-11-01T14:00:00Z", AT.timestamp(), True),
        ("2026-11-01T15:00", AT.timestamp(), True),
        (datetime.datetime(2026, 11, 1, 15, 0), AT.timestamp(), True),
        (datetime.date(2026, 11, 1), AT.timestamp() - 15 * 3_600, True),
    ],
)
def test_a_value_is_a_duration_or_a_moment_in_the_bridges_zone(value: Any, seconds: float, is_moment: bool) -> None:
    assert timing.read(value, BERLIN) == timing.Time(seconds=seconds, is_moment=is_moment)


@pytest.mark.parametrize(
    "value", [None, True, "", "soon", [], {}, b"5m", float("nan"), float("inf"), 1e300, -1e300, 10**400, "99:99"]
)
def test_anything_else_is_no_time_and_is_not_quoted(value: Any) -> None:
    with pytest.raises(errors.RuleError, match=r"^[a-zA-Z ]+ that is neither a time nor a duration$"):
        timing.read(value, BERLIN)


@given(st.one_of(st.text(), st.integers(), st.floats(), st.datetimes(), st.dates(), st.timedeltas(), st.binary()))
def test_no_value_raises_anything_else(value: Any) -> None:
    try:
        found = timing.read(value, BERLIN)
    except errors.RuleError:
        return
    assert abs(found.after(0.0)) < 1e12


def sent(at: str, now: float = making.NOW, **action: Any) -> list[Any]:
    rule = making.rule(when=WHEN, then=[{"sink": "lamp", "path": "x", "payload": "1", **action}])
    (verdict,) = making.evaluate(making.mail(f"at={at}"), rule, now=now)
    return list(verdict.deliveries) or [verdict.error]


ARRIVED = making.ARRIVED.timestamp()


@pytest.mark.parametrize(
    ("at", "due"),
    [
        ("2026-11-01T14:00:00+00:00", AT.timestamp()),
        ("2026-11-01T14:00", AT.timestamp()),
        ("90s", making.NOW + 90),
        ("2026-11-01T11:00", None),  # in the past: at once
        ("0s", None),
    ],
)
def test_a_delay_from_the_mail(at: str, due: float | None) -> None:
    (made,) = sent(at, delay="{{ at }}", retry_for="1h")
    assert (made.not_before, made.dead) == (due, "")
    assert made.retry_until == (due or making.NOW) + 3_600


@pytest.mark.parametrize(
    ("at", "action", "expires"),
    [
        ("2026-11-01T14:00", {}, AT.timestamp()),
        ("2026-11-01T14:00", {"delay": "1m"}, AT.timestamp()),  # a moment is that moment, delayed or not
        ("5m", {}, ARRIVED + 301),
        ("5m", {"delay": "1m"}, ARRIVED + 361),
        ("5m", {"delay": "{{ mail.date }}"}, ARRIVED + 301),  # that is over, and adds nothing
        ("2026-11-01T11:00", {}, ARRIVED - 3_600),  # expired at once
    ],
)
def test_an_end_from_the_mail(at: str, action: dict[str, Any], expires: float) -> None:
    (made,) = sent(at, expires="{{ at }}", **action)
    assert made.expires == expires


def test_a_lifetime_counts_from_the_moment_of_a_delay() -> None:
    (made,) = sent("2026-11-01T14:00", delay="{{ at }}", expires="5m")
    assert made.not_before == AT.timestamp()
    assert made.expires == pytest.approx(AT.timestamp() + 300, abs=10), "arrival, and what the delay adds to it"


@pytest.mark.parametrize(
    ("at", "after_s", "at_s"),
    [("2026-11-01T14:00", None, AT.timestamp()), ("2026-11-01T11:00", None, ARRIVED - 3_600), ("30s", 30.0, None)],
)
def test_a_reset_from_the_mail(at: str, after_s: float | None, at_s: float | None) -> None:
    main, reset = sent(at, reset={"after": "{{ at }}", "payload": "0"})
    assert (reset.part, reset.reset_after, reset.reset_at, reset.expires) == ("reset", after_s, at_s, None)
    assert reset.retry_until >= max(main.retry_until, at_s or 0.0) + 86_400


@pytest.mark.parametrize("key", ["delay", "expires"])
@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ at }}", "a text that is neither a time nor a duration"),
        ("{{ nope }}", 'there is no value "nope"'),
        ("{{ mail.attachments }}", "list that is neither a time nor a duration"),
    ],
)
def test_what_gives_no_time_is_dead_and_says_why(key: str, template: str, reason: str) -> None:
    (made,) = sent("soon", **{key: template}, reset={"after": "1s", "payload": "0"})
    assert made.dead == f"{key}: {reason}"


def test_a_reset_without_a_time_is_told_and_its_main_goes_out() -> None:
    rule = making.rule(when=WHEN, then={"sink": "lamp", "path": "x", "reset": {"after": "{{ at }}", "payload": "0"}})
    (verdict,) = making.evaluate(making.mail("at=soon"), rule)
    assert [one.part for one in verdict.deliveries] == ["main"]
    assert verdict.error == "then.0.reset: after: a text that is neither a time nor a duration"


def test_a_moment_can_be_reckoned_with() -> None:
    (made,) = sent("2026-11-01T14:00:00+00:00", delay="{{ (at | timestamp) - 600 }}")
    assert made.not_before == AT.timestamp() - 600


def test_a_day_is_the_bridges_own() -> None:
    rule = making.rule(when=WHEN, then={"sink": "lamp", "path": "x", "delay": "{{ at }}"})
    moment = rules.Moment(now=making.NOW, zone=BERLIN)
    (verdict,) = making.compiled(rule).evaluate(making.mail("at=2026-12-24"), moment)
    due = datetime.datetime(2026, 12, 24, tzinfo=BERLIN).timestamp()
    assert verdict.deliveries[0].not_before == due


def test_a_time_with_the_text_in_it_asks_for_the_text() -> None:
    rule = making.rule(then={"sink": "lamp", "path": "x", "delay": "{{ mail.text }}"})
    assert making.compiled(rule).wants(making.without_text())


def test_the_times_are_explained() -> None:
    action = {"sink": "lamp", "path": "x", "delay": "{{ at }}", "reset": {"after": "{{ at }}", "payload": "0"}}
    rule = making.compiled(making.rule(when=WHEN, then=action))
    mail = making.mail("at=2026-11-01T14:00")
    (found,) = explanation.explain(mail, rule, making.moment()).as_json()["rules"]
    main, reset = (one["options"] for one in found["deliveries"])
    assert main["delay_s"] == 2 * 3_600 - 7
    assert (reset["reset_at"], "reset_after_s" in reset) == ("2026-11-01T14:00:00+00:00", False)
