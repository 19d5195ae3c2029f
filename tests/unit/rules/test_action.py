"""What a rule sends: payloads, options, times, ids, resets."""

from __future__ import annotations

import json
from typing import Any

import cbor2
import pytest

from bridge.delivery import delivery_id
from bridge.rules import view
from tests.unit.rules import making

WHEN = {"subject": r"/at (?P<place>\w+)/"}


def one(action: dict[str, Any], **written: Any) -> Any:
    (made,) = making.deliveries(making.mail("temp=21.5"), {"sink": "broker", "topic": "a", **action}, **written)
    return made


def verdict(action: dict[str, Any], **written: Any) -> Any:
    rule = making.rule(then=[{"sink": "broker", "topic": "a", **action}], **written)
    (found,) = making.evaluate(making.mail("temp=21.5"), rule)
    return found


@pytest.mark.parametrize(
    ("action", "payload", "encoding"),
    [
        ({"payload": "hello {{ place }}"}, b"hello Hall", "text"),
        ({"payload": "{{ place }}"}, b"Hall", "text"),
        ({"payload": 7}, b"7", "text"),
        ({"payload": True}, b"true", "text"),
        ({"payload": ""}, b"", "text"),
        ({"payload": None}, b"", "text"),
        ({"payload": "{{ temp }}"}, b"21.5", "text"),
        ({"payload": {"t": "{{ temp }}", "p": "{{ place }}"}}, b'{"t":21.5,"p":"Hall"}', "json"),
        ({"payload": {"{{ place | lower }}": 1, "x-{{ temp }}": 2, "y": 3}}, b'{"hall":1,"x-21.5":2,"y":3}', "json"),
        ({"payload": ["{{ temp }}", {"a": [1]}]}, b'[21.5,{"a":[1]}]', "json"),
        ({"payload": "{{ {'t': temp} }}"}, b'{"t":21.5}', "json"),
        ({"payload": '{"t": {{ temp | tojson }}}'}, b'{"t": 21.5}', "text"),
        ({"payload": "{{ temp }}", "as": "json"}, b"21.5", "json"),
        ({"payload": {"t": "{{ temp }}"}, "as": "cbor"}, cbor2.dumps({"t": 21.5}), "cbor"),
        ({"payload": {"t": "{{ temp }}"}, "as": "cbor", "keys": {"t": 1}}, cbor2.dumps({1: 21.5}), "cbor"),
        ({}, b'{"place":"Hall","temp":21.5}', "json"),
    ],
)
def test_a_payload_is_rendered_and_encoded(action: dict[str, Any], payload: bytes, encoding: str) -> None:
    extract = {"temp": {"body": "/temp=(.*)/", "type": "float"}}
    found = verdict(action, when=WHEN, extract=extract)
    assert found.error == ""
    assert found.encodings == (encoding,)
    if encoding == "cbor":
        assert cbor2.loads(found.deliveries[0].payload) == cbor2.loads(payload)
    else:
        assert found.deliveries[0].payload == payload


def test_a_rule_without_a_payload_and_values_says_who_wrote_what() -> None:
    assert json.loads(one({}).payload) == {"subject": "Motion at Hall", "from": "cam@cameras.example"}


def test_the_media_type_is_that_of_the_encoding() -> None:
    assert one({"payload": {}}).media_type == "application/json"
    assert one({"payload": {}, "as": "cbor"}).media_type == "application/cbor"


def test_options_are_the_sinks_own_fields_rendered() -> None:
    made = one({"topic": "home/{{ place }}", "headers": {"X-Place": "{{ place }}"}, "retain": True}, when=WHEN)
    assert made.options == {"topic": "home/Hall", "headers": {"X-Place": "Hall"}, "qos": 1, "retain": True}
    assert made.target == "home/Hall"
    assert made.sink == "broker"


@pytest.mark.parametrize(("path", "target"), [("/light/{{ place }}", "light/Hall"), ("light", "light"), ("/", "")])
def test_a_path_loses_its_leading_slash(path: str, target: str) -> None:
    (made,) = making.deliveries(making.mail(), {"sink": "lamp", "path": path}, when=WHEN)
    assert (made.target, made.options) == (target, {"path": target, "method": "PUT"})


def test_a_target_cannot_be_left_by_what_a_mail_says() -> None:
    mail = making.mail(Subject="Motion at ../+/#/$SYS")
    (made,) = making.deliveries(mail, {"sink": "broker", "topic": "home/{{ mail.subject }}/x"})
    assert made.target == "home/Motion at .._____$SYS/x"


