"""What the bridge downloads for one mail, counted at a proxy before the mail server."""

from __future__ import annotations

from collections.abc import Iterator

from tests.bench import measure
from tests.bench.stage import Stage, mail, stage
from tests.bridge_process import BridgeProcess
from tests.servers.proxy import Proxy


def run() -> Iterator[tuple[str, str]]:
    with stage() as on:
        for name, raw in (("2 kB of text", mail(1)), ("8 MB of attachment", mail(2, attachment=8_000_000))):
            yield f"a mail with {name} ({len(raw) / 1e3:.0f} kB): downloaded, kB", f"{_measure(on, raw) / 1e3:.1f}"


def _measure(on: Stage, raw: bytes) -> int:
    on.forget()
    with (
        Proxy(on.dovecot.port) as proxy,
        measure.counting(on.mosquitto.port, "bench/bridge") as counter,
        BridgeProcess(on.folder, on.configuration(imap_port=proxy.port)),
    ):
        before = proxy.octets["down"]
        on.deliver(raw)
        counter.until(1)
        return proxy.octets["down"] - before
