"""Ends what expires or is given up while it waits, so that nobody waits for a sink that is away."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from bridge import outbox
from bridge.outbox.lanes import Lanes
from bridge.outbox.store import Store

LONGEST_SLEEP_S = 15.0  # how late a clock that was set forward, or a suspended machine, is noticed
_EVERY_S = 1.0  # at the most

End = Callable[[outbox.Queued, outbox.State, str], None]  # (what, expired or dead, why)


class Sweeper:
    """One sink's. What is being sent is left alone: it may arrive yet."""

    def __init__(self, sink: str, store: Store, lanes: Lanes, *, end: End) -> None:
        self._sink = sink
        self._store = store
        self._lanes = lanes
        self._end = end
        self._deadline: float | None = None
        self._sooner = asyncio.Event()

    def on_news(self, news: outbox.News) -> None:
        if news.deadline is not None and (self._deadline is None or news.deadline < self._deadline):
            self._deadline = news.deadline
            self._sooner.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            self._sooner.clear()
            self._deadline = await self._store.next_deadline(self._sink)
            await self._until(self._deadline)
            for queued in await self._store.overdue(self._sink):
                if self._lanes.fly(queued):
                    self._give_up(queued)
            await asyncio.sleep(_EVERY_S)

    async def _until(self, deadline: float | None) -> None:
        remaining_s = None if deadline is None else deadline - self._store.clock()
        if remaining_s is None or remaining_s > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if remaining_s is None else min(remaining_s, LONGEST_SLEEP_S)):
                    await self._sooner.wait()

    def _give_up(self, queued: outbox.Queued) -> None:
        expires = queued.delivery.expires
        if expires is not None and expires <= self._store.clock():
            self._end(queued, "expired", queued.reason or "expired while it waited")
        else:
            self._end(queued, "dead", f"given up after its retry_for; last: {queued.reason or 'the sink was away'}")
