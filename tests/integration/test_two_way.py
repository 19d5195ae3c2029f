"""What happens to mails after they came: starred, read, gone, counted. A real Dovecot in, a real Mosquitto out."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import servers
from tests.bridge_process import BridgeProcess, is_live
from tests.servers.dovecot import Dovecot
from tests.servers.mosquitto import Heard, Mosquitto, listening

OPTIONS = ("", "IMAP4rev1 LITERAL+ IDLE UIDPLUS MOVE")


@pytest.fixture(params=OPTIONS, ids=["notify", "plain"])
def dovecot(request: pytest.FixtureRequest) -> Iterator[Dovecot]:
    with Dovecot(capability=request.param) as server:
        yield server


@pytest.fixture
def mosquitto() -> Iterator[Mosquitto]:
    with Mosquitto() as server:
        yield server


def mail(number: int, sender: str = "boss@example.org") -> str:
    return (
        f"From: {sender}\r\nTo: ada@example.org\r\nSubject: number {number}\r\n"
        f"Message-ID: <{number}@test>\r\nDate: Mon, 02 Nov 2026 10:00:00 +0000\r\n\r\nHello {number}\r\n"
    )


def rule(event: str, **more: Any) -> dict[str, Any]:
    said = {"sink": "broker", "topic": f"mail/{event}", "payload": "{{ mail.subject }}"}
    return {"name": event, "event": event, "then": said, **more}


def house(tmp_path: Path, dovecot: Dovecot, mosquitto: Mosquitto, *rules: dict[str, Any], **more: Any) -> BridgeProcess:
    home = {"host": "127.0.0.1", "port": dovecot.port, "tls": "none", "user": "ada", "password": "secret", **more}
    return BridgeProcess(
        tmp_path,
        {
            "name": "house",
            "state": f"sqlite:///{tmp_path}/state.db",
            "mailboxes": {"home": home},
            "sinks": {"broker": {"type": "mqtt", "url": mosquitto.url}},
            "rules": list(rules),
        },
    )


def said(heard: list[Heard]) -> list[tuple[str, str]]:
    return [(one.topic.removeprefix("mail/"), one.payload.decode()) for one in heard]


async def until_said(heard: list[Heard], *wanted: tuple[str, str]) -> None:
    await servers.until(lambda: set(wanted) <= set(said(heard)), 30, what=f"{wanted}, not only {said(heard)}")


EVENTS = tuple(rule(event) for event in ("new", "flagged", "unflagged", "seen", "gone"))


async def test_what_somebody_does_to_a_mail_is_told_once(
    tmp_path: Path, dovecot: Dovecot, mosquitto: Mosquitto
) -> None:
    dovecot.deliver(mail(1))  # was there before
    async with listening(mosquitto, "mail/#") as heard:
        with house(tmp_path, dovecot, mosquitto, *EVENTS) as bridge, dovecot.client(folder="INBOX") as client:
            dovecot.deliver(mail(2))
            await until_said(heard, ("new", "number 2"))
            client.noop()
            first, second = client.search()
            client.add_flags([first], [b"\\Flagged"])
            await until_said(heard, ("flagged", "number 1"))
            client.remove_flags([first], [b"\\Flagged"])
            await until_said(heard, ("unflagged", "number 1"))
            client.add_flags([second], [b"\\Seen"])
            await until_said(heard, ("seen", "number 2"))
            client.delete_messages([second])
            client.expunge()
            await until_said(heard, ("gone", "number 2"))
            client.add_flags([first], [b"\\Flagged"])
            await servers.until(lambda: said(heard).count(("flagged", "number 1")) == 2, 30, what="the second star")
            assert bridge.stop() == 0
    assert sorted(said(heard)) == sorted(
        [
            ("new", "number 2"),
            ("flagged", "number 1"),
            ("unflagged", "number 1"),
            ("seen", "number 2"),
            ("gone", "number 2"),
            ("flagged", "number 1"),
        ]
    )
    ids = [one.properties["UserProperty"] for one in heard]
    assert len({str(one) for one in ids}) == 6, "the same mail, starred twice: two deliveries of their own"


async def test_what_happens_while_the_bridge_is_away_is_told_when_it_is_back(
    tmp_path: Path, dovecot: Dovecot, mosquitto: Mosquitto
) -> None:
    async with listening(mosquitto, "mail/#") as heard:
        bridge = house(tmp_path, dovecot, mosquitto, *EVENTS)
        with bridge:
            dovecot.deliver(mail(1))
            dovecot.deliver(mail(2))
            dovecot.deliver(mail(3))
            await until_said(heard, ("new", "number 1"), ("new", "number 2"), ("new", "number 3"))
            assert bridge.stop() == 0
        with dovecot.client(folder="INBOX") as client:
            one, two, three = client.search()
            client.add_flags([one], [b"\\Flagged"])
            client.add_flags([two], [b"\\Seen"])
            client.delete_messages([three])
            client.expunge()
        heard.clear()
        with bridge:
            await until_said(heard, ("flagged", "number 1"), ("seen", "number 2"), ("gone", "number 3"))
            assert bridge.stop() == 0
        with bridge:
            dovecot.deliver(mail(4))
            await until_said(heard, ("new", "number 4"))
            assert bridge.stop() == 0
    assert len(heard) == 4, said(heard)


async def test_what_the_bridge_does_itself_is_no_event(tmp_path: Path, dovecot: Dovecot, mosquitto: Mosquitto) -> None:
    with dovecot.client() as client:
        client.create_folder("Done")
    marks = rule("new", when={"subject": "number 1"}, after={"seen": True, "flag": "\\Flagged"})
    moves = {**rule("new", when={"subject": "number 2"}, after={"move": "Done"}), "name": "moves"}
    async with listening(mosquitto, "mail/#") as heard:
        with house(tmp_path, dovecot, mosquitto, marks, moves, *EVENTS[1:]) as bridge:
            dovecot.deliver(mail(1))
            dovecot.deliver(mail(2))
            with dovecot.client(folder="INBOX") as client:
                await servers.until(lambda: client.search([b"FLAGGED", b"SEEN"]), 30, what="the marks")
                await servers.until(lambda: client.noop() and len(client.search()) == 1, 30, what="the move")
                await servers.until(lambda: _changed(tmp_path) == 3, 30, what="the bridge knows of its own changes")
                (one,) = client.search()
                client.remove_flags([one], [b"\\Flagged"])
                await until_said(heard, ("unflagged", "number 1"))
                client.add_flags([one], [b"\\Flagged"])
                await until_said(heard, ("flagged", "number 1"))
            assert bridge.stop() == 0
    assert said(heard)[2:] == [("unflagged", "number 1"), ("flagged", "number 1")]


def _changed(folder: Path) -> int:
    """How many changes of mails the bridge has made, and knows of."""
    with contextlib.closing(sqlite3.connect(folder / "state.db")) as state:
        query = "SELECT count(*) FROM deliveries WHERE sink = '@home' AND state = 'delivered'"
        return int(state.execute(query).fetchone()[0])


async def test_one_act_on_a_mail_in_two_folders_is_told_once(
    tmp_path: Path, dovecot: Dovecot, mosquitto: Mosquitto
) -> None:
    """As with Gmail's labels: a star is seen in each folder that the mail is in."""
    with dovecot.client() as client:
        client.create_folder("Label")
    folders = {"folders": ["INBOX", "Label"]}
    async with listening(mosquitto, "mail/#") as heard:
        with house(tmp_path, dovecot, mosquitto, rule("new"), rule("flagged"), **folders) as bridge:
            bridge.until(is_live, count=2)
            with dovecot.client(folder="INBOX") as client:
                for number in (1, 2):
                    dovecot.deliver(mail(number))
                    await until_said(heard, ("new", f"number {number}"))
                    client.noop()
                    client.copy([number], "Label")
                    client.add_flags([number], [b"\\Flagged"])
                    await until_said(heard, ("flagged", f"number {number}"))
                    with dovecot.client(folder="Label") as other:
                        other.add_flags([number], [b"\\Flagged"])
            await servers.until(lambda: _starred(tmp_path) == 4, 30, what="all four stars, kept as they are")
            assert bridge.stop() == 0
    wanted = [("flagged", "number 1"), ("flagged", "number 2"), ("new", "number 1"), ("new", "number 2")]
    assert sorted(said(heard)) == wanted


