"""What every type of value promises, whichever there are: any raw value gives a value, or says why not."""

from __future__ import annotations

import datetime
import json
from typing import Any

import hypothesis
import pydantic
import pytest
from hypothesis import strategies

from bridge import plugins, rules
from bridge.mail import Mail, Place
from bridge.rules import filters, template
from bridge.rules.text import clip

PLACE = Place(mailbox="home", folder="INBOX", uidvalidity=1, uid=1)
MAILS = [
    Mail.from_bytes(raw, place=PLACE, received=datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC))
    for raw in (
        b"Subject: Your code\r\nContent-Language: de\r\n\r\n1.234,56 EUR",
        b"",
        b"Date: junk\nContent-Language: \xff\xfe,,,\n\n\xff\x00" * 9,
    )
]
MOMENT = rules.Moment(now=1_800_000_000.0)
RAW: list[Any] = [
    *("", " ", "abc", "true", "1,5", "EUR 12,50", "14.11.2026 18:05", "1h 30m", "123456", "https://example.org/"),
    *("\0", "\ud800", "\u202e1\u202c", "9" * 10_000, "1 " * 50_000, "x" * 300_000, "é" * 300_000, "-" * 100_000),
    *(0, 1, -1, 2**70, 10**400, 1.5, -0.0, 1e308, float("nan"), float("inf"), True, False, None),
    *(b"", b"123", b"\xff" * 100, [], ["1"], {}, {"a": 1}, object(), (1, 2)),
    *(datetime.date(2026, 11, 14), datetime.date.max, datetime.datetime.max, datetime.datetime.min),
    *(datetime.time(18, 5), datetime.timedelta.max, datetime.timedelta(hours=1), datetime.datetime.now(datetime.UTC)),
]


def converters() -> list[tuple[str, Any]]:
    """Those that need no settings, with none."""
    found = []
    for name in plugins.names("kinds"):
        plugin: rules.KindPlugin = plugins.find("kinds", name)
        try:
            options = plugin.options.model_validate({})
        except pydantic.ValidationError:
            continue
        found.append((name, plugin.make(options)))
    return found


def check(convert: Any, raw: Any, mail: Mail) -> None:
    try:
        value = convert(raw, mail, MOMENT)
    except ValueError as error:
        reason = str(error)
        assert 0 < len(reason) <= 120
        assert reason.isprintable()
        assert reason[0].islower()
        assert not reason.endswith(".")
        return
    assert value is not None
    assert template.evaluate("value", {"value": value}) is not None
    assert isinstance(clip(filters.shown(value)), str)
    same = convert(raw, mail, MOMENT)
    assert same == value
    assert type(same) is type(value)


@pytest.mark.parametrize(("name", "convert"), converters())
@pytest.mark.parametrize("raw", RAW, ids=lambda raw: repr(raw)[:30])
def test_any_raw_value_gives_a_value_or_a_reason_that_reads_well_behind_it(name: str, convert: Any, raw: Any) -> None:
    for mail in MAILS:
        check(convert, raw, mail)


@pytest.mark.parametrize(("name", "convert"), converters())
@hypothesis.given(raw=strategies.text() | strategies.binary() | strategies.floats() | strategies.datetimes())
def test_so_does_whatever_comes(name: str, convert: Any, raw: Any) -> None:
    check(convert, raw, MAILS[0])


@pytest.mark.parametrize("name", plugins.names("kinds"))
def test_a_type_has_a_summary_a_schema_and_a_place_that_there_is(name: str) -> None:
    plugin: rules.KindPlugin = plugins.find("kinds", name)
    assert plugin.summary.endswith(".")
    assert json.dumps(plugin.options.model_json_schema())
    assert plugin.source is None or plugin.source[0] in plugins.names("extract")
