"""What is wrong with a rule beyond its shape."""

from __future__ import annotations

from typing import Any

import pytest

from bridge import plugins
from bridge.rules import unused_keys, verify
from tests.unit.rules import making


@pytest.fixture(autouse=True)
def _sinks(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = dict(making.SINKS.values())
    real = plugins.find
    monkeypatch.setattr(plugins, "find", lambda kind, name: kinds[name] if name in kinds else real(kind, name))


def faults(**written: Any) -> list[tuple[tuple[object, ...], str]]:
    kinds = {name: kind for name, (kind, _) in making.SINKS.items()} | {"odd": "no such type", "http": "http"}
    return list(verify.faults(making.rule(**written), sinks=kinds, mailboxes=["home", "work"]))


WHEN = {"subject": r"/at (?P<place>\w+)/"}
GOOD = {"sink": "broker", "topic": "home/{{ place }}/{{ temp }}"}


def test_a_good_rule_has_no_faults() -> None:
    names = ("mail.subject", "mail.from", "mail.attachments[0].name", "mailbox", "folder", "rule", "delivery_id")
    payload = {
        f"k{n}": "{{ " + name + " }}" for n, name in enumerate((*names, "temp", "range(3) | list", "x | default(1)"))
    }
    payload["k9"] = "{{ place | slug | bytes(3) | tojson }}"
    when = {**WHEN, "any": [{"if": "{{ temp > 3 and place is defined }}"}]}
    extract = {"temp": {"body": "/x/"}}
    assert (
        faults(mailboxes=["home"], when=when, extract=extract, then=[{**GOOD, "payload": payload, "as": "cbor"}]) == []
    )


@pytest.mark.parametrize(
    ("written", "place", "message"),
    [
        ({"mailboxes": ["home", "wrok"]}, ("mailboxes", 1), 'no mailbox is called "wrok"; did you mean "work"?'),
        (
            {"then": [{**GOOD, "sink": "brokr"}]},
            ("then", 0, "sink"),
            'no sink is called "brokr"; did you mean "broker"?',
        ),
        ({"then": [{"sink": "broker", "topc": "x"}]}, ("then", 0, "topc"), 'unknown key; did you mean "topic"?'),
        ({"then": {"sink": "broker", "topc": "x"}}, ("then", "topc"), 'unknown key; did you mean "topic"?'),
        ({"then": [{**GOOD, "expire": "5m"}]}, ("then", 0, "expire"), 'unknown key; did you mean "expires"?'),
        ({"then": [{**GOOD, "zzz": 1}]}, ("then", 0, "zzz"), "unknown key"),
        ({"then": [{"sink": "broker"}]}, ("then", 0, "topic"), "missing"),
        ({"then": [{**GOOD, "qos": 3}]}, ("then", 0, "qos"), "expected 0, 1 or 2, got the number 3"),
        ({"then": [{**GOOD, "home_assistant": {}}]}, ("then", 0, "home_assistant"), "not yet supported"),
        ({"then": [{**GOOD, "as": "senml+jsn"}]}, ("then", 0, "as"), None),
        (
            {"then": [{**GOOD, "topic": "a/{{ plce }}"}]},
            ("then", 0, "topic"),
            'unknown value "plce"; did you mean "place"?',
        ),
        ({"then": [{**GOOD, "headers": {"X": "{{ plce }}"}}]}, ("then", 0, "headers", "X"), None),
        ({"then": [{**GOOD, "payload": {"{{ plce }}": 1}}]}, ("then", 0, "payload", "{{ plce }}"), None),
        ({"then": [{**GOOD, "payload": {"a": ["{{ plce }}"]}}]}, ("then", 0, "payload", "a", 0), None),
        ({"then": [{**GOOD, "payload": "{{ mail.subjct }}"}]}, ("then", 0, "payload"), None),
        (
            {"then": [{**GOOD, "payload": "{{ count }}"}]},
            ("then", 0, "payload"),
            'the value "count" is known in a rule with event: count only',
        ),
        ({"then": [{**GOOD, "payload": "{{ result }}"}]}, ("then", 0, "payload"), 'unknown value "result"'),
        ({"then": [{**GOOD, "payload": "{{ mail.headers }}"}]}, ("then", 0, "payload"), 'unknown value "mail.headers"'),
        ({"then": [{**GOOD, "payload": "{{ mail.__class__ }}"}]}, ("then", 0, "payload"), None),
        (
            {"then": [{**GOOD, "payload": "{{ mail.subjct }}"}]},
            ("then", 0, "payload"),
            'unknown value "mail.subjct"; did you mean "mail.subject"?',
        ),
        (
            {"then": [{"sink": "http", "method": "put"}]},
            ("then", 0, "method"),
            'expected GET, POST, PUT, PATCH or DELETE, got the text "put"; did you mean "PUT"?',
        ),
        (
            {"then": [{**GOOD, "payload": "{{ place | upr }}"}]},
            ("then", 0, "payload"),
            'unknown filter "upr"; did you mean "upper"?',
        ),
        (
            {"then": [{"sink": "http", "path": "/hook?a={{ place }}"}]},
            ("then", 0, "path"),
            'a path has no query: this "?" would be sent as a letter of the path',
        ),
        ({"then": [{**GOOD, "payload": "{{ place"}]}, ("then", 0, "payload"), None),
        ({"then": [{**GOOD, "topic": "{% if place %}a/b{% endif %}"}]}, ("then", 0, "topic"), None),
        (
            {"then": [{**GOOD, "payload": {"t": 1}, "keys": {"t": 1}}]},
            ("then", 0, "keys"),
            '"json" has no integer keys; they need as: cbor',
        ),
        (
            {"then": [{**GOOD, "payload": {"t": 1}, "keys": {"t": 1}, "as": "text"}]},
            ("then", 0, "keys"),
            '"text" has no integer keys; they need as: cbor',
        ),
        (
            {"then": [{**GOOD, "payload": '{"t": {{ temp }}}'}]},
            ("then", 0, "payload"),
            "a mail could break this JSON; write the payload as a map, or the value with | tojson and no quotes",
        ),
        (
            {"then": [{**GOOD, "reset": {"after": "1s", "payload": "{{ plce }}"}}]},
            ("then", 0, "reset", "payload"),
            None,
        ),
        (
            {"then": [{**GOOD, "delay": "{{ plce }}"}]},
            ("then", 0, "delay"),
            'unknown value "plce"; did you mean "place"?',
        ),
        (
            {"then": [{**GOOD, "expires": "{{ place | upr }}"}]},
            ("then", 0, "expires"),
            'unknown filter "upr"; did you mean "upper"?',
        ),
        ({"then": [{**GOOD, "expires": "{{ place"}]}, ("then", 0, "expires"), None),
        (
            {"then": [{**GOOD, "reset": {"after": "{{ plce }}", "payload": 1}}]},
            ("then", 0, "reset", "after"),
            'unknown value "plce"; did you mean "place"?',
        ),
        ({"after": {"move": "A/{{ plce }}"}}, ("after", "move"), 'unknown value "plce"; did you mean "place"?'),
        ({"failed": {"flag": ["x", "{{ delivery_id }}"]}}, ("failed", "flag", 1), 'unknown value "delivery_id"'),
        (
            {"throttle": {"max": 1, "within": "1m", "per": "{{ plce }}"}},
            ("throttle", "per"),
            'unknown value "plce"; did you mean "place"?',
        ),
        (
            {"when": {**WHEN, "repeated": {"min": 2, "within": "1m", "per": "{{ place | upr }}"}}},
            ("when", "repeated", "per"),
            'unknown filter "upr"; did you mean "upper"?',
        ),
        ({"when": {**WHEN, "if": "{{ tmp > 3 }}"}}, ("when", "if"), 'unknown value "tmp"; did you mean "temp"?'),
        (
            {"when": {**WHEN, "not": {"if": "{{ temp | flat }}"}}},
            ("when", "not", "if"),
            'unknown filter "flat"; did you mean "float"?',
        ),
        ({"when": {**WHEN, "body": "/(?P<mail>x)/"}}, ("when", "body"), 'a named group: "mail" is reserved'),
        ({"when": {**WHEN, "any": [{"from": {"name": "/(?P<rule>x)/"}}]}}, ("when", "any", 0, "from"), None),
    ],
)
def test_a_fault_is_told_once_at_its_place(
    written: dict[str, Any], place: tuple[object, ...], message: str | None
) -> None:
    (found,) = faults(**{"when": WHEN, "extract": {"temp": {"body": "/x/"}}, **written})
    assert found[0] == place
    assert message is None or found[1] == message


def test_what_a_not_captures_is_no_value() -> None:
    found = faults(when={"not": {"subject": "/(?P<x>a)/"}}, then=[{**GOOD, "topic": "{{ x }}"}])
    assert found == [(("then", 0, "topic"), 'unknown value "x": what is found inside of not is no value')]


KEYED = {"sink": "broker", "topic": "a", "as": "cbor"}
SCALARS = {"when": WHEN, "extract": {"temp": {"body": "/x/"}, "level": {"data": "A.b", "type": "int"}}}


@pytest.mark.parametrize(
    ("payload", "keys"),
    [
        ({"t": "{{ temp }}", "p": ["{{ place }}", {"q": 1}]}, {"t": 1, "p": 2, "q": 3}),
        ({"{{ place }}": 1}, {"Hall": 1}),
        ({"x": "{{ {'t': temp} }}"}, {"t": 1}),
        ({"x": "{{ mail.attachments }}"}, {"name": 1}),
        ("{{ item }}", {"trackingNumber": 1}),
    ],
)
def test_integer_keys_that_may_mean_a_field_are_no_fault(payload: Any, keys: dict[str, int]) -> None:
    extract = {**SCALARS["extract"], "item": {"data": "ParcelDelivery"}}
    assert faults(when=WHEN, extract=extract, then=[{**KEYED, "payload": payload, "keys": keys}]) == []


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"payload": {"temp": "{{ temp }}"}}, '"tmp"; did you mean "temp"?'),
        ({"payload": {"t": "{{ temp | upper }}", "l": "{{ level }}"}}, '"tmp"; there are l, t'),
        ({"payload": "{{ temp }}"}, '"tmp"'),
        ({"payload": {"t": "{{ temp }} {{ mail.attachments }}"}}, '"tmp"; there are t'),
        ({}, '"tmp"; did you mean "temp"?'),
        ({"payload": {"a": 1}, "reset": {"after": "1s", "payload": {"b": 1}}}, '"tmp"; there are a, b'),
    ],
)
def test_an_integer_key_that_means_no_field_is_a_fault(written: dict[str, Any], message: str) -> None:
    found = faults(**SCALARS, then=[{**KEYED, **written, "keys": {"tmp": 1}}])
    assert found == [(("then", 0, "keys", "tmp"), f"no field of the payload is called {message}")]


