"""Waits for all connections in the event loop: a socket each, no thread, and one timer for all that are idle."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import dataclasses
import math
import socket
from collections.abc import AsyncIterator
from typing import Any, Protocol

from bridge import errors
from bridge.sources.imap import outages

CONNECTING_AT_ONCE = 16  # connections being made to one host at a time; a failing host gets one
_LOOKUPS_AT_ONCE = 4
_LONG_S = 10.0  # waits longer than this may end up to a tick late
_TICK_S = 1.0
_RINGS_AT_ONCE = 16  # then whoever else has something to do has a turn

Addresses = list[tuple[Any, ...]]


class Waitable(Protocol):
    """What the hub waits for: a connection."""

    def fileno(self) -> int: ...


class Sleeper(Protocol):
    """Whose time may come."""

    def ring(self) -> None:
        """It has come. Raises nothing."""


Alarm = asyncio.TimerHandle | int  # of a short wait, or the tick of a long one


class _Alarms:
    """Ends the long waits whose time is over, by the tick: a set entry each, and one timer for all of them."""

    def __init__(self) -> None:
        self._due: dict[int, set[Sleeper]] = {}
        self._next = 0
        self._timer: asyncio.Handle | None = None

    def add(self, sleeper: Sleeper, at: float) -> int:
        tick = math.ceil(at / _TICK_S)
        waiting = self._due.get(tick)
        if waiting is None:
            waiting = self._due[tick] = set()
            if self._timer is None or tick < self._next:
                self._arm(tick)
        waiting.add(sleeper)
        return tick

    def drop(self, tick: int, sleeper: Sleeper) -> None:
        if waiting := self._due.get(tick):
            waiting.discard(sleeper)

    def _arm(self, tick: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = tick
        self._timer = asyncio.get_running_loop().call_at(tick * _TICK_S, self._ring)

    def _ring(self) -> None:
        waiting = self._due[self._next]
        for _ in range(min(len(waiting), _RINGS_AT_ONCE)):
            waiting.pop().ring()
        if waiting:
            self._timer = asyncio.get_running_loop().call_soon(self._ring)
            return
        self._timer = None
        del self._due[self._next]
        if self._due:
            self._arm(min(self._due))


class _Wait:
    """A coroutine's, for something to happen, such as something to read: True when it has."""

    __slots__ = ("future",)

    def __init__(self, future: asyncio.Future[bool] | None = None) -> None:
        self.future = future or asyncio.get_running_loop().create_future()

    def ready(self) -> None:
        self._end(True)

    def ring(self) -> None:
        self._end(False)

    def _end(self, readable: bool) -> None:
        if not self.future.done():
            self.future.set_result(readable)


@dataclasses.dataclass
class _Door:
    """How many may be connecting to one host at once."""

    most: int
    healthy: bool = True
    inside: int = 0
    queue: collections.deque[asyncio.Future[None]] = dataclasses.field(default_factory=collections.deque)

    @property
    def free(self) -> int:
        return (self.most if self.healthy else 1) - self.inside

    def let_in(self) -> None:
        free = self.free
        while self.queue and free > 0:
            turn = self.queue.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1


class Pace:
    """So many a second, evenly: who comes when too many have come waits for a slot of its own. Pure but for the clock.

    ``rate`` is a second; None is no limit.
    """

    def __init__(self, rate: float | None) -> None:
        self.rate = rate
        self._next = 0.0

    def wait_s(self, now: float) -> float:
        """How long the next one waits; its slot is taken by asking."""
        if self.rate is None:
            return 0.0
        slot = max(self._next, now)
        self._next = slot + 1 / self.rate
        return slot - now


