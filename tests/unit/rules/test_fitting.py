"""``too_big: truncate``, for every encoding that there is."""

from __future__ import annotations

import base64
import math
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import errors, plugins
from bridge.payload import Encoding
from bridge.rules import characters, fitting
from tests.unit.rules import making

ENCODINGS = plugins.names("payload")
texts = st.text() | st.text(st.sampled_from('aü"\\\n😀👩\u200d🔬e\u0301🇩🇪\x01'), max_size=80)
scalars = texts | st.integers(-(2**70), 2**70) | st.booleans() | st.binary(max_size=20)
names = st.text(st.sampled_from("abc"), min_size=1, max_size=3)
records = st.dictionaries(names, scalars, min_size=1)
payloads = (
    texts
    | records
    | st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4))
)


def encoding(name: str) -> Encoding:
    found: Encoding = plugins.find("payload", name)
    return found


def without_texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_texts(item) for item in value]
    return None if isinstance(value, str) else value


@pytest.mark.parametrize("name", ENCODINGS)
@given(value=payloads, limit=st.integers(1, 60))
def test_what_is_cut_fits_and_still_decodes_to_the_same_but_for_its_texts(name: str, value: Any, limit: int) -> None:
    made = encoding(name)
    try:
        whole = made.encode(value, {})
    except errors.RuleError:
        return
    found = fitting.truncated(value, lambda one: made.encode(one, {}), limit, made.is_text)
    if len(whole) <= limit:
        assert found == whole
    elif found is not None:
        assert len(found) <= limit
        if name not in ("text", "bytes", "base64"):
            assert without_texts(made.decode(found)) == without_texts(made.decode(whole))
        elif isinstance(value, str):
            octets = base64.b64decode(found) if name == "base64" else found
            assert value.encode("utf-8", "replace").decode().startswith(octets.decode())


@pytest.mark.parametrize("name", ENCODINGS)
@given(text=texts, limit=st.integers(0, 60))
def test_as_much_of_the_longest_text_is_kept_as_fits(name: str, text: str, limit: int) -> None:
    """One character more would be too many (unless it has to stay with those before it)."""
    made = encoding(name)
    value = {"k": text} if "senml" in name else text

    def encode(one: Any) -> bytes:
        return made.encode(one, {})

    found = fitting.truncated(value, encode, limit, made.is_text)
    plain = text.isascii() and "\r" not in text
    lengths = [len(encode({"k": text[:n]} if "senml" in name else text[:n])) for n in range(len(text) + 1)]
    fitting_ones = [length for length in lengths if length <= limit]
    assert (found is None) == (not fitting_ones)
    if plain and found is not None:
        assert len(found) == max(fitting_ones)


characters_of_all_lengths = st.sampled_from(["a", "ü", "😀", "👩\u200d🔬", "e\u0301", '"', "\\", "\n", "\x01", "🇩🇪"])
several = st.dictionaries(
    st.sampled_from("abcd"), st.lists(characters_of_all_lengths, max_size=20).map("".join), min_size=1
)


@pytest.mark.parametrize("name", ["json", "cbor"])
@given(value=several, limit=st.integers(1, 200))
def test_no_text_has_room_for_one_more_character(name: str, value: dict[str, str], limit: int) -> None:
    made = encoding(name)

    def encode(one: Any) -> bytes:
        return made.encode(one, {})

    found = fitting.truncated(value, encode, limit)
    kept = {} if found is None else made.decode(found)
    for key, text in kept.items():
        assert value[key].startswith(text)
        ends = (n for n in range(len(text) + 1, len(value[key]) + 1) if characters.boundary(value[key], n) == n)
        if end := next(ends, 0):
            assert len(encode({**kept, key: value[key][:end]})) > limit


