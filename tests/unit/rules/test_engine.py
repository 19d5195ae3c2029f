"""Which rules look at a mail, in which order, and what comes of it."""

from __future__ import annotations

import dataclasses
from typing import Any
from unittest import mock

import pytest

from bridge import errors, rules
from bridge.mail import limits, structure
from bridge.rules import engine
from tests.unit.rules import making


def names(*written: Any, mail: Any = None) -> list[tuple[str, bool]]:
    return [(verdict.rule, verdict.matched) for verdict in making.evaluate(mail or making.mail(), *written)]


def test_rules_that_match_are_told_in_order_and_the_others_not_at_all() -> None:
    written = [making.rule(name="a"), making.rule(name="b", when={"subject": "door"}), making.rule(name="c")]
    assert names(*written) == [("a", True), ("c", True)]


def test_a_rule_looks_at_its_mailboxes_only() -> None:
    written = [making.rule(name="a", mailboxes=["work"]), making.rule(name="b", mailboxes=["home", "work"])]
    assert names(*written) == [("b", True)]
    assert names(*written, mail=making.mail(mailbox="work")) == [("a", True), ("b", True)]


def test_a_disabled_rule_does_not_look() -> None:
    assert names(making.rule(enabled=False)) == []


def test_a_rule_that_stops_is_the_last_only_if_it_matches() -> None:
    stopping = making.rule(name="s", stop=True)
    missing = making.rule(name="m", stop=True, when={"subject": "door"})
    assert names(missing, making.rule(name="a"), stopping, making.rule(name="z")) == [("a", True), ("s", True)]


class _Failing(rules.Condition):
    wanted = "trouble"

    def check(self, mail: Any, moment: Any) -> rules.Outcome:
        raise ZeroDivisionError("trouble")


@pytest.fixture
def failing_subject(monkeypatch: pytest.MonkeyPatch) -> None:
    from bridge.rules.conditions import subject

    monkeypatch.setattr(subject, "PLUGIN", dataclasses.replace(subject.PLUGIN, make=lambda _: _Failing()))
    from bridge import plugins

    plugins.find.cache_clear()
    monkeypatch.setattr(plugins, "find", plugins.find.__wrapped__)


@pytest.mark.usefixtures("failing_subject")
def test_a_rule_that_fails_counts_as_not_matched_and_is_told() -> None:
    written = making.rule(name="f", when={"subject": "x"}), making.rule(name="z")
    failed, other = making.evaluate(making.mail(), *written)
    assert (failed.rule, failed.matched, failed.stopped, failed.deliveries) == ("f", False, False, ())
    assert failed.error.startswith("ZeroDivisionError")
    assert (other.rule, other.matched, other.error) == ("z", True, "")


@pytest.mark.usefixtures("failing_subject")
@pytest.mark.parametrize("explain", [False, True])
def test_a_rule_that_fails_and_has_stop_stops(explain: bool) -> None:
    written = making.rule(name="f", when={"subject": "x"}, stop=True), making.rule(name="z")
    verdicts = making.compiled(*written).evaluate(making.mail(), making.moment(), explain=explain)
    assert [(v.rule, v.matched, v.stopped) for v in verdicts if v.error or v.matched] == [("f", False, True)]


@pytest.mark.parametrize(
    "written",
    [
        {"when": {"subject": "door"}},
        {"when": {"if": "{{ nope > 3 }}"}},
        {"when": {"if": "{{ mail.size > 'x' }}"}},
        {"extract": {"t": {"body": "/nothing/"}}},
        {"extract": {"t": {"subject": "/Hall/", "type": "int"}}},
    ],
)
@pytest.mark.parametrize("explain", [False, True])
def test_a_rule_that_does_not_match_stops_nothing(written: dict[str, Any], explain: bool) -> None:
    both = making.rule(name="s", stop=True, **written), making.rule(name="z")
    verdicts = making.compiled(*both).evaluate(making.mail(), making.moment(), explain=explain)
    assert [(v.rule, v.stopped) for v in verdicts if v.matched] == [("z", False)]
    assert not any(v.stopped for v in verdicts)


