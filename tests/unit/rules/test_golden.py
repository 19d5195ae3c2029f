"""A rule's own tests: what may be expected, and what is said when it is not so."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest

from bridge.rules import expectation, golden, settings
from tests.unit.rules import making

RULE = making.rule(
    when={"subject": r"/motion at (?P<place>\w+)/"},
    extract={"temp": {"body": r"/temp=([\d.]+)/", "type": "float"}},
    then=[
        {"sink": "broker", "topic": "home/{{ place }}", "payload": {"t": "{{ temp }}"}, "as": "cbor", "qos": 1},
        {"sink": "lamp", "path": "/light", "payload": "1", "reset": {"after": "30s", "payload": "0"}},
    ],
)
HALL = making.mail("temp=21.5")


def differences(expect: Any, mail: Any = HALL) -> list[tuple[str, str]]:
    (verdict,) = making.compiled(RULE).evaluate(mail, making.moment(), explain=True)
    found = golden.differences(expectation.Expectation.parse(expect), mail, verdict)
    return [(".".join(map(str, place)), message) for place, message in found]


@pytest.mark.parametrize(
    "expect",
    [
        True,
        {"matched": True},
        {"stopped": False},
        {"values": {"place": "Hall", "temp": 21.5}},
        {"values": {"temp": 21.5}, "deliveries": [{"sink": "broker"}, {}, {}]},
        [{"target": "home/Hall", "as": "cbor", "payload": {"t": 21.5}, "bytes": 6}, {"payload": "1"}, {"payload": "0"}],
        [{"options": {"qos": 1}}, {"options": {"method": "PUT"}}, {"options": {"part": "reset", "reset_after_s": 30}}],
        [{"payload_hex": "a16174f94d60"}, {"payload_hex": "31"}, {}],
        [{"payload": '{"t":21.5}'}, {}, {}],
        [{"topic": "home/Hall"}, {"path": "/light"}, {"path": "light"}],
    ],
)
def test_what_is_so_passes(expect: Any) -> None:
    assert differences(expect) == []


@pytest.mark.parametrize(
    ("expect", "found"),
    [
        (False, [("expect", "expected not to match, but it does")]),
        ({"matched": False}, [("expect.matched", "expected not to match, but it does")]),
        ({"because": "when.subject"}, [("expect", "expected not to match, but it does")]),
        ({"stopped": True}, [("expect.stopped", "expected true, got false")]),
        (
            {"values": {"place": "Kitchen", "temp": 21, "nope": None}},
            [
                ("expect.values.place", 'expected "Kitchen", got "Hall"'),
                ("expect.values.temp", "expected 21, got 21.5"),
                ("expect.values.nope", "expected null, but there is no such value"),
            ],
        ),
        ([{}], [("expect", "expected 1, got 3: broker home/Hall, lamp light, lamp light")]),
        ({"deliveries": []}, [("expect.deliveries", "expected 0, got 3: broker home/Hall, lamp light, lamp light")]),
        (
            [{"payload": {"t": 22}, "bytes": 7}, {"options": {"qos": 1}}, {"as": "json"}],
            [
                ("expect.0.payload", 'expected {"t":22}, got {"t":21.5}'),
                ("expect.0.bytes", "expected 7, got 6"),
                ("expect.1.options", 'expected {"qos":1}, got {"qos":null}'),
                ("expect.2.as", 'expected "json", got "text"'),
            ],
        ),
    ],
)
def test_what_is_not_so_is_told_at_its_place(expect: Any, found: list[tuple[str, str]]) -> None:
    assert differences(expect) == found


def test_of_a_single_delivery_the_keys_may_stand_alone() -> None:
    rule = making.rule(then={"sink": "broker", "topic": "home/x", "payload": "1"})
    (verdict,) = making.evaluate(HALL, rule)

    def found(**expect: Any) -> list[Any]:
        return golden.differences(expectation.Expectation.parse(expect), HALL, verdict)

    assert found(topic="home/x", payload="1", values={}) == []
    assert found(topic="home/y") == [(("expect", "topic"), 'expected "home/y", got "home/x"')]
    assert differences({"topic": "home/Hall"})[0][0] == "expect", "there are more of them"


def test_true_is_not_one() -> None:
    assert differences({"values": {"temp": True}}, making.mail("temp=1.0")) == [
        ("expect.values.temp", "expected true, got 1.0")
    ]


def test_why_a_rule_does_not_match_is_told_and_can_be_expected() -> None:
    other = making.mail("temp=21.5", Subject="News")
    wanted = r"when.subject: wanted /motion at (?P<place>\w+)/; saw News"
    assert differences(True, other) == [("expect", f"expected to match: {wanted}")]
    assert differences({"values": {"place": "x"}}, other) == [("expect", f"expected to match: {wanted}")]
    assert differences(False, other) == []
    assert differences({"because": "when.subject"}, other) == []
    assert differences({"because": "extract.temp"}, other) == [
        ("expect.because", "expected extract.temp, got when.subject")
    ]


@pytest.mark.parametrize(
    ("expect", "at", "message"),
    [
        ("yes", (), "write true, false, a map of matched, stopped, because"),
        ({}, (), "an empty map expects nothing; there are matched, stopped, because, values, deliveries"),
        ({"valus": {}}, ("valus",), 'unknown key; did you mean "values"?'),
        ({"matched": "yes"}, ("matched",), "expected true or false"),
        ({"because": True}, ("because",), "expected a path, like when.subject"),
        ({"values": []}, ("values",), "expected a map of values"),
        ({"deliveries": {}}, ("deliveries",), "expected a list"),
        ({"deliveries": ["x"]}, ("deliveries", 0), "expected a map of sink, target, as, bytes"),
        ({"x": "a/b"}, ("x",), "unknown key; there are matched, stopped, because"),
        ({"topc": "a/b"}, ("topc",), 'unknown key; did you mean "topic"?'),
        ([{"x": "a/b"}], (0, "x"), "unknown key; there are sink, target, as, bytes"),
        ([{"target": "a", "topic": "a"}], (0, "topic"), "target says where it goes already"),
        ({"topic": "a", "path": "a"}, ("path",), "topic says where it goes already"),
        ({"topic": "a", "deliveries": []}, ("topic",), "stands in a delivery: deliveries: [{ topic: … }]"),
        ([{"snk": 1}], (0, "snk"), 'unknown key; did you mean "sink"?'),
    ],
)  # fmt: skip
def test_what_cannot_be_expected_is_a_fault_at_its_place(expect: Any, at: tuple[Any, ...], message: str) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        settings.Rule.model_validate({"name": "r", "tests": [{"mail": "x.eml", "expect": expect}]})
    (error,) = caught.value.errors()
    assert error["loc"] == ("tests", 0, "expect", *at)
    assert message in error["msg"]


@pytest.mark.parametrize(
    ("mail", "at", "message"),
    [
        ([5], (0,), "expected the name of a file, got the number 5"),
        ("~nobody-of-that-name/a.eml", (0,), "home directory"),
        ([], (), "must not be empty"),
    ],
)
def test_what_is_no_file_is_a_fault_at_its_place(mail: Any, at: tuple[Any, ...], message: str) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        settings.Rule.model_validate({"name": "r", "tests": [{"mail": mail}]})
    (error,) = caught.value.errors()
    assert error["loc"] == ("tests", 0, "mail", *at)
    assert message in error["msg"]
