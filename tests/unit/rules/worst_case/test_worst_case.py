"""What ``mailwire check`` warns of: payloads that may not fit."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import plugins
from bridge.rules import worst_case
from tests.unit.rules import making
from tests.unit.rules.kinds import drawing

WHEN = {"subject": r"/motion at (?P<place>\w+), door (?P<door>on|off)/"}
EXTRACT = {
    "temp": {"body": r"/temp=([-\d.]+)/", "type": "float"},
    "count_": {"body": "/count=([0-9]{1,3})/", "type": "int"},
    "short": {"body": "/short=([a-f]{2,4})/"},
    "unicode": {"body": r"/uni=(\w{1,4})/"},
    "quoted": {"body": "/q=(.{1,4})/"},
    "is_on": {"body": r"/on=(\w+)/", "type": "bool", "default": False},
    "whole": {"body": True},
}
SINKS = {"broker": "mqtt", "lamp": "coap"}
MAILBOXES = {"home": ("INBOX", "Alarms")}


def warnings(*actions: dict[str, Any], **written: Any) -> list[tuple[Any, str]]:
    then = [{"sink": "broker", "topic": "a", **action} for action in actions]
    rule = making.rule(**{"when": WHEN, "extract": EXTRACT, "then": then, **written})
    return list(worst_case.warnings(rule, sinks=SINKS, mailboxes=MAILBOXES))


def warning(action: dict[str, Any]) -> str:
    """What is said of it, "" where nothing is."""
    found = warnings(action)
    assert len(found) <= 1
    return found[0][1] if found else ""


@pytest.mark.parametrize(
    ("payload", "encoding", "limit"),
    [
        ("{{ short }}", "text", 4),
        ("{{ short }}", "base64", 8),
        ("{{ short }}", "bytes", 4),
        ("{{ short }}", "cbor", 5),
        ("{{ short }}", "json", 6),
        ("{{ unicode }}", "json", 18),
        ("{{ quoted }}", "text", 16),
        ("{{ quoted }}", "json", 34),  # four characters of four octets, or worse, sixteen that are written as two
        ("{{ door }}", "text", 3),
        ("{{ temp }}", "json", 24),
        ("{{ temp }}", "cbor", 9),
        ("{{ temp }}", "text", 330),
        ("{{ count_ }}", "cbor", 3),
        ("{{ count_ }}", "text", 3),
        ("{{ is_on }}", "text", 5),
        ("{{ is_on }}", "cbor", 1),
        ("{{ mail.date }}", "cbor", 10),
        ("{{ mail.date }}", "text", 25),
        ("{{ mailbox }}/{{ folder }}", "text", 11),
        ("{{ delivery_id }}", "text", 16),
        ("{{ place | bytes(8) }}", "text", 8),
        ("{{ mail.subject | bytes(8) }}", "json", 18),
        ({"t": "{{ temp }}", "c": "{{ count_ }}"}, "json", 38),
        ({"t": "{{ temp }}", "s": "{{ short }}"}, "cbor", 1 + 2 + 9 + 2 + 5),
        ({"{{ short }}": 1, "{{ door }}": 2}, "json", 18),
        ({"temp": "{{ temp }}"}, "senml+json", 43),
        ({"temp": {"v": "{{ temp }}", "u": "Cel"}}, "senml+cbor", 23),
        (["{{ count_ }}", 7, None], "cbor", 6),
        (7, "text", 1),
    ],
)
def test_what_always_fits_is_no_warning_and_a_byte_less_is_one(payload: Any, encoding: str, limit: int) -> None:
    assert warning({"payload": payload, "as": encoding, "max_bytes": limit}) == ""
    if encoding == "text" and payload == "{{ temp }}":
        return  # the engine writes no exponents, so that this is a bound and no more
    if limit > 1:
        assert "fit" in warning({"payload": payload, "as": encoding, "max_bytes": limit - 1})


def test_integer_keys_are_counted_as_they_are_sent() -> None:
    action = {"payload": {"temperature": "{{ temp }}"}, "as": "cbor", "max_bytes": 15}
    assert "can have 22 bytes, 7 more than max_bytes" in warning(action)
    assert warning({**action, "keys": {"temperature": 1}}) == ""


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (
            {"payload": "{{ place }}", "max_bytes": 64},
            'may not fit: "place" has no bound; cut it with | bytes(n), or write too_big: truncate',
        ),
        (
            {"payload": {"p": "{{ place }}", "s": "{{ mail.subject }} {{ door }}"}, "max_bytes": 64},
            'may not fit: "place" and "mail.subject" have no bound; cut it with | bytes(n), or write too_big: truncate',
        ),
        (
            {"payload": "{{ place | replace('a', 'b') }}", "max_bytes": 64},
            'may not fit: "place" has no bound; bound it where it is extracted, or raise max_bytes',
        ),
        (
            {"payload": {"s": "{{ short }}", "t": "{{ temp }}"}, "max_bytes": 30},
            "may not fit: the payload can have 41 bytes, 11 more than max_bytes; the longest value is "
            '"{{ temp }}"; bound it where it is extracted, or raise max_bytes',
        ),
        (
            {"payload": "{{ short }}", "max_bytes": 3},
            "may not fit: the payload can have 4 bytes, 1 more than max_bytes; the longest value is "
            '"{{ short }}"; cut it with | bytes(n), or write too_big: truncate',
        ),
        (
            {"payload": {"a": 1, "b": "{{ place }}"}, "max_bytes": 10},
            "never fits: the payload has 15 bytes at least, 5 more than max_bytes",
        ),
        (
            {"payload": {"a": 1, "b": "{{ place }}"}, "max_bytes": 10, "too_big": "drop"},
            "never fits: the payload has 15 bytes at least, 5 more than max_bytes",
        ),
        ({"payload": "hello", "max_bytes": 4}, "never fits: the payload has 5 bytes at least, 1 more than max_bytes"),
        ({"max_bytes": 4}, "never fits: the payload has 109 bytes at least, 105 more than max_bytes"),
        ({"payload": "{{ place }}", "max_bytes": 64, "too_big": "drop"}, ""),
        ({"payload": "{{ place }}", "max_bytes": 64, "too_big": "truncate"}, ""),
        ({"payload": {"p": "{{ place }}"}, "max_bytes": 8, "too_big": "truncate"}, ""),
        (
            {"payload": {"p": "{{ place }}", "t": "{{ temp }}"}, "max_bytes": 36, "too_big": "truncate"},
            "may not fit: the payload can have 37 bytes, 1 more than max_bytes; the longest value is "
            '"{{ temp }}"; bound it where it is extracted, or raise max_bytes',
        ),
        (
            {"payload": {"{{ place }}": 1}, "max_bytes": 64, "too_big": "truncate"},
            'may not fit: "place" has no bound; cut it with | bytes(n)',
        ),
        (
            {"payload": {"temp": {"v": 1, "u": "{{ place }}"}}, "as": "senml+json", "max_bytes": 99,
             "too_big": "truncate"},
            'may not fit: "place" has no bound; cut it with | bytes(n)',
        ),
        ({"payload": "{{ place }}"}, ""),
    ],
)  # fmt: skip
def test_a_warning_says_by_how_much_or_which_value_and_what_to_do(action: dict[str, Any], message: str) -> None:
    assert warning(action) == message


@pytest.mark.parametrize(
    ("regex", "kind", "most"),
    [
        ("[0-9]{1,3}", "int", 3),
        ("[0-9e]{1,3}", "int", 300),  # 1e9
        (r"[0-9.]{1,4}", "float", 6),
        (r"[0-9.e]{1,4}", "float", 24),
        (r"\w{1,4}", "bool", 5),
        (r"\w{1,4}", "str", 18),
    ],
)
def test_a_value_is_as_long_as_its_regex_and_its_type_let_it_be(regex: str, kind: str, most: int) -> None:
    extract = {"x": {"body": f"/x=({regex})/", "type": kind}}
    action = {"payload": "{{ x }}", "as": "json", "max_bytes": most}
    assert warnings(action, extract=extract) == []
    (found,) = warnings({**action, "max_bytes": most - 1}, extract=extract)
    assert f"the payload can have {most} bytes, 1 more" in found[1]


def test_a_warning_stands_at_max_bytes_or_at_the_reset_that_is_meant() -> None:
    fine = {"payload": "1", "max_bytes": 4}
    found = warnings(fine, {**fine, "reset": {"after": "1s", "payload": "{{ place }}"}}, {**fine, "payload": "12345"})
    assert [place for place, _ in found] == [("then", 1, "reset", "payload"), ("then", 2, "max_bytes")]
    found = warnings(then={"sink": "broker", "topic": "a", "payload": "12345", "max_bytes": 4})
    assert [place for place, _ in found] == [("then", "max_bytes")]


def test_the_values_of_any_branch_count() -> None:
    when = {
        "any": [{"subject": "/a (?P<x>[a-f]{2})/"}, {"all": [{"body": "/b (?P<x>[a-f]{5})/"}]}],
        "not": {"body": "z"},
    }
    action = {"payload": "{{ x }}", "max_bytes": 5}
    assert warnings(action, when=when) == []
    assert len(warnings({**action, "max_bytes": 4}, when=when)) == 1


def test_the_first_of_several_places_and_the_default_count() -> None:
    extract = {"x": [{"subject": "/([a-f]{2})/"}, {"header.X-A": "/([a-f]{4})/", "default": "nothing"}]}
    assert warnings({"payload": "{{ x }}", "max_bytes": 7}, extract=extract) == []
    (found,) = warnings({"payload": "{{ x }}", "max_bytes": 6}, extract=extract)
    assert "can have 7 bytes" in found[1]


@pytest.mark.parametrize(
    ("options", "limit", "fits"),
    [
        ({"width": 296, "height": 128, "bits": 1}, 4_736, True),
        ({"width": 296, "height": 128, "bits": 1}, 4_735, False),
        ({"width": 296, "max_bytes": "8kB"}, 8_000, True),
        ({"width": 296, "max_bytes": "8kB"}, 7_999, False),
        ({"width": 296}, 100_000, False),
    ],
)
def test_a_picture_is_as_large_as_its_options_say(options: dict[str, Any], limit: int, fits: bool) -> None:
    extract = {"photo": {"body": True, "type": "image", **options}}
    action = {"payload": "{{ photo }}", "max_bytes": limit, "too_big": "truncate"}
    assert (warnings(action, extract=extract) == []) == fits


seen = st.text(st.sampled_from('aKsſ\u212aéZ9٣😀"\\ \t_.,-'), max_size=9)
word = st.text(st.sampled_from("aKsſ\u212aéZ9٣_"), max_size=9)
leaves = st.sampled_from([
    "{{ temp }}", "{{ count_ }}", "{{ short }}", "{{ unicode }}", "{{ quoted }}", "{{ is_on }}", "{{ door }}",
    "{{ place | bytes(6) }}", "{{ place[:3] | upper }}", "{{ whole | bytes(9) | slug }}", "{{ mail.date }}",
    "{{ temp }} C at {{ door }}", "{{ mail.size }}", "{{ mailbox }}", "{{ folder }}", "{{ rule }}", 'lit "é', 7, True,
    "{{ delivery_id }}", "{{ temp | round(1) }}", "{{ 'x' if is_on else unicode }}", "{{ mail.date | timestamp }}",
    "{{ short | tojson }}", "{{ whole | truncate(length=5) }}", "{{ mail.date | iso }}", "{{ quoted ~ short }}",
])  # fmt: skip
keys = st.sampled_from(["a", "b", "{{ door }}", "{{ short }}x", "long-key"])
nested = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, min_size=1, max_size=3),
    max_leaves=4,
)
records = st.dictionaries(st.sampled_from(["a", "b", "{{ short }}"]), leaves, min_size=1, max_size=3)
octets = leaves.map("x{}".format)
shapes = {"senml+json": records, "senml+cbor": records, "bytes": octets, "base64": octets}


@st.composite
def payloads(draw: st.DrawFn) -> tuple[str, Any]:
    """An encoding, and what it can express."""
    encoding = draw(st.sampled_from(plugins.names("payload")))
    return encoding, draw(shapes.get(encoding, nested))


@given(
    made=payloads(),
    place=word,
    temp=st.floats(-1e40, 1e40).map("{:f}".format) | st.sampled_from(["-.5", "1e9", "3"]),
    uni=seen,
    quoted=seen,
    number=st.integers(0, 999),
)
def test_no_mail_makes_a_payload_that_is_larger_or_smaller_than_the_bound(
    made: tuple[str, Any], place: str, temp: str, uni: str, quoted: str, number: int
) -> None:
    encoding, payload = made
    action = {"sink": "broker", "topic": "a", "payload": payload, "as": encoding}
    text = f"temp={temp}\ncount={number}\nshort=abcd\nuni=a{uni}1\nq=a{quoted}1\non=true\n"
    mail = making.mail(text, Subject=f"motion at {place}a, door off")
    rule = making.rule(when=WHEN, extract=EXTRACT, then=[action])
    ((sent,),) = (one.deliveries for one in making.evaluate(mail, rule))
    if sent.dead:
        assert "keys" in sent.dead or "name" in sent.dead
        return
    bounded = worst_case._Payload(rule.then[0], payload, worst_case._scope(rule, MAILBOXES), encoding)
    assert bounded.least is not None
    assert bounded.most is not None
    assert bounded.least <= len(sent.payload) <= bounded.most


def test_a_picture_in_a_rule_is_counted_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(plugins._siblings("extract"), "album", drawing.__name__)
    extract = {
        "photo": {"album": drawing.octets(drawing.halves()), "type": "image", "width": 16, "height": 8, "bits": 1}
    }
    action = {"payload": {"photo": "{{ photo }}"}, "as": "cbor", "max_bytes": 24}
    assert warnings(action, extract=extract) == []
    (sent,) = making.deliveries(making.mail(), {"sink": "broker", "topic": "a", **action}, extract=extract)
    assert len(sent.payload) == 24
