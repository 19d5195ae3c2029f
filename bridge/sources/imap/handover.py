"""Batches on their way to the one who records them: none is taken off before it is acknowledged."""

from __future__ import annotations

import asyncio
import collections
import dataclasses

from bridge.sources import Batch


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Handed:
    """A batch, and what is done when it is committed."""

    batch: Batch
    committed: asyncio.Future[None]


class Handover:
    """A short line with one consumer, who looks at the first batch and acknowledges it later.

    A consumer that fails in between finds the same batch first when it comes back.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._line: collections.deque[Handed] = collections.deque()
        self._filled = asyncio.Event()
        self._freed = asyncio.Event()
        self._closed = False

    async def put(self, batch: Batch) -> asyncio.Future[None]:
        """Waits for room; the future is done when the batch is acknowledged."""
        while len(self._line) >= self._room:
            self._freed.clear()
            await self._freed.wait()
        handed = Handed(batch=batch, committed=asyncio.get_running_loop().create_future())
        self._line.append(handed)
        self._filled.set()
        return handed.committed

    async def first(self) -> Handed | None:
        """The first that is not acknowledged, as soon as there is one; None when closed."""
        while not self._line and not self._closed:
            self._filled.clear()
            await self._filled.wait()
        return None if self._closed else self._line[0]

    def acknowledge(self, handed: Handed) -> None:
        if self._line and self._line[0] is handed:
            self._line.popleft()
            self._freed.set()
        if not handed.committed.done():
            handed.committed.set_result(None)

    def close(self) -> None:
        self._closed = True
        self._filled.set()
