"""``mailwire`` as it is, which says on SIGUSR1 how many tasks there are: ``python -m tests.faults.watched run``."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
from typing import Any


def _tell(*_: Any) -> None:
    gc.collect()  # what is not used any more is not what grows
    line = json.dumps({"event": "tasks", "count": len(asyncio.all_tasks())})
    os.write(sys.stderr.fileno(), f"{line}\n".encode())


if __name__ == "__main__":
    from bridge import cli

    signal.signal(signal.SIGUSR1, _tell)
    cli.main()
