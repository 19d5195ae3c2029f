"""Which of the words that there are was meant by one that there is not."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that ``word`` most likely is a slip for; None where there is nothing like it."""
    plain = _plain(word)
    candidates = sorted(name for name in set(known) if name != word)
    slips = sorted((*_slips(plain, _plain(name)), name) for name in candidates if abs(len(name) - len(plain)) <= 2)
    if slips and slips[0][0] <= max(1, min(len(plain), len(slips[0][2])) // 4):
        return slips[0][2]
    close = difflib.get_close_matches(plain, candidates, n=1, cutoff=0.6)
    return close[0] if close else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean "subject"?``, or nothing."""
    found = nearest(word, known)
    return f'; did you mean "{found}"?' if found else ""


def _plain(word: str) -> str:
    return word.lower().replace("-", "_").strip()


def _slips(a: str, b: str) -> tuple[int, bool]:
    """Letters left out, added, changed or swapped with their neighbour (optimal string alignment distance), and whether
    more than their order differs.
    """
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        before, above, row = row, before, [i]
        for j, other in enumerate(b, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if above and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                best = min(best, above[j - 2] + 1)
            row.append(best)
    return row[-1], sorted(a) != sorted(b)
