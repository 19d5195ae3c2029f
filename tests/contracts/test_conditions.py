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
    {"X-Camera": "/(?P<n>7)/"},
    {"is": "x"},
    ">1kB",
    ["flagged", "!seen"],
    True,
    False,
    "any",
    "{{ 1 > 0 }}",
]
JUNK: list[Any] = [None, 3, 3.5, "", [], {}, [None], {"x": None}, [[]], {"": {"": ""}}, object()]
RAW = [
    b"",
    b"From: Cam <cam@cameras.example>\r\nSubject: what\r\nX-Camera: 7\r\n\r\ntext",
    b"\xff\xfe\x00" * 99,
    b"From: " + b"<" * 2_000 + b"\nSubject: =?utf-8?q?" + b"=FF" * 500 + b"?=\n\n\x00",
    b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\n" * 300,
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
            found = finder.find(mail, MOMENT)
            assert isinstance(found, str | bytes | int | float | None)
            assert showing.shows(mail, finder.must_show()) or found is None


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
