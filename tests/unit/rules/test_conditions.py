"""Every key of ``when``, and the groups."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.mail import Mail
from tests.unit.rules import making

REPORT = 'multipart/report; report-type={}; boundary="b"'


@pytest.mark.parametrize(
    ("when", "held"),
    [
        ({}, True),
        ({"from": "cam@cameras.example"}, True),
        ({"from": "CAM@Cameras.Example"}, True),
        ({"from": "*@cameras.example"}, True),
        ({"from": "*@CAMERAS.*"}, True),
        ({"from": "c?m@*"}, True),
        ({"from": "cameras.example"}, True),
        ({"from": "@cameras.example"}, True),
        ({"from": "@example"}, False),
        ({"from": "example"}, False),
        ({"from": "cam"}, False),
        ({"from": "*.example"}, True),
        ({"from": "*camera*"}, True),
        ({"from": "*CAM@*"}, True),
        ({"from": "cam*"}, True),
        ({"from": "c?m@cameras.exampl[de]"}, True),
        ({"from": "camera*"}, False),
        ({"from": "*cameras"}, False),
        ({"from": "*@example"}, False),
        ({"from": ["a@b.example", "cameras.example"]}, True),
        ({"from": {"name": "cam"}}, True),
        ({"from": {"name": {"is": "camera"}}}, False),
        ({"from": ["a@b.example", {"name": "/^C/"}]}, True),
        ({"to": "hall@home.example"}, True),
        ({"to": "attic@home.example"}, True),
        ({"to": "cellar@home.example"}, False),
        ({"cc": "boss.example"}, True),
        ({"reply_to": "*@answers.example"}, True),
        ({"reply_to": "cameras.example"}, False),
        ({"subject": "motion at"}, True),
        ({"subject": "/motion at \\w+$/"}, True),
        ({"subject": "door"}, False),
        ({"body": "level:  71"}, True),
        ({"body": "Motion"}, False),
        ({"subject": {"is": ""}}, False),
        ({"header": {"list-id": "alarms"}}, True),
        ({"header": {"List-Id": "alarms", "X-Camera": "7"}}, True),
        ({"header": {"List-Id": "alarms", "X-Other": "7"}}, False),
        ({"header": {"Received": "second"}}, True),
        ({"header": {"list-id": True, "X-Other": False}}, True),
        ({"header": {"X-Other": True}}, False),
        ({"header": {"List-Id": False}}, False),
        ({"header": {"List-Id": "alarms", "X-Camera": False}}, False),
        ({"folder": "inbox"}, True),
        ({"folder": ["Alarms/*", "IN*"]}, True),
        ({"folder": "Alarms"}, False),
        ({"flags": ["flagged"]}, True),
        ({"flags": ["flagged", "$label", "!seen"]}, True),
        ({"flags": ["seen"]}, False),
        ({"flags": "!flagged"}, False),
        ({"size": "<1MB"}, True),
        ({"size": ">1kB"}, False),
        ({"size": ">=1B"}, True),
        ({"automatic": False}, True),
        ({"automatic": True}, False),
        ({"automatic": "any"}, True),
        ({"from": "cameras.example", "subject": "door"}, False),
        ({"any": [{"subject": "door"}, {"subject": "motion"}]}, True),
        ({"any": [{"subject": "door"}, {"subject": "gate"}]}, False),
        ({"all": [{"subject": "motion"}, {"body": "level"}]}, True),
        ({"all": [{"subject": "motion"}, {"body": "nothing"}]}, False),
        ({"not": {"subject": "door"}}, True),
        ({"not": {"subject": "motion", "body": "nothing"}}, True),
        ({"not": {"subject": "motion"}}, False),
        ({"not": [{"subject": "door"}, {"body": "nothing"}]}, True),
        ({"not": [{"subject": "door"}, {"subject": "motion"}]}, False),
        ({"not": [{"subject": "motion", "body": "nothing"}]}, True),
        ({"not": [{"if": "{{ mail.size > 10 }}"}, {"subject": "door"}]}, False),
        ({"not": [{"not": {"subject": "motion"}}]}, True),
        ({"any": [{"not": {"subject": "motion"}}, {"all": [{"from": "cameras.example"}, {"body": "71"}]}]}, True),
        ({"if": "{{ mail.size > 10 }}"}, True),
        ({"if": "{{ mail.size > 'x' }}"}, False),
        ({"if": "{{ mailbox == 'home' and folder == 'INBOX' and rule == 'r' }}"}, True),
        ({"any": [{"subject": "door"}, {"if": "{{ mail.size > 10 }}"}]}, True),
        ({"any": [{"subject": "door"}, {"subject": "/(?P<n>Hall)/", "if": "{{ n == 'Hall' }}"}]}, True),
        ({"not": {"if": "{{ mail.size > 10 }}"}}, False),
    ],
)
def test_when(when: dict[str, Any], held: bool) -> None:
    mail = making.mail(
        "Level:\r\n 71",
        flags=("\\Flagged", "$Label"),
        To="hall@home.example, Attic <attic@home.example>",
        Cc="a@boss.example",
        Reply_To="no@answers.example",
        List_Id="<alarms.cameras.example>",
        X_Camera="7",
        Received="first; Sun, 1 Nov 2026 12:00:00 +0000\r\nReceived: second; Sun, 1 Nov 2026 12:00:00 +0000",
    )
    assert making.matches(mail, when=when) is held


@pytest.mark.parametrize(
    ("header", "automatic"),
    [
        ({}, False),
        ({"Auto_Submitted": "auto-generated"}, False),
        ({"Auto_Submitted": "no"}, False),
        ({"Auto_Submitted": "auto-replied"}, True),
        ({"Auto_Submitted": "Auto-Replied; owner-email=x"}, True),
        ({"X_Autoreply": "yes"}, True),
        ({"Auto_Submitted": "auto-generated", "X_Mailwire_Canary": "house run 1 2 3"}, True),
        ({"Return_Path": "<>"}, True),
        ({"Return_Path": "<cam@cameras.example>"}, False),
        ({"Content_Type": REPORT.format("delivery-status")}, True),
        ({"Content_Type": REPORT.format('"disposition-notification"')}, True),
        ({"Content_Type": REPORT.format("feedback-report")}, False),
    ],
)
def test_only_mail_that_is_not_automatic_matches_unless_the_rule_says_so(
    header: dict[str, str], automatic: bool
) -> None:
    mail = making.mail(**header)
    assert making.matches(mail) is not automatic
    assert making.matches(mail, when={"automatic": False}) is not automatic
    assert making.matches(mail, when={"automatic": True}) is automatic
    assert making.matches(mail, when={"automatic": "any"})
    assert making.matches(mail, when={"any": [{"automatic": True}, {"subject": "nothing"}]}) is automatic


@pytest.mark.parametrize(
    "sender",
    ['"cam@cameras.example" <evil@elsewhere.example>', "cam@cameras.example.evil.example", "evil@xcameras.example", ""],
)
def test_a_sender_who_only_looks_alike_does_not_match(sender: str) -> None:
    for wanted in ("cam@cameras.example", "cameras.example", "*@cameras.example"):
        assert not making.matches(making.mail(From=sender), when={"from": wanted})


@pytest.mark.parametrize(
    ("wanted", "held"),
    [
        ("cam@straße.example", True),
        ("*@STRAßE.example", True),
        ("*straße*", True),
        ("straße.example", True),
        ("cam@xn--strae-oqa.example", True),
        ("cam@strasse.example", False),
        ("*strasse*", False),
    ],
)
def test_a_domain_is_compared_by_the_rules_of_domains(wanted: str, held: bool) -> None:
    assert making.matches(making.mail(From="Cam@xn--strae-oqa.example"), when={"from": wanted}) is held


def test_named_groups_become_values() -> None:
    when = {"subject": r"/at (?P<place>\w+)/", "from": {"name": "/(?P<who>.+)/"}, "header": {"X-Id": "/(?P<id>\\d+)/"}}
    (verdict,) = making.evaluate(making.mail(X_Id="a7"), making.rule(when=when))
    assert verdict.values == {"place": "Hall", "who": "Cam", "id": "7"}


def test_a_branch_that_fails_half_way_leaves_no_value() -> None:
    when = {"any": [{"subject": "/(?P<a>Motion)/", "from": "nobody.example"}, {"subject": "/(?P<b>Hall)/"}]}
    (verdict,) = making.evaluate(making.mail(), making.rule(when=when))
    assert verdict.values == {"b": "Hall"}


def test_what_a_not_finds_is_no_value() -> None:
    when = {"not": {"subject": "/(?P<a>Motion)/", "from": "nobody.example"}}
    (verdict,) = making.evaluate(making.mail(), making.rule(when=when))
    assert verdict.values == {}


def test_the_first_branch_that_holds_gives_the_values() -> None:
    when = {"any": [{"subject": "/(?P<a>Hall)/"}, {"subject": "/(?P<a>Motion)/"}]}
    made = making.compiled(making.rule(when=when))
    for explain in (False, True):
        (verdict,) = made.evaluate(making.mail(), making.moment(), explain=explain)
        assert verdict.values == {"a": "Hall"}


def hostile() -> list[Mail]:
    heads = ["", "\x00", "From: <<<@@>>>\nSubject: =?utf-8?b?/////?=", "Content-Type: multipart/report;" + "x" * 9000]
    return [making.mail("\udcff\x00" * 9, Subject="\udcff=?x?q?=FF?=", From=head[:50] or "@") for head in heads]


@pytest.mark.parametrize("mail", hostile())
def test_no_mail_makes_a_rule_raise(mail: Mail) -> None:
    when = {"subject": r"/\b\w+\b/", "body": "x", "from": "*@x", "header": {"X": "/./"}, "if": "{{ mail.text > 'a' }}"}
    for key, setting in when.items():
        assert [verdict.error for verdict in making.evaluate(mail, making.rule(when={key: setting}))] in ([], [""])