def test_a_rule_whose_delivery_is_dead_has_matched_and_stops() -> None:
    dead = making.rule(name="s", stop=True, then=[{"sink": "broker", "topic": "{{ nope }}"}])
    assert names(dead, making.rule(name="z")) == [("s", True)]


@pytest.mark.usefixtures("failing_subject")
def test_a_condition_that_raises_fails_its_rule_even_inside_not() -> None:
    made = making.compiled(making.rule(when={"not": {"subject": "x"}}))
    for explain in (False, True):
        (verdict,) = made.evaluate(making.mail(), making.moment(), explain=explain)
        assert not verdict.matched
        assert verdict.error.startswith("ZeroDivisionError at test_engine.py:")  # its words may quote the mail


@pytest.mark.usefixtures("failing_subject")
def test_a_condition_that_raises_does_no_harm_where_it_is_not_asked() -> None:
    made = making.compiled(making.rule(when={"any": [{"from": "cameras.example"}, {"subject": "x"}]}))
    for explain in (False, True):
        (verdict,) = made.evaluate(making.mail(), making.moment(), explain=explain)
        assert (verdict.matched, verdict.error) == (True, "")


@pytest.mark.usefixtures("failing_subject")
def test_wants_never_raises() -> None:
    made = making.compiled(making.rule(when={"subject": "x", "body": "y"}))
    assert made.wants(making.without_text()) == {"1": limits.TEXT_BYTES}


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ({}, False),
        ({"when": {"subject": "motion"}}, False),
        ({"when": {"body": "x"}}, True),
        ({"when": {"body": "x", "subject": "door"}}, False),
        ({"when": {"body": "x", "from": "cameras.example"}}, True),
        ({"when": {"any": [{"body": "x"}, {"subject": "door"}]}}, True),
        ({"when": {"all": [{"body": "x"}, {"subject": "door"}]}}, False),
        ({"when": {"any": [{"body": "x", "subject": "door"}, {"body": "y", "from": "nobody.example"}]}}, False),
        ({"when": {"not": {"body": "x"}}}, True),
        ({"when": {"not": {"subject": "motion"}, "body": "x"}}, False),
        ({"when": {"if": "{{ mail.text | length > 3 }}"}}, True),
        ({"when": {"if": "{{ mail.size > 3 }}"}}, False),
        ({"extract": {"t": {"body": "/x/"}}}, True),
        ({"extract": {"t": {"body": "/x/"}}, "when": {"subject": "door"}}, False),
        ({"extract": {"t": {"subject": "/x/"}}}, False),
        ({"then": {"sink": "broker", "topic": "a", "payload": {"t": "{{ mail.text }}"}}}, True),
        ({"then": {"sink": "broker", "topic": "a/{{ mail.text }}"}}, True),
        ({"then": {"sink": "broker", "topic": "a", "headers": {"X": "{{ mail['text'] }}"}}}, True),
        ({"then": {"sink": "broker", "topic": "a", "reset": {"after": "1s", "payload": "{{ mail.text }}"}}}, True),
        ({"then": {"sink": "broker", "topic": "a", "payload": "{{ mail.subject }}"}}, False),
        ({"when": {"body": "x"}, "enabled": False}, False),
        ({"when": {"body": "x"}, "mailboxes": ["work"]}, False),
    ],
)
def test_the_text_is_wanted_only_for_rules_that_are_still_alive(written: dict[str, Any], wanted: bool) -> None:
    made = making.compiled(making.rule(**written))
    assert made.wants(making.without_text()) == ({"1": limits.TEXT_BYTES} if wanted else {})


def test_what_is_in_hand_is_not_wanted() -> None:
    assert making.compiled(making.rule(when={"body": "x"})).wants(making.mail()) == {}


