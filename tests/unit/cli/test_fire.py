"""``mailwire fire``: what is told of a rule that does not match, for which nothing is opened."""

from __future__ import annotations

from pathlib import Path

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


def test_why_a_rule_does_not_match_is_told_without_what_a_not_is_content_with(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(CONFIG)
    (tmp_path / "a.eml").write_bytes(b"From: a@b.example\r\nSubject: Motion\r\n\r\nHi\r\n")
    result = CliRunner().invoke(group, ["fire", "-c", str(tmp_path / "m.yaml"), "door", str(tmp_path / "a.eml")])
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "✗ door does not match: nothing is sent",
        '  when.subject: wanted contains "door"; saw Motion',
    ]