@pytest.mark.parametrize(
    ("value", "limit", "kept"),
    [
        ({"a": "x" * 50, "b": "y" * 40}, 60, {"a": "x" * 5, "b": "y" * 40}),
        ({"a": "x" * 40, "b": "y" * 50}, 60, {"a": "x" * 40, "b": "y" * 5}),
        ({"a": "x" * 40, "b": "y" * 40}, 60, {"a": "x" * 5, "b": "y" * 40}),
        ({"a": "x" * 50, "b": "y" * 40}, 30, {"a": "", "b": "y" * 15}),
        ({"a": ["x" * 5, {"b": "ü" * 9}]}, 30, {"a": ["x" * 5, {"b": "ü" * 3}]}),
        ({"a": 'x"' * 9}, 20, {"a": 'x"x"x"x"'}),
        ("x" * 50, 10, "x" * 8),
        ({"a": "e\u0301" * 9}, 20, {"a": "e\u0301" * 4}),
        ({"a": "👩\u200d🔬" * 3}, 24, {"a": "👩\u200d🔬"}),
        ({"a": "x" * 50, "b": "👩\u200d🔬" * 4}, 30, {"a": "xxxx", "b": "👩\u200d🔬"}),
        ({"a": "x" * 50, "b": "👩\u200d🔬" * 4}, 24, {"a": "x" * 9, "b": ""}),
        ({"a": "😀" * 20, "b": "y" * 50, "c": "👩\u200d🔬" * 4}, 28, {"a": "😀", "b": "yy", "c": ""}),
    ],
)
def test_the_longest_text_is_cut_first_as_far_as_it_has_to_be(value: Any, limit: int, kept: Any) -> None:
    made = encoding("json")
    found = fitting.truncated(value, lambda one: made.encode(one, {}), limit)
    assert found is not None
    assert len(found) <= limit
    assert made.decode(found) == kept


@pytest.mark.parametrize("count", [1, 10, 1_000])
@pytest.mark.parametrize("limit", [64, 4_096, 200_000])
def test_few_encodes_are_enough(count: int, limit: int) -> None:
    value = {f"k{n}": 'ü"' * (250_000 // count) for n in range(count)}
    made, encodes = encoding("json"), []

    def encode(one: Any) -> bytes:
        encodes.append(one)
        return made.encode(one, {})

    fitting.truncated(value, encode, limit)
    assert len(encodes) <= math.log2(limit) + math.log2(count) + 3 + 2 * fitting.FILLED


def test_many_texts_that_have_no_room_cost_few_encodes() -> None:
    """Of each the first character would fit if it were not escaped; behind them stands one that is too long."""
    value = {f"k{n}": "\x01" * 60 for n in range(500)} | {"last": "👩\u200d🔬" * 5}
    made, encodes = encoding("json"), []

    def encode(one: Any) -> bytes:
        encodes.append(one)
        return made.encode(one, {})

    empty = len(made.encode(dict.fromkeys(value, ""), {}))
    found = fitting.truncated(value, encode, empty + 5)
    assert found is not None
    assert len(found) == empty, "an escape has six octets"
    assert len(encodes) <= 40


def test_names_and_units_of_senml_are_not_texts_that_can_be_cut() -> None:
    made = encoding("senml+json")
    value = {"bn": "urn:dev:" + "a" * 60 + ":", "place": "x" * 50, "temp": {"v": 1, "u": "Cel"}}
    found = fitting.truncated(value, lambda one: made.encode(one, {}), 150, made.is_text)
    assert found is not None
    records = made.decode(found)
    assert records[0]["bn"] == value["bn"]
    assert (len(found), records[0]["vs"]) == (150, "x" * 21)
    assert records[1] == {"n": "temp", "u": "Cel", "v": 1}


@pytest.mark.parametrize("name", ENCODINGS)
def test_bytes_are_never_cut(name: str) -> None:
    value = {"k": b"\xff" * 50} if name != "bytes" and name != "base64" else b"\xff" * 50
    made = encoding(name)
    assert fitting.truncated(value, lambda one: made.encode(one, {}), 20, made.is_text) is None


def action(payload: Any, name: str, limit: int, **written: Any) -> Any:
    one = {"sink": "broker", "topic": "a", "payload": payload, "as": name, "max_bytes": limit, **written}
    (made,) = making.deliveries(making.mail(), {**one, "too_big": "truncate"})
    return made


@pytest.mark.parametrize(
    ("name", "payload", "sent"),
    [
        ("text", "grüße", b"gr\xc3\xbc"),
        ("bytes", "grüße", b"gr\xc3\xbc"),
        ("base64", "grüße", b"Z3I="),
        ("json", "grüße", b'"gr"'),
        ("cbor", "grüße", b"\x62gr"),
    ],
)
def test_a_rule_cuts_a_text_in_its_own_encoding(name: str, payload: str, sent: bytes) -> None:
    limit = 4 if name != "cbor" else 3
    assert action(payload, name, limit).payload == sent


def test_integer_keys_count_when_it_is_cut() -> None:
    made = action({"place": "{{ mail.subject }}"}, "cbor", 12, keys={"place": 1})
    assert cbor2.loads(made.payload) == {1: "Motion at"}
