"""What every condition and every source of values promises, whichever there are."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pydantic
import pytest

from bridge import plugins, rules
from bridge.mail import Mail, Place
from tests.unit.rules import showing

SETTINGS: list[Any] = [
    "cam@cameras.example",
    "/(?P<what>\\w+)/",
    ["a", "b"],
    {"name": "x"},
    {"name": "/c/"},
    {"X-Camera": "/(?P<n>7)/"},
    {"is": "x"},
    {"fresh": "/(?P<new>x)/"},
    {"fresh": "/x/"},
    {"subject": "/x/"},
    ">1kB",
    ["flagged", "!seen"],
    True,
    False,
    "any",
    "{{ 1 > 0 }}",
    {"min": 3, "within": "10m", "per": "{{ mail.subject }}"},
    "22:00-06:00",
    ["mon-fri", "sun"],
    "10m",
    "midnight",
    "*.jpg",
    {"name": "*.json", "json": "a.b"},
    {"name": "*.csv", "column": "a"},
    {"summary": "/(?P<what>\\w+)/", "method": "request"},
    "start",
    "ParcelDelivery.trackingNumber",
    {"ParcelDelivery.trackingNumber": "/(?P<parcel>.+)/"},
    {"select": "a.track", "attribute": "href"},
]
JUNK: list[Any] = [None, 3, 3.5, "", [], {}, [None], {"x": None}, [[]], {"": {"": ""}}, object()]
RAW = [
    b"",
    b"From: Cam <cam@cameras.example>\r\nSubject: what\r\nX-Camera: 7\r\n\r\ntext",
    b"\xff\xfe\x00" * 99,
    b"From: " + b"<" * 2_000 + b"\nSubject: =?utf-8?q?" + b"=FF" * 500 + b"?=\n\n\x00",
    b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\n" * 300,
    b"Subject: Fwd: x\n\n---- Forwarded message ----\nFrom: a@b.example\nSubject: x\n\nx\n\nx wrote:\n> x",
    b"Content-Type: text/calendar\n\nBEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:what\nDTSTART:20261105\nDTEND;TZID=x:1\n",
    b"Content-Type: application/octet-stream; name=a.ics\n\n" + b"BEGIN:VEVENT\n\xff\x00" * 99,
    b'Content-Type: application/json; name="=?utf-8?q?a=00=FF.json?="\n\n{"a": {"b": "\\ud800"}}',
    b"Content-Type: text/csv; name=a.csv; charset=utf-16\n\na,b\n1,2\n\xff",
    b'Content-Type: text/html\n\n<a class=track href=x>a</a><script type=application/ld+json>{"@type":"ParcelDelivery",'
    b'"trackingNumber":7}</script>' + b"<table><b>" * 300,
]
MOMENT = rules.Moment(now=1_800_000_000.0)


def mails() -> list[Mail]:
    received = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
    place = Place(mailbox="home", folder="INBOX", uidvalidity=1, uid=1)
    return [Mail.from_bytes(raw, place=place, received=received) for raw in RAW]


def adapter(kind: str, name: str) -> tuple[Any, pydantic.TypeAdapter[Any]]:
    plugin = plugins.find(kind, name)
    return plugin, pydantic.TypeAdapter(plugin.setting, config=pydantic.ConfigDict(arbitrary_types_allowed=True))


def accepted(kind: str, name: str) -> list[Any]:
    """Every setting among ``SETTINGS`` that it takes, made."""
    plugin, types = adapter(kind, name)
    made = []
    for setting in SETTINGS:
        try:
            made.append(plugin.make(types.validate_python(setting)))
        except pydantic.ValidationError:
            continue
    return made


@pytest.mark.parametrize("name", plugins.names("conditions"))
def test_a_condition_looks_at_any_mail_and_says_what_it_wanted_and_saw(name: str) -> None:
    conditions: list[rules.Condition] = accepted("conditions", name)
    assert conditions
    for condition in conditions:
        assert condition.wanted
        assert isinstance(condition.need, rules.Need)
        for mail in mails():
            outcome = condition.check(mail, MOMENT)
            assert isinstance(outcome.held, bool)
            assert len(outcome.saw) <= 200
            assert outcome.saw.isprintable()
            assert set(outcome.values) <= condition.names
            assert outcome == condition.check(mail, MOMENT)
            assert showing.shows(mail, condition.must_show()) or not outcome.held  # or an index would lose the rule


@pytest.mark.parametrize("name", plugins.names("extract"))
def test_a_source_finds_a_value_or_none_in_any_mail(name: str) -> None:
    finders: list[rules.Finder] = accepted("extract", name)
    assert finders
    for finder in finders:
        assert isinstance(finder.need, rules.Need)
        for mail in mails():
            value = found(finder, mail)
            assert isinstance(value, str | bytes | int | float | datetime.datetime | list | dict | None)
            assert showing.shows(mail, finder.must_show()) or value is None


def found(finder: rules.Finder, mail: Mail) -> Any:
    try:
        return finder.find(mail, MOMENT)
    except ValueError:
        return None


@pytest.mark.parametrize("kind", ["conditions", "extract"])
@pytest.mark.parametrize("junk", JUNK, ids=repr)
def test_a_setting_is_taken_or_refused_with_a_validation_error(kind: str, junk: object) -> None:
    for name in plugins.names(kind):
        plugin, types = adapter(kind, name)
        try:
            plugin.make(types.validate_python(junk))
        except pydantic.ValidationError as error:
            assert error.errors()  # noqa: PT017 — either way is right


@pytest.mark.parametrize("kind", ["conditions", "extract"])
def test_every_plugin_has_a_schema_and_a_summary(kind: str) -> None:
    for name in plugins.names(kind):
        plugin, types = adapter(kind, name)
        assert plugin.summary.endswith(".")
        assert json.dumps(types.json_schema())
