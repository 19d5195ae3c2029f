"""Batches on their way to the one who records them: none is taken off before it is acknowledged."""

from __future__ import annotations

import asyncio
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
        self._line: list[Handed] = []  # of three at the most
        self._filled: asyncio.Future[None] | None = None  # made when somebody waits: an idle mailbox keeps little
        self._freed: list[asyncio.Future[None]] = []
        self._closed = False

    async def put(self, batch: Batch) -> asyncio.Future[None]:
        """Waits for room; the future is done when the batch is acknowledged."""
        while len(self._line) >= self._room:
            freed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._freed.append(freed)
            await freed
        handed = Handed(batch=batch, committed=asyncio.get_running_loop().create_future())
        self._line.append(handed)
        self._wake()
        return handed.committed

    async def first(self) -> Handed | None:
        """The first that is not acknowledged, as soon as there is one; None when closed."""
        while not self._line and not self._closed:
            self._filled = asyncio.get_running_loop().create_future()
            await self._filled
        return None if self._closed else self._line[0]

    def acknowledge(self, handed: Handed) -> None:
        if self._line and self._line[0] is handed:
            del self._line[0]
            freed, self._freed = self._freed, []
            for waiting in freed:
                _resolve(waiting)
        _resolve(handed.committed)

    def close(self) -> None:
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        if self._filled is not None:
            _resolve(self._filled)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
