"""How long until mail comes again, with the settings that a mailbox has by default.

Cut: every connection is reset, from the cut to IDLE. Away: nobody listens for a while, from the moment at which
somebody does to IDLE. Silent: packets are swallowed and still acknowledged, from then until the bridge gives the
connection up, with `idle_renew: 5s` and `timeout: 5s`, so that 10 s is the deadline. One of a hundred hosts accepts
connections and says nothing: from the cut of all to IDLE at the others.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.bench import measure
from tests.bridge_process import BridgeProcess
from tests.servers.idle_imap import IdleImap
from tests.servers.proxy import Proxy

CUTS = 5
STEADY_S = 5.0  # before the next one: a connection that always ends at once is tried less and less often
AWAY_S = (1, 5, 20)
HOSTS = 100
PATIENCE_S = 120.0


def run() -> Iterator[tuple[str, str]]:
    with IdleImap() as server, Proxy(server.port) as proxy, _bridge({"one": _account(proxy.port)}):
        _until(lambda: server.count().idle == 1)
        yield f"cut mid-IDLE, {CUTS} times: back after, s: median", measure.seconds([_cut(server) for _ in range(CUTS)])
        for away_s in AWAY_S:
            yield (
                f"nobody listened for {away_s} s: back after, s (wanted: under 2)",
                f"{_away(server, proxy, away_s):.2f}",
            )
    with IdleImap() as server, Proxy(server.port) as proxy:
        account = _account(proxy.port, idle_renew="5s", timeout="5s")
        with _bridge({"one": account}) as bridge:
            _until(lambda: server.count().idle == 1)
            yield "silent: noticed after, s (wanted: 10 at most)", f"{_silent(proxy, bridge):.2f}"
    yield from _hundred()


def _cut(server: IdleImap) -> float:
    time.sleep(STEADY_S)
    at = server.cut()
    _until(lambda: server.count().idle == 1)
    return server.idle_since()["one"] - at


def _away(server: IdleImap, proxy: Proxy, seconds: float) -> float:
    time.sleep(STEADY_S)
    proxy.refuse()
    server.cut()
    time.sleep(seconds)
    proxy.listen_again()
    at = time.monotonic()
    _until(lambda: server.count().idle == 1)
    return server.idle_since()["one"] - at


def _silent(proxy: Proxy, bridge: BridgeProcess) -> float:
    proxy.swallow, at = True, time.monotonic()
    bridge.until(lambda line: line.get("state") == "retrying")
    return time.monotonic() - at


def _hundred() -> Iterator[tuple[str, str]]:
    hosts = [f"127.0.0.{n}" for n in range(1, HOSTS + 1)]
    with IdleImap(addresses=hosts) as server:
        accounts = {f"m{n}": _account(server.port, host=host, user=f"m{n}") for n, host in enumerate(hosts)}
        with _bridge(accounts):
            _until(lambda: server.count().idle == HOSTS)
            yield f"{HOSTS} hosts cut at once: all back after, s", f"{_all_back(server, HOSTS):.2f}"
            server.mute(hosts[HOSTS // 2])
            back = f"{_all_back(server, HOSTS - 1):.2f}"
            yield "the same, and one is silent: the others back after, s", back


def _all_back(server: IdleImap, idle: int) -> float:
    at = server.cut()
    _until(lambda: server.count().idle == idle)
    return max(server.idle_since().values()) - at


def _until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > ends:
            raise TimeoutError(f"not within {PATIENCE_S:g} s")
        time.sleep(0.02)


def _account(port: int, *, host: str = "127.0.0.1", user: str = "one", **more: Any) -> dict[str, Any]:
    return {"host": host, "port": port, "tls": "none", "user": user, "password": "secret", **more}


@contextlib.contextmanager
def _bridge(mailboxes: Mapping[str, Any]) -> Iterator[BridgeProcess]:
    with tempfile.TemporaryDirectory(prefix="mailwire-bench-") as folder:
        state = f"sqlite:///{folder}/state.db"
        with BridgeProcess(Path(folder), {"name": "bench", "state": state, "mailboxes": dict(mailboxes)}) as bridge:
            yield bridge
