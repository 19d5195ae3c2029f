"""A folder with 10,000 waiting mails, taken in by the bridge and by a bare loop, in turn, three times each; medians.

The rate is counted at a subscriber, from the first message to the last. The bare loop (tests/bench/bare.py) fetches
the same items and publishes with QoS 1; it has no rules, no store, and one mailbox.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator

from tests.bench import measure
from tests.bench.stage import Stage, mail, stage
from tests.bridge_process import BridgeProcess

MAILS = 10_000
ROUNDS = 3


def run() -> Iterator[tuple[str, str]]:
    bridge: list[tuple[float, float]] = []
    bare: list[tuple[float, float]] = []
    with stage() as on:
        on.dovecot.fill("bench", MAILS, mail=lambda number: mail(number).decode())
        for _ in range(ROUNDS):
            bare.append(_bare(on))
            bridge.append(_bridge(on))
    bare_rate, bridge_rate = (statistics.median(rate for rate, _ in runs) for runs in (bare, bridge))
    bare_cpu, bridge_cpu = (statistics.median(cpu for _, cpu in runs) for runs in (bare, bridge))
    yield "bare loop, mails a second", f"{bare_rate:.0f}"
    yield "bridge, mails a second", f"{bridge_rate:.0f}"
    yield "ratio bridge / bare loop", f"{bridge_rate / bare_rate:.2f}"
    yield "CPU a mail, ms: bare loop, bridge", f"{bare_cpu * 1e3 / MAILS:.3f}, {bridge_cpu * 1e3 / MAILS:.3f}"


def _bare(on: Stage) -> tuple[float, float]:
    with measure.counting(on.mosquitto.port, "bench/bare") as counter:
        command = [sys.executable, "-m", "tests.bench.bare", str(on.dovecot.port), str(on.mosquitto.port)]
        process = subprocess.Popen(command)
        counter.until(MAILS)
        cpu_s = measure.cost(process.pid).cpu_s if process.poll() is None else 0.0
        process.wait(60)
        return counter.rate(), cpu_s


def _bridge(on: Stage) -> tuple[float, float]:
    for left in on.folder.glob("state.db*"):
        left.unlink()
    with measure.counting(on.mosquitto.port, "bench/bridge") as counter:
        process = BridgeProcess(on.folder, {**on.configuration(start="all"), "log_level": "warning"})
        process.start(until_live=False)
        try:
            counter.until(MAILS)
            cpu_s = measure.cost(process.pid).cpu_s
        finally:
            process.kill()
        assert len(set(counter.payloads)) == MAILS, "every mail, once"
        return counter.rate(), cpu_s