def test_an_automatic_mail_is_not_downloaded_for_rules_that_it_cannot_fire() -> None:
    assert making.compiled(making.rule(when={"body": "x"})).wants(making.without_text(Return_Path="<>")) == {}


def test_changes_go_flags_first_then_copies_then_the_move() -> None:
    after = {"move": "Done", "copy": "Archive", "flag": ["flagged", "$Done"], "seen": True}
    (verdict,) = making.evaluate(making.mail(), making.rule(after=after, failed={"delete": True}))
    assert [(change.op, change.argument) for change in verdict.after] == [
        ("seen", ""),
        ("flag", "\\Flagged"),
        ("flag", "$Done"),
        ("copy", "Archive"),
        ("move", "Done"),
    ]
    assert [change.op for change in verdict.failed] == ["delete"]


def test_a_rule_for_a_sink_that_is_not_there_does_not_compile() -> None:
    with pytest.raises(errors.ConfigError, match='no sink is called "brokr"'):
        making.compiled(making.rule(then=[{"sink": "brokr"}]))


def test_no_rules_make_no_verdicts() -> None:
    made = engine.compile_rules([], sinks={})
    assert made.evaluate(making.mail(), making.moment()) == []
    assert made.wants(making.without_text()) == {}


def test_explaining_tells_of_every_rule_and_agrees_with_evaluating() -> None:
    written = [
        making.rule(name="off", enabled=False),
        making.rule(name="work", mailboxes=["work"]),
        making.rule(name="no", when={"subject": "door"}, stop=True),
        making.rule(name="yes", when={"subject": "/(?P<what>motion)/"}, stop=True),
        making.rule(name="late", when={"from": "cameras.example"}),
    ]
    verdicts = making.compiled(*written).evaluate(making.mail(), making.moment(), explain=True)
    assert [(v.rule, v.matched) for v in verdicts] == [
        ("off", False),
        ("work", False),
        ("no", False),
        ("yes", True),
        ("late", False),
    ]
    assert [[(line.path, line.held) for line in v.conditions] for v in verdicts] == [
        [("enabled", False)],
        [("mailboxes", False)],
        [("when.subject", False)],
        [("when.subject", True)],
        [("stop", False), ("when.from", True)],
    ]
    assert verdicts[3].values == {"what": "Motion"}


def test_explaining_looks_at_everything_and_names_each_place() -> None:
    when = {
        "body": "nothing",
        "subject": "door",
        "any": [{"from": "cameras.example"}, {"from": "x.example", "body": "Hello"}],
        "not": {"subject": "motion"},
        "if": "{{ temp > 3 }}",
    }
    rule = making.rule(when=when, extract={"temp": {"body": "/x/"}})
    (verdict,) = making.compiled(rule).evaluate(making.mail(), making.moment(), explain=True)
    assert {line.path: line.held for line in verdict.conditions} == {
        "when.subject": False,
        "when.body": False,
        "when.any": True,
        "when.any.0.from": True,
        "when.any.1.from": False,
        "when.any.1.body": True,
        "when.not": False,
        "when.not.subject": True,
        "extract.temp": False,
        "when.if": False,
    }
    said = {line.path: (line.wanted, line.saw) for line in verdict.conditions}
    assert said["when.subject"] == ('contains "door"', "Motion at Hall")
    assert said["when.if"] == ("temp > 3", "no value temp")
    assert [line.path for line in verdict.conditions][-1] == "when.if"


def explained(mail: Any, **written: Any) -> dict[str, str]:
    (verdict,) = making.compiled(making.rule(**written)).evaluate(mail, making.moment(), explain=True)
    return {line.path: line.saw for line in verdict.conditions}


def test_explaining_shows_conditions_in_the_order_of_the_file() -> None:
    when = {
        "body": "Hello",
        "any": [{"body": "x", "subject": "motion"}, {"not": {"body": "y", "from": "z.example"}}],
        "subject": "motion",
    }
    assert [*explained(making.mail(), when=when)] == [
        "when.body",
        "when.any",
        "when.any.0.body",
        "when.any.0.subject",
        "when.any.1.not",
        "when.any.1.not.body",
        "when.any.1.not.from",
        "when.subject",
    ]


