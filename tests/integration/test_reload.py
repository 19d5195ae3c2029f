"""A configuration that changes under a running bridge: real Dovecot, real Mosquitto, the bridge as a process."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import servers
from tests.bridge_process import BridgeProcess, is_live
from tests.servers.dovecot import Dovecot
from tests.servers.mosquitto import Heard, Mosquitto, listening

EVENTS = "mailwire/house/events"


@dataclasses.dataclass
class Scene:
    """Two mailboxes and one broker; what is changed in ``configuration`` is written by ``write``."""

    dovecot: Dovecot
    mosquitto: Mosquitto
    folder: Path

    def __post_init__(self) -> None:
        self.configuration: dict[str, Any] = {
            "name": "house",
            "state": f"sqlite:///{self.folder}/state.db",
            "mailboxes": {"home": self.mailbox("ada"), "work": self.mailbox("bob")},
            "sinks": {"broker": {"type": "mqtt", "url": self.mosquitto.url}},
            "rules": [self.rule("old")],
        }

    def mailbox(self, user: str, **more: Any) -> dict[str, Any]:
        account = {"host": "127.0.0.1", "port": self.dovecot.port, "tls": "none", "user": user}
        return {**account, "password": self.dovecot.users[user], **more}

    @staticmethod
    def rule(name: str, *, sink: str = "broker", topic: str = "") -> dict[str, Any]:
        action = {"sink": sink, "topic": topic or f"mails/{name}", "payload": "{{ mail.subject }}"}
        return {"name": name, "then": [action]}

    def bridge(self) -> BridgeProcess:
        return BridgeProcess(self.folder, self.configuration)

    def write(self) -> None:
        (self.folder / "mailwire.yaml").write_text(yaml.safe_dump(self.configuration, sort_keys=False))

    def in_order_of_uids(self, user: str) -> list[str]:
        """The subjects in the folder. Dovecot numbers what was delivered in the same moment as it likes."""
        with self.dovecot.client(user, folder="INBOX") as client:
            found = client.fetch(client.search(), ["ENVELOPE"])
        return [found[uid][b"ENVELOPE"].subject.decode() for uid in sorted(found)]

    def logins(self, user: str) -> int:
        return self.dovecot.log().count(f"Login: user=<{user}>")


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with Dovecot(users={"ada": "secret", "bob": "hidden"}) as dovecot, Mosquitto() as mosquitto:
        yield Scene(dovecot, mosquitto, tmp_path)


@contextlib.asynccontextmanager
async def running(scene: Scene) -> AsyncIterator[tuple[BridgeProcess, list[Heard]]]:
    """Both mailboxes live, and who listens to everything."""
    async with listening(scene.mosquitto, "mails/#", "other/#", "mailwire/#") as heard:
        with scene.bridge() as bridge:
            await asyncio.to_thread(bridge.until, is_live, count=2)
            await until_online(heard, 1)
            yield bridge, heard


async def until_online(heard: list[Heard], count: int) -> None:
    def online() -> bool:
        return sum(one.topic == "mailwire/house/state" and one.payload == b"online" for one in heard) >= count

    await servers.until(online, 30, what="the broker's connection")


def subjects(heard: list[Heard], below: str = "mails/") -> list[str]:
    return [one.payload.decode() for one in heard if one.topic.startswith(below)]


def news(heard: list[Heard], kind: str) -> list[dict[str, Any]]:
    found = (json.loads(one.payload) for one in heard if one.topic == EVENTS)
    return [one for one in found if one["event"] == kind]


async def until_said(bridge: BridgeProcess, part: str, *, count: int = 1) -> None:
    await asyncio.to_thread(bridge.until, lambda line: part in line["event"], count=count)


@pytest.mark.parametrize("how", ["file", "signal"])
async def test_rules_are_swapped_while_mails_arrive_and_each_mail_meets_one_of_them(scene: Scene, how: str) -> None:
    async with running(scene) as (bridge, heard):

        def deliver() -> None:
            for number in range(300):
                scene.dovecot.deliver(subject=f"mail {number}")

        delivering = asyncio.create_task(asyncio.to_thread(deliver))
        await servers.until(lambda: len(subjects(heard)) >= 20, 30)
        scene.configuration["rules"] = [scene.rule("new")]
        scene.write()
        if how == "signal":
            os.kill(bridge.pid, signal.SIGHUP)
        await until_said(bridge, "reloaded: 1 rule, +0 −0 mailboxes, +0 −0 sinks, 0 reopened")
        await delivering
        await asyncio.to_thread(scene.dovecot.deliver, subject="the last")
        await servers.until(lambda: "the last" in subjects(heard), 30)
        await servers.until(lambda: len(subjects(heard)) >= 301, 30)
        assert bridge.stop() == 0
    assert sorted(subjects(heard)) == sorted([*(f"mail {number}" for number in range(300)), "the last"])
    assert "the last" in subjects(heard, "mails/new")
    assert len(subjects(heard, "mails/old")) >= 20
    assert (scene.logins("ada"), scene.logins("bob")) == (1, 1), "no connection was made anew"


async def test_a_broken_file_is_refused_and_told_and_the_old_rules_go_on_until_it_is_mended(scene: Scene) -> None:
    async with running(scene) as (bridge, heard):
        scene.configuration["rules"][0]["wen"] = {}
        scene.write()
        await until_said(bridge, "not reloaded")
        (fault,) = [line["fault"] for line in bridge.log if line["event"] == "the configuration is wrong"]
        assert fault.startswith(f"{scene.folder}/mailwire.yaml:")
        assert fault.endswith('rules.0.wen: unknown key; did you mean "when"?')
        await servers.until(lambda: news(heard, "config_refused"), 30)
        assert [one["faults"] for one in news(heard, "config_refused")] == [[fault]]

        await asyncio.to_thread(scene.dovecot.deliver, subject="under the old rules")
        await servers.until(lambda: subjects(heard, "mails/old"), 30)

        scene.configuration["rules"] = [scene.rule("new")]
        scene.write()
        await until_said(bridge, "in order again")
        await until_said(bridge, "reloaded")
        await asyncio.to_thread(scene.dovecot.deliver, subject="under the new ones")
        await servers.until(lambda: subjects(heard, "mails/new"), 30)
        await servers.until(lambda: news(heard, "rule_fired")[1:], 30)
        assert [one["rule"] for one in news(heard, "rule_fired")] == ["old", "new"]
        assert len(news(heard, "reloaded")) == 1


async def test_sighup_reloads_though_nothing_has_changed_and_says_so(scene: Scene) -> None:
    async with running(scene) as (bridge, _):
        for count in (1, 2):
            os.kill(bridge.pid, signal.SIGHUP)
            await until_said(bridge, "reloaded: nothing has changed", count=count)
    assert (scene.logins("ada"), scene.logins("bob")) == (1, 1)


async def test_another_password_reopens_its_mailbox_and_no_other(scene: Scene) -> None:
    secret = scene.folder / "password"
    secret.write_text("hidden\n")
    del scene.configuration["mailboxes"]["work"]["password"]
    scene.configuration["mailboxes"]["work"]["password_file"] = "password"
    async with running(scene) as (bridge, heard):
        secret.write_text("wrong\n")
        await until_said(bridge, "the mail server refuses the login")
        await until_said(bridge, "reloaded")
        (line,) = [line for line in bridge.log if line["event"].startswith("reloaded")]
        assert line["reopened"] == "mailbox work"

        secret.write_text("hidden\n")
        await asyncio.to_thread(bridge.until, is_live, count=3)
        for user in ("ada", "bob"):
            await asyncio.to_thread(scene.dovecot.deliver, to=user, subject=f"to {user}")
        await servers.until(lambda: len(subjects(heard)) == 2, 30)
    assert (scene.logins("ada"), scene.logins("bob")) == (1, 2)
    assert not any("wrong" in json.dumps(line) or "hidden" in json.dumps(line) for line in bridge.log)


async def test_sinks_and_mailboxes_come_change_and_go(scene: Scene) -> None:
    with Mosquitto() as other:
        async with running(scene) as (bridge, heard), listening(other, "#") as there:
            scene.configuration["sinks"]["second"] = {"type": "mqtt", "url": other.url}
            scene.configuration["rules"].append(scene.rule("also", sink="second", topic="other/mails"))
            del scene.configuration["mailboxes"]["work"]
            scene.write()
            await until_said(bridge, "reloaded: 2 rules, +0 −1 mailboxes, +1 −0 sinks, 0 reopened")
            await asyncio.to_thread(scene.dovecot.deliver, subject="to both")
            await servers.until(lambda: subjects(there, "other/") == ["to both"] == subjects(heard), 30)

            scene.configuration["mailboxes"]["work"] = scene.mailbox("bob")
            scene.configuration["sinks"]["second"]["keepalive"] = "20s"
            scene.write()
            await until_said(bridge, "reloaded: 2 rules, +1 −0 mailboxes, +0 −0 sinks, 1 reopened")
            await until_online(there, 2)
            await asyncio.to_thread(scene.dovecot.deliver, subject="through the new connection")
            await servers.until(lambda: len(subjects(there, "other/")) == 2, 30)

            del scene.configuration["sinks"]["second"], scene.configuration["rules"][1]
            scene.write()
            await until_said(bridge, "reloaded: 1 rule, +0 −0 mailboxes, +0 −1 sinks, 0 reopened")
            await servers.until(lambda: there[-1].payload == b"offline", 30)
            assert [one.payload for one in heard if one.topic == "mailwire/house/state"] == [b"online"]
            assert bridge.stop() == 0
    assert scene.logins("ada") == 1


async def test_nothing_is_lost_or_repeated_or_overtaken_while_mailbox_and_sink_are_made_anew(scene: Scene) -> None:
    async with running(scene) as (bridge, heard):

        def deliver() -> None:
            for number in range(400):
                scene.dovecot.deliver(subject=f"mail {number}")

        delivering = asyncio.create_task(asyncio.to_thread(deliver))
        for turn in range(1, 5):
            await servers.until(lambda some=turn * 60: len(subjects(heard)) >= some, 30)
            scene.configuration["mailboxes"]["home"]["idle_renew"] = f"{turn}m"
            scene.configuration["sinks"]["broker"]["keepalive"] = f"{turn + 10}s"
            scene.write()
            os.kill(bridge.pid, signal.SIGHUP)
            await until_said(bridge, "+0 −0 sinks, 2 reopened", count=turn)
        await delivering
        await servers.until(lambda: len(subjects(heard)) >= 400, 30)
        assert bridge.stop() == 0
    assert (scene.logins("ada"), scene.logins("bob")) == (5, 1)
    assert scene.in_order_of_uids("ada") == subjects(heard)
    assert len(set(subjects(heard))) == 400


async def test_another_name_moves_the_topics(scene: Scene) -> None:
    async with running(scene) as (_, heard):
        scene.configuration["name"] = "cottage"
        scene.write()
        await servers.until(lambda: any(one.topic == "mailwire/cottage/events" for one in heard), 30)
        states = [(one.topic, one.payload) for one in heard if one.topic.endswith("/state")]
        assert states[1:] == [("mailwire/house/state", b"offline"), ("mailwire/cottage/state", b"online")]


async def test_a_stop_right_behind_a_reload_is_in_good_order(scene: Scene) -> None:
    async with running(scene) as (bridge, heard):
        scene.configuration["sinks"]["broker"]["keepalive"] = "20s"
        scene.write()
        os.kill(bridge.pid, signal.SIGHUP)
        await until_said(bridge, "told to reload")
        assert bridge.stop() == 0
        await servers.until(lambda: heard[-1].payload == b"offline", 30)


async def test_what_waits_for_a_sink_that_is_gone_is_reported_and_sent_when_it_comes_back(scene: Scene) -> None:
    with Mosquitto() as other:
        other.stop()
        second = {"type": "mqtt", "url": other.url, "retry_max": "1s"}
        scene.configuration["sinks"]["second"] = second
        scene.configuration["rules"] = [scene.rule("also", sink="second", topic="other/mails")]
        async with running(scene) as (bridge, _):
            await asyncio.to_thread(scene.dovecot.deliver, subject="waits")
            await until_said(bridge, "a rule fired")
            del scene.configuration["sinks"]["second"]
            scene.configuration["rules"] = []
            scene.write()
            await until_said(bridge, "deliveries wait for a sink that the configuration no longer has")
            await until_said(bridge, "reloaded")

            other.start()
            async with listening(other, "other/#") as there:
                scene.configuration["sinks"]["second"] = second
                scene.write()
                await servers.until(lambda: subjects(there, "other/") == ["waits"], 30)


async def test_the_log_s_level_changes_at_once_and_another_state_needs_a_restart(scene: Scene) -> None:
    async with running(scene) as (bridge, heard):
        scene.configuration |= {"log_level": "warning", "state": f"sqlite:///{scene.folder}/other.db"}
        scene.write()
        await until_said(bridge, "`state` needs a restart")
        await servers.until(lambda: news(heard, "reloaded"), 30)
        before = len(bridge.log)
        await asyncio.to_thread(scene.dovecot.deliver, subject="quietly")
        await servers.until(lambda: subjects(heard), 30)
        scene.configuration["log_level"] = "info"
        scene.write()
        await until_said(bridge, "reloaded")
        assert not any(line["event"] == "a rule fired" for line in bridge.log[before:])
    assert not (scene.folder / "other.db").exists()
