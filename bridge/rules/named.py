"""Sets of names. Every part of a rule has some, and most of them are empty or those of the part in it: thousands of
rules share one where each would else take 200 bytes.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable

NOBODY: frozenset[str] = frozenset()


def of(names: Iterable[str]) -> frozenset[str]:
    """These names."""
    found = frozenset(names)
    return _shared(found) if found else NOBODY


def together(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    """All of the names in them."""
    first, *others = [one for one in sets if one] or (NOBODY,)
    return _shared(first.union(*others)) if others else first


@functools.lru_cache(maxsize=1024)
def _shared(names: frozenset[str]) -> frozenset[str]:
    return names
