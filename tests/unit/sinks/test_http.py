from __future__ import annotations

import datetime

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sinks import http

NOW = datetime.datetime(2026, 11, 1, 12, 0, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        ("120", 120.0),
        (" 5 ", 5.0),
        ("0", 0.0),
        ("9" * 500, http.RETRY_AFTER_MAX_S),
        ("Sun, 01 Nov 2026 12:00:30 GMT", 30.0),
        ("Sunday, 01-Nov-26 12:00:30 GMT", 30.0),
        ("Sun, 01 Nov 2026 11:00:00 GMT", 0.0),
        ("Sun, 01 Nov 2099 11:00:00 GMT", http.RETRY_AFTER_MAX_S),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("١٢", None),
        ("Sun, 99 Nov 2026 12:00:30 GMT", None),
    ],
)
def test_retry_after_is_read_from_seconds_and_from_dates(text: str, wait_s: float | None) -> None:
    assert http.retry_after_s(text, now=NOW) == wait_s


@given(text=st.text())
def test_any_retry_after_at_all_is_a_wait_or_none(text: str) -> None:
    wait_s = http.retry_after_s(text, now=NOW)
    assert wait_s is None or 0.0 <= wait_s <= http.RETRY_AFTER_MAX_S


@given(value=st.text() | st.integers() | st.none() | st.floats())
def test_no_header_value_holds_a_control_character(value: object) -> None:
    assert not any(octet < 32 or octet == 127 for octet in http.header_value(value))


@pytest.mark.parametrize("name", ["", "X Y", "X:Y", "X\r\nY", "Ü", "Host", "content-length", "Transfer-Encoding"])
def test_a_header_that_would_break_the_request_is_a_fault(name: str) -> None:
    with pytest.raises(pydantic.ValidationError):
        http.Action.model_validate({"headers": {name: "x"}})
    with pytest.raises(pydantic.ValidationError):
        http.Settings.model_validate({"type": "http", "url": "http://x", "headers": {name: "hunter2"}})


@pytest.mark.parametrize(
    "settings",
    [{"user": "me"}, {"password": "x"}, {"user": "me", "password": "x", "token": "t"}, {"ca_file": "/etc/hostname"}],
)
def test_credentials_that_contradict_each_other_are_a_fault(settings: dict[str, str]) -> None:
    with pytest.raises(pydantic.ValidationError):
        http.Settings.model_validate({"type": "http", "url": "http://x", **settings})


def test_the_name_that_is_wrong_stands_in_double_quotes() -> None:
    with pytest.raises(pydantic.ValidationError, match='"X Y" is no name of a header'):
        http.Action.model_validate({"headers": {"X Y": "x"}})


def test_values_of_headers_are_secrets() -> None:
    made = http.Settings.model_validate({"type": "http", "url": "http://x", "headers": {"X-Key": "hunter2"}})
    assert "hunter2" not in f"{made!r} {made.model_dump()} {made.model_dump_json()}"


@pytest.mark.parametrize("wait", ["timeout"])
def test_a_wait_of_nothing_is_refused(wait: str) -> None:
    with pytest.raises(pydantic.ValidationError, match="is too short"):
        http.Settings.model_validate({"type": "http", "url": "http://x", wait: "0s"})