def _starred(folder: Path) -> int:
    """How many mails the bridge knows to be starred."""
    with contextlib.closing(sqlite3.connect(folder / "state.db")) as state:
        return int(state.execute("SELECT count(*) FROM marks WHERE flagged").fetchone()[0])


async def test_mails_are_counted_at_the_start_and_whenever_the_number_changes(
    tmp_path: Path, dovecot: Dovecot, mosquitto: Mosquitto
) -> None:
    unread = {
        "name": "unread",
        "event": "count",
        "when": {"from": "boss@example.org", "flags": ["!seen"]},
        "then": {"sink": "broker", "topic": "mail/unread", "payload": {"n": "{{ count }}"}, "retain": True},
    }
    dovecot.deliver(mail(1))
    dovecot.deliver(mail(2))
    dovecot.deliver(mail(3, "friend@example.org"))
    async with listening(mosquitto, "mail/#") as heard:
        bridge = house(tmp_path, dovecot, mosquitto, unread)
        with bridge:
            await until_said(heard, ("unread", '{"n":2}'))
            dovecot.deliver(mail(4))
            await until_said(heard, ("unread", '{"n":3}'))
            with dovecot.client(folder="INBOX") as client:
                client.add_flags([1, 2], [b"\\Seen"])
                await until_said(heard, ("unread", '{"n":1}'))
                client.delete_messages([4])
                client.expunge()
                await until_said(heard, ("unread", '{"n":0}'))
            assert bridge.stop() == 0
        heard.clear()
        with bridge:
            bridge.until(is_live)
            await until_said(heard, ("unread", '{"n":0}'))
            assert bridge.stop() == 0
    assert [one.payload for one in heard] == [b'{"n":0}']


async def test_a_broker_that_was_away_gets_one_number_and_not_every_one_of_the_day(
    tmp_path: Path, dovecot: Dovecot, mosquitto: Mosquitto
) -> None:
    total = {
        "name": "total",
        "event": "count",
        "then": {"sink": "broker", "topic": "mail/total", "payload": "{{ count }}", "retain": True},
    }
    with house(tmp_path, dovecot, mosquitto, total) as bridge:
        async with listening(mosquitto, "mail/#") as heard:
            await until_said(heard, ("total", "0"))
            mosquitto.stop()
            for number in range(10):
                dovecot.deliver(mail(number))
            await servers.until(lambda: _counted(bridge) >= 2, 30, what="some counts")
            mosquitto.start()
            await until_said(heard, ("total", "10"))
        assert bridge.stop() == 0
    assert len(heard) < 8, said(heard)


def _counted(bridge: BridgeProcess) -> int:
    return sum(line["event"] == "a rule fired" and line["rule"] == "total" for line in bridge.log)
