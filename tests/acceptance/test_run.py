"""``mailwire run`` and its signals."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import servers
from tests.acceptance import command
from tests.bridge_process import DEADLINE_S, BridgeProcess
from tests.servers import http
from tests.servers.dovecot import Dovecot

MAIL = "From: a@b.example\r\nSubject: motion\r\nMessage-ID: <1@b.example>\r\n\r\nhello\r\n"


def nothing_to_do(folder: Path, **more: Any) -> dict[str, Any]:
    return {"name": "house", "state": f"sqlite:///{folder}/state.db", **more}


@contextlib.contextmanager
def running(folder: Path, **more: Any) -> Iterator[BridgeProcess]:
    """Up, though no folder is watched."""
    bridge = BridgeProcess(folder, nothing_to_do(folder, **more))
    bridge.start(until_live=False)
    try:
        bridge.until(says("the bridge runs"))
        yield bridge
    finally:
        bridge.__exit__()


def says(part: str) -> Any:
    return lambda line: part in line["event"]


def test_sighup_reloads_and_is_no_reason_to_end(tmp_path: Path) -> None:
    with running(tmp_path) as bridge:
        for count in (1, 2):
            os.kill(bridge.pid, signal.SIGHUP)
            bridge.until(says("reloaded: nothing has changed"), count=count)
        assert not [line for line in bridge.log if line["level"] == "error"]
        assert bridge.stop() == 0


def test_without_a_mailbox_it_says_that_nothing_will_happen(tmp_path: Path) -> None:
    with running(tmp_path) as bridge:
        assert [line["level"] for line in bridge.log if "no mailbox" in line["event"]] == ["warning"]


@pytest.mark.parametrize("again", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_it_though_something_is_in_flight(again: signal.Signals, tmp_path: Path) -> None:
    async with http.Server(http.Answer(hang=True)) as hook:
        with Dovecot() as dovecot:
            account = {"host": "127.0.0.1", "port": dovecot.port, "tls": "none", "user": "ada", "password": "secret"}
            configuration = nothing_to_do(
                tmp_path,
                mailboxes={"home": account},
                sinks={"hook": {"type": "http", "url": hook.url, "timeout": "1h"}},
                rules=[{"name": "all", "then": {"sink": "hook"}}],
            )
            with BridgeProcess(tmp_path, configuration) as bridge:
                dovecot.deliver(MAIL)
                await servers.until(lambda: hook.requests, 30, what="the request that is never answered")
                os.kill(bridge.pid, signal.SIGTERM)
                bridge.until(says("what is in flight is finished first"))
                os.kill(bridge.pid, again)
                assert bridge.wait() == 1
                assert not any(map(says("the bridge stops"), bridge.log))
                assert any(map(says("ending at once"), bridge.log))


def test_a_second_signal_ends_it_though_a_mail_server_does_not_answer(tmp_path: Path) -> None:
    """It accepts the connection and says nothing: a thread waits for its greeting."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        account = {"host": "127.0.0.1", "port": silent.getsockname()[1], "tls": "none", "timeout": "1h"}
        with running(tmp_path, mailboxes={"home": {**account, "user": "ada", "password": "secret"}}) as bridge:
            connection, _ = silent.accept()
            with connection:
                os.kill(bridge.pid, signal.SIGTERM)
                with contextlib.suppress(AssertionError, ProcessLookupError):  # it may well have ended in good order
                    bridge.until(says("what is in flight is finished first"))
                    os.kill(bridge.pid, signal.SIGTERM)
                assert bridge.wait() in {0, 1}


def test_it_ends_in_good_order_when_its_terminal_goes_away(tmp_path: Path) -> None:
    path = tmp_path / "mailwire.yaml"
    path.write_text(f"name: house\nstate: sqlite:///{tmp_path}/state.db\n")
    ours, theirs = os.openpty()
    with subprocess.Popen(
        command.argv("run", "-c", str(path)), env=command.environment(TERM="xterm"), stdin=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        try:
            told = b""
            while b"the bridge runs" not in told:
                told += os.read(ours, 65_536)
            os.close(ours)
            process.send_signal(signal.SIGHUP)
            assert process.wait(DEADLINE_S) == 0
        finally:
            process.kill()
