"""``mailwire backtest`` on a real Dovecot: it reads what is there, and leaves everything as it was."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.acceptance import command
from tests.servers.dovecot import Dovecot

MAILS = 30


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    """A folder in which every third mail is about motion, and one has 100 kB of text."""
    with Dovecot() as server:
        server.fill("ada", MAILS, mail=_mail)
        yield server


def _mail(number: int) -> str:
    subject = f"Motion at place{number}" if number % 3 == 0 else f"Newsletter {number}"
    text = "x" * 70 + "\r\n"
    body = text * 1_500 + "the end: 42\r\n" if number == 7 else f"temp={number}.5\r\n"
    return f"From: cam@cameras.example\r\nSubject: {subject}\r\nMessage-ID: <{number}@x>\r\n\r\n{body}"


def configuration(dovecot: Dovecot, folder: Path, name: str, *rules: dict[str, Any]) -> Path:
    written = {
        "timezone": "UTC",
        "state": f"sqlite:///{folder}/state.db",
        "mailboxes": {
            "home": {"host": "127.0.0.1", "port": dovecot.port, "tls": "none", "user": "ada", "password": "secret"}
        },
        "sinks": {"out": {"type": "log"}},
        "rules": list(rules),
    }
    path = folder / name
    path.write_text(yaml.safe_dump(written, sort_keys=False))
    return path


def motion(**changes: Any) -> dict[str, Any]:
    return {
        "name": "motion",
        "when": {"subject": r"/motion at (?P<place>\w+)/"},
        "then": {"sink": "out", "payload": {"place": "{{ place }}"}},
        "after": {"seen": True},
        **changes,
    }


def words(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_the_last_mails_are_tried_and_what_would_be_sent_is_told(dovecot: Dovecot, tmp_path: Path) -> None:
    never = {"name": "never", "when": {"subject": "no such thing"}}
    path = configuration(dovecot, tmp_path, "mailwire.yaml", motion(), never)

    done = command.mailwire("backtest", "-c", str(path), "--last", "12")

    assert (done.returncode, done.stderr) == (0, "")
    assert re.findall(r"Motion at (place\d+)", done.stdout) == [f"place{n}" for n in range(18, 30, 3)]
    assert '{"place":"place27"}' in done.stdout
    assert words(done.stdout)[-3:] == ["12 mails, 4 fire a rule", "4 motion", "0 never"]


def test_what_a_throttle_suppresses_is_told(dovecot: Dovecot, tmp_path: Path) -> None:
    path = configuration(dovecot, tmp_path, "mailwire.yaml", motion(throttle="1/1h"))

    done = command.mailwire("backtest", "-c", str(path), "--last", "6")

    assert re.findall(r"motion\s+(\S+)", done.stdout)[:2] == ["out", "suppressed"]
    assert words(done.stdout)[-2:] == ["6 mails, 1 fire a rule", "1 motion, 1 suppressed"]


def test_what_does_not_fit_on_the_screen_is_folded_and_not_cut_off(dovecot: Dovecot, tmp_path: Path) -> None:
    target = "a-place-that-takes-more-than-its-column-has"
    rule = motion(then={"sink": "out", "target": target, "payload": "x"})
    path = configuration(dovecot, tmp_path, "mailwire.yaml", rule)

    done = command.mailwire("backtest", "-c", str(path), "--last", "3", FORCE_COLOR="1", COLUMNS="80")

    assert "…" not in done.stdout
    shown = "".join(re.sub(r"\x1b\[[\d;]*m", "", line)[56:].strip() for line in done.stdout.splitlines())
    assert target in shown


def test_the_folder_is_as_it_was(dovecot: Dovecot, tmp_path: Path) -> None:
    before = {path.name for path in tmp_path.iterdir()} | {"mailwire.yaml"}

    done = command.mailwire("backtest", "-c", str(configuration(dovecot, tmp_path, "mailwire.yaml", motion())))

    assert done.returncode == 0
    with dovecot.client() as client:
        client.select_folder("INBOX", readonly=True)
        assert client.search("SEEN") == []
        assert len(client.search("ALL")) == MAILS
    assert {path.name for path in tmp_path.iterdir()} == before


def test_against_shows_only_what_differs(dovecot: Dovecot, tmp_path: Path) -> None:
    old = configuration(dovecot, tmp_path, "old.yaml", motion())
    narrower = motion(when={"subject": r"/motion at (?P<place>place[12]\d)$/"})
    new = configuration(dovecot, tmp_path, "mailwire.yaml", narrower)

    done = command.mailwire("backtest", "-c", str(new), "--against", str(old))
    same = command.mailwire("backtest", "-c", str(old), "--against", str(old))

    assert (done.returncode, done.stderr) == (0, "")
    assert re.findall(r"Motion at (place\d+)\s+(\S) motion", done.stdout) == [
        ("place0", "-"), ("place3", "-"), ("place6", "-"), ("place9", "-")
    ]  # fmt: skip
    assert words(done.stdout)[-1] == f"{MAILS} mails, 4 differ"
    assert same.stdout == f"{MAILS} mails, 0 differ\n"


def test_json_is_a_line_a_mail_and_a_rule_that_needs_it_sees_the_whole_text(dovecot: Dovecot, tmp_path: Path) -> None:
    rule = {"name": "end", "extract": {"end": {"body": r"/the end: (\d+)/", "type": "int"}}}
    path = configuration(dovecot, tmp_path, "mailwire.yaml", rule)

    done = command.mailwire("backtest", "-c", str(path), "--json")

    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == MAILS
    assert [one["rules"][0]["values"] for one in lines if one["rules"]] == [{"end": 42}]


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["--mailbox", "work"], 2, 'no mailbox is called "work"; there are: home'),
        (["--folder", "Nowhere"], 1, "INBOX"),
        (["--last", "0"], 2, "0 is not in the range"),
    ],
)
def test_what_cannot_be_tried_is_told(dovecot: Dovecot, tmp_path: Path, args: list[str], code: int, said: str) -> None:
    path = configuration(dovecot, tmp_path, "mailwire.yaml", motion())
    done = command.mailwire("backtest", "-c", str(path), *args)
    assert done.returncode == code
    assert said in done.stderr


def test_an_empty_folder_has_nothing_to_try(dovecot: Dovecot, tmp_path: Path) -> None:
    with dovecot.client() as client:
        client.create_folder("Empty")
    path = configuration(dovecot, tmp_path, "mailwire.yaml", motion())
    done = command.mailwire("backtest", "-c", str(path), "--folder", "Empty")
    assert words(done.stdout) == ["0 mails, 0 fire a rule", "0 motion"]
