"""``mailwire selftest`` with real servers, beside a bridge that runs, and stopped in the middle."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import servers
from tests.acceptance import command
from tests.bridge_process import BridgeProcess
from tests.servers import http
from tests.servers.appending import Appending
from tests.servers.dovecot import Dovecot
from tests.servers.libcoap import Libcoap
from tests.servers.mosquitto import Heard, Mosquitto, listening

HOPS = ["connect", "append", "push", "fetch", "delete"]


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with Dovecot.shared() as server:
        yield server


@pytest.fixture(scope="module")
def mosquitto() -> Iterator[Mosquitto]:
    with Mosquitto() as server:
        yield server


@pytest.fixture(scope="module")
def libcoap() -> Iterator[Libcoap]:
    with Libcoap() as server:
        yield server


@pytest.fixture
def user(dovecot: Dovecot) -> str:
    return dovecot.fresh()


def mailbox(server: Any, user: str = "ada", **more: Any) -> dict[str, Any]:
    return {"host": server.host, "port": server.port, "tls": "none", "user": user, "password": "secret", **more}


def configuration(folder: Path, **more: Any) -> dict[str, Any]:
    return {"name": "house", "state": f"sqlite:///{folder}/state.db", **more}


def written(folder: Path, **more: Any) -> Path:
    path = folder / "mailwire.yaml"
    path.write_text(yaml.safe_dump(configuration(folder, **more), sort_keys=False))
    return path


async def selftest(path: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(command.mailwire, "selftest", "-c", str(path), *args)


async def facts(path: Path, *args: str) -> dict[str, Any]:
    done = await selftest(path, "--json", *args)
    assert done.stderr == ""
    told: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if told["ok"] else 1)
    return told


def failure(told: dict[str, Any]) -> dict[str, Any]:
    """The one hop that failed, and nothing came behind it."""
    (tested,) = told["tested"]
    assert [hop["ok"] for hop in tested["hops"]] == [True] * (len(tested["hops"]) - 1) + [False]
    hop: dict[str, Any] = tested["hops"][-1]
    assert hop["todo"]
    return hop


def mails(server: Dovecot, user: str, folder: str = "INBOX") -> list[int]:
    with server.client(user, folder=folder) as client:
        return list(client.search())


async def test_all_hops_are_timed_and_nothing_is_left_behind(
    tmp_path: Path, dovecot: Dovecot, user: str, mosquitto: Mosquitto, libcoap: Libcoap
) -> None:
    async with http.Server() as hook, listening(mosquitto) as heard:
        path = written(
            tmp_path,
            mailboxes={"home": mailbox(dovecot, user)},
            sinks={
                "broker": {"type": "mqtt", "url": mosquitto.url},
                "lamp": {"type": "coap", "url": libcoap.url},
                "hook": {"type": "http", "url": f"{hook.url}/mail"},
            },
        )
        done = await selftest(path)
        assert hook.requests == []
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("selftest: all well\n")
    places = [done.stdout.index(word) for word in ("mailbox home", *HOPS, "sink broker", "subscribe", "receive")]
    assert places == sorted(places)
    assert "it answers a ping" in done.stdout
    assert mails(dovecot, user) == []
    (message,) = heard  # not even `online` or `offline`: a bridge may be running
    assert (message.topic, message.retain) == ("mailwire/house/selftest", False)
    assert [file.name for file in tmp_path.iterdir() if "state.db" in file.name] == ["state.db.canary-key"]


async def test_one_mailbox_alone_and_its_canary_s_folder(tmp_path: Path, dovecot: Dovecot, user: str) -> None:
    with dovecot.client(user) as client:
        client.create_folder("Alarms")
    home = mailbox(dovecot, user, folders=["INBOX", "Alarms"], canary={"folder": "Alarms"})
    other = {"host": "127.0.0.1", "port": servers.free_port(), "tls": "none", "user": "x", "password": "x"}
    path = written(tmp_path, mailboxes={"home": home, "other": other})
    told = await facts(path, "--mailbox", "home")
    (tested,) = told["tested"]
    assert (tested["name"], tested["ok"]) == ("home", True)
    assert [hop["hop"] for hop in tested["hops"]] == HOPS
    assert all(hop["seconds"] >= 0 for hop in tested["hops"])
    assert tested["hops"][1]["said"] == "into Alarms"
    both = await facts(path)
    assert [tested["ok"] for tested in both["tested"]] == [True, False]


async def test_a_mailbox_that_there_is_not(tmp_path: Path) -> None:
    done = await selftest(written(tmp_path, mailboxes={}), "--mailbox", "home")
    assert done.returncode == 2
    assert 'no mailbox is called "home"' in done.stderr


async def test_a_wrong_password_is_told_at_once(tmp_path: Path, dovecot: Dovecot, user: str) -> None:
    hop = failure(await facts(written(tmp_path, mailboxes={"home": mailbox(dovecot, user, password="wrong-one")})))
    assert hop["hop"] == "connect"
    assert "refuses the credentials" in hop["fault"]
    assert "wrong-one" not in str(hop)


async def test_a_folder_that_is_missing_is_told_at_once(tmp_path: Path, dovecot: Dovecot, user: str) -> None:
    hop = failure(await facts(written(tmp_path, mailboxes={"home": mailbox(dovecot, user, folders=["Nowhere"])})))
    assert hop["hop"] == "connect"
    assert "there is no folder 'Nowhere'" in hop["fault"]
    assert "folders" in hop["todo"]


async def test_over_quota(tmp_path: Path) -> None:
    with Dovecot(quota="*:bytes=100") as full:
        done = await selftest(written(tmp_path, mailboxes={"home": mailbox(full)}))
    assert done.returncode == 1
    assert "mailbox home: append: the mailbox is over quota" in done.stdout
    assert "what to do: make room in the mailbox" in done.stdout
    assert done.stdout.endswith("selftest: 1 of 1 failed\n")


async def test_a_push_that_does_not_come_fails_and_the_mail_is_deleted(tmp_path: Path) -> None:
    account = Appending()
    account.tells = False
    with account.served() as server:
        home = mailbox(server, canary={"late": "200ms"})
        told = await facts(written(tmp_path, mailboxes={"home": home}))
    hops = {hop["hop"]: hop for hop in told["tested"][0]["hops"]}
    assert list(hops) == ["connect", "append", "push", "delete"]
    assert "its push is dead" in hops["push"]["fault"]
    assert "looking every 300s (mailboxes.home.reconcile)" in hops["push"]["todo"]
    assert hops["delete"]["ok"]
    assert account.letters == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_stopped_while_it_waits_it_deletes_its_mail_all_the_same(tmp_path: Path, number: signal.Signals) -> None:
    account = Appending()
    account.tells = False
    with account.served() as server:
        path = written(tmp_path, mailboxes={"home": mailbox(server)})
        process = await asyncio.create_subprocess_exec(
            *command.argv("selftest", "-c", str(path)),
            env=command.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job ignores it
        )
        await servers.until(lambda: account.letters, 30, what="the canary")
        process.send_signal(number)
        _, said = await asyncio.wait_for(process.communicate(), 30)
    assert said.strip() == b"interrupted"
    assert process.returncode == 130
    assert account.letters == []


@pytest.mark.parametrize(
    ("rights", "hop", "fault"),
    [
        ("topic readwrite mailwire/+/state\ntopic read #", "publish", "does not allow to publish"),
        ("topic write #", "receive", "did not bring it back"),
    ],
)
async def test_a_broker_that_does_not_let_us(tmp_path: Path, rights: str, hop: str, fault: str) -> None:
    with servers.folder() as folder, contextlib.ExitStack() as stack:
        rules = folder / "acl"
        rules.write_text(rights + "\n")
        servers.give(rules)
        broker = stack.enter_context(Mosquitto(lines=(f"acl_file {rules}",)))
        sinks = {"broker": {"type": "mqtt", "url": broker.url, "timeout": "1s"}}
        found = failure(await facts(written(tmp_path, sinks=sinks)))
    assert found["hop"] == hop
    assert fault in found["fault"]
    assert "mailwire/house/selftest" in found["todo"]


async def test_far_ends_that_are_away(tmp_path: Path) -> None:
    port = servers.free_port()
    sinks = {kind: {"type": kind, "url": f"{kind}://127.0.0.1:{port}", "timeout": "1s"} for kind in ("coap", "http")}
    sinks["broker"] = {"type": "mqtt", "url": f"mqtt://127.0.0.1:{port}", "timeout": "1s"}
    told = await facts(written(tmp_path, sinks=sinks))
    assert [tested["ok"] for tested in told["tested"]] == [False] * 3
    assert [tested["hops"][0]["hop"] for tested in told["tested"]] == ["reach", "reach", "connect"]


async def test_nothing_to_test(tmp_path: Path) -> None:
    done = await selftest(written(tmp_path))
    assert (done.returncode, done.stdout) == (0, "selftest: there is nothing to test\n")


# Beside a bridge that runs

EVERY_MAIL = {
    "name": "every-mail",
    "when": {"automatic": "any"},
    "then": {"sink": "broker", "topic": "home/mail", "payload": "{{ mail.subject }}"},
}


def running(folder: Path, home: dict[str, Any], mosquitto: Mosquitto) -> BridgeProcess:
    sinks = {"broker": {"type": "mqtt", "url": mosquitto.url}}
    return BridgeProcess(folder, configuration(folder, mailboxes={"home": home}, sinks=sinks, rules=[EVERY_MAIL]))


def subjects(heard: list[Heard]) -> list[str]:
    return [message.payload.decode() for message in heard if message.topic == "home/mail"]


def said(heard: list[Heard], event: str) -> list[dict[str, Any]]:
    told = [json.loads(message.payload) for message in heard if message.topic.endswith("/events")]
    return [one for one in told if one["event"] == event]


async def test_no_rule_of_a_bridge_that_runs_fires(
    tmp_path: Path, dovecot: Dovecot, user: str, mosquitto: Mosquitto
) -> None:
    """Nor is the bridge put off at the broker, nor does anybody take the test for its news."""
    async with listening(mosquitto) as heard:
        with running(tmp_path, mailbox(dovecot, user), mosquitto) as bridge:
            await servers.until(lambda: any(one.payload == b"online" for one in heard), 30, what="the bridge online")
            told = await facts(bridge.config)
            assert told["ok"]
            dovecot.deliver(to=user, subject="a real one")
            await servers.until(lambda: subjects(heard), 30, what="the real one")
            assert subjects(heard) == ["a real one"]
            assert [one["rule"] for one in said(heard, "rule_fired")] == ["every-mail"]
            assert [one.payload for one in heard if one.topic.endswith("/state")][-1] == b"online"
            assert bridge.stop() == 0
    assert not [line for line in bridge.log if line.get("level") in {"warning", "error"}]


async def test_a_bridge_s_own_canary_fires_no_rule_and_is_told(
    tmp_path: Path, dovecot: Dovecot, user: str, mosquitto: Mosquitto
) -> None:
    home = mailbox(dovecot, user, canary={"every": "6s", "late": "5900ms"})
    async with listening(mosquitto) as heard:
        with running(tmp_path, home, mosquitto) as bridge:
            await servers.until(lambda: len(said(heard, "canary_came")) >= 2, 30, what="two canaries")
            dovecot.deliver(to=user, subject="a real one")
            await servers.until(lambda: subjects(heard), 30, what="the real one")
            assert (await facts(bridge.config))["ok"], "a test beside it"
            assert bridge.stop() == 0
    assert subjects(heard) == ["a real one"]
    assert said(heard, "canary_lost") == []
    assert len(mails(dovecot, user)) == 1
    (state, *_) = said(heard, "canary_came")
    assert (state["mailbox"], state["folder"]) == ("home", "INBOX")
    assert state["total_s"] >= state["push_s"] >= 0
    key = (tmp_path / "state.db.canary-key").read_bytes()
    assert key.hex() not in str(bridge.log)
    assert "canary" not in str([line for line in bridge.log if line.get("level") == "info"])


async def test_what_a_killed_bridge_leaves_behind_goes_at_the_next_start(
    tmp_path: Path, dovecot: Dovecot, user: str, mosquitto: Mosquitto
) -> None:
    home = mailbox(dovecot, user, canary={"every": "3s", "late": "2900ms"})
    async with listening(mosquitto) as heard:
        with running(tmp_path, home, mosquitto) as bridge:
            while not mails(dovecot, user):  # Dovecot takes half a second to tell of it
                await asyncio.sleep(0)
            bridge.kill()
            left = mails(dovecot, user)
            bridge.start()
            came = len(said(heard, "canary_came"))
            await servers.until(lambda: len(said(heard, "canary_came")) > came, 30, what="a canary")
            await servers.until(lambda: not set(left) & set(mails(dovecot, user)), 30, what="the end of the old one")
            assert bridge.stop() == 0
    assert mails(dovecot, user) == []
    assert subjects(heard) == []
