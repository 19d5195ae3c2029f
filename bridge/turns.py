"""Work in the event loop that takes long in all: others have their turn now and then."""

from __future__ import annotations

import asyncio
import time


class Turns:
    """``pause`` between two pieces of it: nothing, until ``most_s`` have passed since the others had their turn."""

    __slots__ = ("_began", "_most_s")

    def __init__(self, most_s: float) -> None:
        self._most_s = most_s
        self._began = time.monotonic()

    async def pause(self) -> None:
        if time.monotonic() - self._began > self._most_s:
            await asyncio.sleep(0)
            self._began = time.monotonic()
