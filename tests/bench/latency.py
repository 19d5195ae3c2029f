"""From the moment at which EXISTS reaches the bridge to the message at a subscriber, 50 mails, one after the other.

`no delay` is loopback; the others add half the round trip each way, between the bridge and the mail server, which
offers NOTIFY (RFC 5465) or does not.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.bench import measure
from tests.bench.stage import Stage, mail, stage
from tests.bridge_process import BridgeProcess
from tests.servers.proxy import Proxy

MAILS = 50
WITHOUT_NOTIFY = "IMAP4rev1 SASL-IR LITERAL+ ENABLE IDLE UIDPLUS MOVE ESEARCH CONDSTORE QRESYNC"
_CASES = (  # what, round trip in ms, what the server can ("": all), the most that is wanted in ms
    ("no delay, NOTIFY", 0, "", 15),
    ("no delay, no NOTIFY", 0, WITHOUT_NOTIFY, 15),
    ("80 ms round trip, NOTIFY", 80, "", 15),
    ("80 ms round trip, no NOTIFY", 80, WITHOUT_NOTIFY, 95),
)


def run() -> Iterator[tuple[str, str]]:
    for name, round_trip_ms, capability, most_ms in _CASES:
        with stage(capability=capability) as on:
            took = measure.ms(_measure(on, round_trip_ms / 2e3))
            yield f"EXISTS → publish, {name}, ms: median", f"{took}, wanted: {most_ms} at most"


def _measure(on: Stage, delay_s: float) -> list[float]:
    exists: list[float] = []

    def note(direction: str, line: bytes, at: float) -> None:
        if direction == "down" and line.startswith(b"* ") and line.endswith(b" EXISTS"):
            exists.append(at)

    with (
        Proxy(on.dovecot.port, delay_s=delay_s, on_line=note) as proxy,
        measure.counting(on.mosquitto.port, "bench/bridge") as counter,
        BridgeProcess(on.folder, on.configuration(imap_port=proxy.port)),
    ):
        took: list[float] = []
        time.sleep(delay_s * 4)
        for number in range(MAILS):
            seen = len(exists)
            on.deliver(mail(number))
            counter.until(number + 1)
            took.append(counter.times[number] - exists[seen])
            time.sleep(delay_s * 4)  # let the bridge be in IDLE again: a push is what is measured
        return took
