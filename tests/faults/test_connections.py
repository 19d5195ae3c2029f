"""Connections that end, that go slow and that say nothing: mail comes all the same, and each mailbox waits for its own
host alone.

No deadline of the bridge's own would help in time here: those that would (`reconcile`, `timeout`) are minutes.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import servers
from tests.bridge_process import BridgeProcess
from tests.faults.conftest import Scene, numbers
from tests.servers.idle_imap import IdleImap
from tests.servers.mosquitto import listening
from tests.servers.proxy import Proxy

PATIENCE_S = 60.0
HOSTS = 100
PAIRS = 30


async def test_a_connection_that_is_cut_in_idle_misses_nothing(scene: Scene) -> None:
    with Proxy(scene.dovecot.port) as proxy:
        async with listening(scene.broker, "mails/#") as heard:
            with scene.bridge(imap_port=proxy.port):
                for cut in range(1, 3):
                    proxy.cut()
                    await asyncio.to_thread(scene.dovecot.deliver, count=5)
                    await servers.until(lambda n=cut * 5: len(heard) >= n, PATIENCE_S, what="five publishes a cut")
    assert numbers(heard) == scene.in_uid_order()


async def test_mail_that_came_while_nobody_listened_is_delivered_when_somebody_does(scene: Scene) -> None:
    with Proxy(scene.dovecot.port) as proxy:
        async with listening(scene.broker, "mails/#") as heard:
            with scene.bridge(imap_port=proxy.port) as bridge:
                proxy.refuse()
                proxy.cut()
                await asyncio.to_thread(scene.dovecot.deliver, count=5)
                await asyncio.to_thread(bridge.until, lambda line: "cannot be reached" in line.get("reason", ""))
                proxy.listen_again()
                await servers.until(lambda: len(heard) >= 5, PATIENCE_S, what="five publishes")
    assert numbers(heard) == scene.in_uid_order()


async def test_a_burst_at_80_ms_round_trip_loses_no_wake_up(scene: Scene) -> None:
    """The second mail of each pair comes somewhere in the exchange over the first: it is announced in the midst of
    another command's answer, or with the beginning of IDLE, and nothing else comes that would wake the bridge.
    """
    dice = random.Random(5)
    with IdleImap() as server, Proxy(server.port, delay_s=0.04) as proxy:
        async with listening(scene.broker, "mails/#") as heard:
            with scene.bridge(imap_port=proxy.port):
                for number in range(1, 2 * PAIRS, 2):
                    server.push("ada", _mail(number))
                    await asyncio.sleep(dice.random() * 0.25)
                    server.push("ada", _mail(number + 1))
                    await servers.until(lambda n=number: len(heard) > n, PATIENCE_S, what="both of a pair")
    assert numbers(heard) == list(range(1, 2 * PAIRS + 1))


def _mail(number: int) -> bytes:
    return f"From: a@b.example\r\nSubject: mail {number}\r\nMessage-ID: <{number}@b.example>\r\n\r\nhello\r\n".encode()


@pytest.fixture
def hosts() -> Iterator[IdleImap]:
    with IdleImap(addresses=[f"127.0.0.{n}" for n in range(1, HOSTS + 1)]) as server:
        yield server


@pytest.mark.parametrize("silent", [1, 50])
async def test_a_silent_host_delays_none_of_the_others(hosts: IdleImap, tmp_path: Path, silent: int) -> None:
    with BridgeProcess(tmp_path, _a_mailbox_each(hosts, tmp_path)):
        await servers.until(lambda: hosts.count().idle == HOSTS, PATIENCE_S, what="all live")
        for number in range(1, silent + 1):
            hosts.mute(f"127.0.0.{number}")
        hosts.cut()
        await servers.until(lambda: hosts.count().idle == HOSTS - silent, PATIENCE_S, what="the others live again")
        await servers.until(lambda: hosts.count().connections == HOSTS, PATIENCE_S, what="the silent ones connected")
        assert hosts.count().idle == HOSTS - silent


async def test_a_hundred_mailboxes_on_one_host_are_all_back_after_a_cut(hosts: IdleImap, tmp_path: Path) -> None:
    with BridgeProcess(tmp_path, _a_mailbox_each(hosts, tmp_path, host="127.0.0.1")):
        for _ in range(2):
            await servers.until(lambda: hosts.count().idle == HOSTS, PATIENCE_S, what="all live")
            hosts.cut()
        await servers.until(lambda: hosts.count().idle == HOSTS, PATIENCE_S, what="all live again")


def _a_mailbox_each(server: IdleImap, folder: Path, *, host: str = "") -> dict[str, Any]:
    account = {"port": server.port, "tls": "none", "password": "secret", "timeout": "10m"}
    return {
        "name": "house",
        "state": f"sqlite:///{folder}/state.db",
        "mailboxes": {
            f"m{number}": {"host": host or f"127.0.0.{number}", "user": f"m{number}", **account}
            for number in range(1, HOSTS + 1)
        },
    }
