"""``make soak``: rounds of mails with something killed in the middle of each; minutes, bounded."""

from __future__ import annotations

import asyncio
import random
import threading

import pytest

from tests import servers
from tests.bridge_process import BridgeProcess
from tests.faults.conftest import Scene, ids, numbers
from tests.servers.mosquitto import listening

ROUNDS = 20
MAILS = 40  # a round
PATIENCE_S = 120.0


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3))
async def test_whatever_dies_every_mail_arrives_and_repeats_carry_the_same_id(scene: Scene, seed: int) -> None:
    dice = random.Random(seed)
    # Retained and each on its own topic, so that this subscriber misses nothing while the broker is away.
    bridge = scene.bridge(retained=True, retry_min="100ms", retry_max="1s")
    bridge.start()
    try:
        async with listening(scene.broker, "mails/#") as heard:
            for done in range(ROUNDS):
                await _round(scene, bridge, dice)
                wanted = (done + 1) * MAILS
                await servers.until(lambda n=wanted: len(set(numbers(heard))) >= n, PATIENCE_S, what=f"{wanted} mails")
            await servers.until(scene.all_seen, PATIENCE_S, what="every mail marked")
    finally:
        bridge.kill()
    assert set(numbers(heard)) == set(range(1, ROUNDS * MAILS + 1))
    assert {len(one) for one in ids(heard).values()} == {1}, "every repeat carries the id of the first"


async def _round(scene: Scene, bridge: BridgeProcess, dice: random.Random) -> None:
    """Delivers while something dies."""
    delivering = threading.Thread(target=scene.dovecot.deliver, kwargs={"count": MAILS})
    delivering.start()
    await asyncio.sleep(dice.random() * 0.3)
    victim = dice.choice(["bridge", "broker", "bridge and broker"])
    if "broker" in victim:
        scene.broker.stop()  # in order: what a killed broker acknowledged and lost is its own loss
    if "bridge" in victim:
        bridge.kill()
    await asyncio.to_thread(delivering.join)
    if "broker" in victim:
        scene.broker.start()
    if "bridge" in victim:
        await asyncio.to_thread(bridge.start)
    if dice.random() < 0.3:
        await asyncio.to_thread(scene.dovecot.restart)
