"""``datetime`` and ``duration``: days, times and lengths of time as people write them."""

from __future__ import annotations

import datetime
import zoneinfo
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies

from bridge import plugins, rules
from bridge.mail import Mail
from bridge.rules.written import words
from tests.unit.rules import making

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
SUNDAY = making.mail("Hello")  # it arrived on 2026-11-01 at 12:00 UTC, 13:00 in Berlin
MOMENT = rules.Moment(now=making.NOW, zone=BERLIN)


def convert(kind: str, raw: Any, mail: Mail = SUNDAY) -> Any:
    return plugins.find("kinds", kind).make(rules.NoOptions())(raw, mail, MOMENT)


@pytest.mark.parametrize(
    ("raw", "iso"),
    [
        # machines
        ("2026-11-14T18:05:00Z", "2026-11-14T18:05:00+00:00"),
        ("2026-11-14T18:05:00.5+02:00", "2026-11-14T18:05:00.500000+02:00"),
        ("2026-11-14 18:05", "2026-11-14T18:05:00+01:00"),
        ("2026-07-14 18:05", "2026-07-14T18:05:00+02:00"),
        ("20261114T180500", "2026-11-14T18:05:00+01:00"),
        ("2026-11-14", "2026-11-14T00:00:00+01:00"),
        ("2026-W46-6", "2026-11-14T00:00:00+01:00"),
        ("20261114_180512", "2026-11-14T18:05:12+01:00"),
        ("IMG 20261114.jpg", "2026-11-14T00:00:00+01:00"),
        ("Sat, 14 Nov 2026 18:05:00 -0500 (EST)", "2026-11-14T18:05:00-05:00"),
        ("Sat, 14 Nov 26 18:05 GMT", "2026-11-14T18:05:00+00:00"),
        ("Sat Nov 14 18:05:00 2026", "2026-11-14T18:05:00+01:00"),
        ("1794679500", "2026-11-14T18:05:00+00:00"),
        ("1794679500000", "2026-11-14T18:05:00+00:00"),
        (1794679500, "2026-11-14T18:05:00+00:00"),
        (1794679500.5, "2026-11-14T18:05:00.500000+00:00"),
        (datetime.datetime(2026, 11, 14, 18, 5, tzinfo=datetime.UTC), "2026-11-14T18:05:00+00:00"),
        (datetime.datetime(2026, 11, 14, 18, 5), "2026-11-14T18:05:00+01:00"),
        (datetime.date(2026, 11, 14), "2026-11-14T00:00:00+01:00"),
        # numbers: day first, year first, or whichever is possible
        ("14.11.2026, 18:05 Uhr", "2026-11-14T18:05:00+01:00"),
        ("14. 11. 2026 18:05", "2026-11-14T18:05:00+01:00"),
        ("14-11-26", "2026-11-14T00:00:00+01:00"),
        ("31.12.99", "1999-12-31T00:00:00+01:00"),
        ("03/04/2026", "2026-04-03T00:00:00+02:00"),
        ("11/14/2026 6:05 PM", "2026-11-14T18:05:00+01:00"),
        ("2026/11/14 18:05", "2026-11-14T18:05:00+01:00"),
        ("2026. 11. 14. 18:05", "2026-11-14T18:05:00+01:00"),
        ("١٤/١١/٢٠٢٦ ١٨:٠٥", "2026-11-14T18:05:00+01:00"),
        # names
        ("14 November 2026 18:05", "2026-11-14T18:05:00+01:00"),
        ("Nov 14, 2026 at 6:05pm CET", "2026-11-14T18:05:00+01:00"),
        ("Friday, November 13th, 2026 6:05 PM (UTC-05:00)", "2026-11-13T18:05:00-05:00"),
        ("14-Nov-26 18:05", "2026-11-14T18:05:00+01:00"),
        ("14. November 2026 um 18.05 Uhr", "2026-11-14T18:05:00+01:00"),
        ("5. März 2027, 8 Uhr 30", "2027-03-05T08:30:00+01:00"),
        ("le 14 novembre 2026 à 18h05", "2026-11-14T18:05:00+01:00"),
        ("1er août 2026", "2026-08-01T00:00:00+02:00"),
        ("14 de noviembre de 2026 a las 18:05", "2026-11-14T18:05:00+01:00"),
        ("14 ago 2026", "2026-08-14T00:00:00+02:00"),
        ("14 novembre 2026 alle 18.05", "2026-11-14T18:05:00+01:00"),
        ("14 de outubro de 2026", "2026-10-14T00:00:00+02:00"),
        ("14 mei 2026 om 18.05 uur", "2026-05-14T18:05:00+02:00"),
        ("den 14 oktober 2026 kl. 18.05", "2026-10-14T18:05:00+02:00"),
        ("14. marraskuuta 2026 klo 18.05", "2026-11-14T18:05:00+01:00"),
        ("14 listopada 2026 18:05", "2026-11-14T18:05:00+01:00"),
        ("14. července 2026 v 18:05", "2026-07-14T18:05:00+02:00"),
        ("2026. november 14. 18:05", "2026-11-14T18:05:00+01:00"),
        ("14 Kasım 2026 Cumartesi 18:05", "2026-11-14T18:05:00+01:00"),
        ("14 ноября 2026 г. 18:05", "2026-11-14T18:05:00+01:00"),
        ("14 листопада 2026", "2026-11-14T00:00:00+01:00"),
        ("14 Νοεμβρίου 2026", "2026-11-14T00:00:00+01:00"),
        ("2026年11月14日 18時05分", "2026-11-14T18:05:00+01:00"),
        ("11月14日 下午6:05", "2026-11-14T18:05:00+01:00"),
        ("2026년 11월 14일 오후 6시 5분", "2026-11-14T18:05:00+01:00"),
        # without a year: the nearest, or that of the weekday
        ("Samstag, 14. November", "2026-11-14T00:00:00+01:00"),
        ("14.11. 18:05", "2026-11-14T18:05:00+01:00"),
        ("Sa 14.11", "2026-11-14T00:00:00+01:00"),
        ("12/25", "2026-12-25T00:00:00+01:00"),
        ("January 3", "2027-01-03T00:00:00+01:00"),
        ("Sunday, 3 January", "2027-01-03T00:00:00+01:00"),
        ("Friday, 14 November", "2025-11-14T00:00:00+01:00"),
        ("29. Februar", "2028-02-29T00:00:00+01:00"),
        # without a day: the nearest such time
        ("18:05", "2026-11-01T18:05:00+01:00"),
        ("10:00", "2026-11-01T10:00:00+01:00"),
        ("00:30", "2026-11-02T00:30:00+01:00"),
        ("6pm", "2026-11-01T18:00:00+01:00"),
        ("12 am", "2026-11-02T00:00:00+01:00"),
        ("12 p.m.", "2026-11-01T12:00:00+01:00"),
        ("18 Uhr", "2026-11-01T18:00:00+01:00"),
        ("18h", "2026-11-01T18:00:00+01:00"),
        ("10:00 UTC+2", "2026-11-01T10:00:00+02:00"),
        ("18:05:33", "2026-11-01T18:05:33+01:00"),
        # around today
        ("tomorrow 10:00", "2026-11-02T10:00:00+01:00"),
        ("heute 18 Uhr", "2026-11-01T18:00:00+01:00"),
        ("heute Morgen um 8:00", "2026-11-01T08:00:00+01:00"),
        ("morgen um 18:30 Uhr", "2026-11-02T18:30:00+01:00"),
        ("übermorgen", "2026-11-03T00:00:00+01:00"),
        ("yesterday", "2026-10-31T00:00:00+01:00"),
        ("aujourd'hui à 18h", "2026-11-01T18:00:00+01:00"),
        ("mañana a las 9:00", "2026-11-02T09:00:00+01:00"),
        ("i morgen kl. 18.30", "2026-11-02T18:30:00+01:00"),
        ("завтра в 10:00", "2026-11-02T10:00:00+01:00"),
        ("明日 10:00", "2026-11-02T10:00:00+01:00"),
        ("tomorrow noon", "2026-11-02T12:00:00+01:00"),
        ("today 24:00", "2026-11-02T00:00:00+01:00"),
        ("Dienstag 10 Uhr", "2026-11-03T10:00:00+01:00"),
        ("Do 10:00", "2026-11-05T10:00:00+01:00"),
        ("Sunday 10:00", "2026-11-01T10:00:00+01:00"),
        ("next Sunday 10:00", "2026-11-08T10:00:00+01:00"),
        ("last Friday", "2026-10-30T00:00:00+01:00"),
        ("in 2 hours", "2026-11-01T15:00:00+01:00"),
        ("vor 5 Minuten", "2026-11-01T12:55:00+01:00"),
        ("2h ago", "2026-11-01T11:00:00+01:00"),
        ("il y a 3 jours", "2026-10-29T13:00:00+01:00"),
        ("in 2 days at 10:00", "2026-11-03T10:00:00+01:00"),
        # in a sentence, and the beginning of a range
        ("Motion at 14.11.2026 18:05:33 camera 3", "2026-11-14T18:05:33+01:00"),
        ("Alert at 06:05:11 PM on 11/14/2026", "2026-11-14T18:05:11+01:00"),
        ("Delivery on 14 November between 10:00 and 12:00", "2026-11-14T10:00:00+01:00"),
        ("2026-11-14 10:00-12:00", "2026-11-14T10:00:00+01:00"),
        ("14.11.2026 10:00–11:30 Uhr", "2026-11-14T10:00:00+01:00"),
        ("14.–16.11.2026", "2026-11-14T00:00:00+01:00"),
        ("30.11. - 2.12.2026", "2026-11-30T00:00:00+01:00"),
        ("14-16 November 2026", "2026-11-14T00:00:00+01:00"),
        # zones
        ("November 14th, 6 PM ET", "2026-11-14T18:00:00-05:00"),
        ("July 14th, 6 PM ET", "2026-07-14T18:00:00-04:00"),
        ("14.11.2026 18:05 MEZ", "2026-11-14T18:05:00+01:00"),
    ],
)
def test_a_day_and_a_time_are_read_as_people_write_them(raw: object, iso: str) -> None:
    assert iso == convert("datetime", raw).isoformat()


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        *[(raw, "is no date or time") for raw in ("", "abc", "Order 4711", "5 guests", "18.05", "1/2", "192.168.1.1")],
        *[(raw, "is no date or time") for raw in ("14 out of 20", "guten Morgen", "14 2026", True)],
        *[(raw, "is no date") for raw in ("31 February 2026", "29.2.2025", "13/13/2026", "20261301", 5, -1, 1e30)],
        *[(raw, "is no date") for raw in (float("nan"), float("inf"))],
        *[(raw, "is no time of day") for raw in ("25:00", "18:60")],
        *[(raw, "is out of the calendar") for raw in ("9999-12-31", "0001-01-01T00:00:00+14:00", "14.11.1600")],
        (datetime.datetime.max.replace(tzinfo=datetime.UTC), "is out of the calendar"),
        *[(raw, "has a number beside its date") for raw in ("today 5", "tomorrow at 6", "14.11.2026 18:05 3")],
        ("x" * 201, "is too long for a date"),
        *[(raw, "is no text") for raw in (None, b"2026-11-14", [])],
    ],
)
def test_what_is_no_date_says_why(raw: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        convert("datetime", raw)


@pytest.mark.parametrize(
    ("language", "iso"),
    [("en-US", "2026-03-04"), ("en-GB", "2026-04-03"), ("de", "2026-04-03"), ("en", "2026-04-03")],
)
def test_the_month_comes_first_where_the_mail_says_that_it_is_american(language: str, iso: str) -> None:
    assert iso == convert("datetime", "03/04/2026", making.mail(Content_Language=language)).date().isoformat()


@pytest.mark.parametrize(
    ("date", "iso"),
    [
        ("Fri, 30 Oct 2026 22:00:00 +0000", "2026-10-30T23:58:00+01:00"),
        ("Thu, 01 Jan 1970 00:00:00 +0000", "2026-11-01T23:58:00+01:00"),
        ("Sat, 01 Nov 2036 00:00:00 +0000", "2026-11-01T23:58:00+01:00"),
        ("no date", "2026-11-01T23:58:00+01:00"),
    ],
)
def test_what_is_left_out_is_counted_from_the_mail_s_date_unless_its_clock_is_wrong(date: str, iso: str) -> None:
    found = convert("datetime", "23:58", making.mail(Date=date))
    assert iso == found.astimezone(BERLIN).isoformat()


def test_a_time_just_before_midnight_in_a_mail_of_just_after_it_was_yesterday() -> None:
    mail = making.mail(Date="Sun, 01 Nov 2026 00:01:00 +0100")
    assert "2026-10-31T23:58:00+01:00" == convert("datetime", "23:58", mail).isoformat()


@pytest.mark.parametrize(
    ("raw", "seconds"),
    [
        ("1h 30m", 5400),
        ("1h30m", 5400),
        ("1h30", 5400),
        ("90 min", 5400),
        ("2 days", 172_800),
        ("1:30", 5400),
        ("01:30:00", 5400),
        ("00:00:05.25", 5.25),
        ("1:30 min", 90),
        ("PT1H30M", 5400),
        ("PT0.5H", 1800),
        ("P1DT12H", 129_600),
        ("P2W", 1_209_600),
        ("-PT5M", -300),
        ("2,5 Stunden", 9000),
        ("1 Stunde und 30 Minuten", 5400),
        ("1 Std. 20 Min.", 4800),
        ("1 hour, 30 minutes", 5400),
        ("1 day, 2:03:04", 93_784),
        ("Runtime: 1h 30m", 5400),
        ("2 jours et 3 heures", 183_600),
        ("3 horas", 10_800),
        ("20 minuti", 1200),
        ("3 timmar", 10_800),
        ("3 tuntia", 10_800),
        ("1 godz. 20 min", 4800),
        ("5 минут", 300),
        ("2時間30分", 9000),
        ("90分钟", 5400),
        ("٣ min", 180),
        ("250 ms", 0.25),
        ("1.5 s", 1.5),
        ("-5 min", -300),
        ("1 234 s", 1234),
        (90, 90),
        (1.5, 1.5),
        (datetime.timedelta(minutes=90), 5400),
    ],
)
def test_a_duration_is_seconds(raw: object, seconds: float) -> None:
    found = convert("duration", raw)
    assert seconds == found
    assert type(found) is type(seconds)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        *[(raw, "is no duration") for raw in ("", "abc", "anderthalb", "1:75", "PT", "2 hours 5 apples", True)],
        *[(raw, "has no unit of time: s, min, h, d") for raw in ("90", "5-10 min", "1:2", "5 apples")],
        *[(raw, "has months or years, which have no fixed length") for raw in ("2 months", "P1M", "1 Jahr")],
        *[(raw, "is too long a time") for raw in ("10 000 000 days", 1e300)],
        (float("inf"), "is no number"),
        ("x" * 101, "is too long for a duration"),
        *[(raw, "is no text") for raw in (None, b"5 min")],
    ],
)
def test_what_is_no_duration_says_why(raw: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        convert("duration", raw)


def test_times_and_durations_are_what_conditions_and_payloads_can_take() -> None:
    mail = making.mail("from 14.11.2026 18:05 for 1h 30m")
    extract = {
        "at": {"body": "/from (.*) for/", "type": "datetime"},
        "long": {"body": "/for (.*)/", "type": "duration"},
    }
    assert making.matches(mail, extract=extract, when={"if": "{{ long > 60 and at > mail.date }}"})
    assert not making.matches(mail, extract=extract, when={"if": "{{ long > 5400 or at < mail.date }}"})
    payload = {"at": "{{ at }}", "s": "{{ at | timestamp }}", "iso": "{{ at | iso }}", "ms": "{{ long * 1000 }}"}
    (delivery,) = making.deliveries(mail, {"sink": "broker", "topic": "a", "payload": payload}, extract=extract)
    iso = "2026-11-14T18:05:00+00:00"
    assert f'{{"at":"{iso}","s":1794679500,"iso":"{iso}","ms":5400000}}'.encode() == delivery.payload


WORDS = strategies.sampled_from(
    sorted(
        words(
            "1 2 10 14 29 31 2026 99 0 at pm am monday heute morgen Uhr , . : / - nov. февраля feb ago in day days"
            " tomorrow 18:05 24:00 +01:00 -99 CET ET ( ) h 年 月 日 T Z ٣ \ud800 9999-12-31 P PT 1:30 min years"
            " 1e9 next last"
        )
    )
)
TEXTS = strategies.lists(strategies.tuples(WORDS, strategies.sampled_from([" ", ""])), max_size=30).map(
    lambda pairs: "".join(word + gap for word, gap in pairs)
)
ANY = TEXTS | strategies.text(max_size=120) | strategies.floats() | strategies.integers() | strategies.datetimes()


@hypothesis.given(raw=ANY | strategies.dates())
@hypothesis.example(raw="1:30 ET ")
def test_anything_gives_an_aware_datetime_that_can_be_reckoned_with_or_a_value_error(raw: object) -> None:
    try:
        found = convert("datetime", raw)
    except ValueError:
        return
    assert found.tzinfo is not None
    # The same moment; where a clock is put back, Python takes no time of that hour for equal to one of another zone
    elsewhere = found.astimezone(datetime.timezone(datetime.timedelta(hours=14)))
    assert elsewhere.timestamp() == found.timestamp()
    assert 1899 <= found.astimezone(datetime.UTC).year <= 9999


@hypothesis.given(raw=ANY | strategies.timedeltas())
def test_anything_gives_seconds_or_a_value_error(raw: object) -> None:
    try:
        assert abs(convert("duration", raw)) < 1e10
    except ValueError:
        return


@hypothesis.given(strategies.datetimes(datetime.datetime(1950, 1, 1), datetime.datetime(2060, 1, 1)))
def test_what_python_writes_is_read_back(when: datetime.datetime) -> None:
    when = when.replace(microsecond=0, tzinfo=datetime.UTC)
    for form in (
        "%Y-%m-%dT%H:%M:%S%z",
        "%d.%m.%Y %H:%M:%S UTC",
        "%a, %d %b %Y %H:%M:%S %z",
        "%B %d, %Y, %I:%M:%S %p UTC",
    ):
        assert when == convert("datetime", when.strftime(form))
