"""How long to wait before connecting again: a pure function."""

from __future__ import annotations

import random
from collections.abc import Callable


def backoff_s(failures: int, *, min_s: float, max_s: float, chance: Callable[[], float] = random.random) -> float:
    """Seconds to wait after that many failures in a row (1 or more): doubling from ``min_s``, never above ``max_s``.

    A random half of it (``chance`` gives 0 to 1) is taken off, so that many clients of one server that came back do not
    knock all at once.
    """
    doublings = min(max(failures, 1) - 1, 30)  # the cap below is reached long before; this only bounds the power
    longest = min(min_s * 2.0**doublings, max_s)
    return longest * (0.5 + 0.5 * chance())