def test_where_a_value_may_be_a_map_check_warns_of_a_key_that_is_not_written() -> None:
    extract = {"item": {"data": "ParcelDelivery"}}
    keyed = {**KEYED, "payload": {"item": "{{ item }}"}, "keys": {"item": 1, "itm": 2}}
    assert list(unused_keys.warnings(making.rule(extract=extract, then=[keyed]))) == [
        (("then", 0, "keys", "itm"), 'no field of the payload is called "itm"; did you mean "item"?')
    ]


@pytest.mark.parametrize(
    ("sink", "method", "others"),
    [("http", "GET", "POST, PUT or PATCH"), ("http", "DELETE", "POST, PUT or PATCH"), ("coap", "GET", "PUT or POST")],
)
def test_a_payload_that_the_request_has_no_place_for_is_a_fault(
    sink: str, method: str, others: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    then = {"sink": sink, "path": "/x", "method": method, "payload": "1", "reset": {"after": "1s", "payload": "0"}}
    said = f"a {method} carries no payload: write method: {others}"

    def found(**written: Any) -> list[Any]:
        rule = making.rule(then={**then, **written})
        return list(verify.faults(rule, sinks={"http": "http", "coap": "coap"}, mailboxes=[]))

    assert found() == [
        (("then", "payload"), f"{said}, or leave it out"),
        (("then", "reset", "payload"), f"{said}, or leave the reset out"),
    ]
    assert found(method="POST") == []
    assert found(payload="", reset=None) == []
    assert (
        list(verify.faults(making.rule(then={"sink": "http", "method": method}), sinks={"http": "http"}, mailboxes=[]))
        == []
    )


def test_integer_keys_stand_with_an_encoding_that_has_them() -> None:
    for name in ("json", "text", "senml+cbor"):
        found = faults(then=[{**GOOD, "topic": "a", "payload": {"t": 1}, "keys": {"t": 1}, "as": name}])
        assert found == [(("then", 0, "keys"), f'"{name}" has no integer keys; they need as: cbor')]
    assert faults(then=[{**GOOD, "topic": "a", "payload": {"t": 1}, "keys": {"t": 1}, "as": "cbor"}]) == []


def raw(**written: Any) -> list[tuple[tuple[object, ...], str]]:
    kinds = {name: kind for name, (kind, _) in making.SINKS.items()}
    return list(verify.raw_faults({"name": "r", **written}, sinks=kinds, mailboxes=["home"]))


BROKEN_TEMPLATE = "the template does not parse: unexpected end of input, expected end of variable block"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            {"then": [{"sink": "broker", "topic": "a", "expires": 5}, {"sink": "brokr", "topic": "{{ x"}]},
            [
                (("then", 1, "sink"), 'no sink is called "brokr"; did you mean "broker"?'),
                (("then", 1, "topic"), BROKEN_TEMPLATE),
            ],
        ),
        (
            {"then": {"sink": "brokr", "expires": 5, "payload": {"a": "{{ x"}, "as": "jsn"}},
            [
                (("then", "sink"), 'no sink is called "brokr"; did you mean "broker"?'),
                (("then", "as"), 'no encoding is called "jsn"; did you mean "json"?'),
                (("then", "payload", "a"), BROKEN_TEMPLATE),
            ],
        ),
        (
            {"then": [{"topic": "a", "payload": "{{ x", "reset": {"after": 5, "payload": "{{ y"}}]},
            [(("then", 0, "payload"), BROKEN_TEMPLATE), (("then", 0, "reset", "payload"), BROKEN_TEMPLATE)],
        ),
        (
            {"then": [{"sink": "broker", "topc": "a", "delay": 3}]},
            [(("then", 0, "topc"), 'unknown key; did you mean "topic"?')],
        ),
        (
            {"stpo": True, "mailboxes": ["hme"], "then": [{"sink": "broker", "topic": "{{ place }}"}]},
            [
                (("mailboxes", 0), 'no mailbox is called "hme"; did you mean "home"?'),
                (("then", 0, "topic"), 'unknown value "place"'),
            ],
        ),
        ({"when": {"subjct": "x"}, "then": [{"sink": "broker", "topic": "{{ place }}"}]}, []),
        ({"extract": {"t": {"bdy": "x"}}, "then": [{"sink": "broker", "topic": "{{ t }}"}]}, []),
        (
            {"when": {"subjct": "x", "body": "/(?P<mail>x)/", "if": "{{ x | flat }}"}},
            [
                (("when", "body"), 'a named group: "mail" is reserved'),
                (("when", "if"), 'unknown filter "flat"; did you mean "float"?'),
            ],
        ),
    ],
)
def test_of_a_rule_whose_shape_is_wrong_the_sound_parts_are_looked_at(
    written: dict[str, Any], expected: list[tuple[tuple[object, ...], str]]
) -> None:
    assert raw(**written) == expected


