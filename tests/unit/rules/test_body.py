"""``body``, and of it what is fresh."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest

from tests.unit.rules import making

REPLY = "open the gate\r\n\r\n-- \r\nAda\r\n\r\nOn 02.11.26 10:00, Bob wrote:\r\n> shall I close the door?"


@pytest.mark.parametrize(
    ("body", "held"),
    [
        ("door", True),
        ({"fresh": "door"}, False),
        ({"fresh": "Ada"}, False),
        ({"fresh": "open the gate"}, True),
        ({"fresh": {"is": "open the gate"}}, True),
        ({"fresh": "/^open the gate$/"}, True),
        ({"fresh": ["door", "gate"]}, True),
        ({"fresh": ["door", {"starts": "gate"}]}, False),
        ({"fresh": "gate", "contains": "door"}, True),
        ({"fresh": "gate", "contains": "window"}, False),
        ({"fresh": "door", "contains": "door"}, False),
        (["window", {"fresh": "gate"}], True),
        ([{"fresh": "door"}, {"fresh": "window"}], False),
        ({"contains": "door"}, True),
    ],
)
def test_fresh_is_one_of_the_forms(body: Any, held: bool) -> None:
    assert making.matches(making.mail(REPLY), when={"body": body}) is held


def test_its_named_groups_are_values_and_explain_shows_what_was_looked_at() -> None:
    rule = making.rule(when={"body": {"fresh": r"/the (?P<what>\w+)/"}})
    (verdict,) = making.compiled(rule).evaluate(making.mail(REPLY), making.moment(), explain=True)
    assert verdict.values == {"what": "gate"}
    (line,) = verdict.conditions
    assert (line.path, line.wanted, line.saw) == ("when.body", r"what is new /the (?P<what>\w+)/", "open the gate")


@pytest.mark.parametrize(
    ("source", "found"),
    [({"fresh": r"/the (\w+)/"}, "gate"), ({"fresh": True}, "open the gate"), (r"/close the (\w+)/", "door")],
)
def test_a_value_is_found_in_what_is_fresh(source: Any, found: str) -> None:
    (verdict,) = making.evaluate(making.mail(REPLY), making.rule(extract={"x": {"body": source}}))
    assert verdict.values == {"x": found}


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({"frsh": "a"}, [(("frsh",), 'unknown key; did you mean "fresh"?')]),
        ({"contain": "a"}, [(("contain",), 'unknown key; did you mean "contains"?')]),
        ({"fresh": 3, "is": 3}, [(("fresh",), None), (("is",), None)]),
        ({"fresh": {"fresh": "a"}}, [(("fresh", "fresh"), "unknown key")]),
        (["a", {"fresh": ""}], [((1, "fresh"), "an empty text holds for everything; leave the key out")]),
        ({}, [((), None)]),
        ([], [((), "an empty list holds for nothing")]),
    ],
)
def test_what_is_wrong_is_told_at_its_place(body: Any, faults: list[tuple[tuple[object, ...], str | None]]) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        making.rule(when={"body": body})
    found = [(line["loc"][2:], line["msg"].removeprefix("Value error, ")) for line in caught.value.errors()]
    assert [place for place, _ in found] == [place for place, _ in faults]
    assert all(message in (None, told) for (_, message), (_, told) in zip(faults, found, strict=True))


def test_no_other_text_is_fresh() -> None:
    with pytest.raises(pydantic.ValidationError):
        making.rule(when={"subject": {"fresh": "a"}})
