"""A folder with 10,000 waiting mails, taken in by the bridge and by a bare loop, in turn, three times each, and then
one with 20,000; medians.

The rate is counted at a subscriber, from the first message to the last. The bare loop (tests/bench/bare.py) fetches
the same items and publishes with QoS 1; it has no rules, no store, and one mailbox. Memory is the largest resident
set; the bridge with nothing to do has 82 MB.
"""

from __future__ import annotations

import dataclasses
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence

from tests.bench import measure
from tests.bench.stage import Stage, mail, stage
from tests.bridge_process import BridgeProcess

MAILS = 10_000
ROUNDS = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Burst:
    """One run, or the medians of several."""

    rate: float
    cpu_s: float
    peak_mb: float


def run() -> Iterator[tuple[str, str]]:
    with stage() as on:
        on.dovecot.fill("bench", MAILS, mail=lambda number: mail(number).decode())
        bare, bridge = _in_turn(on, MAILS, _bare, _bridge)
        on.dovecot.fill("bench", MAILS, first=MAILS, mail=lambda number: mail(number).decode())
        bare_twice, twice = _in_turn(on, 2 * MAILS, _bare, _bridge)
    yield "bare loop, mails a second: 10,000, 20,000", f"{bare.rate:.0f}, {bare_twice.rate:.0f}"
    yield "bridge, mails a second: 10,000, 20,000", f"{bridge.rate:.0f}, {twice.rate:.0f}"
    yield "ratio bridge / bare loop (wanted: 0.6 at least)", f"{bridge.rate / bare.rate:.2f}"
    yield "the same with 20,000", f"{twice.rate / bare_twice.rate:.2f}"
    yield "time for 20,000 / time for 10,000 (wanted: about 2)", f"{2 * bridge.rate / twice.rate:.2f}"
    cpu = (run.cpu_s * 1e3 / MAILS for run in (bare, bridge))
    yield "CPU a mail, ms: bare loop, bridge", ", ".join(f"{one:.3f}" for one in cpu)
    yield "RSS at the most, MB: bridge with 10,000, with 20,000", f"{bridge.peak_mb:.0f}, {twice.peak_mb:.0f}"


def _in_turn(on: Stage, count: int, *ways: Callable[[Stage, int], Burst]) -> list[Burst]:
    runs: list[list[Burst]] = [[] for _ in ways]
    for _ in range(ROUNDS):
        for way, found in zip(ways, runs, strict=True):
            found.append(way(on, count))
    return [_median(found) for found in runs]


def _median(runs: Sequence[Burst]) -> Burst:
    return Burst(
        rate=statistics.median(run.rate for run in runs),
        cpu_s=statistics.median(run.cpu_s for run in runs),
        peak_mb=statistics.median(run.peak_mb for run in runs),
    )


def _bare(on: Stage, count: int) -> Burst:
    with measure.counting(on.mosquitto.port, "bench/bare") as counter:
        command = [sys.executable, "-m", "tests.bench.bare", str(on.dovecot.port), str(on.mosquitto.port)]
        process = subprocess.Popen(command)
        counter.until(count)
        cpu_s, peak_mb = 0.0, 0.0
        if process.poll() is None:
            cpu_s, peak_mb = measure.cost(process.pid).cpu_s, measure.peak_mb(process.pid)
        process.wait(60)
        return Burst(rate=counter.rate(), cpu_s=cpu_s, peak_mb=peak_mb)


def _bridge(on: Stage, count: int) -> Burst:
    on.forget()
    with measure.counting(on.mosquitto.port, "bench/bridge") as counter:
        process = BridgeProcess(on.folder, {**on.configuration(start="all"), "log_level": "warning"})
        process.start(until_live=False)
        try:
            counter.until(count)
            cpu_s, peak_mb = measure.cost(process.pid).cpu_s, measure.peak_mb(process.pid)
        finally:
            process.kill()
        assert len(set(counter.payloads)) == count, "every mail, once"
        return Burst(rate=counter.rate(), cpu_s=cpu_s, peak_mb=peak_mb)
