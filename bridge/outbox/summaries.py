"""Tells of what throttles have suppressed: one summary a rule and span, when the span is over."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from collections.abc import Callable

import structlog

from bridge import events, outbox
from bridge.outbox import sweeping
from bridge.outbox.store import Store

log = structlog.get_logger()


class Summaries:
    """For all rules. What is due while the bridge is stopped is told when it is back."""

    def __init__(self, store: Store, *, onlooker: Callable[[events.Event], None]) -> None:
        self._store = store
        self._onlooker = onlooker
        self._sooner = asyncio.Event()
        store.on_news(outbox.SUMMARIES, lambda _: self._sooner.set())

    async def run(self) -> None:
        """For ever. Cancelled, it still tells of what it has taken."""
        while True:
            self._sooner.clear()
            await self._until(await self._store.next_report())
            telling = asyncio.create_task(self._tell(), name="store: summaries")
            try:
                await asyncio.shield(telling)
            except asyncio.CancelledError:
                await asyncio.wait([telling])
                raise

    async def _until(self, due: float | None) -> None:
        remaining_s = None if due is None else due - self._store.clock()
        if remaining_s is None or remaining_s > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if remaining_s is None else min(remaining_s, sweeping.LONGEST_SLEEP_S)):
                    await self._sooner.wait()

    async def _tell(self) -> None:
        for one in await self._store.take_reports():
            since = datetime.datetime.fromtimestamp(one.since, datetime.UTC).isoformat(timespec="seconds")
            about = {"rule": one.rule} | ({"per": one.per} if one.per else {})
            told = f"{one.count} suppressed"
            log.warning(told, **about, since=since)
            self._onlooker(one)
