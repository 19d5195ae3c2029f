"""Ten thousand idle TLS mailboxes in one bridge, on an idle-only server of the tests' own (BENCH_MAILBOXES is
another number).

A renewal is DONE, UID SEARCH and IDLE in one write. Beside what it costs the bridge stands what it costs a bare loop on
as many connections, in user and system time: on loopback the kernel does the receiver's work in the sender's time.

They renew IDLE four times as often as by default, so that a minute sees every one of them once: the share of a core is
given as measured, and a quarter of it, which is what the default (240 s) comes to. Memory is the process's resident
set, less that with one mailbox. A push is timed from the server's write to the message at a subscriber.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from tests.bench import measure
from tests.bench.stage import mail
from tests.bridge_process import BridgeProcess
from tests.servers import idle_imap
from tests.servers.idle_imap import IdleImap
from tests.servers.mosquitto import Mosquitto

MAILBOXES = int(os.environ.get("BENCH_MAILBOXES", "10000"))
PUSHES = 50
RENEW_S, RENEW_BY_DEFAULT_S = 60, 240
LIVE_WITHIN_S = 600.0
COMMANDS = 3  # a renewal
SETTLE_S = RENEW_S + 5.0  # by then each was renewed once, which showed what its server stands


@dataclasses.dataclass(frozen=True, kw_only=True)
class Renewal:
    """What each cost, in microseconds of CPU."""

    user_us: float
    system_us: float

    @classmethod
    def of(cls, count: float, *, user_s: float, system_s: float) -> Self:
        return cls(user_us=user_s / count * 1e6, system_us=system_s / count * 1e6)

    def __str__(self) -> str:
        return f"{self.user_us + self.system_us:.0f} ({self.user_us:.0f} + {self.system_us:.0f})"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Idle:
    """One bridge with so many mailboxes."""

    live_s: float
    rss_mb: float
    cpu: float  # share of a core over RENEW_S
    renewal: Renewal
    pushes: list[float]  # seconds each


def run() -> Iterator[tuple[str, str]]:
    idle_imap.room_for(MAILBOXES)
    one = _measure(1)
    many = _measure(MAILBOXES)
    each_kb = (many.rss_mb - one.rss_mb) * 1e3 / max(MAILBOXES - 1, 1)
    yield f"{MAILBOXES} mailboxes: from the command to all of them live, s", f"{many.live_s:.1f} ({one.live_s:.1f})"
    yield "RSS idle, MB (with one mailbox)", f"{many.rss_mb:.0f} ({one.rss_mb:.0f})"
    yield "RSS a mailbox, kB (wanted: 48 at most)", f"{each_kb:.1f}"
    yield f"CPU idle over {RENEW_S} s, each renewed once, share of a core", f"{many.cpu:.2%} ({one.cpu:.2%})"
    yield "the same at the default of 240 s (wanted: under 1 %)", f"{many.cpu * RENEW_S / RENEW_BY_DEFAULT_S:.2%}"
    yield "CPU a renewal, with all that runs beside it, µs (user + system)", str(many.renewal)
    yield "the same of a bare loop", str(_bare(MAILBOXES))
    yield f"push → publish, {PUSHES} at random, ms: median", f"{measure.ms(many.pushes)}"
    yield "the same with one mailbox, ms: median", f"{measure.ms(one.pushes)}"
    ratio = statistics.median(many.pushes) / statistics.median(one.pushes)
    yield "ratio of the medians (wanted: about 1)", f"{ratio:.2f}"


def _measure(count: int) -> Idle:
    with _stage() as (server, mosquitto, folder), measure.counting(mosquitto.port, "bench/bridge") as counter:
        bridge = BridgeProcess(folder, configuration(server, mosquitto, folder, count))
        began = time.monotonic()
        bridge.start(until_live=False)
        try:
            _until_idle(server, bridge, count)
            live_s = time.monotonic() - began
            time.sleep(SETTLE_S)
            pushes = [_push(server, counter, number, count) for number in range(PUSHES)]
            before, told = measure.cost(bridge.pid), server.count().commands
            time.sleep(RENEW_S)
            after, renewals = measure.cost(bridge.pid), (server.count().commands - told) / COMMANDS
        finally:
            bridge.kill()
    assert not bridge.log, f"nothing should be worth a warning: {bridge.log[:3]}"
    user_s, system_s = after.user_s - before.user_s, after.system_s - before.system_s
    return Idle(
        live_s=live_s,
        rss_mb=after.rss_mb,
        cpu=(user_s + system_s) / RENEW_S,
        renewal=Renewal.of(max(renewals, 1), user_s=user_s, system_s=system_s),
        pushes=pushes,
    )


def _bare(count: int) -> Renewal:
    with IdleImap(tls=True) as server:
        told = subprocess.run(
            [sys.executable, "-m", "tests.bench.bare_idle", *map(str, (server.port, server.ca_file, count, RENEW_S))],
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
    return Renewal.of(count, **json.loads(told.stdout))


def _until_idle(server: IdleImap, bridge: BridgeProcess, count: int) -> None:
    ends = time.monotonic() + LIVE_WITHIN_S
    while (idle := server.count().idle) < count:
        if bridge.log or time.monotonic() > ends:
            raise TimeoutError(f"{idle} of {count} mailboxes are live after {LIVE_WITHIN_S:g} s: {bridge.log[-3:]}")
        time.sleep(0.05)


def _push(server: IdleImap, counter: measure.Counter, number: int, count: int) -> float:
    left = server.push(f"m{random.Random(number).randrange(count)}", mail(number))
    counter.until(number + 1)
    took_s = counter.times[number] - left
    time.sleep(0.05)  # let it be in IDLE again: a push is what is measured
    return took_s


@contextlib.contextmanager
def _stage() -> Iterator[tuple[IdleImap, Mosquitto, Path]]:
    with (
        IdleImap(tls=True) as server,
        Mosquitto() as mosquitto,
        tempfile.TemporaryDirectory(prefix="mailwire-bench-") as folder,
    ):
        yield server, mosquitto, Path(folder)


def configuration(server: IdleImap, mosquitto: Mosquitto, folder: Path, count: int) -> dict[str, Any]:
    return {
        "name": "bench",
        "state": f"sqlite:///{folder}/state.db",
        "log_level": "warning",
        "mailboxes": {
            f"m{number}": {
                "host": server.host,
                "port": server.port,
                "ca_file": str(server.ca_file),
                "user": f"m{number}",
                "password": "secret",
                "idle_renew": f"{RENEW_S}s",
            }
            for number in range(count)
        },
        "sinks": {"broker": {"type": "mqtt", "url": mosquitto.url}},
        "rules": [
            {
                "name": "all",
                "then": {"sink": "broker", "topic": "bench/bridge", "payload": "{{ mail.subject }}", "qos": 1},
            }
        ],
    }
