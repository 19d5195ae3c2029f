"""How long to wait before trying again: pure."""

from __future__ import annotations

import random

FIRST_S = 1.0
FACTOR = 2.0
LONGEST_S = 300.0
JITTER = 0.2  # ± this share, so that what failed together does not come back together


def backoff_s(
    tries: int, *, longest_s: float = LONGEST_S, first_s: float = FIRST_S, chance: float | None = None
) -> float:
    """Seconds to wait after the ``tries``-th failure in a row (1, 2, …): doubling, capped, then jittered.

    ``chance`` in [0, 1] stands in for the die; 0.5 is no jitter.
    """
    base = min(longest_s, first_s * FACTOR ** min(tries - 1, 60))
    roll = random.random() if chance is None else chance
    return base * (1 + JITTER * (2 * roll - 1))
