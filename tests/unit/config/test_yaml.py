"""YAML 1.2 core, with the place of every value, and bounded."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import errors
from bridge.config import yaml


def load(text: str) -> Any:
    node, faults = yaml.compose(text, "a.yaml", tags={})
    assert faults == []
    return node.plain


def faults(text: str) -> list[str]:
    try:
        return [str(fault) for fault in yaml.compose(text, "a.yaml", tags={})[1]]
    except errors.ConfigError as error:
        return [str(fault) for fault in error.faults]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("No", "No"),
        ("y", "y"),
        ("22:30", "22:30"),
        ("2026-11-01", "2026-11-01"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("1.2.3", "1.2.3"),
        ("=", "="),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("010", 10),
        ("0o17", 15),
        ("0xff", 255),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        (".inf", math.inf),
        ("-.inf", -math.inf),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("!!int '12'", 12),
        ("!!float 1", 1.0),
        ("! 12", 12),
        ("|\n    a\n    b", "a\nb\n"),
    ],
)
def test_a_scalar_is_what_yaml_1_2_says(written: str, value: Any) -> None:
    found = load(f"a: {written}\n")["a"]
    assert (found, type(found)) == (value, type(value))


def test_nan_is_a_number() -> None:
    assert math.isnan(load("a: .nan")["a"])


def test_keys_are_texts_as_they_are_written() -> None:
    assert load("1: a\non: b\ntrue: c\nnull: d") == {"1": "a", "on": "b", "true": "c", "null": "d"}


def test_every_key_and_value_knows_its_place() -> None:
    node, _ = yaml.compose("# one\nrules:\n  - name: ä\n    then: [{ sink: x }]\n", "a.yaml", tags={})
    key, value = node.find(("rules", 0, "then", 0, "sink")) or (None, None)
    assert key is not None
    assert value is not None
    assert [(place.file, place.line, place.column) for place in (key, value)] == [("a.yaml", 4, 14), ("a.yaml", 4, 20)]
    assert node.find(("rules", 1)) is None


def test_merge_keys_give_way_to_what_is_written_and_to_earlier_sources() -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 3}\nd: {x: 4, <<: *b}\n"
    found = load(text)
    assert (found["c"], found["d"]) == ({"x": 3, "y": 1, "z": 2}, {"x": 4, "y": 2, "z": 2})


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: 1\nb: {c: 1, c: 2}\n", "a.yaml:2:11: b.c: given twice; first in line 2"),
        ("a: [1\n", "a.yaml:2:1: no valid YAML: did not find expected ',' or ']'"),
        ("a: b: c\n", "a.yaml:1:5: no valid YAML: mapping values are not allowed in this context"),
        ("a:\n\t- b\n", "a.yaml:2:1: no valid YAML: indent with spaces, not tabs"),
        ("é: \x07\n", "a.yaml:1:4: no valid YAML: control characters are not allowed"),
        ("a: \ud800\n", "a.yaml:1:4: holds a character that is no character"),
        ("a: *b\n", "a.yaml:1:4: a: no anchor &b comes before this alias"),
        ("a: &a [*a]\n", "a.yaml:1:8: a.0: no anchor &a comes before this alias"),
        ("a: !foo b\n", "a.yaml:1:4: a: unknown tag !foo"),
        ("a: !!python/object:os.system b\n", "a.yaml:1:4: a: unknown tag !!python/object:os.system"),
        ("a: !!int b\n", "a.yaml:1:4: a: this is no !!int"),
        ("a: !foo {b: c}\n", "a.yaml:1:4: a: !foo cannot stand before a list or map"),
        ("? [a]\n: b\n", "a.yaml:1:3: a key is a text, not a list or map"),
        ("{t: {{ a }}}", 'a.yaml:1:6: t: a key is a text, not a list or map; a template goes in quotes: "{{ … }}"'),
        ("t: {{ a }}", 'a.yaml:1:5: t: a key is a text, not a list or map; a template goes in quotes: "{{ … }}"'),
        ("a: {<<: 5}\n", "a.yaml:1:9: a.<<: << takes a map, or a list of maps"),
        ("a: 1\n---\nb: 1\n", "a.yaml:2:1: a second document begins here; a file is one"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, fault: str) -> None:
    assert faults(text) == [fault]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5_000,
        "- " * 5_000 + "x",
        "{a: " * 5_000,
        "? " * 3_000,
        "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 500)),
    ],
    ids=["lists", "dashes", "maps", "keys", "aliases"],
)
def test_nesting_is_bounded(text: str) -> None:
    assert any("nested deeper than 60 levels" in fault for fault in faults(text))


def test_aliases_that_multiply_are_bounded() -> None:
    bomb = "a0: &a0 x\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10))
    assert any("more than 2,000,000 values" in fault for fault in faults(bomb))


def refused(text: str) -> tuple[errors.Fault, ...] | None:
    """The faults; None where it can be read. Any other exception is a bug."""
    try:
        yaml.compose(text, "a.yaml", tags={})
    except errors.ConfigError as error:
        return error.faults
    return None


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    told = refused(text)
    assert told is None or told
    assert all(fault.line >= 1 and fault.column >= 1 for fault in told or ())


@given(st.text(alphabet="ab:-?[]{}&*!|>'\"%@`# \n\t,<.0~\\"))
def test_any_text_of_yaml_s_own_characters_is_read_or_refused(text: str) -> None:
    told = refused(text)
    assert told is None or told


texts = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")))  # what YAML takes as it stands
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=20,
)


@given(json_values)
def test_json_means_the_same_as_yaml(value: Any) -> None:
    assert load(json.dumps({"value": value}, ensure_ascii=False))["value"] == value


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a:\n\tb: 1\n", "f:2:1: no valid YAML: indent with spaces, not tabs"),
        ("a:\n  b:\n \t c: 1\n", "f:3:2: no valid YAML: indent with spaces, not tabs"),
        ("{a: 1,\n\tb: @2}", "f:2:5: no valid YAML: a value cannot begin with @; put it in quotes"),
        ("from: @cameras.example\n", "f:1:7: no valid YAML: a value cannot begin with @; put it in quotes"),
        (
            "from: *@cameras.example\n",
            "f:1:8: no valid YAML: what begins with * or & refers to an anchor; put a text in quotes",
        ),
        ("{topic: home/{{ place }}}", 'f:1:14: no valid YAML: a template goes in quotes: "{{ … }}"'),
    ],
)
def test_the_slips_that_are_made_most_are_told_in_plain_words(text: str, fault: str) -> None:
    with pytest.raises(errors.ConfigError) as caught:
        yaml.compose(text, "f", tags={})
    assert [str(one) for one in caught.value.faults] == [fault]
