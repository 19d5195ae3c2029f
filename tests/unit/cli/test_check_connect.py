"""``mailwire check --connect``: the words for what was found."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bridge import config, connecting, errors
from bridge.cli import _connect, group
from bridge.sources.imap import trial

ALL = frozenset({b"IMAP4REV1", b"IDLE", b"NOTIFY", b"MOVE", b"UIDPLUS"})


def settings(**changes: object) -> config.Settings:
    home = {"host": "imap.example.org", "user": "me", "password": "very-secret", **changes}
    return config.Settings.model_validate({"mailboxes": {"home": home}})


def server(
    *folders: trial.Folder,
    without: set[bytes] | None = None,
    round_trips: int | None = 0,
    tls: str = "TLSv1.3",
) -> trial.Server:
    return trial.Server(tls=tls, capabilities=ALL - (without or set()), round_trips=round_trips, folders=folders)


def told(found: trial.Server, **changes: object) -> list[str]:
    return list(map(plain, _connect.lines(connecting.Mailbox(name="home", server=found), settings(**changes))))


def plain(line: str) -> str:
    return click.unstyle(line)


def test_a_server_that_can_do_everything_takes_one_line() -> None:
    assert told(server()) == [
        "mailbox home: imap.example.org:993, implicit TLS 1.3; IDLE, NOTIFY, MOVE, UIDPLUS; a push takes 0 round trips"
    ]


@pytest.mark.parametrize(
    ("changes", "tls", "words"),
    [
        ({"tls": "starttls"}, "TLSv1.2", "imap.example.org:143, STARTTLS, TLS 1.2;"),
        ({"tls": "none", "port": 1143}, "", "imap.example.org:1143, no TLS;"),
    ],
)
def test_how_the_connection_is_secured_is_told(changes: dict[str, object], tls: str, words: str) -> None:
    assert words in told(server(tls=tls), **changes)[0]


@pytest.mark.parametrize(
    ("without", "round_trips", "words"),
    [
        ({b"NOTIFY"}, 1, "IDLE, MOVE, UIDPLUS; a push takes 1 round trip"),
        ({b"NOTIFY"}, 2, "IDLE, MOVE, UIDPLUS; a push takes 2 round trips"),
        ({b"NOTIFY", b"IDLE"}, None, "MOVE, UIDPLUS; no IDLE: polling every 60s"),
        (set(), None, "IDLE, NOTIFY, MOVE, UIDPLUS; it refuses IDLE: polling every 60s"),
        (set(ALL), None, "plain IMAP; no IDLE: polling every 60s"),
    ],
)
def test_what_a_push_costs_is_told(without: set[bytes], round_trips: int | None, words: str) -> None:
    assert told(server(without=without, round_trips=round_trips))[0].endswith(words)


@pytest.mark.parametrize(
    ("without", "words"),
    [
        ({b"MOVE"}, ["  no MOVE: a mail that is moved is copied and deleted"]),
        ({b"UIDPLUS"}, ["  no UIDPLUS: a mail that is deleted is only marked \\Deleted"]),
        (
            {b"MOVE", b"UIDPLUS"},
            [
                "  no MOVE: a mail that is moved is copied and then only marked \\Deleted where it was",
                "  no UIDPLUS: a mail that is deleted is only marked \\Deleted",
            ],
        ),
    ],
)
def test_what_is_missing_is_told_by_what_it_costs(without: set[bytes], words: list[str]) -> None:
    assert told(server(without=without))[1:] == words


def test_each_folder_has_a_line_and_one_that_is_missing_makes_the_mailbox_ill() -> None:
    missing = "there is no folder 'Alarms'; the mailbox has: INBOX"
    found = server(trial.Folder(name="INBOX", mails=1), trial.Folder(name="Alarms", fault=missing))
    assert told(found)[1:] == ["  folder INBOX: 1 message", f"  folder Alarms: {missing}"]
    assert not connecting.Mailbox(name="home", server=found).well
    assert connecting.Mailbox(name="home", server=server(trial.Folder(name="INBOX"))).well


def test_what_a_server_says_stays_on_one_line_and_commands_no_terminal() -> None:
    found = connecting.Mailbox(name="home", fault="it says \x1b[2J\r\nmailbox home: fine")
    assert [plain(line) for line in _connect.lines(found, settings())] == [
        "mailbox home: it says  [2J  mailbox home: fine"
    ]


def test_a_sink_has_a_line() -> None:
    good, bad = connecting.Sink(name="a", said="lamp:5683; it answers a ping"), connecting.Sink(name="b", fault="away")
    assert [plain(line) for sink in (good, bad) for line in _connect.lines(sink, settings())] == [
        "sink a: lamp:5683; it answers a ping",
        "sink b: away",
    ]


def test_with_faults_in_the_configuration_nothing_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_connect, "run", lambda _: pytest.fail("it was tried"))
    (tmp_path / "m.yaml").write_text("mailboxes:\n  home: { host: h.example, user: u, pasword: p }\n")
    result = CliRunner().invoke(group, ["check", "-c", str(tmp_path / "m.yaml"), "--connect"])
    assert isinstance(result.exception, errors.ConfigError)  # which the command makes exit 2 of
    assert result.stdout == ""


def test_a_configuration_with_nothing_to_connect_to_is_well(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("sinks:\n  out: { type: log }\n")
    result = CliRunner().invoke(group, ["check", "-c", str(tmp_path / "m.yaml"), "--connect"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[1:] == ["sink out: ready", "connections: all well"]
