"""``calendar`` in ``when`` and in ``extract``."""

from __future__ import annotations

import dataclasses
import datetime
import subprocess
import sys
import zoneinfo
from pathlib import Path
from typing import Any

import pydantic
import pytest

from bridge.mail import Mail, Place, calendar_, limits, structure
from tests.unit.rules import making

ROOT = Path(__file__).parents[3]
CORPUS = Path(__file__).parents[1] / "mail" / "corpus"
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
PLACE = Place(mailbox="home", folder="INBOX", uidvalidity=1, uid=1)


def of(name: str) -> Mail:
    return Mail.from_bytes((CORPUS / f"{name}.eml").read_bytes(), place=PLACE)


def explained(mail: Mail, **written: Any) -> tuple[str, bool, str, str]:
    (verdict,) = making.compiled(making.rule(**written)).evaluate(mail, making.moment(zone=BERLIN), explain=True)
    (line,) = verdict.conditions
    return line.path, line.held, line.wanted, line.saw


@pytest.mark.parametrize(
    ("name", "setting", "held"),
    [
        ("invitation-outlook", True, True),
        ("invitation-outlook", False, False),
        ("invitation-outlook", {"method": "request"}, True),
        ("invitation-outlook", {"method": ["cancel", "reply"]}, False),
        ("invitation-outlook", {"summary": "HEIZUNG", "method": "request"}, True),
        ("invitation-outlook", {"summary": "heizung", "method": "cancel"}, False),
        ("invitation-outlook", {"summary": {"starts": "Wartung", "ends": "keller"}}, True),
        ("invitation-outlook", {"place": "/haus \\w/"}, True),
        ("invitation-outlook", {"start": {"starts": "2026-11-05T09:00"}}, True),
        ("invitation-outlook", {"organizer": {"is": "joerg.mueller@corp.example"}}, True),
        ("invitation-outlook", {"attendee": {"is": "room21@corp.example"}}, True),
        ("invitation-outlook", {"attendee": {"is": "room22@corp.example"}}, False),
        ("invitation-outlook", {"sequence": {"is": "2"}}, True),
        ("invitation-outlook", {"all_day": False}, True),
        ("invitation-outlook", {"all_day": True}, False),
        ("invitation-outlook", {"url": "/./"}, False),
        ("invitation-google", {"summary": "rehearsal", "method": "request"}, True),
        ("invitation-cancelled", {"method": "cancel", "all_day": True, "status": "cancelled"}, True),
        ("invitation", {"summary": "boiler"}, True),
        ("camera-alarm", True, False),
        ("camera-alarm", False, True),
        ("camera-alarm", {"method": "/.?/"}, False),
        ("sensor-json", True, False),
    ],
)
def test_the_condition(name: str, setting: Any, held: bool) -> None:
    assert making.matches(of(name), when={"calendar": setting}) is held
    assert making.matches(of(name), when={"not": {"calendar": setting}}) is not held


def test_named_groups_become_values() -> None:
    when = {"calendar": {"summary": r"/wartung (?P<what>\w+)/", "uid": "/(?P<end>..)$/"}}
    (verdict,) = making.evaluate(of("invitation-outlook"), making.rule(when=when))
    assert verdict.values == {"what": "Heizung", "end": "B2"}
    assert (
        making.evaluate(of("invitation-outlook"), making.rule(when={"calendar": {**when["calendar"], "url": "x"}}))
        == []
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("start", datetime.datetime(2026, 11, 5, 9, 0, tzinfo=BERLIN)),
        ("end", datetime.datetime(2026, 11, 5, 10, 30, tzinfo=BERLIN)),
        ("place", "Heizungskeller; Haus B"),
        ("summary", "Wartung Heizung, Keller"),
        ("method", "request"),
        ("uid", "040000008200E00074C5B7101A82E00800000000D0B2"),
        ("all_day", False),
        ("organizer", "joerg.mueller@corp.example"),
        ("attendee", "ada@example.org, room21@corp.example"),
        ("status", "confirmed"),
        ("sequence", 2),
    ],
)
def test_a_field_is_found(field: str, value: object) -> None:
    (verdict,) = making.evaluate(of("invitation-outlook"), making.rule(extract={"x": {"calendar": field}}))
    assert verdict.values == {"x": value}
    assert type(verdict.values["x"]) is type(value)


def test_times_without_a_zone_are_those_of_the_bridge() -> None:
    made = making.compiled(making.rule(extract={"x": {"calendar": "start"}}))
    for zone in (BERLIN, zoneinfo.ZoneInfo("Asia/Tokyo")):
        (verdict,) = made.evaluate(of("invitation-cancelled"), making.moment(zone=zone))
        assert verdict.values == {"x": datetime.datetime(2026, 11, 2, tzinfo=zone)}


