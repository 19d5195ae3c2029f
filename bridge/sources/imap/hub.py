"""Waits for all idle connections in the event loop: one socket each, and no thread."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import dataclasses
from collections.abc import AsyncIterator
from typing import Protocol

from bridge import errors
from bridge.sources.imap import outages

HEALTHY_AT_ONCE = 8  # connections being made to one host at a time; a failing host gets one


class Waitable(Protocol):
    """What the hub waits for: a connection."""

    def fileno(self) -> int: ...


@dataclasses.dataclass
class _Door:
    """How many may be connecting to one host at once."""

    healthy: bool = True
    inside: int = 0
    queue: collections.deque[asyncio.Future[None]] = dataclasses.field(default_factory=collections.deque)

    @property
    def open(self) -> bool:
        return self.inside < (HEALTHY_AT_ONCE if self.healthy else 1)


class Hub:
    """One for an event loop, shared by all sources; a source that is given none makes its own."""

    def __init__(self) -> None:
        self._doors: dict[tuple[str, int], _Door] = {}
        self.outages = outages.Outages()
        self.one_at_a_time = asyncio.Lock()  # held for each mail while mails must go one by one

    async def readable(self, connection: Waitable, *, within_s: float) -> bool:
        """Whether there is something to read within that time.

        TLS may hold octets that no selector sees: the caller has drained the connection before.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        descriptor = connection.fileno()
        if descriptor < 0:
            return True  # closed under us: reading will say so
        loop.add_reader(descriptor, _resolve, future, True)
        alarm = loop.call_later(within_s, _resolve, future, False)
        try:
            return await future
        finally:
            alarm.cancel()
            loop.remove_reader(descriptor)

    @contextlib.asynccontextmanager
    async def door(self, address: tuple[str, int]) -> AsyncIterator[None]:
        """Held while connecting: while a host fails there is one probe at a time, so that a silent provider with a
        thousand mailboxes does not take every worker thread from the others.
        """
        door = self._doors.setdefault(address, _Door())
        await self._turn(door)
        door.inside += 1
        try:
            yield
            door.healthy = True
        except errors.Disconnected:
            door.healthy = False
            raise
        finally:
            door.inside -= 1
            _let_in(door)

    @staticmethod
    async def _turn(door: _Door) -> None:
        while not door.open:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            door.queue.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                _let_in(door)  # we may have been let in already: the next one takes our place
                raise


class Turn:
    """One folder's hold on a lock that all share, which somebody else may have to end for it."""

    def __init__(self, lock: asyncio.Lock) -> None:
        self._lock = lock
        self._mine = False

    async def take(self) -> None:
        await self._lock.acquire()
        self._mine = True

    def give_back(self) -> None:
        """Any number of times."""
        if self._mine:
            self._mine = False
            self._lock.release()


def _let_in(door: _Door) -> None:
    free = (HEALTHY_AT_ONCE if door.healthy else 1) - door.inside
    while door.queue and free > 0:
        turn = door.queue.popleft()
        if not turn.done():
            turn.set_result(None)
            free -= 1


def _resolve(future: asyncio.Future[bool], value: bool) -> None:
    if not future.done():
        future.set_result(value)
