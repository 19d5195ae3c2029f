"""Real servers on loopback, each started from a generated configuration on a free port and ended by its own process id.

As root they run as ``nobody``: mosquitto and dovecot want no root, and a test should not need what an admin does not.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Self, TypeVar

NOBODY = 65_534
START_S = 15.0  # generous: the machine may be busy; a ready server is noticed at once
POLL_S = 0.02

T = TypeVar("T")


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


async def until(condition: Callable[[], T | Awaitable[T]], deadline_s: float = 10.0, *, what: str = "") -> T:
    """Polls until ``condition`` (sync or async) gives something true, and returns that.

    Raises:
        AssertionError: it did not within the deadline.
    """
    ends = time.monotonic() + deadline_s
    while True:
        found = condition()
        value = await found if inspect.isawaitable(found) else found
        if value:
            return value
        assert time.monotonic() < ends, f"not within {deadline_s:g} s: {what or inspect.getsource(condition).strip()}"
        await asyncio.sleep(POLL_S)


def needs(*programs: str) -> None:
    """
    Raises:
        RuntimeError: one of them is not installed.
    """
    os.environ["PATH"] += (
        os.pathsep + "/usr/sbin"
    )  # where Debian keeps servers, and an ordinary user's PATH does not look
    if missing := [program for program in programs if not shutil.which(program)]:
        raise RuntimeError(f"not installed: {', '.join(missing)}; run tests/servers/install.sh")


def unprivileged() -> list[str]:
    """What to put before a command so that it does not run as root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A fresh folder that the unprivileged server may write to; gone afterwards."""
    path = Path(tempfile.mkdtemp(prefix="mailwire-test-"))
    try:
        give(path)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def give(path: Path) -> None:
    """Makes the unprivileged server the owner."""
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)


class Process:
    """One server process; ``ready`` is polled after the start."""

    def __init__(self, argv: Sequence[str], *, cwd: Path, ready: Callable[[], bool]) -> None:
        self._argv = [*unprivileged(), *argv]
        self._cwd = cwd
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None
        self.log = cwd / "log"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Returns when it is ready.

        Raises:
            RuntimeError: it ended, or was not ready in time; with the end of its log.
        """
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._argv, cwd=self._cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        ends = time.monotonic() + START_S
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > ends:
                said = self.log.read_text(errors="replace")[-2000:]
                self.kill()
                raise RuntimeError(f"{self._argv} did not start: {said}")
            time.sleep(POLL_S)

    def stop(self) -> None:
        """SIGTERM, and waits."""
        self._end(subprocess.Popen.terminate)

    def kill(self) -> None:
        """SIGKILL, and waits."""
        self._end(subprocess.Popen.kill)

    def _end(self, signal: Callable[[subprocess.Popen[bytes]], None]) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        signal(process)
        try:
            process.wait(START_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def accepts(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something listens there."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True
