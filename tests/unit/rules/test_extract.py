"""Values from the mail."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest

from bridge import plugins
from tests.unit.rules import making

PLACES = ", ".join(f"{n}.X" if plugins.find("extract", n).dotted else n for n in plugins.names("extract"))
TEXT = "temp=21.5 count=7\r\nopen=yes minus=\u22125 word=abc big=1e400 inf=inf comma=1,5"


@pytest.mark.parametrize(
    ("extract", "value"),
    [
        ({"body": r"/temp=([-\d.]+)/", "type": "float"}, 21.5),
        ({"body": r"/temp=([-\d.]+)/"}, "21.5"),
        ({"body": r"/count=\d/"}, "count=7"),
        ({"body": r"/count=(\d)/", "type": "int"}, 7),
        ({"body": r"/count=(\d)/", "type": "float"}, 7.0),
        ({"body": r"/comma=(\S+)/", "type": "float"}, 1.5),
        ({"body": r"/minus=(\S+)/", "type": "int"}, -5),
        ({"body": r"/open=(\w+)/", "type": "bool"}, True),
        ({"body": r"/word=(\w+)/", "type": "int", "default": 0}, 0),
        ({"body": "/nope/", "default": None}, None),
        ({"subject": r"/at (\w+)/"}, "Hall"),
        ({"subject": True}, "Motion at Hall"),
        ({"header.X-Temp": r"/(\d+)/", "type": "int"}, 9),
        ({"header": {"x-temp": r"/(\d+)/"}, "type": "int"}, 9),
        ([{"subject": "/nope/"}, {"body": r"/count=(\d)/", "type": "int"}], 7),
        ([{"body": r"/word=(\w+)/", "type": "int"}, {"header.X-Temp": True}], "t 9"),
        ([{"subject": "/nope/", "default": 1}, {"body": r"/count=(\d)/", "type": "int"}], 7),
        ([{"subject": "/nope/", "default": 1}, {"body": "/nope/"}], 1),
    ],
)
def test_a_value_is_found(extract: Any, value: object) -> None:
    (verdict,) = making.evaluate(making.mail(TEXT, X_Temp="t 9"), making.rule(extract={"x": extract}))
    assert verdict.values == {"x": value}
    assert type(verdict.values["x"]) is type(value)


@pytest.mark.parametrize(
    ("extract", "value"),
    [
        ({"from": True}, "cam@cameras.example"),
        ({"from": {"name": True}}, "Cam"),
        ({"from": "/(.*)@CAMERAS/"}, "cam"),
        ({"to": True}, "Ada.B@house.example"),
        ({"to": {"name": True}}, "Bob"),  # the first that has one
        ({"to": {"name": "/^b(.*)/"}}, "ob"),
        ({"to": "/bob.*/"}, "bob@house.example"),
        ({"to": "/house.*bob/", "default": "each by itself"}, "each by itself"),
        ({"cc": r"/(\w+)@x/"}, "me"),
        ({"reply_to": True}, "back@x.example"),
        ({"reply_to": {"name": True}, "default": "none"}, "none"),
    ],
)
def test_an_address_or_its_name_is_found(extract: Any, value: object) -> None:
    mail = making.mail(To="Ada.B@house.example, Bob <bob@house.example>", Cc="me@x.example", Reply_To="back@x.example")
    (verdict,) = making.evaluate(mail, making.rule(extract={"x": extract}))
    assert verdict.values == {"x": value}


@pytest.mark.parametrize(
    ("kind", "default", "value"),
    [
        ("float", 3, 3.0),
        ("float", "1,5", 1.5),
        ("int", "7", 7),
        ("bool", "off", False),
        ("str", 5, "5"),
        ("duration", "5m", 300),
        ("amount", "EUR 1,50", 1.5),
        ("datetime", "18:00", making.ARRIVED.replace(hour=18)),
        ("bytes", "ab", b"ab"),
        ("code", "0000", "0000"),
        ("code", "", ""),
        ("url", "", ""),
        ("str", "", ""),
        ("datetime", None, None),
    ],
)
def test_a_default_is_read_like_what_is_found(kind: str, default: object, value: object) -> None:
    rule = making.rule(extract={"x": {"subject": "/nope/", "type": kind, "default": default}})
    (verdict,) = making.evaluate(making.mail(), rule)
    assert verdict.values == {"x": value}
    assert type(verdict.values["x"]) is type(value)


@pytest.mark.parametrize(
    ("kind", "default", "message"),
    [
        ("float", "n/a", '"n/a" is no number'),
        ("float", "", '"" is no number'),
        ("int", 2.5, "2.5 is no whole number"),
        ("int", True, "true is no whole number"),
        ("bool", "maybe", '"maybe" is neither true, yes, on, 1 nor false, no, off, 0'),
        ("duration", "soon", '"soon" is no duration'),
        ("datetime", "soon", '"soon" is no date or time'),
        ("code", "none", '"none" has no one-time code'),
        ("url", "none", '"none" has no http or https address'),
        ("str", {"a": 1}, '{"a":1} is no text'),
        ("image", "", '"" is no picture'),
    ],
)
def test_a_default_that_is_not_of_the_type_is_refused(kind: str, default: object, message: str) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        making.rule(extract={"x": [{"subject": True}, {"body": True, "type": kind, "default": default}]})
    (line,) = caught.value.errors()
    assert line["loc"] == ("extract", "x", 1, "default")
    assert line["msg"] == f"{message}; write a value of type {kind}, or null"


@pytest.mark.parametrize(
    ("extract", "saw"),
    [
        ({"cc": True}, "not found"),
        ({"body": "/nope/"}, "not found"),
        ({"body": r"/word=(\w+)/", "type": "int"}, '"abc" is no whole number'),
        ({"body": r"/temp=(\S+)/", "type": "int"}, '"21.5" is no whole number'),
        ({"body": r"/big=(\S+)/", "type": "float"}, '"1e400" is no number'),
        ({"body": r"/inf=(\S+)/", "type": "float"}, '"inf" is no number'),
        ({"body": r"/word=(\w+)/", "type": "bool"}, '"abc" is neither true, yes, on, 1 nor false, no, off, 0'),
        ({"header.X-None": True}, "not found"),
        ([{"body": "/nope/"}, {"subject": "/nope/"}], "not found, not found"),
    ],
)
def test_without_a_value_and_a_default_the_rule_does_not_match_and_explain_says_so(extract: Any, saw: str) -> None:
    rule = making.rule(extract={"x": extract})
    assert making.evaluate(making.mail(TEXT), rule) == []
    (verdict,) = making.compiled(rule).evaluate(making.mail(TEXT), making.moment(), explain=True)
    assert [(line.path, line.held, line.saw) for line in verdict.conditions] == [("extract.x", False, saw)]


def test_if_sees_what_was_extracted() -> None:
    extract = {"temp": {"body": r"/temp=([-\d.]+)/", "type": "float"}, "raw": {"body": r"/temp=([-\d.]+)/"}}
    mail = making.mail(TEXT)
    assert making.matches(mail, extract=extract, when={"if": "{{ temp > 20 }}"})
    assert not making.matches(mail, extract=extract, when={"if": "{{ temp > 30 }}"})
    assert not making.matches(mail, extract=extract, when={"if": "{{ raw > 20 }}"})
    assert making.matches(mail, extract=extract, when={"subject": "/(?P<place>Hall)/", "if": "{{ place == 'Hall' }}"})


@pytest.mark.parametrize(
    ("extract", "place", "message"),
    [
        ({"x": {"body": "/(/"}}, ("x", "body"), "RE2 refuses this regex: missing ): ("),
        ({"x": [{"body": "/a/"}, {"header.X": "/(/"}]}, ("x", 1, "header.X"), "RE2 refuses this regex: missing ): ("),
        ({"x": {"bdy": "/a/"}}, ("x", "bdy"), 'unknown key; did you mean "body"?'),
        ({"x": {"frm": True}}, ("x", "frm"), 'unknown key; did you mean "from"?'),
        ({"x": {"from": "*@b.example"}}, ("x", "from"), None),
        ({"x": {"from": {"nam": True}}}, ("x", "from", "nam"), 'unknown key; did you mean "name"?'),
        ({"x": {"from": {"name": "/(/"}}}, ("x", "from", "name"), "RE2 refuses this regex: missing ): ("),
        ({"x": {"from": {}}}, ("x", "from"), "write {name: true}, or {name: '/a regex/'}"),
        ({"x": {"forwarded.bdy": "/a/"}}, ("x", "forwarded.bdy"), 'unknown key; did you mean "forwarded.body"?'),
        ({"x": {"forwrded.body": "/a/"}}, ("x", "forwrded.body"), 'unknown key; did you mean "forwarded.body"?'),
        ({"x": {"body": "/a/", "width": 3}}, ("x", "width"), "goes with type: image"),
        ({"x": {"attachment": "*", "tpe": "image", "width": 3}}, ("x", "tpe"), 'unknown key; did you mean "type"?'),
        (
            {"x": {"body": "/a/", "type": "flot"}},
            ("x", "type"),
            'no type is called "flot"; did you mean "float"?',
        ),
        ({"x": {"type": "int"}}, ("x",), f"name one place where it is found: {PLACES}"),
        ({"x": {"body": "word"}}, ("x", "body"), None),
        ({"x": []}, ("x",), "must not be empty"),
        ({"x": "/a/"}, ("x",), None),
        ({"mail": {"body": "/a/"}}, ("mail", "[key]"), '"mail" is reserved'),
        ({"a-b": {"body": "/a/"}}, ("a-b", "[key]"), '"a-b" is no name for a value; use letters, digits and _'),
    ],
)
def test_what_is_wrong_is_one_error_at_its_place(extract: Any, place: tuple[object, ...], message: str | None) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        making.rule(extract=extract)
    (line,) = caught.value.errors()
    assert line["loc"] == ("extract", *place)
    assert message is None or line["msg"].removeprefix("Value error, ") == message
