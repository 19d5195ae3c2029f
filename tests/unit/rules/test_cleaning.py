"""What ``mailwire check`` warns of: topics and paths that are not sent as they are written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.rules import cleaning, template
from tests.unit.rules import making

SINKS = {"broker": "mqtt", "lamp": "coap", "hook": "http", "out": "log"}
WHEN = {"subject": r"/at (?P<place>\w+)/"}


def warnings(*actions: dict[str, Any]) -> list[tuple[Any, str]]:
    return list(cleaning.warnings(making.rule(when=WHEN, then=list(actions)), sinks=SINKS))


@pytest.mark.parametrize(
    ("topic", "said"),
    [
        ("/garden/temp", 'is sent as "_/garden/temp": a segment cannot be empty (leave out the "/" at the start)'),
        ("garden/", 'is sent as "garden/_": a segment cannot be empty (leave out the "/" at the end)'),
        ("a//b", 'is sent as "a/_/b": a segment cannot be empty'),
        ("a/#", 'is sent as "a/_": a segment cannot have "#"'),
        ("a/+/b#", 'is sent as "a/_/b_": a segment cannot have "+"; a segment cannot have "#"'),
        ("$SYS/x", 'is sent as "_SYS/x": a segment cannot begin with "$"'),
        ("../x", 'is sent as "_/x": a segment cannot be ".."'),
        ("a/./x", 'is sent as "a/_/x": a segment cannot be "."'),
        ("a/b\tc", 'is sent as "a/b_c": a segment cannot have control characters'),
        ("/a/{{ place }}", 'is sent as "_/a/{{ place }}": a segment cannot be empty (leave out the "/" at the start)'),
        ("$x{{ place }}/a", 'is sent as "_x{{ place }}/a": a segment cannot begin with "$"'),
        ("a/{{ place }}#", 'is sent as "a/{{ place }}_": a segment cannot have "#"'),
    ],
)  # fmt: skip
def test_what_the_cleaning_changes_is_told_with_what_becomes_of_it(topic: str, said: str) -> None:
    assert warnings({"sink": "broker", "topic": topic}) == [(("then", 0, "topic"), said)]


@pytest.mark.parametrize(
    "topic",
    [
        "garden/temp",
        "a$/b.c/...",
        "{{ place }}",
        "home/{{ place | replace('#', '+') }}/x",
        "a{{ place }}$",
        "{{ place }}..",
        ".{{ place }}",
        "a/{# a note: #/+ #}b",
    ],
)
def test_what_is_sent_as_it_is_written_is_no_warning(topic: str) -> None:
    assert warnings({"sink": "broker", "topic": topic}) == []


@pytest.mark.parametrize("sink", ["lamp", "hook"])
def test_the_leading_slash_of_a_path_is_only_a_way_of_writing(sink: str) -> None:
    assert warnings({"sink": sink, "path": "/light/{{ place }}"}, {"sink": sink, "path": "/"}) == []
    assert warnings({"sink": sink, "path": "/light/"}, {"sink": sink, "path": "//light"}) == [
        (("then", 0, "path"), 'is sent as "/light/_": a segment cannot be empty (leave out the "/" at the end)'),
        (("then", 1, "path"), 'is sent as "/_/light": a segment cannot be empty (leave out the "/" at the start)'),
    ]


def test_a_single_action_has_its_own_place() -> None:
    rule = making.rule(then={"sink": "broker", "topic": "a/#"})
    assert [place for place, _ in cleaning.warnings(rule, sinks=SINKS)] == [("then", "topic")]


@given(st.lists(st.text(alphabet="ab/+#$.\t ", max_size=4), min_size=1, max_size=4).map("{{ place }}".join))
def test_a_warning_tells_what_is_sent(topic: str) -> None:
    """With a value that nothing has to be cleaned of."""
    if not topic:
        return
    made = template.Segments(topic)
    sent = "/".join(made.render({"place": "x"}))
    as_written = topic.replace("{{ place }}", "x")
    found = warnings({"sink": "broker", "topic": topic})
    assert bool(found) == (sent != as_written)
    if found:
        assert f'is sent as "{sent}"' in found[0][1].replace("{{ place }}", "x")
