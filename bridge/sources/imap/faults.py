"""Where a bug of ours is: file and line, and nothing of the values, which may hold a mail."""

from __future__ import annotations

import traceback


def place(error: BaseException) -> str:
    """``text.py:41 in readable``: the innermost frame."""
    frames = traceback.extract_tb(error.__traceback__, limit=-1)
    return f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno} in {frames[-1].name}" if frames else "?"
