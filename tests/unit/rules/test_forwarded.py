"""``forwarded`` in ``when`` and in ``extract``: the same keys, for the mail that a mail carries."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest

from bridge import plugins, rules
from bridge.mail import Mail, limits
from bridge.rules import sections, verify
from tests.unit.rules import making

QUOTED = (
    "FYI\r\n\r\n---------- Forwarded message ---------\r\nFrom: Stadtwerke <info@stadtwerke.example>\r\n"
    "Date: Mon, 2 Nov 2026 10:00:00 +0100\r\nSubject: Wartung\r\nTo: <ada@example.org>\r\n\r\nKosten: 12 Euro"
)
INNER = (
    b"From: Door <door@cameras.example>\r\nSubject: Open\r\nList-Id: doors\r\nAuto-Submitted: auto-replied\r\n\r\n"
    b"place=hall\r\n\r\n---- Forwarded message ----\r\nFrom: deep@x.example\r\nSubject: Deep\r\n\r\nt=1"
)
BOUNDARY = "multipart/mixed; boundary=b"


def attached() -> Mail:
    parts = f"--b\r\n\r\nFYI\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n{INNER.decode()}\r\n--b--"
    return making.mail(parts, Content_Type=BOUNDARY)


def unfetched(parts: list[Any], text_prefix: bytes) -> Mail:
    whole = making.mail("", Content_Type=BOUNDARY)
    return Mail.from_fetch(
        place=whole.place,
        head=whole.head,
        size=90_000,
        flags=(),
        received=whole.received,
        bodystructure=(parts, b"MIXED"),
        text_prefix=text_prefix,
    )


TEXT = (b"TEXT", b"PLAIN", None, None, None, b"7BIT", 90_000, 900)
SHORT = (b"TEXT", b"PLAIN", None, None, None, b"7BIT", 3, 1)
MESSAGE = (b"MESSAGE", b"RFC822", None, None, None, b"7BIT", 90_000, None, None, 9)


@pytest.mark.parametrize(
    ("inner", "held"),
    [
        ({}, True),
        ({"from": "info@stadtwerke.example"}, True),
        ({"from": "cam@cameras.example"}, False),
        ({"from": {"name": "stadt"}, "to": "ada@example.org", "subject": {"is": "wartung"}}, True),
        ({"subject": "motion"}, False),
        ({"body": "kosten: 12"}, True),
        ({"body": "fyi"}, False),
        ({"body": {"fresh": "12 euro"}}, True),
        ({"any": [{"subject": "x"}, {"subject": "wartung"}]}, True),
        ({"all": [{"subject": "wartung"}, {"body": "x"}]}, False),
        ({"not": {"subject": "motion"}}, True),
        ({"forwarded": {}}, False),
        ({"forwarded": True}, False),
        ({"folder": "INBOX", "size": "<1kB"}, True),
    ],
)
def test_the_keys_are_those_of_when(inner: dict[str, Any], held: bool) -> None:
    assert making.matches(making.mail(QUOTED), when={"forwarded": inner}) is held
    assert not making.matches(making.mail("FYI"), when={"forwarded": inner})


def test_attached_and_deeper_mails_are_looked_into() -> None:
    when = {"subject": "motion", "forwarded": {"subject": "open", "forwarded": {"subject": "deep", "body": "t=1"}}}
    assert making.matches(attached(), when=when)
    assert making.matches(attached(), when={"not": {"forwarded": {"forwarded": {"subject": "open"}}}})


def test_only_what_is_written_is_asked_of_the_inner_mail() -> None:
    assert making.matches(attached(), when={"forwarded": {"subject": "open"}})
    assert making.matches(attached(), when={"forwarded": {"automatic": True}})
    assert not making.matches(attached(), when={"forwarded": {"automatic": False}})
    automatic = making.mail(QUOTED, Auto_Submitted="auto-replied")
    assert not making.matches(automatic, when={"forwarded": {"automatic": "any"}})


def test_named_groups_and_if_work_inside() -> None:
    when = {"forwarded": {"subject": r"/(?P<what>\w+)/", "if": "{{ what == 'Wartung' }}"}}
    (verdict,) = making.evaluate(making.mail(QUOTED), making.rule(when=when))
    assert verdict.values == {"what": "Wartung"}


def explained(mail: Mail, **written: Any) -> list[tuple[str, bool, str]]:
    (verdict,) = making.compiled(making.rule(**written)).evaluate(mail, making.moment(), explain=True)
    return [(line.path, line.held, line.saw) for line in verdict.conditions]


def test_explain_says_what_is_carried_and_what_of_it_did_not_hold() -> None:
    when = {"forwarded": {"subject": "motion", "any": [{"to": "x@y.example"}]}, "subject": "motion"}
    assert explained(making.mail(QUOTED), when=when) == [
        ("when.forwarded", True, 'carries "Wartung"'),
        ("when.forwarded.subject", False, "Wartung"),
        ("when.forwarded.any", False, "none of it holds"),
        ("when.forwarded.any.0.to", False, "ada@example.org"),
        ("when.subject", True, "Motion at Hall"),
    ]
    assert explained(making.mail("FYI"), when={"forwarded": {"subject": "x"}}) == [
        ("when.forwarded", False, "carries no mail")
    ]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ({"forwarded.subject": True}, "Open"),
        ({"forwarded": {"subject": True}}, "Open"),
        ({"forwarded.from": True}, "door@cameras.example"),
        ({"forwarded.from": {"name": True}}, "Door"),
        ({"forwarded": {"from": "/(.*)@/"}}, "door"),
        ({"forwarded.forwarded.from": True}, "deep@x.example"),
        ([{"forwarded.reply_to": True}, {"forwarded.cc": True}, {"to": True}, {"from": True}], "cam@cameras.example"),
        ({"forwarded.body": r"/place=(\w+)/"}, "hall"),
        ({"forwarded": {"body": r"/place=(\w+)/"}}, "hall"),
        ({"forwarded.body": {"fresh": True}}, "place=hall"),
        ({"forwarded.header.List-Id": True}, "doors"),
        ({"forwarded": {"header.List-Id": True}}, "doors"),
        ({"forwarded.header": {"list-id": True}}, "doors"),
        ({"forwarded.forwarded.subject": True}, "Deep"),
        ({"forwarded": {"forwarded": {"body": "/t=(.)/"}}, "type": "int"}, 1),
        ({"forwarded.forwarded.forwarded.subject": True, "default": "none"}, "none"),
        ([{"forwarded.subject": "/x/"}, {"subject": True}], "Motion at Hall"),
    ],
)
def test_any_source_is_looked_for_in_the_inner_mail(source: Any, found: object) -> None:
    (verdict,) = making.evaluate(attached(), making.rule(extract={"x": source}))
    assert verdict.values == {"x": found}


def test_without_a_mail_there_is_no_value() -> None:
    assert explained(making.mail("FYI"), extract={"x": {"forwarded.subject": True}}) == [
        ("extract.x", False, "not found")
    ]


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ({"when": {"forwarded": {"subject": "open"}}}, {"2": limits.FORWARDED_BYTES}),
        ({"when": {"forwarded": {"subject": "open"}, "subject": "nope"}}, {}),
        ({"when": {"forwarded": {"subject": "open"}, "subject": "motion"}}, {"2": limits.FORWARDED_BYTES}),
        ({"when": {"not": {"forwarded": {}}}}, {"2": limits.FORWARDED_BYTES}),
        ({"extract": {"x": {"forwarded.subject": True}}}, {"2": limits.FORWARDED_BYTES}),
        ({"when": {"subject": "nope"}, "extract": {"x": {"forwarded.subject": True}}}, {}),
        ({"when": {"subject": "motion"}}, {}),
    ],
)
def test_the_attached_mail_is_asked_for_where_a_rule_may_look_at_it(
    written: dict[str, Any], wanted: dict[str, int]
) -> None:
    mail = unfetched([SHORT, MESSAGE], b"--b\r\n\r\nFYI\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n")
    assert making.compiled(making.rule(**written)).wants(mail) == wanted


def test_an_attached_mail_in_hand_is_looked_at_at_once() -> None:
    mail = unfetched([SHORT, MESSAGE], b"").with_content({"2": INNER}, frozenset(("1", "2")))
    wants = making.compiled(making.rule(when={"forwarded": {"subject": "nope"}}, extract={"x": {"body": True}})).wants
    assert wants(mail) == {}


@pytest.mark.parametrize("prefix", [b"--b\r\n\r\nFYI", b"--b\r\n\r\n" + QUOTED.encode()])
def test_a_text_that_may_quote_a_mail_is_asked_for(prefix: bytes) -> None:
    made = making.compiled(making.rule(when={"forwarded": {"subject": "wartung"}}))
    assert made.wants(unfetched([TEXT, SHORT], prefix)) == {"1": limits.TEXT_BYTES}


def test_what_came_with_a_quoted_mail_is_asked_for_together_with_the_text() -> None:
    picture = (b"IMAGE", b"JPEG", (b"NAME", b"a.jpg"), None, None, b"BASE64", 90_000)
    for prefix in (b"--b\r\n\r\nFYI", b"--b\r\n\r\n" + QUOTED.encode()):
        mail = unfetched([TEXT, picture], prefix)
        wanted = sections.within(mail, lambda inner: [sections.parts(inner, inner.attachments, 7)])
        assert sections.together(wanted) == {"1": limits.TEXT_BYTES, "2": 7}


def test_a_mail_without_any_text_carries_none() -> None:
    picture = (b"IMAGE", b"JPEG", (b"NAME", b"a.jpg"), None, None, b"BASE64", 90_000)
    made = making.compiled(making.rule(when={"forwarded": {}}, extract={"x": {"body": True}}))
    assert made.wants(unfetched([picture], b"--b\r\n")) == {}


@pytest.mark.parametrize(
    ("written", "place", "message"),
    [
        ({"when": {"forwarded": {"subjct": "a"}}}, ("when", "forwarded", "subjct"), None),
        ({"when": {"forwarded": {"subject": "/(/"}}}, ("when", "forwarded", "subject"), None),
        (
            {"when": {"forwarded": {"any": [{"forwarded": {"not": {"forwarded": {"forwarded": {}}}}}]}}},
            ("when", "forwarded"),
            "a mail in a mail is looked at 3 deep",
        ),
        (
            {"extract": {"x": {"forwarded.bdy": True}}},
            ("extract", "x", "forwarded.bdy"),
            'unknown key; did you mean "forwarded.body"?',
        ),
        (
            {"extract": {"x": {"forwarded": {"hedaer.X": True}}}},
            ("extract", "x", "forwarded", "hedaer.X"),
            None,
        ),
        (
            {"extract": {"x": {"forwarded.header.X": "/(/"}}},
            ("extract", "x", "forwarded.header.X"),
            "RE2 refuses this regex: missing ): (",
        ),
        (
            {"extract": {"x": {"forwarded": {"header": {"X": "/(/"}}}}},
            ("extract", "x", "forwarded", "header", "X"),
            "RE2 refuses this regex: missing ): (",
        ),
        (
            {"extract": {"x": {"forwarded": {"body": "/a/", "type": "int"}}}},
            ("extract", "x", "forwarded", "type"),
            "stands beside the source, not in it",
        ),
        ({"when": {"forwarded": False}}, ("when", "forwarded"), "write not: { forwarded: true }"),
        ({"extract": {"x": {"forwarded": {}}}}, ("extract", "x", "forwarded"), None),
        ({"extract": {"x": {"forwarded": {"body": "/a/", "subject": "/a/"}}}}, ("extract", "x", "forwarded"), None),
        (
            {"extract": {"x": {"forwarded." * 4 + "subject": True}}},
            ("extract", "x", "forwarded." * 4 + "subject"),
            "a mail in a mail is looked at 3 deep",
        ),
        (
            {"extract": {"x": {"body": {"frsh": "/a/"}}}},
            ("extract", "x", "body", "frsh"),
            'unknown key; did you mean "fresh"?',
        ),
        ({"extract": {"x": {"body": {"fresh": "a"}}}}, ("extract", "x", "body", "fresh"), None),
        ({"extract": {"x": {"body": {}}}}, ("extract", "x", "body"), None),
    ],
)
def test_what_is_wrong_is_one_error_at_its_place(
    written: dict[str, Any], place: tuple[object, ...], message: str | None
) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        making.rule(**written)
    (line,) = caught.value.errors()
    assert line["loc"] == place
    assert message is None or line["msg"].removeprefix("Value error, ") == message


def test_verify_looks_inside() -> None:
    rule = making.rule(when={"forwarded": {"subject": "/(?P<mail>x)/", "if": "{{ nobody > 1 }}"}})
    found = dict(verify.faults(rule, sinks={}, mailboxes=()))
    assert found.keys() == {("when", "forwarded", "subject"), ("when", "forwarded", "if")}


def test_a_source_that_needs_only_a_header_asks_for_nothing_of_the_inner_mail() -> None:
    plugin: rules.ExtractPlugin = plugins.find("extract", "forwarded")
    finder = plugin.make(plugin.setting.parse({"subject": True}))
    assert finder.sections(making.mail(QUOTED)) == {}
