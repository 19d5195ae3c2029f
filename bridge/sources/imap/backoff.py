"""How long to wait before the next try: a pure function."""

from __future__ import annotations


def wait_s(failures: int, *, least_s: float, most_s: float, chance: float) -> float:
    """Seconds to wait after ``failures`` tries in a row have failed (counted from 1).

    Doubles from ``least_s`` up to ``most_s``; ``chance`` (0 to 1, drawn anew for each wait) takes away up to half of
    it, so that mailboxes that were cut off together do not come back together.
    """
    doublings = min(max(failures - 1, 0), 32)  # beyond that every sensible cap is reached, and floats stay floats
    full_s = min(most_s, least_s * 2.0**doublings)
    return full_s * (1.0 - 0.5 * chance)
