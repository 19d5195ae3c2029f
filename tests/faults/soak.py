"""What a soak does to the bridge, by dice, and what it measures meanwhile."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import random
import signal
import statistics
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import imapclient
import psutil

from tests.bridge_process import BridgeProcess
from tests.faults.conftest import Scene

_FLAGS = (b"\\Answered", b"$Label")


def change_flags(scene: Scene, dice: random.Random, *, changes: int = 10) -> None:
    """Somebody else is at the mailbox: flags come and go, and a mail that the bridge is done with is starred, once and
    for all. A server that is away or going takes none.
    """
    with (
        contextlib.suppress(OSError, imapclient.exceptions.IMAPClientError),
        scene.dovecot.client("ada", folder="INBOX") as client,
    ):
        uids = client.search()
        for _ in range(changes if uids else 0):
            change = dice.choice([client.add_flags, client.remove_flags])
            change(dice.sample(uids, min(len(uids), 5)), [dice.choice(_FLAGS)], silent=True)
        if done := client.search(["SEEN", "UNFLAGGED"]):
            client.add_flags(dice.sample(done, min(len(done), 3)), [b"\\Flagged"], silent=True)


@contextlib.contextmanager
def somebody_else(scene: Scene, seed: int) -> Iterator[None]:
    """Changes flags all the while."""
    over = threading.Event()

    def work() -> None:
        dice = random.Random(seed)
        while not over.wait(0.2):
            change_flags(scene, dice)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    """What the bridge holds, when nothing happens."""

    tasks: int
    descriptors: int
    threads: int
    rss_kb: float

    @classmethod
    def take(cls, bridge: BridgeProcess) -> Self:
        """Of a process that runs ``tests.faults.watched``."""
        told = sum(map(_tells_tasks, bridge.log))
        os.kill(bridge.pid, signal.SIGUSR1)
        bridge.until(_tells_tasks, count=told + 1)
        process = psutil.Process(bridge.pid)
        return cls(
            tasks=[line["count"] for line in bridge.log if _tells_tasks(line)][-1],
            descriptors=process.num_fds(),
            threads=process.num_threads(),
            rss_kb=process.memory_info().rss / 1e3,
        )


def _tells_tasks(line: Mapping[str, Any]) -> bool:
    return line.get("event") == "tasks"


def growth(samples: Sequence[Sample], what: str) -> float:
    """By how much it grew from the first to the last, by the slope through all of them (Theil and Sen: the median of
    the slopes of all pairs, which a few outliers do not move).
    """
    values = [getattr(sample, what) for sample in samples]
    slopes = [
        (later - earlier) / (at - before)
        for before, earlier in enumerate(values)
        for at, later in enumerate(values[before + 1 :], before + 1)
    ]
    return statistics.median(slopes) * (len(values) - 1)
