"""What does not fit a rule's event is refused at its place."""

from __future__ import annotations

from typing import Any

import pytest

from bridge import plugins
from bridge.rules import verify
from tests.unit.rules import making

KINDS = {name: kind for name, (kind, _) in making.SINKS.items()}
NO_MAIL = "a count is about no one mail"
HEADER = "of a mail that is gone only the header is known"


@pytest.fixture(autouse=True)
def _sinks(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = dict(making.SINKS.values())
    real = plugins.find
    monkeypatch.setattr(plugins, "find", lambda kind, name: kinds[name] if name in kinds else real(kind, name))


def faults(event: str, **written: Any) -> list[tuple[tuple[object, ...], str]]:
    rule = making.rule(event=event, **written)
    return list(verify.faults(rule, sinks=KINDS, mailboxes=["home"]))


def sends(payload: Any) -> dict[str, Any]:
    return {"sink": "lamp", "path": "x", "payload": payload}


CAPTURING = {"subject": r"/at (?P<place>\w+)/"}
PER = {"max": 1, "within": "1m"}


@pytest.mark.parametrize(
    ("written", "place", "message"),
    [
        ({"after": {"seen": True}}, ("after",), f"{NO_MAIL}: there is none to change"),
        ({"failed": {"flag": "x"}}, ("failed",), f"{NO_MAIL}: there is none to change"),
        ({"extract": {"x": {"subject": "/x/"}}}, ("extract",), f"{NO_MAIL}: there is none to take values from"),
        ({"stop": True}, ("stop",), f"{NO_MAIL}: there is none that later rules could look at"),
        ({"when": {"repeated": "3/1m"}}, ("when", "repeated"),
         f"{NO_MAIL}: it cannot be repeated (throttle bounds how often it is told)"),
        ({"then": sends("{{ mail.subject }}")}, ("then", "payload"), f'{NO_MAIL}: there is no value "mail.subject"'),
        ({"then": sends("{{ folder }}")}, ("then", "payload"), f'{NO_MAIL}: there is no value "folder"'),
        ({"when": CAPTURING, "then": sends("{{ place }}")}, ("then", "payload"),
         f'{NO_MAIL}: there is no value "place"'),
        ({"then": {"sink": "lamp", "path": "{{ mail.id }}"}}, ("then", "path"),
         f'{NO_MAIL}: there is no value "mail.id"'),
        ({"throttle": {**PER, "per": "{{ mail.from }}"}}, ("throttle", "per"),
         f'{NO_MAIL}: there is no value "mail.from"'),
        ({"when": {"if": "{{ count > 3 }}"}}, ("when", "if"),
         '"count" is not known here, where it is decided which mails are counted'),
        ({"then": sends("{{ cuont }}")}, ("then", "payload"), 'unknown value "cuont"; did you mean "count"?'),
    ],
)  # fmt: skip
def test_a_count_is_about_no_one_mail(written: dict[str, Any], place: tuple[object, ...], message: str) -> None:
    assert faults("count", **written) == [(place, message)]


@pytest.mark.parametrize(
    "written",
    [
        {},
        {"when": {"body": "x", "attachment": True, "folder": "A*", "since": "midnight", "flags": "!seen"}},
        {"when": {**CAPTURING, "if": '{{ place == "x" and mail.size > 3 and folder == "y" }}'}},
        {"then": {**sends({"n": "{{ count }}", "id": "{{ delivery_id }} {{ rule }} {{ mailbox }}"}), "expires": "5m"}},
        {"throttle": {**PER, "per": "{{ mailbox }}"}, "stop": False, "after": {}, "extract": {}},
    ],
)
def test_what_fits_a_count(written: dict[str, Any]) -> None:
    assert faults("count", **written) == []


GONE = "the mail is gone: there is nothing left to change"


@pytest.mark.parametrize(
    ("written", "place", "message"),
    [
        ({"after": {"move": "Done"}}, ("after",), GONE),
        ({"failed": {"delete": True}}, ("failed",), GONE),
        ({"when": {"body": "x"}}, ("when", "body"), HEADER),
        ({"when": {"not": {"attachment": True}}}, ("when", "not", "attachment"), HEADER),
        ({"when": {"any": [{"subject": "x"}, {"calendar": {"summary": "x"}}]}}, ("when", "any", 1, "calendar"), HEADER),
        ({"when": {"data": {"Event.name": "x"}}}, ("when", "data"), HEADER),
        ({"when": {"forwarded": True}}, ("when", "forwarded"), HEADER),
        ({"when": {"all": [{"forwarded": {"body": "x", "forwarded": True}}]}}, ("when", "all", 0, "forwarded"), HEADER),
        ({"extract": {"x": {"body": "/x/"}}}, ("extract", "x"), HEADER),
        ({"extract": {"x": [{"subject": "/x/"}, {"type": "code"}]}}, ("extract", "x", 1), HEADER),
        ({"then": sends("{{ mail.text | upper }}")}, ("then", "payload"), f'{HEADER}: there is no value "mail.text"'),
        ({"then": sends("{{ mail.attachments | length }}")}, ("then", "payload"),
         f'{HEADER}: there is no value "mail.attachments"'),
        ({"when": {"if": '{{ "x" in mail.text }}'}}, ("when", "if"), f'{HEADER}: there is no value "mail.text"'),
        ({"then": sends("{{ count }}")}, ("then", "payload"),
         'the value "count" is known in a rule with event: count only'),
    ],
)  # fmt: skip
def test_of_a_mail_that_is_gone_only_the_header_is_known(
    written: dict[str, Any], place: tuple[object, ...], message: str
) -> None:
    assert faults("gone", **written) == [(place, message)]


def test_what_fits_a_mail_that_is_gone() -> None:
    when = {"from": "a@b.example", "size": ">1kB", "flags": "seen", "max_age": "1h", "header": {"X": "y"}}
    then = sends("{{ mail.subject }} {{ mail.from }} {{ mail.size }} {{ mail.date }} {{ x }} {{ folder }}")
    assert faults("gone", when=when, extract={"x": {"header.X": True}}, then=then, stop=True) == []


@pytest.mark.parametrize("event", ["new", "flagged", "unflagged", "seen"])
def test_a_mail_that_is_there_has_all(event: str) -> None:
    written = {"when": {"body": "x", "repeated": "3/1m"}, "extract": {"x": {"body": "/x/"}}, "after": {"seen": True}}
    assert faults(event, **written, then=sends("{{ mail.text }} {{ x }}")) == []
    assert faults(event, then=sends("{{ count }}")) == [
        (("then", "payload"), 'the value "count" is known in a rule with event: count only')
    ]


def test_it_is_told_beside_what_is_wrong_with_the_shape() -> None:
    written = {"name": "r", "event": "count", "enabled": 3, "stop": True, "when": {"repeated": "3/1m"}}
    found = verify.raw_faults({**written, "then": sends("{{ mail.id }}")}, sinks=KINDS, mailboxes=[])
    assert [place for place, _ in found] == [("stop",), ("when", "repeated"), ("then", "payload")]
    assert not list(verify.raw_faults({"event": "cuont", "then": sends("{{ count }}")}, sinks=KINDS, mailboxes=[]))