@pytest.mark.parametrize("junk", [None, 3, "x", [], {}, [None], {"sink": 3}, {"sink": {}}, {1: 2}, [[]], object()])
@pytest.mark.parametrize("key", ["mailboxes", "when", "extract", "then", "after", "name"])
def test_no_rule_is_too_broken_to_be_looked_at(key: str, junk: object) -> None:
    assert all(place[0] in ("then", "mailboxes") for place, _ in raw(**{key: junk}))
    assert list(verify.raw_faults(junk, sinks={}, mailboxes=[])) == []


def test_an_unknown_sink_hides_no_fault_of_a_template() -> None:
    found = faults(then=[{"sink": "brokr", "topic": "{{ nope }}", "payload": "{{ x"}])
    assert [place[2] for place, _ in found] == ["sink", "topic", "payload"]


def test_a_key_that_the_sink_does_not_know_hides_no_fault_of_a_template() -> None:
    found = faults(then=[{"sink": "broker", "topic": "{{ nope }}", "zzz": 1}])
    assert [place[2] for place, _ in found] == ["zzz", "topic"]


def test_a_sink_of_a_type_that_does_not_exist_is_not_the_rules_fault() -> None:
    def no(kind: str, name: str) -> Any:
        raise LookupError(name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plugins, "find", no)
        assert list(verify.faults(making.rule(then={"sink": "odd", "x": 1}), sinks={"odd": "?"}, mailboxes=[])) == []


def test_all_faults_are_told_at_once() -> None:
    then = [{"sink": "nope"}, {"sink": "broker", "topic": "{{ a }}/{{ b }}", "payload": "{{ c }}", "as": "d"}]
    assert len(faults(mailboxes=["x", "y"], then=then)) == 7
