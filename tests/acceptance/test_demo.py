"""``mailwire demo``: a newcomer sees the main job happen with one command."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
from pathlib import Path

from bridge.demo import samples
from tests.acceptance import command


def test_once_ends_by_itself_when_every_sample_has_arrived(tmp_path: Path) -> None:
    done = command.mailwire("demo", "--once", TMPDIR=str(tmp_path))

    assert (done.returncode, done.stderr) == (0, "")
    assert [name for name in samples.DEVICE_OF if name not in done.stdout] == []
    assert "Ctrl-C" not in done.stdout
    assert re.search(r"127\.0\.0\.1: mail server imap \d+, broker mqtt \d+, lamp coap \d+\n", done.stdout)
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


def test_each_line_tells_what_the_device_shows() -> None:
    lines = command.mailwire("demo", "--once").stdout.splitlines()
    shown = {name: next(line for line in lines if line.startswith(name)) for name in samples.DEVICE_OF}

    assert "lamp shows: on, front door, then off" in shown["1-camera-motion"]
    assert "display shows: Code 482913" in shown["2-one-time-code"]
    assert "display shows: parcel 14:10-15:40" in shown["3-parcel-news"]
    assert "nothing is sent" in shown["4-newsletter"]
    assert "display shows: greenhouse 31.5" in shown["5-greenhouse"]


def test_on_a_terminal_it_goes_on_until_ctrl_c_and_ends_without_a_complaint() -> None:
    master, slave = pty.openpty()
    with subprocess.Popen(
        command.argv("demo"),
        cwd=command.ROOT,
        env=command.environment(TERM="xterm"),
        stdin=slave,
        stdout=slave,
        stderr=subprocess.PIPE,
    ) as process:
        os.close(slave)
        try:
            seen = read_until(master, b"front door")
            process.send_signal(signal.SIGINT)
            farewell = drain(master)
            _, complaints = process.communicate(timeout=command.DEADLINE_S)
        finally:
            process.kill()
            os.close(master)

    assert b"Ctrl-C ends it" in seen
    assert b"lamp coap " in seen
    assert b"examples/" in farewell.splitlines()[-1]
    assert b"mailwire check" in farewell.splitlines()[-1]
    assert (process.returncode, complaints) == (0, b"")


def test_without_its_extra_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "pymap.py").write_text("raise ModuleNotFoundError('no pymap', name='pymap')\n")

    done = command.mailwire("demo", "--once", PYTHONPATH=f"{tmp_path}{os.pathsep}{command.ROOT}")

    assert (done.returncode, done.stderr) == (1, "the demo needs more: pip install 'mailwire[demo]'\n")


def read_until(terminal: int, wanted: bytes) -> bytes:
    """What the terminal gets, up to and including ``wanted``."""
    seen = b""
    while wanted not in seen:
        seen += read(terminal)
    return seen


def drain(terminal: int) -> bytes:
    """Everything up to its end: a terminal that nobody reads would block the demo's last words."""
    seen = b""
    with contextlib.suppress(OSError):  # EIO: the other end is closed
        while new := read(terminal):
            seen += new
    return seen


def read(terminal: int) -> bytes:
    """What comes next.

    Raises:
        AssertionError: nothing did within the deadline.
    """
    readable, _, _ = select.select([terminal], [], [], command.DEADLINE_S)
    assert readable, f"nothing was written within {command.DEADLINE_S} s"
    return os.read(terminal, 65536)