class Hub:
    """One for an event loop, shared by all sources; a source that is given none makes its own."""

    def __init__(self, *, at_once: int = CONNECTING_AT_ONCE, a_second: float | None = None) -> None:
        """``at_once`` connections are being made to one host at a time, ``a_second`` to all hosts together."""
        self.at_once = at_once
        self.pace = Pace(a_second)
        self.outages = outages.Outages()
        self.one_at_a_time = asyncio.Lock()  # held for each mail while mails must go one by one
        self._doors: dict[tuple[str, int], _Door] = {}
        self._alarms = _Alarms()
        self._lookups: dict[tuple[str, int], asyncio.Future[Addresses]] = {}
        self._looking_up = asyncio.Semaphore(_LOOKUPS_AT_ONCE)

    def limit(self, *, at_once: int, a_second: float | None) -> None:
        """From now on."""
        self.at_once, self.pace.rate = at_once, a_second
        for door in self._doors.values():
            door.most = at_once
            door.let_in()

    async def readable(self, connection: Waitable, *, within_s: float) -> bool:
        """Whether there is something to read within that time.

        TLS may hold octets that no selector sees: the caller has drained the connection before.
        """
        loop = asyncio.get_running_loop()
        descriptor = connection.fileno()
        if descriptor < 0:
            return True  # closed under us: reading will say so
        wait = _Wait()
        loop.add_reader(descriptor, wait.ready)
        alarm = self.alarm(wait, within_s=within_s)
        try:
            return await wait.future
        finally:
            self.call_off(alarm, wait)
            loop.remove_reader(descriptor)

    async def within(self, future: asyncio.Future[bool], within_s: float) -> bool:
        """Waits for the future, for no longer than that; then it is done, with False."""
        wait = _Wait(future)
        alarm = self.alarm(wait, within_s=within_s)
        try:
            return await future
        finally:
            self.call_off(alarm, wait)

    def alarm(self, sleeper: Sleeper, *, within_s: float) -> Alarm:
        """Rings when that time is over; up to a tick late where it is long."""
        loop = asyncio.get_running_loop()
        if within_s < _LONG_S:
            return loop.call_later(within_s, sleeper.ring)
        return self._alarms.add(sleeper, loop.time() + within_s)

    def call_off(self, alarm: Alarm, sleeper: Sleeper) -> None:
        """Any number of times."""
        if isinstance(alarm, int):
            self._alarms.drop(alarm, sleeper)
        else:
            alarm.cancel()

    async def addresses(self, host: str, port: int) -> Addresses:
        """As ``getaddrinfo`` gives them: (family, type, protocol, name, address); one lookup for all who ask meanwhile.

        Raises:
            OSError: the name is not known.
        """
        key = (host, port)
        lookup = self._lookups.get(key)
        if lookup is None:
            lookup = self._lookups[key] = asyncio.ensure_future(self._look_up(host, port))
            lookup.add_done_callback(lambda done: self._looked_up(key, done))
        return await asyncio.shield(lookup)

    def _looked_up(self, key: tuple[str, int], lookup: asyncio.Future[Addresses]) -> None:
        del self._lookups[key]
        if not lookup.cancelled():
            lookup.exception()  # looked at, even where nobody waits any more

    async def _look_up(self, host: str, port: int) -> Addresses:
        async with self._looking_up:  # a name server that is silent must not take every thread of the pool
            return list(await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM))

    @contextlib.asynccontextmanager
    async def door(self, address: tuple[str, int]) -> AsyncIterator[None]:
        """Held while connecting: while a host fails there is one probe at a time, so that ten thousand reconnects to a
        provider that is away never are ten thousand.
        """
        door = self._doors.setdefault(address, _Door(self.at_once))
        await self._turn(door)
        door.inside += 1
        try:
            if (wait_s := self.pace.wait_s(asyncio.get_running_loop().time())) > 0:
                await asyncio.sleep(wait_s)
            yield
            door.healthy = True
        except errors.Disconnected:
            door.healthy = False
            raise
        finally:
            door.inside -= 1
            door.let_in()

    @staticmethod
    async def _turn(door: _Door) -> None:
        while door.free <= 0:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            door.queue.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                door.let_in()  # we may have been let in already: the next one takes our place
                raise


class Turn:
    """One folder's hold on a lock that all share, which somebody else may have to end for it."""

    __slots__ = ("_lock", "_mine")

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
