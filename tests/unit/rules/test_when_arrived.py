"""``hours``, ``days``, ``max_age``, ``since``: what the bridge's clock says of a mail."""

from __future__ import annotations

import contextlib
import datetime
import zoneinfo
from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import plugins, rules
from bridge.rules import wallclock
from bridge.rules.conditions import days, hours, since
from tests.unit.rules import making

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


def utc(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


def outcome(key: str, setting: Any, *, received: str, now: str = "", zone: datetime.tzinfo = BERLIN) -> rules.Outcome:
    """What the condition makes of a mail; times are UTC."""
    ((_, made),) = making.rule(when={key: setting}).when.items()
    condition = plugin(key).make(made)
    moment = making.moment(utc(now or received).timestamp(), zone)
    found = condition.check(making.mail(received=utc(received)), moment)
    assert isinstance(found, rules.Outcome)
    return found


def plugin(key: str) -> rules.ConditionPlugin:
    found = plugins.find("conditions", key)
    assert isinstance(found, rules.ConditionPlugin)
    return found


@pytest.mark.parametrize(
    ("setting", "received", "held"),
    [
        # winter: an hour before UTC
        ("22:00-06:00", "2026-11-03T20:59:59", False),
        ("22:00-06:00", "2026-11-03T21:00:00", True),
        ("22:00-06:00", "2026-11-03T23:00:00", True),
        ("22:00-06:00", "2026-11-04T04:59:59", True),
        ("22:00-06:00", "2026-11-04T05:00:00", False),
        ("22-6", "2026-11-03T23:00:00", True),
        ("22-6", "2026-11-03T11:00:00", False),
        ("9:30-17", "2026-11-03T08:30:00", True),
        ("9:30-17", "2026-11-03T08:29:00", False),
        ("9:30-17", "2026-11-03T16:00:00", False),
        ("18:00-24:00", "2026-11-03T22:59:00", True),
        ("18:00-24:00", "2026-11-03T23:00:00", False),
        ("18:00-00:00", "2026-11-03T22:59:00", True),
        ("18:00-0", "2026-11-03T23:00:00", False),
        (["06:00-08:00", "17:00 - 22:00"], "2026-11-03T06:30:00", True),
        (["06:00-08:00", "17:00\N{EN DASH}22:00"], "2026-11-03T20:30:00", True),
        (["06:00-08:00", "17:00-22:00"], "2026-11-03T11:30:00", False),
        # 2026-03-29: the clock goes from 02:00 to 03:00 at 01:00 UTC
        ("01:00-02:00", "2026-03-29T00:59:59", True),
        ("02:00-03:00", "2026-03-29T00:59:59", False),
        ("02:00-03:00", "2026-03-29T01:00:00", False),
        ("03:00-04:00", "2026-03-29T01:00:00", True),
        ("22:00-06:00", "2026-03-29T03:59:59", True),
        ("22:00-06:00", "2026-03-29T04:00:00", False),
        # 2026-10-25: from 03:00 back to 02:00 at 01:00 UTC
        ("02:00-03:00", "2026-10-25T00:30:00", True),
        ("02:00-03:00", "2026-10-25T01:30:00", True),
        ("02:00-03:00", "2026-10-25T02:00:00", False),
        ("22:00-06:00", "2026-10-25T04:59:59", True),
        ("22:00-06:00", "2026-10-25T05:00:00", False),
    ],
)
def test_hours(setting: Any, received: str, held: bool) -> None:
    assert outcome("hours", setting, received=received).held is held


@pytest.mark.parametrize(
    ("setting", "received", "held"),
    [
        (["sat", "sun"], "2026-10-31T12:00:00", True),
        (["sat", "sun"], "2026-11-02T12:00:00", False),
        ("sat", "2026-10-30T23:00:00", True),  # midnight in Berlin
        ("sat", "2026-10-30T22:59:59", False),
        ("Saturday", "2026-10-31T12:00:00", True),
        ("weekend", "2026-11-01T12:00:00", True),
        ("weekend", "2026-11-01T23:00:00", False),
        ("weekdays", "2026-11-01T23:00:00", True),
        ("mon-fri", "2026-11-06T12:00:00", True),
        ("mon-fri", "2026-11-07T12:00:00", False),
        ("Fri - Mon", "2026-11-08T12:00:00", True),
        ("fri-mon", "2026-11-09T12:00:00", True),
        ("fri-mon", "2026-11-10T12:00:00", False),
        ("tue-tue", "2026-11-10T12:00:00", True),
        (["weekend", "wed"], "2026-11-04T12:00:00", True),
        # the days on which the clock changes begin and end as their clocks say
        ("sun", "2026-03-28T23:00:00", True),
        ("sun", "2026-03-29T21:59:59", True),
        ("sun", "2026-03-29T22:00:00", False),
        ("sun", "2026-10-24T22:00:00", True),
        ("sun", "2026-10-25T22:59:59", True),
        ("sun", "2026-10-25T23:00:00", False),
    ],
)
def test_days(setting: Any, received: str, held: bool) -> None:
    assert outcome("days", setting, received=received).held is held


@pytest.mark.parametrize(
    ("received", "now", "held"),
    [
        ("2026-11-01T12:00:00.5", "2026-11-01T12:10:00.5", True),
        ("2026-11-01T12:00:00.5", "2026-11-01T12:10:00.6", False),
        ("2026-11-01T12:00:00", "2026-11-01T12:10:00.9", True),  # it may have come up to a second later than is said
        ("2026-11-01T12:00:00", "2026-11-01T12:10:01.1", False),
        ("2026-11-01T12:00:00", "2026-11-01T12:00:00", True),
        ("2026-11-01T13:00:00", "2026-11-01T12:00:00", True),  # a clock is wrong
        ("2026-10-01T12:00:00", "2026-11-01T12:00:00", False),
    ],
)
def test_max_age(received: str, now: str, held: bool) -> None:
    assert outcome("max_age", "10m", received=received, now=now).held is held


@pytest.mark.parametrize(
    ("setting", "now", "last"),
    [
        ("midnight", "2026-11-03T12:00", "2026-11-02T23:00"),
        ("Midnight", "2026-11-02T22:59", "2026-11-01T23:00"),
        ("midnight", "2026-11-02T23:00", "2026-11-02T23:00"),
        ("06:00", "2026-11-03T12:00", "2026-11-03T05:00"),
        ("06:00", "2026-11-03T04:59", "2026-11-02T05:00"),
        ("6", "2026-11-03T05:00", "2026-11-03T05:00"),
        ("24:00", "2026-11-03T12:00", "2026-11-02T23:00"),
        ("monday", "2026-11-03T12:00", "2026-11-01T23:00"),
        ("Mon", "2026-11-02T12:00", "2026-11-01T23:00"),
        ("tue", "2026-11-02T12:00", "2026-10-26T23:00"),
        ("sun", "2026-11-01T22:30", "2026-10-31T23:00"),
        ("2026-11-01", "2026-11-03T12:00", "2026-10-31T23:00"),
        ("2026-11-01", "2026-01-01T12:00", "2026-10-31T23:00"),
        (datetime.date(2026, 7, 1), "2026-11-03T12:00", "2026-06-30T22:00"),
        # the clock is put back: 02:30 is at 00:30 and at 01:30 UTC
        ("02:30", "2026-10-25T00:29", "2026-10-24T00:30"),
        ("02:30", "2026-10-25T00:30", "2026-10-25T00:30"),
        ("02:30", "2026-10-25T01:29", "2026-10-25T00:30"),
        ("02:30", "2026-10-25T12:00", "2026-10-25T01:30"),
        ("midnight", "2026-10-25T12:00", "2026-10-24T22:00"),
        ("midnight", "2026-03-29T12:00", "2026-03-28T23:00"),
        ("midnight", "2026-03-30T12:00", "2026-03-29T22:00"),
    ],
)
def test_since(setting: Any, now: str, last: str) -> None:
    made = since.Since(setting)
    assert made.last(utc(now).astimezone(BERLIN)) == utc(last)
    assert outcome("since", setting, received=last, now=now).held
    before = (utc(last) - datetime.timedelta(seconds=1)).replace(tzinfo=None).isoformat()
    assert not outcome("since", setting, received=before, now=now).held


def test_a_time_that_the_clock_leaves_out_is_when_it_is_put_forward() -> None:
    assert since.Since("02:30").last(utc("2026-03-29T12:00").astimezone(BERLIN)) <= utc("2026-03-29T01:30")
    assert since.Since("02:30").last(utc("2026-03-29T12:00").astimezone(BERLIN)) >= utc("2026-03-29T00:30")


@pytest.mark.parametrize(
    ("key", "setting", "wanted", "saw"),
    [
        ("hours", ["22-6", "12:30-13"], "22:00-06:00 or 12:30-13:00", "Sun 2026-10-25 02:30 CET"),
        ("days", ["weekend", "mon"], "mon, sat, sun", "Sun 2026-10-25 02:30 CET"),
        ("max_age", "10m", "no older than 10m", "arrived 35m ago"),
        ("since", "06:00", "arrived since 06:00", "Sun 2026-10-25 02:30 CET, not before Sat 2026-10-24 06:00 CEST"),
    ],
)
def test_what_was_wanted_and_seen_is_told(key: str, setting: Any, wanted: str, saw: str) -> None:
    ((_, made),) = making.rule(when={key: setting}).when.items()
    assert plugin(key).make(made).wanted == wanted
    assert outcome(key, setting, received="2026-10-25T01:30:00", now="2026-10-25T02:05:01").saw == saw


@pytest.mark.parametrize(
    ("when", "place", "message"),
    [
        ({"hours": "22:00"}, ("hours",), "write from when to when, like 22:00-06:00"),
        ({"hours": 22}, ("hours",), "write from when to when, like 22:00-06:00"),
        ({"hours": "6:00-6"}, ("hours",), "it ends when it begins; for the whole day leave the key out"),
        ({"hours": ["6-7", "24-3"]}, ("hours", 1), "it ends when it begins; for the whole day leave the key out"),
        ({"hours": ["6-7", "25-3"]}, ("hours", 1), '"25" is no time; write it like 22:00 or 6'),
        ({"hours": "6:60-7"}, ("hours",), '"6:60" is no time; write it like 22:00 or 6'),
        ({"hours": "24:30-7"}, ("hours",), '"24:30" is no time; write it like 22:00 or 6'),
        ({"hours": []}, ("hours",), "an empty list holds for nothing"),
        ({"days": []}, ("days",), "an empty list holds for nothing"),
        ({"days": ["sat", "sunn"]}, ("days", 1), '"sunn" is no day; did you mean "sun"?'),
        ({"days": "weekends"}, ("days",), '"weekends" is no day; did you mean "weekend"?'),
        ({"days": "mon-weekend"}, ("days",), None),
        ({"days": "mon-"}, ("days",), None),
        ({"days": 1}, ("days",), "write a day like mon, a span like mon-fri, weekdays or weekend"),
        ({"max_age": "10"}, ("max_age",), '"10" is no duration; write it like 30s, 5m, 2h or 1d'),
        ({"max_age": "0s"}, ("max_age",), "is too short; 1ms is the least, written like 30s, 5m or 2h"),
        ({"since": "midnigt"}, ("since",), '"midnigt" is no day; did you mean "midnight"?'),
        ({"since": "2026-02-30"}, ("since",), '"2026-02-30" is no date; write it like 2026-11-01'),
        ({"since": "0001-01-01"}, ("since",), '"0001-01-01" is no date; write it like 2026-11-01'),
        ({"since": "25:00"}, ("since",), '"25:00" is no time; write it like 22:00 or 6'),
        ({"since": 6}, ("since",), "write midnight, a time like 06:00, a day like monday, or a date like 2026-11-01"),
    ],
)
def test_what_is_wrong_is_one_error_at_its_place(when: Any, place: tuple[Any, ...], message: str | None) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        making.rule(when=when)
    (line,) = caught.value.errors()
    assert line["loc"] == ("when", *place)
    assert message is None or line["msg"].removeprefix("Value error, ") == message


def test_what_only_time_can_tell_leaves_no_text_behind() -> None:
    """The text of a mail is fetched for a rule that will hold later, though it does not when the mail arrives."""
    mail = making.without_text()
    for when in (
        {"max_age": "1s"},
        {"since": "midnight"},
        {"not": {"max_age": "10m"}},
        {"any": [{"not": {"since": "midnight"}}, {"subject": "nothing"}]},
    ):
        assert making.compiled(making.rule(when={**when, "body": "x"})).wants(mail) != {}, when
    assert making.compiled(making.rule(when={"hours": "13-14", "body": "x"})).wants(mail) == {}


minutes = st.integers(0, wallclock.MINUTES - 1)


@given(minutes, minutes, minutes)
def test_a_span_of_hours_holds_from_its_start_to_before_its_end(start: int, end: int, minute: int) -> None:
    if start == end:
        return
    span = hours.Span(f"{wallclock.shown(start)}-{wallclock.shown(end)}")
    walked = (minute - start) % wallclock.MINUTES < (end - start) % wallclock.MINUTES
    assert (minute in span) is walked


@given(st.text(max_size=12) | st.from_regex(r"\d{0,3}:?\d{0,3}[-–]\d{0,3}:?\d{0,3}", fullmatch=True))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    for setting in (hours.Spans, days.Days, since.Since):
        with contextlib.suppress(ValueError):
            setting(text)


@given(st.datetimes(datetime.datetime(1990, 1, 1), datetime.datetime(2060, 1, 1)), minutes)
def test_the_last_time_is_no_later_than_now_and_no_more_than_a_day_and_an_hour_ago(
    now: datetime.datetime, minute: int
) -> None:
    here = now.replace(tzinfo=datetime.UTC).astimezone(BERLIN)
    last = since.Since(wallclock.shown(minute)).last(here)
    assert datetime.timedelta() <= here - last <= datetime.timedelta(hours=25)
