"""A store in a fresh SQLite file, a clock moved by hand, and a dispatcher before a flaky sink."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge import events, outbox, sources, testing
from bridge.delivery import Delivery
from bridge.outbox.dispatcher import Dispatcher
from bridge.outbox.store import Store


class Bench:
    """Everything between a record and a receipt."""

    def __init__(self, store: Store, clock: testing.Clock) -> None:
        self.store = store
        self.clock = clock
        self.ended: list[events.DeliveryEnded] = []
        self._news = asyncio.Event()
        self._uid = 0

    def on_event(self, event: events.Event) -> None:
        assert isinstance(event, events.DeliveryEnded)
        self.ended.append(event)
        self._news.set()

    async def record(self, *deliveries: Delivery, plans: tuple[outbox.Plan, ...] = (), folder: str = "INBOX") -> None:
        """The next mail, with these deliveries."""
        sent = outbox.Firing(rule="rule", deliveries=deliveries)
        await self.record_firings(sent, *(outbox.Firing(rule=plan.rule, plan=plan) for plan in plans), folder=folder)

    async def record_firings(self, *firings: outbox.Firing, folder: str = "INBOX") -> outbox.Fates:
        """The next mail, for which these rules matched."""
        self._uid += 1
        entry = outbox.Entry(place=testing.place(self._uid, folder=folder), fingerprint="f", firings=firings)
        return await self.store.record(self.cursor(self._uid, folder), [entry])

    @staticmethod
    def cursor(uid: int, folder: str = "INBOX", uidvalidity: int = 1) -> sources.Cursor:
        return sources.Cursor(mailbox="home", folder=folder, uidvalidity=uidvalidity, uid=uid)

    @contextlib.asynccontextmanager
    async def dispatching(self, sink: testing.FlakySink, name: str = "broker") -> AsyncIterator[Dispatcher]:
        dispatcher = Dispatcher(name, sink, self.store, onlooker=self.on_event)
        task = asyncio.create_task(dispatcher.run())
        try:
            yield dispatcher
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def until_ended(self, count: int) -> list[str]:
        """Waits for so many ends; returns their states in order."""
        async with asyncio.timeout(20):
            while len(self.ended) < count:
                self._news.clear()
                await self._news.wait()
        return [event.state for event in self.ended]

    async def states(self) -> dict[str, dict[str, int]]:
        return await self.store.counts()


@pytest.fixture
async def clock() -> testing.Clock:
    return testing.Clock()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/state.db"


@pytest.fixture
async def bench(url: str, clock: testing.Clock) -> AsyncIterator[Bench]:
    async with Store(url, clock=clock) as store:
        yield Bench(store, clock)
