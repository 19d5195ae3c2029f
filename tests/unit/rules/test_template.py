"""Templates keep types, and never leave their segment."""

from __future__ import annotations

import datetime
import json
import time
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import errors
from bridge.rules import tags, template
from tests.unit.rules import making

WHEN = datetime.datetime(2026, 11, 1, 12, 30, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("plain {text}", "plain {text}"),
        ("{{ temp }}", 21.5),
        ("{{ n }}", 3),
        ("{{ yes }}", True),
        ("{{ nothing }}", None),
        ("{{ when }}", WHEN),
        ("{{- temp -}}", 21.5),
        ("{{ temp }} ", "21.5 "),
        ("{{ n }}{{ n }}", "33"),
        ("{{ temp > 30 }}", False),
        ("{{ '}}' }}", "}}"),
        ("{{ {'a': {'b': n}} }}", {"a": {"b": 3}}),
        ("{{ place | upper }}", "HALL"),
        ("{{ missing | default('x') }}", "x"),
        ("{% if yes %}on{% else %}off{% endif %}", "on"),
        ("{{ 'Küche, links' | slug }}", "kuche_links"),
        ("{{ 'aüé' | bytes(3) }}", "aü"),
        ("{{ when | timestamp }}", 1793536200),
        ("{{ when | iso }}", "2026-11-01T12:30:00+00:00"),
        ("{{ {'a': 'ü\"'} | tojson }}", '{"a":"ü\\""}'),
    ],
)
def test_a_template_renders(source: str, value: object) -> None:
    values = {"temp": 21.5, "n": 3, "yes": True, "nothing": None, "when": WHEN, "place": "hall"}
    rendered = template.Template(source).render(values)
    assert rendered == value
    assert type(rendered) is type(value)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ '2026-11-01T07:30' | timestamp }}", 1793514600),
        ("{{ '2026-07-01T07:30' | iso }}", "2026-07-01T07:30:00+02:00"),
        ("{{ '2026-11-01' | iso }}", "2026-11-01T00:00:00+01:00"),
        ("{{ '2026-11-01T07:30Z' | iso }}", "2026-11-01T07:30:00+00:00"),
        ("{{ naive | iso }}", "2026-11-01T12:30:00+01:00"),
        ("{{ 0 | iso }}", "1970-01-01T00:00:00+00:00"),
        ("{% macro at(x) %}{{ x | timestamp }}{% endmacro %}{{ at('2026-11-01T07:30') }}", "1793514600"),
    ],
)
def test_a_time_without_a_zone_is_in_the_bridges(source: str, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        rule = making.rule(
            extract={"naive": {"subject": "/no/", "default": WHEN.replace(tzinfo=None)}},
            then={"sink": "broker", "topic": "a", "payload": [source]},
        )
        berlin = making.moment(zone=zoneinfo.ZoneInfo("Europe/Berlin"))
        (verdict,) = making.compiled(rule).evaluate(making.mail(), berlin)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert json.loads(verdict.deliveries[0].payload) == [value]


@pytest.mark.parametrize("source", ["{{ nope }}", "a {{ nope }}", "{{ nope | upper }}", "{{ nope.deep }}"])
def test_a_missing_value_is_an_error_that_names_it(source: str) -> None:
    with pytest.raises(errors.RuleError, match=r"nope"):
        template.Template(source).render({})


@pytest.mark.parametrize("source", ["{{ a", "{{ a b }}", "{% if a %}", "{{ }}", "{% nope %}", "{{ a | }}"])
def test_a_template_that_does_not_parse_is_a_value_error(source: str) -> None:
    with pytest.raises(ValueError, match="the template does not parse"):
        template.Template(source)


def test_a_filter_that_cannot_take_its_value_is_a_rule_error_and_does_not_quote_the_mail() -> None:
    with pytest.raises(errors.RuleError):
        template.Template("{{ x | iso }}").render({"x": []})
    with pytest.raises(errors.RuleError) as caught:
        template.Template("{{ x | nofilter }}").render({"x": "the secret body"})
    assert "secret" not in str(caught.value)


def test_a_template_knows_the_values_that_it_mentions() -> None:
    source = "{{ place }} {{ mail.text }} {% for x in xs %}{{ x }}{{ loop.index }}{% endfor %} {{ range(3) }}"
    assert template.Template(source).names == {"place", "mail.text", "xs"}


@pytest.mark.parametrize(
    ("source", "path", "segments"),
    [
        ("home/{{ place }}/motion", False, ("home", "a_b_c", "motion")),
        ("/light/{{ place }}", True, ("light", "a_b_c")),
        ("/light", False, ("_", "light")),
        ("", True, ()),
        ("/", True, ()),
        ("a//b/", False, ("a", "_", "b", "_")),
        ("$SYS/{{ dots }}", False, ("_SYS", "_")),
        ("x{{ dots }}", False, ("x..",)),
        ("{{ 6 / 2 }}", False, ("3.0",)),
        ("{{ empty }}/x", False, ("_", "x")),
        ("{{ control }}", False, ("a_b_",)),
    ],
)
def test_a_path_is_split_where_the_rule_says_and_nowhere_else(
    source: str, path: bool, segments: tuple[str, ...]
) -> None:
    values = {"place": "a/b#c", "dots": "..", "empty": "", "control": "a\x00b\x85"}
    assert template.Segments(source, path=path).render(values) == segments


def test_a_block_cannot_span_a_slash() -> None:
    with pytest.raises(ValueError, match="does not parse"):
        template.Segments("{% if a %}x/y{% endif %}")


@given(st.text(), st.text())
def test_no_value_ever_leaves_its_segment(place: str, other: str) -> None:
    segments = template.Segments("home/{{ place }}/{{ other }}x/{{ place ~ other }}").render(
        {"place": place, "other": other}
    )
    assert len(segments) == 4
    joined = "/".join(segments)
    assert joined.count("/") == 3
    assert not set(joined) & set("+#\x00\n\x7f")
    joined.encode()
    for segment in segments:
        assert segment not in ("", ".", "..")
        assert not segment.startswith("$")


@given(st.text())
def test_nothing_in_a_value_is_read_as_a_template(text: str) -> None:
    hostile = "{{ 7 * 191 }}" + text
    assert "1337" not in str(template.Template("{{ x }}!").render({"x": hostile})).replace(text, "")
    assert template.Template("{{ x }}").render({"x": hostile}) == hostile


@given(st.text())
def test_any_text_as_a_template_is_one_or_a_value_error(source: str) -> None:
    try:
        made = template.Template(source)
    except ValueError:
        return
    try:
        made.render({})
    except errors.RuleError:
        return


@pytest.mark.parametrize(
    ("source", "bare"),
    [
        ('{"t": {{ temp }}}', True),
        ('{"t": {{ temp }}, "p": "{{ place }}"}', True),
        ("[{{ a }}, 1]", True),
        ('{% if a %}{"t": {{ t }}}{% endif %}', True),
        ('{"t": "{{ temp }}"}', True),
        ('{"t": "at {{ temp }}!"}', True),
        ('{"t": "{{ temp | tojson }}"}', True),
        ('{"t": "{{ place | upper }}", "u": "\\""}', True),
        ("{ {{ place }}: 1 }", True),
        ('{"{{ place }}": 1}', True),
        ("{ {{ place | tojson }}: 1 }", False),
        ('{"t": {{ temp | tojson }}, "u": "x"}', False),
        ('{"t": {{ temp | tojson }}}', False),
        ('{"t": 1}', False),
        ("{{ temp }}", False),
        ("temp {{ temp }}", False),
        ("{not json {{ temp }}}", False),
    ],
)
def test_a_value_in_json_that_is_not_put_there_by_tojson_is_seen(source: str, bare: bool) -> None:
    assert tags.bare_json(source) is bare


def test_unknown_filters_and_tests_are_seen() -> None:
    found = list(template.unknown_uses("{{ x | uper | lower is evn }} {{ y is not defined }} {{ '| nope' }} | nope"))
    assert found == ['unknown filter "uper"; did you mean "upper"?', 'unknown test "evn"']


def test_what_a_filter_says_of_its_value_is_not_told() -> None:
    with pytest.raises(errors.RuleError) as caught:
        template.Template("{{ x | iso }}").render({"x": "the secret body"})
    assert str(caught.value) == "a filter cannot take its value (ValueError)"


def test_a_template_includes_no_other() -> None:
    with pytest.raises(ValueError, match="a template cannot include another"):
        template.Template("{% include x %}")


def test_if_has_the_bridges_zone_too() -> None:
    rule = making.rule(when={"if": "{{ '2026-11-01T07:30' | timestamp == 1793514600 }}"})
    made = making.compiled(rule)
    assert made.evaluate(making.mail(), making.moment(zone=zoneinfo.ZoneInfo("Europe/Berlin")))
    assert not made.evaluate(making.mail(), making.moment())
