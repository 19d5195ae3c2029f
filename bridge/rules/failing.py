"""What is told of something that failed while a rule looked at a mail."""

from __future__ import annotations

import traceback
from pathlib import Path

from bridge import errors


def reason(error: Exception) -> str:
    """In plain words. What a bug says may quote the mail: only where it is gets told."""
    return str(error) if isinstance(error, errors.MailwireError) else _where(error)


def _where(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
