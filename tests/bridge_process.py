"""The installed command as a process: started from a configuration that is a Python value, watched through its log
lines."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import yaml

DEADLINE_S = 60.0


def is_live(line: Mapping[str, Any]) -> bool:
    return line.get("event") == "watching a folder" and line.get("state") == "live"


class BridgeProcess:
    """``mailwire run`` on a configuration; ``log`` holds its lines as dicts. Ended by its own pid."""

    module = "bridge"  # that has the command in it

    def __init__(self, folder: Path, configuration: Mapping[str, Any]) -> None:
        self.folder = folder
        self.config = folder / "mailwire.yaml"
        self.config.write_text(yaml.safe_dump(dict(configuration), sort_keys=False))
        self.log: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        if self._process is not None:
            self.kill()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, *, until_live: bool = True) -> None:
        command = [sys.executable, "-m", self.module, "run", "-c", str(self.config)]
        self.log = []
        self._process = subprocess.Popen(
            command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True,
            env={**os.environ, "PYTHONWARNINGS": "error::ResourceWarning"},
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()
        if until_live:
            self.until(is_live)

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        for text in process.stderr:
            try:
                line = json.loads(text)
            except ValueError:
                line = {"event": text.rstrip()}
            with self._changed:
                self.log.append(line)
                self._changed.notify_all()
        process.stderr.close()
        with self._changed:
            self._changed.notify_all()

    def until(self, condition: Callable[[dict[str, Any]], bool], *, count: int = 1) -> None:
        """Waits until so many log lines fulfil the condition."""
        deadline = time.monotonic() + DEADLINE_S
        with self._changed:
            while sum(map(condition, self.log)) < count:
                assert self._process is not None
                assert self._process.poll() is None, f"the bridge ended: {self.log[-5:]}"
                assert time.monotonic() < deadline, f"waited in vain: {self.log[-10:]}"
                self._changed.wait(0.2)

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def wait(self) -> int:
        """Its exit code, when it ends by itself."""
        assert self._process is not None
        process, self._process = self._process, None
        code = process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        return code

    def _end(self, number: int) -> int:
        assert self._process is not None
        process, self._process = self._process, None
        if process.poll() is None:
            process.send_signal(number)
        code = process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        return code
