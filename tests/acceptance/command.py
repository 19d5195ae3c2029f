"""The ``mailwire`` command as its users have it: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEADLINE_S = 90


def argv(*arguments: str) -> list[str]:
    """The installed command where there is one, else the module that it starts."""
    installed = Path(sys.executable).with_name("mailwire")
    return [str(installed), *arguments] if installed.exists() else [sys.executable, "-m", "bridge", *arguments]


def environment(**more: str) -> dict[str, str]:
    """This process's, with a Python path that has the checkout in it and nothing of the user's own Mailwire."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("MAILWIRE_")}
    return {**mine, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", "NO_COLOR": "1", "COLUMNS": "200", **more}


def mailwire(*arguments: str, cwd: Path = ROOT, **more: str) -> subprocess.CompletedProcess[str]:
    """Runs it to its end, without a terminal."""
    return subprocess.run(
        argv(*arguments),
        cwd=cwd,
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=DEADLINE_S,
        check=False,
    )
