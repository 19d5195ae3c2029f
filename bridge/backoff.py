"""How long to wait before the next try: a pure function, for connections, deliveries and the store alike."""

from __future__ import annotations

import random


def wait_s(failures: int, *, least_s: float = 1.0, most_s: float = 300.0, chance: float | None = None) -> float:
    """Seconds to wait after ``failures`` tries in a row have failed (counted from 1).

    Doubles from ``least_s`` up to ``most_s``; ``chance`` (0 to 1, drawn anew for each wait where it is not given) takes
    away up to half of it, so that what was cut off together does not come back together.
    """
    doublings = min(max(failures - 1, 0), 32)  # beyond that every sensible cap is reached, and floats stay floats
    full_s = min(most_s, least_s * 2.0**doublings)
    return full_s * (1.0 - 0.5 * (random.random() if chance is None else chance))
