"""Every encoding keeps the contract; a new file in ``bridge/payload`` is covered by being there."""

from __future__ import annotations

import base64
import datetime
import json
import math
from typing import Any

import cbor2
import pytest
from aiocoap.numbers.contentformat import ContentFormat
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
    | st.lists(st.dictionaries(st.sampled_from(("bn", "n", "v", "vs", "vd", "t", "u")), st.text() | st.floats()))
    | st.dictionaries(st.sampled_from(("bn", "a", "b:c")), scalars | times | st.dictionaries(st.just("v"), scalars))
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
def test_a_coap_sink_finds_the_number_by_the_media_type(name: str) -> None:
    found = encoding(name)
    assert found.content_format == int(ContentFormat.by_media_type(found.media_type))


@pytest.mark.parametrize("name", ENCODINGS)
@given(value=st.dictionaries(st.just("k"), scalars | st.binary(), min_size=1))
def test_an_encoding_that_has_integer_keys_says_so(name: str, value: Any) -> None:
    try:
        plain = encoding(name).encode(value, {})
    except errors.RuleError:
        return
    assert (plain != encoding(name).encode(value, {"k": 1})) == encoding(name).has_keys


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


@pytest.mark.parametrize(
    ("value", "octets"),
    [
        ({2: 0, 1: 0}, "a201000200"),
        ({-1: 0, 10: 0, 100: 0, 24: 0}, "a40a00181800186400" + "2000"),  # RFC 8949, section 4.2.1: by their octets
        ({"b": 0, 10: 0, "a": 0, "aa": 0}, "a40a00" + "616100" + "616200" + "62616100"),
        ({False: 0, "z": 0, 100: 0, -1: 0}, "a4186400" + "2000" + "617a00" + "f400"),
        (0, "00"),
        (23, "17"),
        (24, "1818"),
        (256, "190100"),
        (65_536, "1a00010000"),
        (-1, "20"),
        (2**64, "c249010000000000000000"),
        (1.0, "f93c00"),
        (100_000.0, "fa47c35000"),
        (1.1, "fb3ff199999999999a"),
        (-0.0, "f98000"),
        (math.inf, "f97c00"),
        (math.nan, "f97e00"),
        ("", "60"),
        ("x" * 24, "7818" + "78" * 24),
        ([[], {}], "8280a0"),
    ],
)
def test_cbor_is_deterministic(value: Any, octets: str) -> None:
    assert encoding("cbor").encode(value, {}).hex() == octets


def test_integer_keys_are_sorted_as_integers() -> None:
    octets = encoding("cbor").encode({"t": 21.5, "place": "hall", "x": 0}, {"t": 10, "place": 9})
    assert octets.hex() == "a3" + "09" + "6468616c6c" + "0a" + "f94d60" + "6178" + "00"


AT = datetime.datetime(2026, 11, 1, 12, 30, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("value", "records"),
    [
        (
            {"temp": 21.5, "place": "hall", "open": True},
            [{"n": "temp", "v": 21.5}, {"n": "place", "vs": "hall"}, {"n": "open", "vb": True}],
        ),
        ({"t": 3}, [{"n": "t", "v": 3}]),
        ({"temp": 21.0}, [{"n": "temp", "v": 21}]),
        ({"temp": {"v": 21.5, "u": "Cel", "t": AT}}, [{"n": "temp", "u": "Cel", "v": 21.5, "t": 1793536200}]),
        ({"at": AT, "for": datetime.timedelta(minutes=1)}, [{"n": "at", "v": 1793536200}, {"n": "for", "v": 60}]),
        ({"at": AT.replace(tzinfo=None)}, [{"n": "at", "v": 1793536200}]),
        ({"day": AT.date()}, [{"n": "day", "vs": "2026-11-01"}]),
        (
            {"bn": "urn:dev:ow:10e2073a01080063:", "bt": AT, "bver": 5, "a": 1, "b": 2},
            [
                {"bver": 5, "bn": "urn:dev:ow:10e2073a01080063:", "bt": 1793536200, "n": "a", "v": 1},
                {"n": "b", "v": 2},
            ],
        ),
        ({"bn": "urn:dev:ow:10e2073a01080063", "": 1}, [{"bn": "urn:dev:ow:10e2073a01080063", "v": 1}]),
        ([{"n": "a", "v": 1}, {"n": "a", "s": 1.5}], [{"n": "a", "v": 1}, {"n": "a", "s": 1.5}]),
        ([{"bn": "hall/", "n": "temp", "bv": 3}], [{"bn": "hall/", "bv": 3, "n": "temp"}]),
        ([{"bn": "hall", "v": 1}, {"v": 2}], [{"bn": "hall", "v": 1}, {"v": 2}]),
        ({"temp": 1e300}, [{"n": "temp", "v": 1e300}]),
        ({"place": "\ud800"}, [{"n": "place", "vs": "?"}]),
    ],
)
def test_senml_is_the_same_pack_in_json_and_cbor(value: Any, records: list[dict[str, Any]]) -> None:
    for name in ("senml+json", "senml+cbor"):
        assert encoding(name).decode(encoding(name).encode(value, {})) == records


def test_senml_has_data_as_base64url_in_json_and_as_bytes_in_cbor() -> None:
    value = {"key": b"\xfb\xff\x01\x02"}
    assert encoding("senml+json").encode(value, {}) == b'[{"n":"key","vd":"-_8BAg"}]'
    assert cbor2.loads(encoding("senml+cbor").encode(value, {})) == [{0: "key", 8: b"\xfb\xff\x01\x02"}]