def test_the_id_is_made_of_everything_that_makes_the_delivery_what_it_is() -> None:
    mail = making.mail(uid=9)
    made = making.deliveries(
        mail,
        {"sink": "broker", "topic": "a"},
        {"sink": "broker", "topic": "a", "payload": "{{ delivery_id }}", "reset": {"after": "1s", "payload": "x"}},
    )
    place = ("home", "INBOX", 1, 9, "new", 0, "r")
    assert [one.id for one in made] == [
        delivery_id(*place, 0, "main"),
        delivery_id(*place, 1, "main"),
        delivery_id(*place, 1, "reset"),
    ]
    assert made[1].payload.decode() == made[1].id


def test_the_same_mail_gives_the_same_deliveries() -> None:
    assert one({"payload": {"a": "{{ mail.subject }}"}}) == one({"payload": {"a": "{{ mail.subject }}"}})


@pytest.mark.parametrize(
    ("action", "times"),
    [
        ({}, {"not_before": None, "expires": None, "retry_until": making.NOW + 86_400}),
        ({"expires": "5m"}, {"expires": making.ARRIVED.timestamp() + 301}),
        ({"expires": "5m", "delay": "1m"}, {"expires": making.ARRIVED.timestamp() + 361}),
        ({"delay": "1m"}, {"not_before": making.NOW + 60, "retry_until": making.NOW + 60 + 86_400}),
        ({"retry_for": "10s"}, {"retry_until": making.NOW + 10}),
    ],
)
def test_times_count_from_where_they_should(action: dict[str, Any], times: dict[str, float | None]) -> None:
    made = one(action)
    assert made.created == making.NOW
    assert {name: getattr(made, name) for name in times} == times


@pytest.mark.parametrize(
    ("received_us", "now_s", "expires_s"),
    [(0, 0.0, 60), (0, 0.25, 60.25), (0, 1.0, 61), (0, 9.0, 61), (0, -5.0, 60), (500_000, 9.0, 60.5)],
)
def test_the_second_that_an_arrival_is_known_to_is_granted_but_no_more(
    received_us: int, now_s: float, expires_s: float
) -> None:
    """INTERNALDATE is cut to whole seconds; what is looked at within the first has come within it."""
    mail = making.mail(received=making.ARRIVED.replace(microsecond=received_us))
    action = {"sink": "broker", "topic": "a", "expires": "1m"}
    (made,) = making.deliveries(mail, action, now=making.ARRIVED.timestamp() + now_s)
    assert made.expires == making.ARRIVED.timestamp() + expires_s


def test_a_reset_goes_to_the_same_target_later_and_never_expires() -> None:
    action = {
        "sink": "broker",
        "topic": "home/{{ place }}",
        "payload": {"on": True},
        "as": "cbor",
        "expires": "1m",
        "delay": "10s",
        "reset": {"after": "30s", "payload": {"on": False, "p": "{{ place }}"}},
    }
    main, reset = making.deliveries(making.mail(), action, when=WHEN)
    assert (main.part, reset.part) == ("main", "reset")
    assert (reset.target, reset.options, reset.sink) == (main.target, main.options, main.sink)
    assert cbor2.loads(reset.payload) == {"on": False, "p": "Hall"}
    assert (reset.follows, reset.reset_after) == (main.id, 30.0)
    assert (reset.expires, reset.not_before) == (None, None)
    assert reset.retry_until > main.retry_until
    assert main.expires is not None


@pytest.mark.parametrize(
    ("payload", "encoding", "limit", "sent"),
    [
        ("grüße", "text", 4, "grü"),
        ("grüße", "text", 3, "gr"),
        ({"a": "short", "b": "x" * 50}, "json", 32, {"a": "short", "b": "x" * 12}),
        ({"a": 1, "b": ["ü" * 30]}, "json", 20, {"a": 1, "b": ["üü"]}),
    ],
)
def test_too_big_a_payload_is_truncated_at_its_longest_text(
    payload: Any, encoding: str, limit: int, sent: object
) -> None:
    made = one({"payload": payload, "as": encoding, "max_bytes": limit, "too_big": "truncate"})
    assert len(made.payload) <= limit
    assert (made.payload.decode() if encoding == "text" else json.loads(made.payload)) == sent


def test_too_big_a_payload_is_dead_unless_the_rule_says_otherwise() -> None:
    found = verdict({"payload": "x" * 10, "max_bytes": 5})
    assert (found.matched, found.error) == (True, "")
    assert [(one.dead, one.payload, one.target) for one in found.deliveries] == [
        ("the payload has 10 bytes; max_bytes is 5", b"", "a")
    ]


def test_numbers_cannot_be_truncated() -> None:
    made = verdict({"payload": {"a": 123456}, "max_bytes": 5, "too_big": "truncate"}).deliveries
    assert [one.dead for one in made] == ["the payload has 12 bytes; max_bytes is 5"]


