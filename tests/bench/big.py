"""A mail with 100 MB attached: what is downloaded of it, and the largest resident set over that before it came; with
rules that want nothing of the file, with one that wants no more than its size, and with one that sends it on by HTTP.
"""

from __future__ import annotations

import base64
import hashlib
import random
import time
from collections.abc import Iterator, Mapping
from typing import Any

from tests.bench import measure
from tests.bench.stage import Stage, mail, stage
from tests.bridge_process import BridgeProcess
from tests.servers.hashing import Hashing
from tests.servers.proxy import Proxy

OCTETS = 100_000_000
_FILE: dict[str, Any] = {"file": {"attachment": "a.jpg", "type": "bytes"}}
_LENGTH: dict[str, Any] = {
    "extract": {"file": {**_FILE["file"], "default": ""}},
    "payload": "{{ file | length }}",
}
_NAME: dict[str, Any] = {"extract": {}, "payload": "{{ mail.attachments | length }}"}


def run() -> Iterator[tuple[str, str]]:
    raw = mail(1, attachment=OCTETS)
    for what, rule in (("none does", _NAME), ("one wants its size", _LENGTH)):
        with stage() as on:
            downloaded, over_mb, payload = _measure(on, raw, rule)
        yield f"100 MB attached, for rules that want it ({what}): downloaded, kB", f"{downloaded / 1e3:.1f}"
        yield "the most memory over that before, MB", f"{over_mb:.1f}"
        yield "what the rule made of it", payload.decode(errors="replace")
    with stage() as on:
        over_mb, took_s, same = _stream(on)
    yield "100 MB attached, sent on by HTTP: the most memory over that with 1 MB, MB", f"{over_mb:.1f}"
    yield "delivered to the mail server → in the web server's hands, s", f"{took_s:.1f}"
    yield "the same octets", "yes" if same else "NO"


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


def _stream(on: Stage) -> tuple[float, float, bool]:
    with Hashing() as hook:
        configuration = on.configuration()
        configuration["sinks"] = {"hook": {"type": "http", "url": hook.url}}
        then = [{"sink": "hook", "payload": "{{ file }}", "as": "bytes"}]
        configuration["rules"] = [{"name": "all", "extract": _FILE, "then": then}]
        with BridgeProcess(on.folder, configuration) as bridge:
            on.deliver(_attached(1, 1_000_000)[0])
            hook.until(1)
            rss_mb = measure.cost(bridge.pid).rss_mb
            measure.forget_peak(bridge.pid)
            raw, sha256 = _attached(2, OCTETS)
            on.deliver(raw)
            delivered = time.monotonic()
            hook.until(2)
            took_s = time.monotonic() - delivered
            return measure.peak_mb(bridge.pid) - rss_mb, took_s, hook.posted[1].sha256 == sha256


def _attached(number: int, octets: int) -> tuple[bytes, str]:
    """A mail with random octets attached, and their SHA-256."""
    content = random.Random(number).randbytes(octets)
    head, _, tail = mail(number, attachment=78).partition(b"A" * 76 + b"\r\n")
    return head + base64.encodebytes(content).replace(b"\n", b"\r\n") + tail, hashlib.sha256(content).hexdigest()
