"""A file that is too large for memory: what rules can make of it without its octets, and what is said where they would
need them.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from bridge import rules, sinks
from bridge.delivery import Delivery, File
from bridge.mail import Mail, limits, structure
from bridge.mail.large import Large
from bridge.rules import engine, explanation, files, settings, too_large
from tests.unit.rules import making

HOOK = sinks.Plugin(settings=sinks.Settings, action=making.PathAction, make=making._never, target="path", streams=True)
SINKS = {**making.SINKS, "hook": ("http", HOOK)}
SIZE = 100_000_002
FILE = {"file": {"attachment": "*.zip", "type": "bytes"}}
TOO_LARGE = "report.zip has 100 MB: too large for anything but to be sent as it is (as: bytes)"


def mail(*, size: int = SIZE // 57 * 78, name: str = "report.zip", content: bytes | None = None) -> Mail:
    whole = making.carrying((name, "application/octet-stream", b"x"))
    parts = [dataclasses.replace(part, size=size) if part.name else part for part in whole.parts]
    held = {} if content is None else {"2": content}
    return dataclasses.replace(whole, body=structure.Anatomy(parts=tuple(parts), content=held))


def fetched(what: Mail, **changes: Any) -> Mail:
    (part,) = what.attachments
    return what.with_large([dataclasses.replace(Large.of(part), **changes)])


def verdict(what: Mail, *then: dict[str, Any], explain: bool = True, **rule: Any) -> rules.Verdict:
    written = {"name": "r", "extract": FILE, "then": list(then), **rule}
    rule_set = engine.compile_rules([settings.Rule.model_validate(written)], sinks=SINKS)
    (found,) = rule_set.evaluate(what, making.moment(), explain=explain)
    return found


def delivered(what: Mail, sink: str = "hook", **action: Any) -> Delivery:
    where = {"topic": "t"} if sink == "broker" else {"path": "p"}
    (made,) = verdict(what, {"sink": sink, **where, "payload": "{{ file }}", **action}).deliveries
    return made


def test_it_is_to_be_sent_as_it_is_and_fetched_before() -> None:
    what = mail()
    made = delivered(what)
    assert (made.dead, made.payload, made.media_type) == ("", b"", "application/octet-stream")
    assert made.file == File(id="", size=SIZE, section="2", name="report.zip")
    found = verdict(what, {"sink": "hook", "payload": "{{ file }}", "as": "bytes"})
    assert [part.section for part in files.wanted(what, [found])] == ["2"]


def test_what_was_fetched_is_not_fetched_again_and_its_true_size_counts() -> None:
    what = fetched(mail(), size=99_999_999, kept="k")
    found = verdict(what, {"sink": "hook", "payload": "{{ file }}"})
    assert files.wanted(what, [found]) == []
    assert found.deliveries[0].file == File(id="k", size=99_999_999, section="2", name="report.zip")
    assert found.deliveries[0].size == 99_999_999


@pytest.mark.parametrize(
    "rule",
    [
        {"when": {"subject": "something else"}},
        {"when": {"if": "{{ file | length < 1000 }}"}},
        {"extract": {**FILE, "other": {"subject": "/no such (thing)/"}}},
    ],
)
def test_a_rule_that_does_not_match_for_another_reason_wants_nothing_of_it(rule: dict[str, Any]) -> None:
    what = mail()
    found = verdict(what, {"sink": "hook", "payload": "{{ file }}"}, **rule)
    assert (found.matched, files.wanted(what, [found])) == (False, [])


def test_a_rule_that_sends_something_else_wants_nothing_of_it() -> None:
    what = mail()
    found = verdict(what, {"sink": "broker", "topic": "t", "payload": {"n": "{{ file | length }}"}})
    assert (found.deliveries[0].payload, files.wanted(what, [found])) == (b'{"n":100000002}', [])


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ file | length }}", b"100000002"),
        ("{{ file | length // 1000000 }} MB", b"100 MB"),
        ("{{ mail.attachments | length }} {{ file | length }}", b"1 100000002"),
        ("{{ mail.subject | length }}", b"1"),
        ("{% if file is defined %}there{% endif %}", b"there"),
    ],
)
def test_its_length_may_be_asked_for(template: str, text: bytes) -> None:
    made = delivered(mail(), payload=template)
    assert (made.dead, made.payload) == ("", text)


@pytest.mark.parametrize(
    "payload",
    [
        "a {{ file }}",
        "{{ file ~ 'x' }}",
        "{{ file | upper }}",
        "{{ file | string }}",
        "{{ file | slug }}",
        "{{ file | bytes(3) }}",
        "{{ file | tojson }}",
        "{{ file[:3] }}",
        "{{ file | first }}",
        "{{ file | list }}",
        "{{ [file] | join }}",
        {"a": "{{ file }}"},
        {"a": ["{{ file }}"]},
    ],
)
def test_whatever_else_needs_its_octets_is_told_that_it_is_too_large(payload: Any) -> None:
    assert TOO_LARGE in delivered(mail(), payload=payload).dead


@pytest.mark.parametrize("encoding", ["json", "cbor", "base64", "text", "senml+json"])
def test_no_encoding_but_bytes_takes_it(encoding: str) -> None:
    assert delivered(mail(), **{"as": encoding}).dead == TOO_LARGE


@pytest.mark.parametrize(("sink", "kind"), [("broker", "mqtt"), ("lamp", "coap")])
def test_a_sink_that_takes_no_stream_has_a_dead_delivery_and_nothing_is_fetched(sink: str, kind: str) -> None:
    what = mail()
    where = {"topic": "t"} if sink == "broker" else {"path": "p"}
    found = verdict(what, {"sink": sink, **where, "payload": "{{ file }}"})
    assert found.deliveries[0].dead == f"{TOO_LARGE}; {kind} takes no stream, http does"
    assert files.wanted(what, [found]) == []


def test_it_costs_its_own_delivery_alone() -> None:
    both = verdict(mail(), {"sink": "hook", "payload": {"a": "{{ file }}"}}, {"sink": "hook", "payload": "fine"})
    assert [bool(one.dead) for one in both.deliveries] == [True, False]


def test_max_bytes_counts() -> None:
    assert delivered(mail(), max_bytes="1MB").dead == "the payload has 100000002 bytes; max_bytes is 1000000"
    found = verdict(mail(), {"sink": "hook", "payload": "{{ file }}", "max_bytes": 9, "too_big": "drop"})
    assert (found.deliveries, "dropped" in found.error) == ((), True)


def test_a_reset_may_be_a_file_too() -> None:
    action = {"sink": "hook", "payload": "1", "reset": {"after": "5s", "payload": "{{ file }}"}}
    main, reset = verdict(mail(), action).deliveries
    assert (main.file, reset.file is not None, reset.payload) == (None, True, b"")


def test_one_that_could_not_be_fetched_is_a_dead_delivery_that_says_why() -> None:
    assert delivered(fetched(mail(), fault="the mail is gone")).dead == "report.zip: the mail is gone"


@pytest.mark.parametrize("what", [mail(size=400_000_000), fetched(mail(), size=256_000_001)])
def test_more_than_the_settings_allow_counts_as_not_found(what: Mail) -> None:
    found = verdict(what, {"sink": "hook", "payload": "{{ file }}"})
    (line,) = [line for line in found.conditions if line.path == "extract.file"]
    assert (found.matched, line.saw.partition(" has ")[0]) == (False, "report.zip")
    assert line.saw.endswith("limits.attachment is 256 MB")
    default = verdict(what, extract={"file": {**FILE["file"], "default": "none"}})
    assert default.values["file"] == b"none"


def test_a_picture_that_is_too_large_is_none() -> None:
    pytest.importorskip("PIL")
    found = verdict(mail(), extract={"file": {"attachment": "*.zip", "type": "image", "width": 10}})
    (line,) = [line for line in found.conditions if line.path == "extract.file"]
    assert line.saw == "report.zip (100 MB) is too large to be looked at as a picture"


def test_one_that_the_server_calls_smaller_than_it_is_is_recognised_by_what_came() -> None:
    """Asked for more than the server said there was, as much came: there is more yet."""
    what = mail(size=1_000, content=b"A" * limits_asked(1_000))
    assert isinstance(verdict(what).values["file"], Large)
    gone = mail(size=1_000, content=b"")
    assert not verdict(gone).matched


def limits_asked(size: int) -> int:
    (asked,) = engine_wants(mail(size=size)).values()
    assert asked < limits.ATTACHMENT_BYTES
    return asked


def engine_wants(what: Mail) -> Any:
    rule = settings.Rule.model_validate({"name": "r", "extract": FILE})
    return engine.compile_rules([rule], sinks=SINKS).wants(what)


def test_explaining_measures_what_is_in_hand_and_shows_its_beginning() -> None:
    octets = bytes(range(256)) * 40_000
    what = making.carrying(("report.zip", "application/zip", octets))
    written = {"name": "r", "extract": FILE, "then": [{"sink": "hook", "payload": "{{ file }}"}]}
    rule_set = engine.compile_rules([settings.Rule.model_validate(written)], sinks=SINKS)
    (shown,) = explanation.explain(what, rule_set, making.moment()).as_json()["rules"]
    (made,) = shown["deliveries"]
    assert shown["values"]["file"] == {"name": "report.zip", "size": len(octets)}
    assert (made["as"], made["bytes"], made["payload"]) == ("bytes", len(octets), "report.zip (10 MB)")
    assert bytes.fromhex(made["payload_hex"]) == octets[: explanation.SHOWN_OCTETS]


def test_check_warns_where_the_rule_itself_says_that_it_is_always_too_large() -> None:
    def told(larger: str, sink: str) -> list[Any]:
        extract = {"file": {"attachment": {"name": "*.zip", "larger": larger}, "type": "bytes"}}
        where = {"path": "p"} if sink == "hook" else {"topic": "t"}
        then = [{"sink": sink, **where, "payload": "{{file}}"}]
        rule = settings.Rule.model_validate({"name": "r", "extract": extract, "then": then})
        return list(too_large.warnings(rule, sinks={"broker": "mqtt", "hook": "http"}))

    ((place, message),) = told("20MB", "broker")
    assert place == ("then", 0, "payload")
    assert message.endswith("mqtt takes none (http does): the delivery would be dead")
    assert told("20MB", "hook") == told("1MB", "broker") == []