def test_too_big_a_payload_can_be_dropped_which_is_told_and_the_others_go() -> None:
    big = {"sink": "broker", "topic": "a", "payload": "x" * 10, "max_bytes": 5, "too_big": "drop"}
    rule = making.rule(then=[big, {"sink": "broker", "topic": "b", "payload": "y"}])
    (found,) = making.evaluate(making.mail(), rule)
    assert (found.matched, found.error) == (True, "then.0: the payload has 10 bytes; max_bytes is 5: dropped")
    assert [one.target for one in found.deliveries] == ["b"]


@pytest.mark.parametrize(
    ("action", "reason", "target"),
    [
        ({"topic": "a/{{ nope }}"}, 'topic: there is no value "nope"', ""),
        ({"topic": "a/{{ place }}", "payload": "{{ nope }}"}, 'payload: there is no value "nope"', "a/Hall"),
        ({"payload": {"x": ["{{ nope }}"]}}, 'payload: there is no value "nope"', "a"),
        ({"payload": "{{ [place, nope] }}"}, 'payload: there is no value "[place, nope]"', "a"),
        ({"payload": "{{ {'a': [{'b': place.x}]} }}"}, None, "a"),
        ({"payload": "{{ place | timestamp }}"}, "payload: a filter cannot take its value (ValueError)", "a"),
        ({"payload": {"{{ nope }}": 1}}, 'payload: there is no value "nope"', "a"),
        ({"payload": {"{{ place }}": 1, "Hall": 2}}, "payload: two keys of a map are the same", "a"),
        ({"headers": {"X": "{{ nope }}"}}, 'headers: there is no value "nope"', "a"),
        ({"payload": {"x": 1.0, "y": "{{ 1e308 * 10 }}"}}, None, "a"),
    ],
)
def test_what_cannot_be_rendered_is_dead_and_the_rest_of_the_rule_goes_out(
    action: dict[str, Any], reason: str | None, target: str
) -> None:
    bad = {"sink": "broker", "topic": "a", "reset": {"after": "1s", "payload": "0"}, "expires": "1m", **action}
    rule = making.rule(when=WHEN, then=[bad, {"sink": "broker", "topic": "good"}], after={"seen": True})
    (found,) = making.evaluate(making.mail(), rule)
    assert (found.matched, found.error) == (True, "")
    dead, good = found.deliveries  # a dead main has no reset
    assert dead.dead
    assert reason is None or dead.dead == reason
    assert (dead.target, dead.payload, dead.part, good.target, good.dead) == (target, b"", "main", "good", "")
    assert len(found.encodings) == 2


def test_nothing_is_a_value_in_a_list() -> None:
    assert one({"payload": "{{ [none, nope | default(none)] }}"}).payload == b"[null,null]"


@pytest.mark.parametrize(
    ("reset", "reason"),
    [
        ("{{ nope }}", 'payload: there is no value "nope"'),
        ("x" * 10, "the payload has 10 bytes; max_bytes is 5"),
    ],
)
def test_a_reset_that_cannot_be_made_is_told_and_its_main_goes_out(reset: str, reason: str) -> None:
    found = verdict({"payload": "1", "max_bytes": 5, "reset": {"after": "1s", "payload": reset}})
    assert (found.matched, found.error) == (True, f"then.0.reset: {reason}")
    assert [(made.part, made.dead) for made in found.deliveries] == [("main", "")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mail.subject", "Motion at Hall"),
        ("mail.from", "cam@cameras.example"),
        ("mail.from_name", "Cam"),
        ("mail.to", "a@home.example, b@home.example"),
        ("mail.text", "hello"),
        ("mail.id", "<1@x>"),
        ("mail.flags", ["\\Seen"]),
        ("mail.attachments", []),
        ("mail.date", "2026-11-01T11:00:00+00:00"),
        ("mailbox", "home"),
        ("folder", "INBOX"),
        ("rule", "r"),
    ],
)
def test_a_template_can_name_the_mail_and_where_it_is(name: str, value: object) -> None:
    mail = making.mail(
        "hello",
        To="A <a@home.example>, b@home.example",
        Message_ID="<1@x>",
        Date="Sun, 1 Nov 2026 11:00:00 +0000",
        flags=("\\Seen",),
    )
    (made,) = making.deliveries(mail, {"sink": "broker", "topic": "a", "payload": {"v": "{{ " + name + " }}"}})
    assert json.loads(made.payload) == {"v": value}


def test_a_value_from_a_mail_is_capped() -> None:
    mail = making.mail("x" * 200_000)
    (made,) = making.deliveries(
        mail, {"sink": "broker", "topic": "a", "payload": "{{ all }}"}, when={"body": "/(?P<all>x+)/"}
    )
    assert len(made.payload) == view.VALUE_CHARS
