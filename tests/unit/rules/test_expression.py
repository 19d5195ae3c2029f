"""``if`` compares like with like."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.rules import expression

EARLY = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
VALUES = {"temp": 31, "half": 0.5, "text": "31", "place": "hall", "on": True, "none": None, "many": [1, 2], "at": EARLY}


@pytest.mark.parametrize(
    ("source", "held"),
    [
        ("temp > 30", True),
        ("temp < 30", False),
        ("temp >= 31 and temp <= 31", True),
        ("temp == 31.0", True),
        ("temp != 31", False),
        ("half < temp", True),
        ("place == 'hall'", True),
        ("'a' < place", True),
        ("on == true", True),
        ("at < at", False),
        ("at == at", True),
        ("30 < temp < 32", True),
        ("30 < temp < 31", False),
        ("not temp > 40", True),
        ("not (temp > 30) or place == 'hall'", True),
        ("temp + 1 > 31", True),
        ("place | length > 3", True),
        ("many[0] == 1", True),
        ("[temp > 30, temp > 40][0]", True),
        ("{'a': temp > 30}.a", True),
        ("place in ['hall', 'door']", True),
        ("place not in ['door']", True),
        ("'>' in '<>'", True),
        ("temp > 30 if on else place > 'z'", True),
        ("nope is not defined", True),
        ("nope | default(31) > 30", True),
        ("on", True),
        ("temp is gt(30)", True),
        # unlike types, and what is missing, do not hold
        ("text > 30", False),
        ("text < 30", False),
        ("text == 31", False),
        ("text != 31", False),
        ("temp == '31'", False),
        ("on == 1", False),
        ("on > 0", False),
        ("none < 30", False),
        ("none > 30", False),
        ("place > at", False),
        ("text is gt(30)", False),
        ("text is lt(30)", False),
        ("nope < 30", False),
        ("nope > 30", False),
        ("nope", False),
        ("not nope > 30", False),
        ("many > many", False),
    ],
)
def test_an_expression_holds(source: str, held: bool) -> None:
    assert expression.Expression("{{ " + source + " }}").holds(VALUES)[0] is held


@pytest.mark.parametrize(
    ("source", "saw"),
    [
        ("temp > 30", "temp = 31"),
        ("text > 30", 'unlike types: a text "31" > a number 30'),
        ("nope > 30", "no value nope"),
        ("place | float > 3", None),
    ],
)
def test_an_expression_says_what_it_saw(source: str, saw: str | None) -> None:
    said = expression.Expression("{{ " + source + " }}").holds(VALUES)[1]
    assert said == saw if saw is not None else said


@pytest.mark.parametrize(
    "source", ["temp > 30", "{{ temp > }}", "{{ a }} {{ b }}", "", "{{ 1 in x == true }}", "{% x %}"]
)
def test_what_is_not_one_expression_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match=r"write one expression|does not parse|parentheses"):
        expression.Expression(source)


@given(st.text())
def test_any_text_as_an_expression_is_one_or_a_value_error(source: str) -> None:
    try:
        made = expression.Expression("{{" + source + "}}")
    except ValueError:
        return
    assert isinstance(made.holds({})[0], bool)


values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


@given(values, values)
def test_comparing_unlike_values_never_holds(left: object, right: object) -> None:
    def alike(value: object) -> type:
        return float if isinstance(value, int) and not isinstance(value, bool) else type(value)

    if alike(left) is alike(right):
        return
    for sign in ("==", "!=", "<", "<=", ">", ">="):
        held, _ = expression.Expression("{{ a " + sign + " b }}").holds({"a": left, "b": right})
        assert not held
