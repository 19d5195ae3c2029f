"""A dispatcher that is there only while its sink has something to do: of ten thousand mailboxes, few have their mails
changed at any one time, and an idle dispatcher costs four tasks and as much memory as half a TLS connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bridge import outbox
from bridge.outbox.dispatcher import Dispatcher
from bridge.outbox.store import Store

LINGER_S = 60.0  # without news, before it is looked whether the dispatcher may go
DRAIN_S = 10.0  # for what it may still have to write down


class OnDemand:
    """Stands where a ``Dispatcher`` stands, and makes one when the store has deliveries for its sink."""

    def __init__(self, name: str, store: Store, *, make: Callable[[], Dispatcher], linger_s: float = LINGER_S) -> None:
        self._name = name
        self._store = store
        self._make = make
        self._linger_s = linger_s
        self._dispatcher: Dispatcher | None = None
        self._news = True  # what was left by the process before
        self._woken: asyncio.Future[None] | None = None
        self._draining = False
        self._unsubscribe = store.on_news(name, self._on_news)

    @property
    def awake(self) -> bool:
        return self._dispatcher is not None

    async def run(self) -> None:
        """For ever; raises what a dispatcher raises."""
        while True:
            if not self._news or self._draining:
                await self._until_woken()
            self._news = False
            if await self._store.pending(self._name) and not self._draining:
                await self._dispatch()

    async def drain(self, deadline_s: float) -> None:
        """Takes no more, and waits until what is in flight is acknowledged and settled."""
        self._draining = True
        if self._dispatcher is not None:
            await self._dispatcher.drain(deadline_s)

    async def close(self) -> None:
        """When ``run`` has ended."""
        self._unsubscribe()

    def _on_news(self, _: outbox.News) -> None:
        self._news = True
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    async def _until_woken(self) -> None:
        self._woken = asyncio.get_running_loop().create_future()
        try:
            await self._woken
        finally:
            self._woken = None

    async def _dispatch(self) -> None:
        """As long as there is something for it to do."""
        self._dispatcher = dispatcher = self._make()
        running = asyncio.create_task(dispatcher.run(), name=self._name)
        try:
            while not running.done() and not await self._done_with(running):
                pass
            if running.done():
                running.result()
            await dispatcher.drain(DRAIN_S)
        finally:
            running.cancel()
            await asyncio.wait([running])
            await dispatcher.close()
            self._dispatcher = None

    async def _done_with(self, running: asyncio.Task[None]) -> bool:
        """Whether there was no news for a while, and nothing is left. What comes while the dispatcher ends is seen by
        ``run``.
        """
        self._news = False
        await asyncio.wait([running], timeout=self._linger_s)
        return not self._news and not await self._store.pending(self._name) and not self._news