def test_a_value_goes_into_a_payload() -> None:
    payload = {"at": "{{ start | timestamp }}", "iso": "{{ start | iso }}", "all_day": "{{ all_day }}"}
    extract = {name: {"calendar": name} for name in ("start", "all_day")}
    (delivery,) = making.deliveries(
        of("invitation-google"), {"sink": "broker", "topic": "t", "payload": payload}, extract=extract
    )
    assert delivery.payload == b'{"at":1782907200,"iso":"2026-07-01T14:00:00+02:00","all_day":false}'


def test_what_was_wanted_and_seen_is_told() -> None:
    mail = of("invitation-outlook")
    assert explained(mail, when={"calendar": {"method": "cancel", "place": ["a", "b"]}}) == (
        "when.calendar",
        False,
        'method contains "cancel", place contains "a" or contains "b"',
        "method request, place Heizungskeller; Haus B",
    )
    saw = "method request, summary Wartung Heizung, Keller, start 2026-11-05T09:00:00+01:00"
    assert explained(mail, when={"calendar": True}) == ("when.calendar", True, "an invitation", saw)
    assert explained(making.mail(), when={"calendar": {"url": "x"}})[3] == "no invitation"
    assert explained(mail, when={"calendar": {"url": "x"}})[3] == "no url"
    assert explained(making.mail(), when={"calendar": False})[2] == "no invitation"
    assert explained(mail, extract={"x": {"calendar": "url"}}) == ("extract.x", False, "calendar url", "not found")


def wants(mail: Mail, **written: Any) -> dict[str, int]:
    return dict(making.compiled(making.rule(**written)).wants(mail))


def test_only_the_calendar_is_fetched_and_only_for_a_rule_that_is_alive() -> None:
    mail = making.without_content(of("invitation-google"))
    assert wants(mail, when={"calendar": True}).keys() == {"1.3"}
    assert wants(mail, extract={"x": {"calendar": "start"}}).keys() == {"1.3"}
    assert wants(mail, when={"calendar": True, "subject": "other"}) == {}
    assert wants(making.without_content(of("invitation-cancelled")), when={"calendar": True}).keys() == {"2"}
    assert wants(making.without_content(of("camera-alarm")), when={"calendar": True}) == {}
    assert wants(of("invitation-google"), when={"calendar": True}) == {}


def test_a_calendar_that_is_too_large_or_cut_off_is_not_looked_at() -> None:
    mail = of("invitation-outlook")
    parts = [
        dataclasses.replace(part, size=limits.FILE_BYTES + 1) if part.section == "3" else part for part in mail.parts
    ]
    large = dataclasses.replace(mail, body=structure.Anatomy(parts=tuple(parts)))
    assert wants(large, when={"calendar": True}) == {}
    assert explained(large, when={"calendar": True})[1::2] == (False, "text/calendar is larger than 143 kB")
    assert explained(large, when={"calendar": False})[1] is False  # there is one, whatever it says
    assert explained(large, extract={"x": {"calendar": "start"}})[3] == "text/calendar is larger than 143 kB"
    cut = making.without_content(mail).with_content({"3": mail.content["3"][:100]}, frozenset())
    assert explained(cut, when={"calendar": True})[1::2] == (False, "text/calendar is not whole")


@pytest.mark.parametrize(
    ("setting", "place", "message"),
    [
        ({"sumary": "x"}, ("sumary",), 'unknown key; did you mean "summary"?'),
        ({"location": "x"}, ("location",), "unknown key"),
        ({"summary": "/(/"}, ("summary",), "RE2 refuses this regex: missing ): ("),
        ({"summary": ["a", 3]}, ("summary", 1), None),
        ({"summary": True}, ("summary",), None),
        ({}, (), "write {summary: …, method: request}, or true for any invitation"),
        ("request", (), "write {summary: …, method: request}, or true for any invitation"),
    ],
)
def test_what_is_wrong_with_a_condition(setting: Any, place: tuple[Any, ...], message: str | None) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        making.rule(when={"calendar": setting})
    (line,) = caught.value.errors()
    assert line["loc"] == ("when", "calendar", *place)
    assert message is None or line["msg"].removeprefix("Value error, ") == message


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("strt", 'an invitation has no such field; did you mean "start"?'),
        ("Method", 'an invitation has no such field; did you mean "method"?'),
        ("xyzzy", f"an invitation has no such field; there are {', '.join(calendar_.FIELDS)}"),
        (True, f"an invitation has no such field; there are {', '.join(calendar_.FIELDS)}"),
    ],
)
def test_what_is_wrong_with_a_source(setting: Any, message: str) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        making.rule(extract={"x": {"calendar": setting}})
    (line,) = caught.value.errors()
    assert line["loc"] == ("extract", "x", "calendar")
    assert line["msg"].removeprefix("Value error, ") == message


def test_who_asks_for_no_calendar_loads_nothing_for_it() -> None:
    code = """
import sys
from tests.unit.rules import making
making.rule().model_json_schema()
for when in ({"subject": "x"}, {"calendar": True}):
    making.compiled(making.rule(when=when))
    print("icalendar" in sys.modules)
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "True"]