@pytest.mark.parametrize(
    ("written", "path", "saw"),
    [
        ({"extract": {"p": {"subject": "/Hall/"}}}, "extract.p", '"Hall"'),
        ({"extract": {"p": {"subject": "/x/", "default": None}}}, "extract.p", "not found: default null"),
        ({"extract": {"p": {"subject": "/x/", "default": True}}}, "extract.p", "not found: default true"),
        ({"when": {"subject": "/(?P<p>Hall)/", "if": "{{ p == 'Hall' }}"}}, "when.if", 'p = "Hall"'),
        ({"when": {"if": "{{ mail.subject == 'x' }}"}}, "when.if", 'mail.subject = "Motion at Hall"'),
        ({"when": {"if": "{{ mail.attachments }}"}}, "when.if", "mail.attachments = []"),
        ({"when": {"if": "{{ rule }}"}}, "when.if", 'rule = "r"'),
        ({"when": {"if": "{{ 1 > 2 }}"}}, "when.if", "false"),
        ({"when": {"header": {"X-A": "two"}}}, "when.header", "X-A: two"),
        ({"when": {"header": {"X-A": "three"}}}, "when.header", "X-A: one"),
    ],
)
def test_explaining_shows_values_one_way(written: dict[str, Any], path: str, saw: str) -> None:
    assert explained(making.mail(X_A="one\r\nX-A: two"), **written)[path] == saw


def test_explaining_an_automatic_mail_says_why_it_does_not_match() -> None:
    (verdict,) = making.compiled(making.rule()).evaluate(
        making.mail(Auto_Submitted="auto-replied"), making.moment(), explain=True
    )
    assert [(line.path, line.held, line.saw) for line in verdict.conditions] == [
        ("when.automatic", False, "an auto-reply")
    ]


def test_explaining_never_shows_a_whole_body() -> None:
    mail = making.mail("secret " * 500)
    (verdict,) = making.compiled(making.rule(when={"body": "x"})).evaluate(mail, making.moment(), explain=True)
    assert all(len(line.saw) <= 80 for line in verdict.conditions)


@pytest.mark.parametrize(
    ("content", "whole", "heavy"),
    [
        ({}, frozenset[str](), False),
        ({"1": b"x" * 100_000}, frozenset({"1"}), False),
        ({"1": b"x" * 100_001}, frozenset({"1"}), True),
        ({"2": b"%PDF"}, frozenset({"2"}), True),
    ],
)
def test_a_mail_is_heavy_that_has_a_file_or_a_long_text_in_hand(
    content: dict[str, bytes], whole: frozenset[str], heavy: bool
) -> None:
    first = making.without_text()
    mail = first.with_content(content, whole) if content else first
    assert making.compiled(making.rule()).heavy(mail) is heavy


@pytest.mark.parametrize(
    ("head", "nested", "heavy"),
    [
        (b"Subject: x\r\n", ([(b"TEXT", b"PLAIN")] * 50, b"MIXED"), False),
        (b"Subject: x\r\n", ([(b"TEXT", b"PLAIN")] * 51, b"MIXED"), True),
        (b"Subject: x\r\n", (*[(b"TEXT", b"PLAIN")] * 60, b"MIXED"), True),
        (b"Subject: x\r\n", None, False),
        (b"X: y\r\n" * 3_000, None, True),
    ],
)
def test_a_mail_is_heavy_whose_header_or_list_of_parts_is_long(head: bytes, nested: Any, heavy: bool) -> None:
    first = making.without_text()
    body = structure.Fetched(head=head, bodystructure=nested, text_prefix=b"")
    mail = dataclasses.replace(first, head=head, body=body)
    with mock.patch("bridge.mail.structure.from_bodystructure", side_effect=AssertionError("it is parsed")):
        assert making.compiled(making.rule()).heavy(mail) is heavy
