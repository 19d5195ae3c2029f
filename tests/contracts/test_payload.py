"""Every encoding keeps the contract; a new file in ``bridge/payload`` is covered by being there."""

from __future__ import annotations

import datetime
import json
import math
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import errors, plugins
from bridge.payload import Encoding

ENCODINGS = plugins.names("payload")

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4))
times = st.datetimes(
    min_value=datetime.datetime(1970, 1, 2), max_value=datetime.datetime(2100, 1, 1), timezones=st.just(datetime.UTC)
)
odd = (
    values
    | st.binary()
    | times
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.datetimes()
    | st.floats()
    | st.text()
    | st.integers()
    | st.complex_numbers()
    | st.sets(st.integers())
    | st.dictionaries(st.integers() | st.text() | st.binary(), st.binary() | times, max_size=3)
)


def encoding(name: str) -> Encoding:
    found = plugins.find("payload", name)
    assert isinstance(found, Encoding)
    return found


@pytest.mark.parametrize("name", ENCODINGS)
def test_an_encoding_has_its_files_name_a_media_type_and_a_number(name: str) -> None:
    found = encoding(name)
    assert found.name.replace("+", "_") == name.replace("+", "_")
    assert "/" in found.media_type
    assert 0 <= found.content_format <= 65_535


@pytest.mark.parametrize("name", ENCODINGS)
@given(value=odd)
def test_any_value_at_all_is_encoded_or_is_a_rule_error(name: str, value: Any) -> None:
    try:
        octets = encoding(name).encode(value, {})
    except errors.RuleError:
        return
    assert isinstance(octets, bytes)
    encoding(name).decode(octets)


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_value_that_is_nested_too_deep_is_a_rule_error(name: str) -> None:
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    with pytest.raises(errors.RuleError):
        encoding(name).encode(value, {})


@given(value=values)
def test_json_and_cbor_give_back_what_they_were_given(value: Any) -> None:
    for name in ("json", "cbor"):
        assert encoding(name).decode(encoding(name).encode(value, {})) == value


@given(value=values)
def test_json_is_what_any_reader_reads(value: Any) -> None:
    octets = encoding("json").encode(value, {"ignored": 1})
    assert json.loads(octets.decode("utf-8")) == value


@given(value=st.binary() | times)
def test_cbor_has_bytes_and_times_of_its_own(value: Any) -> None:
    assert encoding("cbor").decode(encoding("cbor").encode(value, {})) == value


@given(value=st.dictionaries(keys, scalars, min_size=1))
def test_cbor_is_the_same_whatever_the_order_of_the_keys(value: dict[str, Any]) -> None:
    turned = dict(reversed(value.items()))
    assert encoding("cbor").encode(value, {}) == encoding("cbor").encode(turned, {})


@pytest.mark.parametrize(
    ("value", "octets"),
    [
        ({"a": 1, "b": [True, None]}, b'{"a":1,"b":[true,null]}'),
        ("Grüße", '"Grüße"'.encode()),
        (b"\x00\xff", b'"AP8="'),
        (datetime.datetime(2026, 11, 1, 12, 30, tzinfo=datetime.UTC), b'"2026-11-01T12:30:00+00:00"'),
        (datetime.timedelta(minutes=1.5), b"90.0"),
        (21.5, b"21.5"),
        (0.1, b"0.1"),
    ],
)
def test_json_is_compact_and_readable(value: Any, octets: bytes) -> None:
    assert encoding("json").encode(value, {}) == octets


@pytest.mark.parametrize("value", [math.nan, math.inf, {"x": -math.inf}, {1j: 1}, object()])
def test_what_json_does_not_have_is_a_rule_error(value: Any) -> None:
    with pytest.raises(errors.RuleError, match="JSON"):
        encoding("json").encode(value, {})


@pytest.mark.parametrize(
    ("value", "octets"),
    [
        (21.5, "f94d60"),
        (datetime.datetime(2026, 11, 1, 12, 30, tzinfo=datetime.UTC), "c11a6ae730c8"),
        (datetime.datetime(2026, 11, 1, 12, 30), "c11a6ae730c8"),
        (b"\x00\xff", "4200ff"),
        (datetime.timedelta(seconds=2), "f94000"),
    ],
)
def test_cbor_is_as_short_as_it_can_be(value: Any, octets: str) -> None:
    assert encoding("cbor").encode(value, {}).hex() == octets


def test_integer_keys_take_the_place_of_text_keys_at_every_depth() -> None:
    octets = encoding("cbor").encode({"t": 21, "place": {"t": 1}, "list": [{"t": 2}]}, {"t": 1, "place": 2})
    assert cbor2.loads(octets) == {1: 21, 2: {1: 1}, "list": [{1: 2}]}


def test_two_keys_that_become_one_are_a_rule_error() -> None:
    with pytest.raises(errors.RuleError, match="two of its keys"):
        encoding("cbor").encode({"t": 1, 1: 2}, {"t": 1})


@pytest.mark.parametrize(
    ("value", "octets"),
    [
        (None, b""),
        (True, b"true"),
        (False, b"false"),
        (21, b"21"),
        (21.5, b"21.5"),
        (0.1, b"0.1"),
        (math.inf, b"inf"),
        ("Grüße", "Grüße".encode()),
        ("\ud800", b"?"),
        (b"\x00\xff", b"AP8="),
        ([1, True], b"[1,true]"),
        ({"a": None}, b'{"a":null}'),
        (datetime.date(2026, 11, 1), b"2026-11-01"),
        (datetime.timedelta(seconds=2), b"2.0"),
    ],
)
def test_text_is_what_people_would_write(value: Any, octets: bytes) -> None:
    assert encoding("text").encode(value, {}) == octets
