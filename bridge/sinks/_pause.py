"""How long to wait before trying again: a pure function, and a sink's pause that is made of it."""

from __future__ import annotations

import asyncio
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


class Pause:
    """The pause of a sink that has no connection whose return could be waited for.

    ``ready()`` of such a sink has to take some time after the far end was away, or it would be asked again at once.
    Without a connection only a ``send`` can find out whether it is back, so a pause ends by itself.
    """

    def __init__(self, *, min_s: float, max_s: float) -> None:
        self._min_s = min_s
        self._max_s = max_s
        self._failures = 0
        self._until = 0.0  # the event loop's time

    def begin(self, *, at_least_s: float = 0.0) -> None:
        """The far end was away. Failures that fall into a running pause (sent before it began) do not lengthen it."""
        now = asyncio.get_running_loop().time()
        if now < self._until:
            return
        self._failures += 1
        self._until = now + max(backoff_s(self._failures, min_s=self._min_s, max_s=self._max_s), at_least_s)

    def end(self) -> None:
        """The far end answered."""
        self._failures = 0
        self._until = 0.0

    async def over(self) -> None:
        """Returns when the pause is over; at once where there is none."""
        loop = asyncio.get_running_loop()
        while (remaining := self._until - loop.time()) > 0:  # noqa: ASYNC110 - it is time that is waited for
            await asyncio.sleep(remaining)
