"""``mailwire check --tests``: the rules' own tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bridge.cli import group

CONFIG = """
timezone: Europe/Berlin
mailboxes:
  home: { host: h.example, user: u, password: p }
  work: { host: w.example, user: u, password: p, folders: [Work] }
sinks:
  out: { type: log }
rules:
  - name: urgent
    when: { subject: urgent }
    stop: true
  - name: motion
    mailboxes: [work]
    when: { subject: '/motion at (?P<place>\\w+)/', folder: Work }
    then: { sink: out, payload: { place: "{{ place }}" } }
    tests:
      - { mail: mails/motion.eml, expect: { values: { place: Hall } } }
      - { mail: mails/news.eml, expect: false }
"""
MAIL = b"From: cam@cameras.example\r\nSubject: Motion at Hall\r\nDate: Sun, 1 Nov 2026 11:00 +0100\r\n\r\nHi\r\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mails").mkdir()
    (tmp_path / "mails" / "motion.eml").write_bytes(MAIL)
    (tmp_path / "mails" / "news.eml").write_bytes(MAIL.replace(b"Motion", b"News"))
    (tmp_path / "mails" / "urgent.eml").write_bytes(MAIL.replace(b"Subject: ", b"Subject: Urgent: "))
    return tmp_path


def check(folder: Path, text: str, *args: str) -> Result:
    (folder / "m.yaml").write_text(text)
    return CliRunner().invoke(group, ["check", "-c", str(folder / "m.yaml"), *args])


def test_a_rules_tests_are_run_only_on_request(folder: Path) -> None:
    failing = CONFIG.replace("expect: false", "expect: true")
    assert check(folder, failing).exit_code == 0
    assert check(folder, failing, "--tests").exit_code == 1


def test_tests_that_pass_are_counted(folder: Path) -> None:
    result = check(folder, CONFIG, "--tests")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1] == "2 tests: all passed"


def test_a_test_that_fails_is_told_with_its_line(folder: Path) -> None:
    result = check(folder, CONFIG.replace("Hall }", "Kitchen }"), "--tests")
    assert result.exit_code == 1
    assert result.stderr == (
        f'{folder}/m.yaml:17:62: rules.1.tests.0.expect.values.place: expected "Kitchen", got "Hall"\n'
    )
    assert result.stdout.splitlines()[-1] == "2 tests: 1 failed"


def test_a_mail_is_looked_at_by_the_rules_in_their_order(folder: Path) -> None:
    result = check(folder, CONFIG.replace("mails/motion.eml", "mails/urgent.eml"), "--tests")
    assert "expected to match: stop: wanted no earlier rule stops; saw urgent stopped" in result.stderr
    stopped = "- { mail: mails/urgent.eml, expect: { because: stop } }"
    assert check(folder, f"{CONFIG}      {stopped}\n", "--tests").exit_code == 0


EVENTS = """
  - name: unread
    event: count
    when: { flags: "!seen", subject: motion }
    then: { sink: out }
    tests:
      - { mail: [mails/motion.eml, mails/news.eml, mails/urgent.eml], expect: { payload: "2", values: { count: 2 } } }
      - { mail: [mails/motion.eml, mails/news.eml], expect: { because: when.subject } }
      - { mail: mails/motion.eml, flags: [seen, $x], expect: false }
  - name: starred
    event: flagged
    when: { flags: flagged }
    then: { sink: out, payload: x, expires: 5m }
    tests:
      - { mail: mails/motion.eml, at: "2026-12-24T07:30", expect: { payload: x, options: { expires_s: 300 } } }
"""


def test_a_rule_is_tested_with_its_own_event(folder: Path) -> None:
    result = check(folder, CONFIG + EVENTS.lstrip("\n"), "--tests")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1] == "6 tests: all passed"


@pytest.mark.parametrize(
    ("test", "place", "said"),
    [
        ("{ mail: mails/gone.eml }", "mail", "2.mail: mails/gone.eml: No such file or directory"),
        ("{ mail: [mails/news.eml, ./gone.eml] }", "mail", "2.mail: ./gone.eml: No such file or directory"),
        ("{ mail: mails/motion.eml, mailbox: wrok }", "mailbox", 'no mailbox is called "wrok"; there are: home, work'),
        ("{ mail: mails/motion.eml, at: noon }", "at", '"noon" is no time'),
    ],
)
def test_a_test_that_cannot_be_run_fails_and_says_why(folder: Path, test: str, place: str, said: str) -> None:
    result = check(folder, f"{CONFIG}      - {test}\n", "--tests")
    assert result.exit_code == 1
    assert f"rules.1.tests.2.{place}: " in result.stderr
    assert said in result.stderr


def test_a_configuration_without_tests_says_so(folder: Path) -> None:
    result = check(folder, CONFIG[: CONFIG.index("    tests:")], "--tests")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "no rule has tests")


def test_a_warning_is_told_with_its_place_and_changes_nothing(folder: Path) -> None:
    branches = CONFIG.replace("subject: urgent", "any: [{ subject: '/at (?P<place>\\w+)/' }, { subject: urgent }]")
    warned = branches.replace("stop: true", 'then: { sink: out, target: "/to/{{ place }}", payload: x }')
    result = check(folder, warned)
    place = f"{folder}/m.yaml:11:32: rules.0.then.target: warning: "
    assert result.stderr.splitlines() == [
        f'{place}"place" may be missing: only when.any.0.subject finds it; the delivery would be dead '
        '(write {{ place | default("…") }})',
        f'{place}is sent as "_/to/{{{{ place }}}}": a segment cannot be empty (leave out the "/" at the start)',
    ]
    assert (result.exit_code, "no faults, 2 warnings" in result.stdout) == (0, True)
