"""A file that is too large for memory, from a real mail server through the bridge as a process to a real web server:
whole, once, in little memory, and whatever happens in the middle of it.
"""

from __future__ import annotations

import base64
import hashlib
import random
import smtplib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bench import measure
from tests.bridge_process import BridgeProcess
from tests.servers.dovecot import Dovecot
from tests.servers.hashing import Hashing
from tests.servers.proxy import Proxy

MB = 1_000_000
_DEADLINE_S = 60.0


class Scene:
    def __init__(self, dovecot: Dovecot, hook: Hashing, folder: Path) -> None:
        self.dovecot = dovecot
        self.hook = hook
        self.folder = folder

    def bridge(self, *, imap_port: int | None = None) -> BridgeProcess:
        """Not started yet; every one of a scene has the same state."""
        account = {"host": "127.0.0.1", "port": imap_port or self.dovecot.port, "tls": "none", "user": "ada"}
        rule = {
            "name": "reports",
            "when": {"subject": "report"},
            "extract": {"file": {"attachment": "*.zip", "type": "bytes"}},
            "then": [{"sink": "hook", "path": "up", "payload": "{{ file }}", "as": "bytes"}],
        }
        return BridgeProcess(
            self.folder,
            {
                "name": "house",
                "state": f"sqlite:///{self.folder}/state.db",
                "mailboxes": {"home": {**account, "password": "secret", "retry_min": "50ms", "retry_max": "500ms"}},
                "sinks": {"hook": {"type": "http", "url": self.hook.url}},
                "rules": [rule],
            },
        )

    def deliver(self, octets: int, *, subject: str = "report") -> str:
        """A mail with so many octets attached; their SHA-256."""
        content = random.Random(octets).randbytes(octets)
        head = (
            f"From: a@b.example\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b"
        )
        kind = "Content-Type: application/zip; name=a.zip\r\nContent-Transfer-Encoding: base64"
        raw = f"{head}\r\n\r\n--b\r\n\r\nhello\r\n--b\r\n{kind}\r\n\r\n".encode()
        raw += base64.encodebytes(content).replace(b"\n", b"\r\n") + b"--b--\r\n"
        with smtplib.LMTP("127.0.0.1", self.dovecot.lmtp_port) as lmtp:
            lmtp.sendmail("a@b.example", ["ada"], raw)
        return hashlib.sha256(content).hexdigest()

    def kept(self) -> tuple[int, int]:
        """Files and pieces in the store."""
        with sqlite3.connect(self.folder / "state.db") as connection:
            counts = [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in _TABLES]
        connection.close()
        return counts[0], counts[1]

    def until_kept(self, *, least: int) -> None:
        """Until so many pieces are in the store."""
        self._until(lambda: self.kept()[1] >= least)

    def until_erased(self) -> None:
        """Until nothing is kept: first the pieces go, then what they were of."""
        self._until(lambda: self.kept() == (0, 0))

    def _until(self, condition: Callable[[], bool]) -> None:
        ends = time.monotonic() + _DEADLINE_S
        while not condition():
            assert time.monotonic() < ends, self.kept()
            time.sleep(0.005)


_TABLES = ("files", "chunks")


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with Dovecot() as dovecot, Hashing() as hook:
        yield Scene(dovecot, hook, tmp_path)


def test_forty_megabytes_go_through_little_memory_and_nothing_is_left_behind(scene: Scene) -> None:
    with scene.bridge() as bridge:
        small = scene.deliver(1 * MB)
        scene.hook.until(1)
        before_mb = measure.cost(bridge.pid).rss_mb
        measure.forget_peak(bridge.pid)
        large = scene.deliver(40 * MB)
        scene.hook.until(2)
        over_mb = measure.peak_mb(bridge.pid) - before_mb
        scene.until_erased()
    assert [posted.sha256 for posted in scene.hook.posted] == [small, large]
    assert over_mb <= 16


def test_a_rule_that_does_not_match_touches_nothing_of_it(scene: Scene) -> None:
    with Proxy(scene.dovecot.port) as proxy, scene.bridge(imap_port=proxy.port):
        before = proxy.octets["down"]
        scene.deliver(20 * MB, subject="holidays")
        after = scene.deliver(100, subject="report")
        scene.hook.until(1)
        assert proxy.octets["down"] - before < 20_000
    assert [posted.sha256 for posted in scene.hook.posted] == [after]


def test_kill_9_in_the_middle_of_it_delivers_it_once_and_leaves_nothing_behind(scene: Scene) -> None:
    with scene.bridge() as bridge:
        wanted = scene.deliver(40 * MB)
        scene.until_kept(least=5)
        bridge.kill()
    assert scene.kept()[1] >= 5
    with scene.bridge():
        scene.hook.until(1)
        scene.until_erased()
    assert [posted.sha256 for posted in scene.hook.posted] == [wanted]


def test_a_connection_to_the_mail_server_that_is_cut_in_the_middle_costs_nothing(scene: Scene) -> None:
    with Proxy(scene.dovecot.port) as proxy, scene.bridge(imap_port=proxy.port):
        wanted = scene.deliver(40 * MB)
        scene.until_kept(least=5)
        proxy.cut()
        scene.hook.until(1)
    assert [posted.sha256 for posted in scene.hook.posted] == [wanted]


def test_a_web_server_that_hangs_up_in_the_middle_gets_it_again_with_the_same_id(tmp_path: Path) -> None:
    with Dovecot() as dovecot, Hashing(cut_after=7 * MB) as hook:
        scene = Scene(dovecot, hook, tmp_path)
        with scene.bridge():
            wanted = scene.deliver(20 * MB)
            hook.until(1)
            scene.until_erased()
        assert ([posted.sha256 for posted in hook.posted], hook.begun) == ([wanted], 2)