def test_the_example_of_rfc_8428_has_the_labels_of_its_table() -> None:
    """Sections 5.1.3 and 6."""
    pack = [
        {"bn": "urn:dev:ow:10e2073a0108006:", "bt": 1.276020076001e9, "bu": "A", "bver": 5, "n": "voltage", "u": "V",
         "v": 120.1},
        {"n": "current", "t": -5, "v": 1.2},
        {"n": "current", "ut": 3, "vb": False, "bs": 1, "s": 2},
    ]  # fmt: skip
    assert cbor2.loads(encoding("senml+cbor").encode(pack, {})) == [
        {-2: "urn:dev:ow:10e2073a0108006:", -3: 1276020076.001, -4: "A", -1: 5, 0: "voltage", 1: "V", 2: 120.1},
        {0: "current", 6: -5, 2: 1.2},
        {0: "current", 7: 3, 4: False, -6: 1, 5: 2},
    ]


def test_senml_in_cbor_is_deterministic() -> None:
    octets = encoding("senml+cbor").encode([{"v": 1, "n": "a", "bver": 5, "bn": "b"}], {})
    assert octets.hex() == "81a4" + "006161" + "0201" + "2005" + "216162"


@pytest.mark.parametrize("name", ["senml+json", "senml+cbor"])
@pytest.mark.parametrize(
    ("value", "why"),
    [
        (21.5, 'give the value a name, such as "temp: …"'),
        ("hall", "give the value a name"),
        (None, "give the value a name"),
        ({}, "has no record"),
        ([], "has no record"),
        ({"bn": "a"}, "has no record"),
        ([21.5], "float is no record"),
        ({"a": None}, '"a" has no value'),
        ({"a": [1]}, '"a" is a list, which SenML has no value for'),
        ({1: 2}, "a name is a text, not 1"),
        ({"": 1}, "needs a name"),
        ({"küche": 1}, '"küche" is no name: SenML takes the letters'),
        ({"_a": 1}, "a letter or digit in front"),
        ({"bn": "/", "a": 1}, '"/a" is no name'),
        ([{"bn": "ü", "n": "a", "v": 1}], '"üa" is no name'),
        ([{"n": "a", "v": 1}, {"v": 1}], "needs a name"),
        ({"a": {"v": math.nan}}, "v is nan, and SenML has finite numbers alone"),
        ({"a": math.inf}, "v is inf"),
        ({"a": 10**400}, "too large"),
        ({"a": {"v": 1, "vs": "x"}}, "one value, not v and vs"),
        ({"a": {"u": "Cel"}}, "needs a value"),
        ({"a": {"x": 1}}, 'no label "x"; there are n, u, v, vs, vb, s, t, ut, vd'),
        ({"a": {"v": "21.5"}}, "v is a number, not str"),
        ({"a": {"v": True}}, r"v is a number, not true or false \(vb\)"),
        ({"a": {"vb": 1}}, "vb is true or false, not int"),
        ({"a": {"vs": 1}}, "vs is a text, not int"),
        ({"a": {"vd": "x"}}, "vd is bytes, not str"),
        ({"a": {"n": "b", "v": 1}}, '"a" is a name already'),
        ({"bver": 11, "a": 1}, "bver is a version from 1 to 10"),
        ({"bver": True, "a": 1}, "bver is a version from 1 to 10"),
    ],
)
def test_what_is_no_senml_is_a_rule_error_that_says_why(name: str, value: Any, why: str) -> None:
    with pytest.raises(errors.RuleError, match=f"SenML: .*{why}"):
        encoding(name).encode(value, {})


@pytest.mark.parametrize(
    ("value", "octets"),
    [
        (b"\x00\xff", b"\x00\xff"),
        (bytearray(b"ab"), b"ab"),
        ("Grüße", "Grüße".encode()),
        ("\ud800", b"?"),
        ([0, 255, 16], b"\x00\xff\x10"),
        ([], b""),
        ("", b""),
    ],
)
def test_bytes_are_as_they_are_and_base64_is_their_text(value: Any, octets: bytes) -> None:
    assert encoding("bytes").encode(value, {}) == octets
    assert encoding("base64").encode(value, {}) == base64.b64encode(octets)
    assert encoding("bytes").decode(octets) == encoding("base64").decode(base64.b64encode(octets))


@pytest.mark.parametrize("name", ["bytes", "base64"])
@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"a": 1}, "the payload is a map, which is no octets: give a text"),
        (7, "is a number"),
        (True, "is a bool"),
        (None, "is a nothing"),
        (AT, "is a datetime"),
        ([256], "from 0 to 255"),
        ([-1], "from 0 to 255"),
        ([True], "is a list"),
        ([1.0], "is a list"),
    ],
)
def test_what_is_no_octets_is_a_rule_error_that_says_what_to_do(name: str, value: Any, why: str) -> None:
    with pytest.raises(errors.RuleError, match=why):
        encoding(name).encode(value, {})


@pytest.mark.parametrize(
    ("octets", "shown"), [(b"abc\n", "abc\n"), ("ü".encode(), "ü"), (b"\x00a", b"\x00a"), (b"\xff", b"\xff")]
)
def test_octets_are_shown_as_text_where_they_are_one(octets: bytes, shown: object) -> None:
    assert encoding("bytes").decode(octets) == shown
