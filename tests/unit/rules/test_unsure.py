"""What ``mailwire check`` warns of: values that are not there whenever the rule matches."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.rules import unsure
from tests.unit.rules import making

SINKS = {"broker": "mqtt", "lamp": "coap"}
AT = r"/at (?P<place>\w+)/"
IN = r"/in (?P<place>\w+)/"


def warnings(when: dict[str, Any], *actions: dict[str, Any], **written: Any) -> list[tuple[Any, str]]:
    then = list(actions) or [{"sink": "broker", "topic": "home/{{ place }}"}]
    return list(unsure.warnings(making.rule(when=when, then=then, **written), sinks=SINKS))


def test_a_value_of_one_branch_is_told_with_where_it_is_found() -> None:
    when = {"any": [{"subject": AT}, {"from": "cameras.example"}]}
    assert warnings(when) == [
        (
            ("then", 0, "topic"),
            '"place" may be missing: only when.any.0.subject finds it; the delivery would be dead '
            '(write {{ place | default("…") }})',
        )
    ]


@pytest.mark.parametrize(
    "when",
    [
        {"any": [{"subject": AT}, {"subject": "door"}]},
        {"any": [{"all": [{"subject": AT}, {"from": "a.example"}]}, {"subject": "door"}]},
        {"all": [{"any": [{"subject": AT}, {"body": IN}, {"size": ">1kB"}]}]},
        {"forwarded": {"any": [{"subject": AT}, {"subject": "door"}]}},
        {"any": [{"subject": AT}, {"not": {"body": IN}}]},
        {"subject": [AT, "door"]},
        {"subject": {"matches": [r"at (?P<place>\w+)", "door"]}},
        {"body": [{"fresh": AT}, "door"]},
        {"from": [{"name": AT}, "cameras.example"]},
        {"subject": r"/motion(?: at (?P<place>\w+))?/"},
        {"subject": r"/at (?P<place>\w+)|door/"},
        {"subject": r"/(?:at (?P<place>\w+) *)*door/"},
        {"subject": r"/(?:x|y(?P<place>\w+)){0,3}/"},
    ],
)
def test_a_value_that_may_be_missing_is_a_warning(when: dict[str, Any]) -> None:
    assert len(warnings(when)) == 1


@pytest.mark.parametrize(
    "when",
    [
        {"subject": AT},
        {"any": [{"subject": AT}, {"body": IN}]},
        {"any": [{"subject": "x"}, {"subject": "door"}], "body": AT},
        {"all": [{"subject": AT}, {"any": [{"body": IN}, {"from": "a.example"}]}]},
        {"not": {"from": "a.example"}, "subject": AT},
        {"forwarded": {"subject": AT}},
        {"subject": [AT, IN]},
        {"subject": {"matches": r"at (?P<place>\w+)", "contains": ["a", "b"]}},
        {"body": {"fresh": AT, "contains": "x"}},
        {"from": [{"name": AT}, {"name": IN}]},
        {"header": {"X-Place": AT, "X-Other": True}},
        {"calendar": {"summary": AT}},
        {"data": {"Order.name": AT}},
        {"subject": r"/(?:at|in) (?P<place>\w+)(?: of \w+)?/"},
        {"subject": r"/(?P<place>a)?x/", "body": AT},
        {"subject": r"/(?:at (?P<place>\w+) *)+door/"},
    ],
)
def test_a_value_that_is_always_there_is_none(when: dict[str, Any]) -> None:
    assert warnings(when) == []


SOMETIMES = {"any": [{"subject": AT}, {"subject": "door"}]}


def test_a_value_that_is_extracted_is_always_there() -> None:
    """A rule does not match without it."""
    assert warnings(SOMETIMES, extract={"place": {"body": IN}}) == []


@pytest.mark.parametrize(
    ("topic", "warns"),
    [
        ('a/{{ place | default("x") }}', False),
        ("a/{{ place|d('x') | upper }}", False),
        ('a/{{ place if place is defined else "x" }}', False),
        ("a/{% if place is not undefined %}{{ place }}{% else %}x{% endif %}", False),
        ("a/{{ mail.subject }}", False),
        ('a/{{ "place" }}', False),
        ("a/{{ mail.place }}", False),
        ("a/{{ place | upper | default('x') }}", True),
        ("a/{{ place or 'x' }}", True),
        ("a/{{ place | default('x') }}{{ place }}", True),
        ("a/{{ place | default_of }}", True),
    ],
)
def test_whoever_gives_a_default_has_thought_of_it(topic: str, warns: bool) -> None:
    assert bool(warnings(SOMETIMES, {"sink": "broker", "topic": topic})) is warns


def test_every_place_is_told_with_what_comes_of_it() -> None:
    bare = "{{ place }}"
    action = {
        "sink": "broker",
        "topic": "a",
        "payload": {"after": [bare]},
        "delay": "{{ place }}s",
        "reset": {"after": "1s", "payload": bare},
    }
    found = warnings(
        {**SOMETIMES, "repeated": {"min": 2, "within": "1h", "per": bare}},
        action,
        {"sink": "lamp", "path": "x"},
        throttle={"max": 1, "within": "1m", "per": bare},
        after={"move": "At {{ place }}"},
        failed={"flag": bare},
    )
    assert [(place, message.partition("finds it; ")[2].partition(" (")[0]) for place, message in found] == [
        (("then", 0, "delay"), "the delivery would be dead"),
        (("then", 0, "payload", "after", 0), "the delivery would be dead"),
        (("then", 0, "reset", "payload"), "there would be no reset"),
        (("throttle", "per"), "the rule would fail"),
        (("when", "repeated", "per"), "the rule would fail"),
        (("after", "move"), "it would not be done"),
        (("failed", "flag", 0), "it would not be done"),
    ]


def test_a_warning_is_right_about_what_happens() -> None:
    """The delivery is dead where the other branch holds."""
    rule = making.rule(when=SOMETIMES, then=[{"sink": "broker", "topic": "home/{{ place }}"}])
    (verdict,) = making.evaluate(making.mail(Subject="door"), rule)
    assert [one.dead for one in verdict.deliveries] == ['topic: there is no value "place"']
