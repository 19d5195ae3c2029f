"""The shape of a rule: what is taken, and what is refused, where."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pydantic
import pytest

from bridge.rules import settings
from tests.unit.rules import making

REPEATED = {"min": 3, "within": "10m"}


@pytest.mark.parametrize(
    ("written", "place", "kind"),
    [
        ({"when": {"subjct": "x"}}, ("when", "subjct"), "extra_forbidden"),
        ({"when": {"auth": "dkim"}}, ("when", "auth"), "extra_forbidden"),
        ({"when": {"subject": None}}, ("when", "subject"), "value_error"),
        ({"when": {"any": []}}, ("when", "any"), "value_error"),
        ({"when": {"any": [{"from": 3}]}}, ("when", "any", 0, "from"), "value_error"),
        ({"when": {"not": {"subject": "/(/"}}}, ("when", "not", "subject"), "value_error"),
        ({"when": {"from": ["a", {"nam": "x"}]}}, ("when", "from", 1, "nam"), "rule"),
        ({"when": {"from": {"name": "/(/"}}}, ("when", "from", "name"), "rule"),
        ({"when": {"from": "/cameras/"}}, ("when", "from"), "value_error"),
        ({"when": {"from": []}}, ("when", "from"), "value_error"),
        ({"when": {"header": {"X": "/(/"}}}, ("when", "header", "X"), "value_error"),
        ({"when": {"if": "temp > 3"}}, ("when", "if"), "value_error"),
        ({"when": {"size": "1MB"}}, ("when", "size"), "value_error"),
        ({"when": {"size": ">1 parsec"}}, ("when", "size"), "value_error"),
        ({"when": {"flags": ["a b"]}}, ("when", "flags", 0), "value_error"),
        ({"when": {"flags": ["unseen"]}}, ("when", "flags", 0), "value_error"),
        ({"when": {"from": "Cam <cam@cameras.example>"}}, ("when", "from"), "value_error"),
        ({"when": {"to": ["a@b.example", "c@d.example, e@f.example"]}}, ("when", "to", 1), "rule"),
        ({"throttle": 5}, ("throttle",), "value_error"),
        ({"when": {"flags": []}}, ("when", "flags"), "value_error"),
        ({"when": {"folder": 3}}, ("when", "folder"), "value_error"),
        ({"when": {"automatic": "yes"}}, ("when", "automatic"), "value_error"),
        ({"when": []}, ("when",), "model_type"),
        ({"event": "nwe"}, ("event",), "literal_error"),
        ({"throttle": "5 a minute"}, ("throttle",), "value_error"),
        ({"throttle": "0/1m"}, ("throttle",), "value_error"),
        ({"throttle": "5/1 furlong"}, ("throttle",), "value_error"),
        ({"throttle": {"max": 0, "within": "1m"}}, ("throttle", "max"), "greater_than_equal"),
        ({"throttle": {"max": 1_001, "within": "1m"}}, ("throttle", "max"), "less_than_equal"),
        ({"throttle": {"max": 5, "within": "0s"}}, ("throttle", "within"), "value_error"),
        ({"throttle": {"max": 5, "within": "1m", "per": "{{ x"}}, ("throttle", "per"), "value_error"),
        ({"throttle": {"max": 5, "within": "1m", "pre": "x"}}, ("throttle", "pre"), "extra_forbidden"),
        ({"when": {"repeated": "3 in 10m"}}, ("when", "repeated"), "value_error"),
        ({"when": {"repeated": "1/10m"}}, ("when", "repeated"), "value_error"),
        ({"when": {"not": []}}, ("when", "not"), "value_error"),
        ({"when": {"not": [{"to": "a@b"}, {"subject": "/(/"}]}}, ("when", "not", 1, "subject"), "value_error"),
        ({"when": {"not": [{"repeated": REPEATED}]}}, ("when", "not", 0, "repeated"), "rule"),
        ({"when": {"not": [{"subjct": "x"}]}}, ("when", "not", 0, "subjct"), "extra_forbidden"),
        ({"when": {"not": "x"}}, ("when", "not"), "model_type"),
        ({"when": {"repeated": {"min": 1, "within": "10m"}}}, ("when", "repeated", "min"), "rule"),
        ({"when": {"repeated": {"min": 3, "wihtin": "10m"}}}, ("when", "repeated", "wihtin"), "rule"),
        ({"when": {"repeated": {"min": 3, "within": "10m", "per": ""}}}, ("when", "repeated", "per"), "rule"),
        ({"when": {"repeated": {"min": 3}}}, ("when", "repeated", "within"), "rule"),
        ({"when": {"any": [{"repeated": REPEATED}]}}, ("when", "any", 0, "repeated"), "rule"),
        ({"when": {"all": [{"to": "a@b"}, {"repeated": REPEATED}]}}, ("when", "all", 1, "repeated"), "rule"),
        ({"when": {"not": {"not": {"repeated": REPEATED}}}}, ("when", "not", "not", "repeated"), "rule"),
        ({"risk": "unlock"}, ("risk",), "extra_forbidden"),
        ({"stop": "yes"}, ("stop",), "bool_type"),
        ({"mailboxes": []}, ("mailboxes",), "value_error"),
        ({"after": {"move": "a", "delete": True}}, ("after",), "value_error"),
        ({"after": {"reply": "x"}}, ("after", "reply"), "extra_forbidden"),
        ({"after": {"flag": "a b"}}, ("after", "flag", 0), "value_error"),
        ({"then": [{"sink": "b", "expires": 5}]}, ("then", 0, "expires"), "value_error"),
        ({"then": {"sink": "b", "expires": "0s"}}, ("then", "expires"), "value_error"),
        ({"then": {"sink": "b", "delay": "soon"}}, ("then", "delay"), "value_error"),
        ({"then": {"snk": "b"}}, ("then", "snk"), "rule"),
        ({"then": {"topic": "b"}}, ("then", "sink"), "missing"),
        ({"then": [{"sink": "b", "reset": {"after": "1s"}}]}, ("then", 0, "reset", "payload"), "missing"),
        ({"when": {"subject": "/(?P<x>a)|(?P<x>b)/"}}, ("when", "subject"), "value_error"),
        ({"when": {"subject": r"/(?<x>a\b)(?P<x>b)/"}}, ("when", "subject"), "value_error"),
        ({"then": [{"sink": "b", "reset": {"payload": 1}}]}, ("then", 0, "reset", "after"), "missing"),
        ({"then": [{"sink": "b", "too_big": "cut"}]}, ("then", 0, "too_big"), "literal_error"),
        ({"after": {"move": "Done/{{ x"}}, ("after", "move"), "value_error"),
        ({"failed": {"copy": ["Done", "{% if x %}y{% endif %}"]}}, ("failed", "copy", 1), "value_error"),
        ({"after": {"flag": "a b{{ x }}"}}, ("after", "flag", 0), "value_error"),
        ({"after": {"flag": "\\{{ x }}"}}, ("after", "flag", 0), "value_error"),
        ({"then": [{"sink": "b", "expires": "soon"}]}, ("then", 0, "expires"), "value_error"),
        ({"then": [{"sink": "b", "delay": 5}]}, ("then", 0, "delay"), "value_error"),
        (
            {"then": [{"sink": "b", "reset": {"after": None, "payload": 1}}]},
            ("then", 0, "reset", "after"),
            "value_error",
        ),
        ({"then": [{"sink": "b", "max_bytes": "1 furlong"}]}, ("then", 0, "max_bytes"), "value_error"),
        ({"then": [{"sink": "b", "keys": {"a": "1"}}]}, ("then", 0, "keys", "a"), "int_type"),
        ({"name": ""}, ("name",), "string_too_short"),
        ({"extract": {"self": {"body": "/x/"}}}, ("extract", "self", "[key]"), "value_error"),
        ({"extract": {"range": {"body": "/x/"}}}, ("extract", "range", "[key]"), "value_error"),
    ],
)
def test_what_is_wrong_is_one_error_at_its_place(written: dict[str, Any], place: tuple[object, ...], kind: str) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        making.rule(**written)
    assert [(line["loc"], line["type"]) for line in caught.value.errors()] == [(place, kind)]


@pytest.mark.parametrize("value", [None, 3, 3.5, True, "", "x", [], [None], [[]], {}, {"x": []}, {"": None}, object()])
@pytest.mark.parametrize("key", [*settings.When.model_fields])
def test_no_setting_of_a_condition_raises_anything_but_a_validation_error(key: str, value: object) -> None:
    try:
        making.rule(when={key: value})
    except pydantic.ValidationError as error:
        assert all(line["loc"][:2] == ("when", key) for line in error.errors())  # noqa: PT017 — either way is right


def test_groups_of_one_name_in_two_regexes_and_what_only_looks_like_one_are_fine() -> None:
    making.rule(when={"subject": ["/(?P<x>a)/", "/(?P<x>b)/", r"/(?P<x>a)\Q(?P<x>b)\E[(?P<x>b)]/"]})


def test_a_single_action_is_a_list_of_one_and_keeps_its_place() -> None:
    single, listed = making.rule(then={"sink": "b", "x": 1}), making.rule(then=[{"sink": "b", "x": 1}])
    assert single.then == listed.then
    assert (single.place(0), listed.place(0)) == (("then",), ("then", 0))


@pytest.mark.parametrize("key", ["when", "extract", "then", "after", "failed", "tests"])
def test_a_key_with_nothing_behind_it_is_left_out(key: str) -> None:
    assert getattr(making.rule(**{key: None}), key) == getattr(making.rule(), key)
    assert making.matches(making.mail(), **{key: None})


def test_repeated_is_written_like_throttle() -> None:
    short, long = (making.rule(when={"repeated": one}).when for one in (" 3 / 10m", REPEATED))
    assert short.repeated.keys == long.repeated.keys


def test_conditions_keep_the_order_of_the_file() -> None:
    when = {"subject": "x", "any": [{"to": "a@b"}], "from": "a@b", "body": "x"}
    assert [key for key, _ in making.rule(when=when).when.items()] == ["subject", "any", "from", "body"]


def test_a_key_that_is_not_built_is_known_as_planned() -> None:
    assert settings.When.planned - set(settings.When.model_fields) == {"auth", "totp", "hmac"}
    assert not settings.When.planned & set(settings.When.model_fields)
    assert {"risk"} == settings.Rule.planned


def test_the_schema_takes_what_the_models_take() -> None:
    schema = settings.Rule.model_json_schema()
    json.dumps(schema)
    rule = {
        "name": "r",
        "when": {
            "from": ["*@cameras.example", {"name": "cam"}],
            "subject": {"contains": ["a", "b"]},
            "body": ["a", "/b/", {"fresh": ["c", {"is": "d"}], "contains": "e"}],
            "forwarded": {"from": "a@b", "any": [{"subject": "x"}], "forwarded": {"body": {"fresh": "/x/"}}},
            "any": [{"size": ">1MB", "automatic": "any"}, {"not": {"flags": ["!seen"], "folder": "INBOX"}}],
            "not": [{"subject": "x"}, {"to": "a@b"}],
            "if": "{{ temp > 3 }}",
            "repeated": {**REPEATED, "per": "{{ mail.from }}"},
        },
        "extract": {
            "temp": [{"header.X": "/x/"}, {"body": "/x/", "type": "float", "default": 3}],
            "inner": [
                {"forwarded.header.X": "/x/"},
                {"forwarded": {"body": {"fresh": True}}},
                {"body": {"fresh": "/x/"}},
            ],
        },
        "then": [
            {"sink": "b", "topic": "x", "as": "cbor", "expires": "5m", "reset": {"after": "3s", "payload": 1}},
            {"sink": "b", "delay": "{{ x }}", "expires": "{{ x }}", "reset": {"after": "{{ x }}", "payload": 1}},
        ],
        "after": {"seen": True, "flag": ["$x-{{ temp }}"], "move": "Done/{{ temp }}"},
        "throttle": {"max": 5, "within": "1m", "per": "{{ mail.from }}"},
    }
    jsonschema.Draft202012Validator(schema).validate(rule)
    making.rule(**rule)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate({**rule, "when": {"subjct": "x"}})
