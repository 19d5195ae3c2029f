"""The first promise, on real servers and real processes: every mail arrives, repeats are rare and carry the same id."""

from __future__ import annotations

import asyncio
import threading

from tests import servers
from tests.faults.conftest import Scene, ids, numbers
from tests.servers.mosquitto import listening
from tests.servers.proxy import Proxy

PATIENCE_S = 60.0


async def test_a_burst_of_500_arrives_whole_once_and_in_order(scene: Scene) -> None:
    async with listening(scene.broker, "mails/#") as heard:
        with scene.bridge():
            await asyncio.to_thread(scene.dovecot.deliver, count=500)
            await servers.until(lambda: len(heard) >= 500, PATIENCE_S, what="500 publishes")
            await servers.until(scene.all_seen, PATIENCE_S, what="every mail marked")
    assert sorted(numbers(heard)) == list(range(1, 501))
    assert numbers(heard) == scene.in_uid_order()


async def test_mails_that_arrive_while_the_broker_is_down_are_delivered_afterwards(scene: Scene) -> None:
    async with listening(scene.broker, "mails/#") as heard:
        with scene.bridge(retained=True) as bridge:
            scene.broker.stop()
            await asyncio.to_thread(scene.dovecot.deliver, count=20)
            await asyncio.to_thread(bridge.until, lambda line: line.get("event") == "a rule fired", count=20)
            assert not scene.all_seen()
            scene.broker.start()
            await servers.until(lambda: len(heard) >= 20, PATIENCE_S, what="20 publishes")
            await servers.until(scene.all_seen, PATIENCE_S, what="every mail marked")
    # Retained, since this subscriber may be back later than the bridge; a broker sends those in any order.
    assert sorted(numbers(heard)) == list(range(1, 21))


async def test_mails_that_arrive_while_the_bridge_is_stopped_are_delivered_once(scene: Scene) -> None:
    async with listening(scene.broker, "mails/#") as heard:
        bridge = scene.bridge()
        bridge.start()
        assert bridge.stop() == 0
        await asyncio.to_thread(scene.dovecot.deliver, count=20)
        with scene.bridge():
            await servers.until(lambda: len(heard) >= 20, PATIENCE_S, what="20 publishes")
            await servers.until(scene.all_seen, PATIENCE_S, what="every mail marked")
    assert numbers(heard) == scene.in_uid_order()


async def test_kill_9_in_a_burst_of_200_loses_nothing_and_repeats_carry_the_same_id(scene: Scene) -> None:
    async with listening(scene.broker, "mails/#") as heard:
        with scene.bridge() as bridge:
            delivering = threading.Thread(target=scene.dovecot.deliver, kwargs={"count": 200})
            delivering.start()
            await servers.until(lambda: len(heard) >= 50, PATIENCE_S, what="the middle of the burst")
            bridge.kill()
            await asyncio.to_thread(delivering.join)
        with scene.bridge():
            await servers.until(lambda: len(set(numbers(heard))) >= 200, PATIENCE_S, what="200 different publishes")
            await servers.until(scene.all_seen, PATIENCE_S, what="every mail marked")
    assert set(numbers(heard)) == set(range(1, 201))
    assert {len(one) for one in ids(heard).values()} == {1}, "every repeat carries the id of the first"


async def test_a_killed_mail_server_costs_nothing(scene: Scene) -> None:
    async with listening(scene.broker, "mails/#") as heard:
        with scene.bridge(retry_min="100ms", retry_max="500ms"):
            await asyncio.to_thread(scene.dovecot.deliver, count=10)
            await servers.until(lambda: len(heard) >= 10, PATIENCE_S, what="10 publishes")
            scene.dovecot.kill()
            scene.dovecot.start()
            await asyncio.to_thread(scene.dovecot.deliver, count=10)
            await servers.until(lambda: len(heard) >= 20, PATIENCE_S, what="20 publishes")
    assert numbers(heard) == scene.in_uid_order()


async def test_a_connection_that_goes_silent_is_noticed_within_the_deadline(scene: Scene) -> None:
    with Proxy(scene.dovecot.port) as proxy:
        async with listening(scene.broker, "mails/#") as heard:
            bridge = scene.bridge(
                imap_port=proxy.port, timeout="1s", idle_renew="1s", retry_min="100ms", retry_max="500ms"
            )
            with bridge:
                proxy.swallow = True
                await asyncio.to_thread(scene.dovecot.deliver, count=5)
                await asyncio.to_thread(bridge.until, lambda line: line.get("state") == "retrying")
                proxy.swallow = False
                await servers.until(lambda: len(heard) >= 5, PATIENCE_S, what="5 publishes")
    assert numbers(heard) == scene.in_uid_order()


async def test_an_attachment_of_8_mb_is_not_downloaded(scene: Scene) -> None:
    line = "A" * 76 + "\r\n"
    raw = (
        "From: cam@cameras.example\r\nSubject: mail 1\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nmotion\r\n--b\r\nContent-Type: image/jpeg\r\n"
        "Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=a.jpg\r\n\r\n"
        f"{line * (8_000_000 // 78)}--b--\r\n"
    )
    with Proxy(scene.dovecot.port) as proxy:
        async with listening(scene.broker, "mails/#") as heard:
            with scene.bridge(imap_port=proxy.port):
                before = proxy.octets["down"]
                scene.dovecot.deliver(raw)
                await servers.until(lambda: heard, PATIENCE_S, what="the publish")
                assert proxy.octets["down"] - before < 32_000
