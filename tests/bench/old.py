"""A folder with 500,000 old mails, at the first sight of it and at a restart: what is read of them (an idle-only server
of the tests' own claims that they are there).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench import measure
from tests.bridge_process import BridgeProcess
from tests.servers.idle_imap import IdleImap

OLD = 500_000


def run() -> Iterator[tuple[str, str]]:
    for start in ("now", "unseen"):
        with IdleImap(old=OLD) as server, tempfile.TemporaryDirectory(prefix="mailwire-bench-") as folder:
            configuration = _configuration(server, Path(folder), start)
            yield f"start: {start}; first sight: {_WHAT}", _measure(server, Path(folder), configuration)
            yield "after a restart", _measure(server, Path(folder), configuration)
    with IdleImap() as server, tempfile.TemporaryDirectory(prefix="mailwire-bench-") as folder:
        empty = _measure(server, Path(folder), _configuration(server, Path(folder), "now"))
        yield "an empty folder, for comparison", empty


_WHAT = "octets, commands, seconds to live, RSS"


def _measure(server: IdleImap, folder: Path, configuration: dict[str, Any]) -> str:
    before = server.count()
    began = time.monotonic()
    with BridgeProcess(folder, configuration) as bridge:
        live_s = time.monotonic() - began
        while server.count().idle < 1:
            time.sleep(0.01)
        after = server.count()
        rss_mb = measure.cost(bridge.pid).rss_mb
        bridge.stop()
    octets, commands = after.down - before.down, after.commands - before.commands
    return f"{octets}, {commands}, {live_s:.1f}, {rss_mb:.0f} MB"


def _configuration(server: IdleImap, folder: Path, start: str) -> dict[str, Any]:
    account = {"host": server.host, "port": server.port, "tls": "none", "user": "old", "password": "secret"}
    return {"name": "bench", "state": f"sqlite:///{folder}/state.db", "mailboxes": {"old": {**account, "start": start}}}
