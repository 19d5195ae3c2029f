"""UIDs as runs: half a million that follow one another are one. Pure."""

from __future__ import annotations

import array
import bisect
import re
from collections.abc import Iterable, Iterator

_RUN = re.compile(rb"(\d{1,10})(?::(\d{1,10}))?")
_MOST = 2**32 - 1


class Uids:
    """A set of UIDs that does not change."""

    __slots__ = ("_highs", "_lows")

    def __init__(self, runs: Iterable[tuple[int, int]] = ()) -> None:
        """``runs``: first and last of each, in any order."""
        self._lows, self._highs = array.array("I"), array.array("I")
        for low, high in sorted(runs):
            if self._lows and low <= self._highs[-1] + 1:
                self._highs[-1] = max(self._highs[-1], high)
            else:
                self._lows.append(low)
                self._highs.append(high)

    @classmethod
    def of(cls, uids: Iterable[int]) -> Uids:
        return cls((uid, uid) for uid in uids)

    @classmethod
    def read(cls, text: bytes) -> Uids:
        """``1:5,7`` (RFC 9051, section 9, sequence-set). What is no UID, and ``*``, is passed over."""
        return cls(_runs(text))

    @classmethod
    def union(cls, sets: Iterable[Uids]) -> Uids:
        return cls(run for each in sets for run in each.runs())

    def runs(self) -> Iterator[tuple[int, int]]:
        return zip(self._lows, self._highs, strict=True)

    def __contains__(self, uid: int) -> bool:
        at = bisect.bisect_right(self._lows, uid) - 1
        return at >= 0 and uid <= self._highs[at]

    def __iter__(self) -> Iterator[int]:
        """Ascending."""
        return (uid for low, high in self.runs() for uid in range(low, high + 1))

    def __len__(self) -> int:
        return sum(high - low + 1 for low, high in self.runs())

    def __bool__(self) -> bool:
        return bool(self._lows)


def _runs(text: bytes) -> Iterator[tuple[int, int]]:
    for piece in text.split(b","):
        if match := _RUN.fullmatch(piece):
            low, high = sorted((int(match[1]), int(match[2] or match[1])))
            if low > 0 and high <= _MOST:
                yield low, high
