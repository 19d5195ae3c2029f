"""``mailwire fire``: what is told, and what a rule of another event sends, into a sink that opens nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from bridge.cli import group

CONFIG = """
mailboxes:
  home: { host: h.example, user: u, password: p }
sinks:
  out: { type: log }
rules:
  - name: door
    when: { subject: door, not: { subject: newsletter } }
    then: { sink: out, payload: x }
"""


@pytest.fixture(autouse=True)
def _logs_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """A logger that has written once is kept, for all tests."""
    monkeypatch.setattr("bridge.cli._logs.configure", lambda *_, **__: None)


def test_why_a_rule_does_not_match_is_told_without_what_a_not_is_content_with(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(CONFIG)
    (tmp_path / "a.eml").write_bytes(b"From: a@b.example\r\nSubject: Motion\r\n\r\nHi\r\n")
    result = CliRunner().invoke(group, ["fire", "-c", str(tmp_path / "m.yaml"), "door", str(tmp_path / "a.eml")])
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "✗ door does not match: nothing is sent",
        '  when.subject: wanted contains "door"; saw Motion',
    ]


EVENTS = """
  - { name: starred, event: flagged, when: { flags: flagged, max_age: 1m }, then: { sink: out, payload: four } }
  - { name: left, event: gone, then: { sink: out, payload: x, expires: 5m } }
  - { name: unread, event: count, when: { not: { subject: news } }, then: { sink: out, payload: "{{ count }}" } }
"""


@pytest.mark.parametrize(("rule", "octets"), [("starred", 4), ("left", 1), ("unread", 1)])
def test_a_rule_is_fired_as_if_its_event_had_happened(tmp_path: Path, rule: str, octets: int) -> None:
    (tmp_path / "m.yaml").write_text(CONFIG + EVENTS.lstrip("\n"))
    (tmp_path / "a.eml").write_bytes(b"From: a@b.example\r\nSubject: Motion\r\n\r\nHi\r\n")
    result = CliRunner().invoke(group, ["fire", "-c", str(tmp_path / "m.yaml"), rule, str(tmp_path / "a.eml")])
    told = [line for line in result.stdout.splitlines() if "delivered to the log" not in line]
    assert told == [f"→ out log: {octets} B, acknowledged logged"]
    assert result.exit_code == 0


def test_a_rule_that_would_not_count_the_mail_is_not_fired(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(CONFIG + EVENTS.lstrip("\n"))
    (tmp_path / "a.eml").write_bytes(b"From: a@b.example\r\nSubject: News\r\n\r\nHi\r\n")
    result = CliRunner().invoke(group, ["fire", "-c", str(tmp_path / "m.yaml"), "unread", str(tmp_path / "a.eml")])
    assert (result.exit_code, result.stderr.splitlines()[0]) == (1, "✗ unread does not match: nothing is sent")
