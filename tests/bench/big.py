"""A mail with 100 MB attached: what is downloaded of it, and the largest resident set over that before it came; with
rules that want nothing of the file, and with one that wants all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.bench import measure
from tests.bench.stage import Stage, mail, stage
from tests.bridge_process import BridgeProcess
from tests.servers.proxy import Proxy

OCTETS = 100_000_000
_FILE: dict[str, Any] = {
    "extract": {"file": {"attachment": "a.jpg", "type": "bytes", "default": ""}},
    "payload": "{{ file | length }}",
}
_NAME: dict[str, Any] = {"extract": {}, "payload": "{{ mail.attachments | length }}"}


def run() -> Iterator[tuple[str, str]]:
    raw = mail(1, attachment=OCTETS)
    for what, rule in (("none does", _NAME), ("one does", _FILE)):
        with stage() as on:
            downloaded, over_mb, payload = _measure(on, raw, rule)
        yield f"100 MB attached, for rules that want it ({what}): downloaded, kB", f"{downloaded / 1e3:.1f}"
        yield "the most memory over that before, MB", f"{over_mb:.1f}"
        yield "what the rule made of it", payload.decode(errors="replace")


def _measure(on: Stage, raw: bytes, rule: Mapping[str, Any]) -> tuple[int, float, bytes]:
    with Proxy(on.dovecot.port) as proxy, measure.counting(on.mosquitto.port, "bench/bridge") as counter:
        configuration = on.configuration(imap_port=proxy.port)
        (only,) = configuration["rules"]
        only["extract"], only["then"][0]["payload"] = rule["extract"], rule["payload"]
        with BridgeProcess(on.folder, configuration) as bridge:
            on.deliver(mail(0))  # the first mail of all makes what every mail needs
            counter.until(1)
            before, rss_mb = proxy.octets["down"], measure.cost(bridge.pid).rss_mb
            measure.forget_peak(bridge.pid)
            on.deliver(raw)
            counter.until(2)
            return proxy.octets["down"] - before, measure.peak_mb(bridge.pid) - rss_mb, counter.payloads[1]
