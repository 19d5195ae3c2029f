"""What runs, unit by unit: a sink with its deliveries, a mailbox with its way in and its changes. Each has a life of
its own, so that a reload opens, closes and renews only those whose settings are others than before.

A unit ends in order, at a reload as at the end of the bridge: it takes no more, then what is in flight is acknowledged
and settled, then its tasks end and its connection is closed. What it leaves is in the store: a mailbox's uncommitted
batches are seen again, and a sink's deliveries wait for the sink of the same name.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping
from typing import Any, Protocol

import structlog

log = structlog.get_logger()
_DRAIN_S = 10.0  # how long a stop waits for what is in flight


class Dispatcher(Protocol):
    """What sends a unit's deliveries: see ``outbox.dispatcher``."""

    async def run(self) -> None: ...

    async def drain(self, deadline_s: float) -> None: ...

    async def close(self) -> None: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Open:
    """What a unit consists of, once what it needs is open."""

    dispatcher: Dispatcher
    take: Callable[[], Coroutine[Any, Any, None]] | None = None  # brings mail in, until it is cancelled


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """A unit that is to run. One that runs with equal ``settings`` is left alone."""

    settings: object
    open: Callable[[contextlib.AsyncExitStack], Awaitable[Open]]  # what it opens is closed by the stack


class _Unit:
    """One that is open. Its tasks are the group's: what they raise ends the bridge."""

    def __init__(self, name: str, wanted: Wanted) -> None:
        self.wanted = wanted
        self._name = name
        self._stack = contextlib.AsyncExitStack()
        self._open: Open | None = None
        self._taking: list[asyncio.Task[None]] = []
        self._sending: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            self._open = await self.wanted.open(stack)
            stack.push_async_callback(self._open.dispatcher.close)
            self._stack = stack.pop_all()

    def start(self, group: asyncio.TaskGroup) -> None:
        assert self._open is not None, "the unit is not open"  # noqa: S101 - a caller's bug, for the type checker
        self._sending.append(group.create_task(self._open.dispatcher.run(), name=self._name))
        if self._open.take is not None:
            self._taking.append(group.create_task(self._open.take(), name=f"{self._name}: mails"))

    async def take_no_more(self) -> None:
        await _cancel(self._taking)

    async def drain(self) -> None:
        if self._open is not None:
            await self._open.dispatcher.drain(_DRAIN_S)

    async def close(self) -> None:
        await _cancel([*self._taking, *self._sending])
        try:
            await self._stack.aclose()
        except Exception:
            log.exception("it could not be closed in order", unit=self._name)


async def _cancel(tasks: Collection[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """What became of the units, by name."""

    added: tuple[str, ...] = ()
    reopened: tuple[str, ...] = ()


class Units:
    """All mailboxes, or all sinks. ``start`` comes after the first ``take_up``."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._units: dict[str, _Unit] = {}
        self._group: asyncio.TaskGroup | None = None

    @property
    def names(self) -> list[str]:
        return list(self._units)

    @property
    def running(self) -> Collection[_Unit]:
        return self._units.values()

    def start(self, group: asyncio.TaskGroup) -> None:
        """From here on, what is open runs in this group."""
        self._group = group
        for unit in self._units.values():
            unit.start(group)

    async def take_up(self, wanted: Mapping[str, Wanted]) -> Difference:
        """Opens what is new, and renews what has other settings than before; what is no longer wanted goes on.

        What cannot be opened leaves everything as it was, and raises why.
        """
        running = {name: unit.wanted for name, unit in self._units.items()}
        added = tuple(name for name in wanted if name not in running)
        reopened = tuple(
            name for name, one in wanted.items() if name in running and running[name].settings != one.settings
        )
        await self.stop(reopened)
        try:
            for name in (*reopened, *added):
                await self._open(name, wanted[name])
        except Exception:
            await self.stop([name for name in (*reopened, *added) if name in self._units])
            await self._as_before({name: running[name] for name in reopened})
            raise
        return Difference(added=added, reopened=reopened)

    async def let_go(self, wanted: Mapping[str, Wanted]) -> tuple[str, ...]:
        """Stops what is no longer wanted; returns its names."""
        gone = tuple(name for name in self._units if name not in wanted)
        await self.stop(gone)
        return gone

    async def stop(self, names: Iterable[str]) -> None:
        """Takes no more; then lets what is in flight be acknowledged and settled; then stops sending."""
        units = {name: self._units[name] for name in names}
        await _stop(units.values())
        for name in units:
            del self._units[name]

    async def close(self) -> None:
        """Ends what still runs, at once."""
        units = list(self._units.values())
        self._units.clear()
        await asyncio.gather(*(unit.close() for unit in units))

    async def _open(self, name: str, wanted: Wanted) -> None:
        unit = _Unit(f"{self._kind} {name}", wanted)
        await unit.open()
        self._units[name] = unit
        if self._group is not None:
            unit.start(self._group)

    async def _as_before(self, before: Mapping[str, Wanted]) -> None:
        for name, wanted in before.items():
            try:
                await self._open(name, wanted)
            except Exception as error:  # noqa: BLE001 -- the others go on, and the next reload tries it again
                reason = f"{type(error).__name__}: {error}"
                log.error("what ran before could not be opened again", **{self._kind: name}, reason=reason)


async def stop_all(*kinds: Units) -> None:
    """Stops them together: first none takes any more, and only when all are drained do they stop sending."""
    await _stop([unit for units in kinds for unit in units.running])
    for units in kinds:
        await units.close()


async def _stop(units: Collection[_Unit]) -> None:
    await asyncio.gather(*(unit.take_no_more() for unit in units))
    await asyncio.gather(*(unit.drain() for unit in units))
    await asyncio.gather(*(unit.close() for unit in units))
