"""The bridge with one mailbox and one broker when nothing happens: memory, and CPU over 30 s.

RSS is the resident set of the whole process after the start, and after a burst of 1,000 mails has gone through it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.bench import measure
from tests.bench.stage import mail, stage
from tests.bridge_process import BridgeProcess

SECONDS = 30


def run() -> Iterator[tuple[str, str]]:
    with (
        stage() as on,
        measure.counting(on.mosquitto.port, "bench/bridge") as counter,
        BridgeProcess(on.folder, on.configuration()) as bridge,
    ):
        time.sleep(2)
        before = measure.cost(bridge.pid)
        time.sleep(SECONDS)
        after = measure.cost(bridge.pid)
        yield "RSS idle, MB", f"{after.rss_mb:.1f}"
        yield "CPU idle, share of a core", f"{(after.cpu_s - before.cpu_s) / SECONDS:.4%}"
        on.deliver(*(mail(number) for number in range(1_000)))
        counter.until(1_000)
        time.sleep(2)
        yield "RSS after 1,000 mails, MB", f"{measure.cost(bridge.pid).rss_mb:.1f}"
