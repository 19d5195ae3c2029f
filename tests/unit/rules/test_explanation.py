"""The JSON of ``explain`` is the contract's, key for key."""

from __future__ import annotations

import datetime
import json

from bridge.rules import explanation
from tests.unit.rules import making


def explain(mail: object, *written: object) -> dict[str, object]:
    made = making.compiled(*written)  # type: ignore[arg-type]
    found = explanation.explain(mail, made, making.moment()).as_json()  # type: ignore[arg-type]
    json.dumps(found, allow_nan=False)
    return found


def test_a_match_is_explained() -> None:
    rule = making.rule(
        when={"subject": r"/at (?P<place>\w+)/"},
        extract={"temp": {"body": "/temp=(.*)/", "type": "float"}},
        then=[
            {"sink": "broker", "topic": "home/{{ place }}", "payload": {"t": "{{ temp }}"}, "as": "cbor"},
            {"sink": "lamp", "path": "/light", "payload": "1", "reset": {"after": "3s", "payload": "0"}},
            {"sink": "broker", "topic": "last", "payload": "{{ place }}"},
        ],
        stop=True,
    )
    mail = making.mail("temp=21.5", Date="Sun, 1 Nov 2026 11:00:00 +0100")
    assert explain(mail, rule) == {
        "mail": {
            "subject": "Motion at Hall",
            "from": "cam@cameras.example",
            "date": "2026-11-01T11:00:00+01:00",
            "size": mail.size,
            "text": "temp=21.5",
            "attachments": [],
            "auth": "none",
        },
        "rules": [
            {
                "name": "r",
                "matched": True,
                "stopped": True,
                "conditions": [
                    {"path": "when.subject", "held": True, "wanted": r"/at (?P<place>\w+)/", "saw": "Motion at Hall"},
                    {"path": "extract.temp", "held": True, "wanted": "body /temp=(.*)/ (float)", "saw": "21.5"},
                ],
                "values": {"place": "Hall", "temp": 21.5},
                "deliveries": [
                    {
                        "sink": "broker",
                        "target": "home/Hall",
                        "as": "cbor",
                        "bytes": 6,
                        "payload_hex": "a16174f94d60",
                        "payload": '{"t":21.5}',
                        "options": {"topic": "home/Hall", "headers": {}, "qos": 1, "retain": False},
                    },
                    {
                        "sink": "lamp",
                        "target": "light",
                        "as": "text",
                        "bytes": 1,
                        "payload_hex": "31",
                        "payload": "1",
                        "options": {"path": "light", "method": "PUT"},
                    },
                    {
                        "sink": "broker",
                        "target": "last",
                        "as": "text",
                        "bytes": 4,
                        "payload_hex": "48616c6c",
                        "payload": "Hall",
                        "options": {"topic": "last", "headers": {}, "qos": 1, "retain": False},
                    },
                    {
                        "sink": "lamp",
                        "target": "light",
                        "as": "text",
                        "bytes": 1,
                        "payload_hex": "30",
                        "payload": "0",
                        "options": {"path": "light", "method": "PUT", "part": "reset", "reset_after_s": 3},
                    },
                ],
            }
        ],
    }


def test_a_delivery_that_cannot_be_made_says_why() -> None:
    (rule,) = explain(making.mail(), making.rule(then=[{"sink": "broker", "topic": "{{ nope }}"}]))["rules"]  # type: ignore[misc]
    assert (rule["matched"], rule["conditions"]) == (True, [])
    (delivery,) = rule["deliveries"]
    assert (delivery["target"], delivery["bytes"], delivery["payload"], delivery["payload_hex"]) == ("", 0, "", "")
    assert delivery["options"]["dead"] == 'topic: there is no value "nope"'


def options(now: float = making.NOW, **action: object) -> list[dict[str, object]]:
    made = making.compiled(making.rule(then=[{"sink": "lamp", "path": "x", **action}]))
    (rule,) = explanation.explain(making.mail(), made, making.moment(now)).as_json()["rules"]
    assert rule["matched"]
    sinks = {"path", "method"}
    return [{name: value for name, value in one["options"].items() if name not in sinks} for one in rule["deliveries"]]


def test_the_times_of_a_delivery_are_told_as_the_rule_has_them() -> None:
    arrived = making.ARRIVED.timestamp()
    assert options() == [{}]
    for now in (arrived, arrived + 0.4, arrived + 20):
        assert options(now, delay="1500ms", expires="5m") == [{"delay_s": 1.5, "expires_s": 300}]
    reset = {"after": "2m", "payload": "0"}
    assert options(expires="1h", reset=reset) == [{"expires_s": 3600}, {"part": "reset", "reset_after_s": 120}]


def test_what_is_expired_when_it_is_looked_at_says_so() -> None:
    arrived = making.ARRIVED.timestamp()
    assert options(arrived + 60.9, expires="1m") == [{"expires_s": 60}]  # INTERNALDATE has whole seconds
    assert options(arrived + 61, expires="1m") == [{"expires_s": 60, "expired": True}]
    assert options(arrived + 61, expires="1m", delay="5s") == [{"expires_s": 60, "delay_s": 5}]


def test_what_is_not_sent_at_all_is_a_line_of_its_own() -> None:
    reset = {"after": "1s", "payload": "{{ nope }}"}
    then = [{"sink": "lamp", "payload": "xx", "max_bytes": 1, "too_big": "drop"}, {"sink": "lamp", "reset": reset}]
    (rule,) = explain(making.mail(), making.rule(then=then))["rules"]  # type: ignore[misc]
    assert (rule["matched"], len(rule["deliveries"])) == (True, 1)
    assert [(line["path"], line["held"], line["saw"]) for line in rule["conditions"]] == [
        ("then.0", False, "the payload has 2 bytes; max_bytes is 1: dropped"),
        ("then.1.reset", False, 'payload: there is no value "nope"'),
    ]


def test_the_reason_is_the_first_thing_outside_a_group_that_does_not_hold() -> None:
    when = {"any": [{"subject": "door"}, {"subject": "motion"}], "from": "x.example", "body": "nothing"}
    (verdict,) = explanation.explain(making.mail(), making.compiled(making.rule(when=when)), making.moment()).verdicts
    reason = explanation.reason(verdict)
    assert reason is not None
    assert (reason.path, reason.wanted, reason.saw) == ("when.from", "*@x.example", '"Cam" <cam@cameras.example>')


def test_a_group_that_does_not_hold_is_a_reason() -> None:
    rule = making.rule(when={"not": {"subject": "motion"}})
    (verdict,) = explanation.explain(making.mail(), making.compiled(rule), making.moment()).verdicts
    reason = explanation.reason(verdict)
    assert reason is not None
    assert reason.path == "when.not"


def test_values_of_any_type_are_json() -> None:
    when = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
    assert explanation.plain({1: (b"\x01", when, float("inf"), {None})}) == {
        "1": ["01", "2026-11-01T00:00:00+00:00", "inf", [None]]
    }
