"""``mailwire check --connect`` with real servers."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge import config, connecting
from tests import servers
from tests.acceptance import command
from tests.servers import broker as scripted
from tests.servers import personalities, played
from tests.servers.dovecot import Dovecot
from tests.servers.libcoap import Libcoap
from tests.servers.mosquitto import Mosquitto, listening

POORER = "IMAP4rev1 LITERAL+ SASL-IR LOGIN-REFERRALS ID ENABLE"


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with Dovecot(users={"ada": "quite-secret"}) as server:
        yield server


@pytest.fixture(scope="module")
def mosquitto() -> Iterator[Mosquitto]:
    with Mosquitto() as server:
        yield server


def mailbox(server: Dovecot, **changes: Any) -> dict[str, Any]:
    plain = {"host": server.host, "port": server.port, "tls": "none", "user": "ada", "password": "quite-secret"}
    return {**plain, "timeout": "5s", **changes}


async def tried(**written: Any) -> connecting.Tried:
    settings = config.Settings.model_validate(written)
    (found,) = await connecting.try_all(settings, noted=lambda _: None)
    return found


async def tried_mailbox(home: dict[str, Any]) -> connecting.Mailbox:
    found = await tried(mailboxes={"home": home})
    assert isinstance(found, connecting.Mailbox)
    return found


async def tried_sink(**sink: Any) -> connecting.Sink:
    found = await tried(sinks={"out": sink})
    assert isinstance(found, connecting.Sink)
    return found


@pytest.mark.parametrize("tls", ["implicit", "starttls", "none"])
async def test_a_mailbox_that_is_well(dovecot: Dovecot, tls: str) -> None:
    port = dovecot.tls_port if tls == "implicit" else dovecot.port
    ca_file = None if tls == "none" else str(dovecot.ca_file)
    found = await tried_mailbox(mailbox(dovecot, tls=tls, port=port, ca_file=ca_file))
    assert found.well, found.fault
    assert found.server is not None
    assert found.server.tls == ("" if tls == "none" else "TLSv1.3")
    assert found.server.round_trips == 0
    assert {b"IDLE", b"NOTIFY", b"MOVE", b"UIDPLUS"} <= found.server.capabilities


@pytest.mark.parametrize(("more", "round_trips"), [("", None), (" IDLE", 1), (" IDLE NOTIFY", 0)])
async def test_what_a_push_takes_follows_from_what_the_server_can_do(more: str, round_trips: int | None) -> None:
    with Dovecot(users={"ada": "quite-secret"}, capability=POORER + more) as server:
        found = await tried_mailbox(mailbox(server))
    assert found.server is not None, found.fault
    assert found.server.round_trips == round_trips
    assert not found.server.capabilities & {b"MOVE", b"UIDPLUS"}


class RefusesNotify(played.Account):
    """Offers NOTIFY, and does not do it."""

    after = "IMAP4rev1 IDLE NOTIFY"

    def notify(self, session: played.Session, tag: str, _command: str) -> None:
        session.peer.send(f"{tag} NO not today\r\n")


class OneByOne(played.Account):
    """Hangs up on who sends several commands at once."""

    def noop(self, session: played.Session, _tag: str, _command: str) -> None:
        session.peer.hang_up()


class OnlyInAFolder(played.Account):
    """Has INBOX alone, and NOTIFY for whoever has it open."""

    after = "IMAP4rev1 IDLE NOTIFY"

    def examine(self, session: played.Session, tag: str, command: str) -> None:
        session.selected = "INBOX" in command
        if session.selected:
            super().examine(session, tag, command)
        else:
            session.peer.send(f"{tag} NO there is none\r\n")

    def notify(self, session: played.Session, tag: str, _command: str) -> None:
        session.peer.send(f"{tag} {'OK' if session.selected else 'NO'} NOTIFY\r\n")


async def test_pushes_are_asked_for_in_a_folder_that_is_there() -> None:
    with OnlyInAFolder().served() as server:
        home = {"host": server.host, "port": server.port, "tls": "none", "user": "ada", "password": "x"}
        found = await tried_mailbox({**home, "folders": ["INBOX", "Alarms"]})
    assert found.server is not None, found.fault
    assert found.server.round_trips == 0
    assert [bool(folder.fault) for folder in found.server.folders] == [False, True]


@pytest.mark.parametrize(
    ("account", "round_trips"),
    [(played.Account, 1), (RefusesNotify, 1), (OneByOne, 2), (personalities.RefusesIdle, None)],
)
async def test_what_a_server_offers_is_tried_and_not_believed(
    account: type[played.Account], round_trips: int | None
) -> None:
    with account().served() as server:
        home = {"host": server.host, "port": server.port, "tls": "none", "user": "ada", "password": "x"}
        found = await tried_mailbox(home)
    assert found.server is not None, found.fault
    assert found.server.round_trips == round_trips
    assert found.well


async def test_looking_marks_nothing(dovecot: Dovecot) -> None:
    await asyncio.to_thread(dovecot.deliver, count=2)
    found = await tried_mailbox(mailbox(dovecot))
    assert found.server is not None
    assert [folder.mails for folder in found.server.folders] == [2]
    with dovecot.client("ada") as imap:
        imap.select_folder("INBOX", readonly=True)
        assert len(imap.search("UNSEEN")) == 2
        assert len(imap.search("RECENT")) == 2


async def test_a_folder_that_is_missing_is_told_with_those_that_are_there(dovecot: Dovecot) -> None:
    found = await tried_mailbox(mailbox(dovecot, folders=["INBOX", "Alarms"]))
    assert found.server is not None
    inbox, alarms = found.server.folders
    assert inbox.fault == ""
    assert alarms.fault == "there is no folder 'Alarms'; the mailbox has: INBOX"
    assert found.server.round_trips == 0, "the folder that is there can be watched all the same"
    assert not found.well


async def test_a_wrong_password_is_told_and_not_shown(dovecot: Dovecot) -> None:
    found = await tried_mailbox(mailbox(dovecot, password="wrong-secret"))
    assert "refuses the credentials" in found.fault
    assert "wrong-secret" not in found.fault
    assert not found.well


async def test_nobody_listens() -> None:
    port = servers.free_port()
    home = {"host": "127.0.0.1", "port": port, "tls": "none", "user": "ada", "password": "x"}
    found = await tried_mailbox(home)
    assert found.fault.startswith(f"127.0.0.1:{port}: cannot be reached")


async def test_a_server_that_is_silent_is_given_up_at_the_deadline() -> None:
    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    writers: list[asyncio.StreamWriter] = []
    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        home = {"host": "127.0.0.1", "port": port, "tls": "none", "user": "ada", "password": "x", "timeout": "200ms"}
        found = await tried_mailbox(home)
        for writer in writers:
            writer.close()
    assert "within 0.2 s" in found.fault


async def test_the_certificate_of_an_unknown_ca(dovecot: Dovecot) -> None:
    found = await tried_mailbox(mailbox(dovecot, tls="implicit", port=dovecot.tls_port))
    assert "its certificate cannot be trusted" in found.fault


async def test_a_mailbox_that_nobody_signed_in_to_says_what_to_do(tmp_path: Path, dovecot: Dovecot) -> None:
    home = mailbox(dovecot, oauth={"provider": "google", "client_id": "c", "client_secret": "s"})
    del home["password"]
    found = await tried(mailboxes={"home": home}, state=f"sqlite:///{tmp_path}/state.db")
    assert "mailwire login home" in found.fault


async def test_a_broker_lets_in_a_guest_who_publishes_nothing(mosquitto: Mosquitto) -> None:
    async with listening(mosquitto) as heard:
        found = await tried_sink(type="mqtt", url=mosquitto.url)
    assert found.well, found.fault
    assert found.said == f"127.0.0.1:{mosquitto.port}, MQTT 5; it lets us in"
    assert heard == []


async def test_a_broker_that_refuses_the_password() -> None:
    with Mosquitto(users={"mailwire": "right"}) as broker:
        found = await tried_sink(type="mqtt", url=broker.url, user="mailwire", password="wrong-secret")
    assert "it refuses user 'mailwire'" in found.fault
    assert "wrong-secret" not in found.fault


@pytest.mark.parametrize("refusal", [scripted.connack(0x84), None, b""], ids=["0x84", "closed", "silent"])
async def test_a_broker_that_does_not_speak_version_5_is_reached_all_the_same(refusal: bytes | None) -> None:
    async with scripted.Broker(hello=lambda level: refusal if level == 5 else scripted.ACCEPT_311) as broker:
        found = await tried_sink(type="mqtt", url=broker.url, timeout="1s", retry_min="10ms")
    assert found.said.endswith(", MQTT 3.1.1; it lets us in"), found.fault


async def test_a_broker_that_never_answers_is_told_after_its_time() -> None:
    async with scripted.Broker(hello=lambda _: b"") as broker:
        found = await tried_sink(type="mqtt", url=broker.url, timeout="200ms")
    assert "does not answer to CONNECT" in found.fault


@pytest.mark.parametrize("kind", ["mqtt", "http", "coap"])
async def test_a_sink_where_nobody_listens(kind: str) -> None:
    port = servers.free_port()
    found = await tried_sink(type=kind, url=f"{kind}://127.0.0.1:{port}")
    assert (found.said, found.fault) == ("", f"127.0.0.1:{port}: nothing listens there")


async def test_a_coap_device_answers_a_ping_and_is_asked_for_nothing() -> None:
    with Libcoap() as device:
        found = await tried_sink(type="coap", url=device.url)
        log = device.log
    assert found.said == f"127.0.0.1:{device.port}; it answers a ping"
    assert set(re.findall(r" c:(\S+)", log)) == {"0.00"}, "empty messages, and no request"


async def test_a_ping_that_is_lost_is_sent_again_and_one_that_is_never_answered_is_told() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.bind(("127.0.0.1", 0))
        device.settimeout(10)
        port = device.getsockname()[1]
        trying = asyncio.create_task(tried_sink(type="coap", url=f"coap://127.0.0.1:{port}", timeout="600ms"))
        heard = [await asyncio.to_thread(device.recvfrom, 64) for _ in range(3)]
        assert len({octets for octets, _ in heard}) == 1, "the same message, which a device answers once"
        assert (await trying).fault == f"127.0.0.1:{port}: it does not answer"


async def test_a_web_server_is_connected_to_and_asked_for_nothing() -> None:
    heard: list[bytes] = []
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read())
        writer.close()
        ended.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        found = await tried_sink(type="http", url=f"http://127.0.0.1:{port}/hook", token="secret-token")
        await asyncio.wait_for(ended.wait(), 10)
    assert found.said == f"127.0.0.1:{port}, no TLS; it can be connected to, and was asked for nothing"
    assert heard == [b""]


async def check(folder: Path, **written: Any) -> subprocess.CompletedProcess[str]:
    path = folder / "mailwire.yaml"
    path.write_text(yaml.safe_dump(written, sort_keys=False))
    return await asyncio.to_thread(command.mailwire, "check", "--connect", "-c", str(path))


async def test_the_command_when_all_is_well(tmp_path: Path, dovecot: Dovecot, mosquitto: Mosquitto) -> None:
    done = await check(
        tmp_path,
        mailboxes={"home": mailbox(dovecot)},
        sinks={"broker": {"type": "mqtt", "url": mosquitto.url}, "out": {"type": "log"}},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "quite-secret" not in done.stdout
    assert done.stdout.splitlines()[1] == (
        f"mailbox home: 127.0.0.1:{dovecot.port}, no TLS; IDLE, NOTIFY, MOVE, UIDPLUS; a push takes 0 round trips"
    )
    assert done.stdout.splitlines()[2].startswith("  folder INBOX: ")
    assert done.stdout.splitlines()[3:] == [
        f"sink broker: 127.0.0.1:{mosquitto.port}, MQTT 5; it lets us in",
        "sink out: ready",
        "connections: all well",
    ]


async def test_the_command_tells_all_that_fails_and_exits_1(tmp_path: Path, dovecot: Dovecot) -> None:
    done = await check(
        tmp_path,
        mailboxes={"home": mailbox(dovecot, folders=["Alarms"]), "work": mailbox(dovecot, password="wrong-secret")},
        sinks={"broker": {"type": "mqtt", "url": f"mqtt://127.0.0.1:{servers.free_port()}"}, "out": {"type": "log"}},
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert "there is no folder 'Alarms'; the mailbox has: INBOX" in done.stdout
    assert "the server refuses the credentials" in done.stdout
    assert "nothing listens there" in done.stdout
    assert "secret" not in done.stdout
    assert done.stdout.splitlines()[-1] == "connections: 3 of 4 not as they should be"


async def test_with_a_fault_in_the_configuration_nothing_is_tried(tmp_path: Path, dovecot: Dovecot) -> None:
    before = dovecot.log().count("user=<ada>")
    done = await check(tmp_path, mailboxes={"home": mailbox(dovecot)}, sinks={"out": {"type": "lgo"}})
    assert (done.returncode, done.stdout) == (2, "")
    assert "sinks.out.type" in done.stderr
    assert dovecot.log().count("user=<ada>") == before
