"""One rule fired for real, once, by a mail that somebody holds in hand: for ``mailwire fire``.

The deliveries go the way of all others, through an outbox, dispatchers and sinks, but through an outbox of their own
that is gone afterwards, and by sinks that are guests: a bridge that runs beside this keeps its connections and its
state. The mail is in no mailbox, so that nothing is done to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path

from bridge import config, events, guests, outbox, sources
from bridge.delivery import Delivery
from bridge.mail import Mail
from bridge.outbox import files
from bridge.outbox.dispatcher import Dispatcher
from bridge.outbox.store import Store
from bridge.rules import files as files_

_UNDONE_S = 5.0  # for what is under way when nobody waits any more


async def fire(
    settings: config.Settings,
    mail: Mail,
    deliveries: Sequence[Delivery],
    *,
    timeout_s: float,
    onlooker: events.Onlooker,
) -> list[Delivery]:
    """Sends these deliveries of the mail and waits until each has ended, and then for the resets of those that were
    acknowledged; returns those that did not end within ``timeout_s`` of when they were due.

    A ``delay`` is not waited for, and a throttle or ``repeated`` counts for nothing: this is one mail, by hand.
    """
    at_once = [dataclasses.replace(one, not_before=None) for one in deliveries]
    waiting = _Waiting(at_once, onlooker)
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mailwire-fire-"))
        store = await stack.enter_async_context(Store(f"sqlite:///{Path(folder) / 'fire.db'}"))
        dispatchers = [
            Dispatcher(name, await stack.enter_async_context(guests.guest(settings, name)), store, onlooker=waiting)
            for name in dict.fromkeys(one.sink for one in at_once)
        ]
        with store.files.keeping() as keeper:
            await _record(store, mail, [await _kept(keeper, mail, one) for one in at_once])
        sending = [asyncio.create_task(dispatcher.run()) for dispatcher in dispatchers]
        try:
            await waiting.until_all_ended(timeout_s)
        finally:
            await asyncio.gather(*(dispatcher.drain(_UNDONE_S) for dispatcher in dispatchers))
            for task in sending:
                task.cancel()
            await asyncio.wait(sending)
    return waiting.left


async def _kept(keeper: files.Keeper, mail: Mail, one: Delivery) -> Delivery:
    """With its file in the store, if it has one."""
    if one.file is None:
        return one

    async def pieces(section: str) -> AsyncIterator[bytes]:
        for piece in files_.pieces(mail, section):
            yield piece

    kept = await keeper.keep(pieces(one.file.section), most=one.file.size)
    return dataclasses.replace(one, file=dataclasses.replace(one.file, id=kept.id))


async def _record(store: Store, mail: Mail, deliveries: Sequence[Delivery]) -> None:
    place = mail.place
    cursor = sources.Cursor(mailbox=place.mailbox, folder=place.folder, uidvalidity=place.uidvalidity, uid=place.uid)
    firing = outbox.Firing(rule=deliveries[0].rule, deliveries=tuple(deliveries))
    await store.record(cursor, [outbox.Entry(place=place, fingerprint=mail.fingerprint, firings=(firing,))])


class _Waiting:
    """Knows what has not ended yet. A reset is waited for once what it resets was acknowledged."""

    def __init__(self, deliveries: Iterable[Delivery], onlooker: events.Onlooker) -> None:
        self._mains = {one.id: one for one in deliveries if one.part == "main" and not one.dead}
        self._resets = {one.follows: one for one in deliveries if one.part == "reset"}
        self._onlooker = onlooker
        self._ended = asyncio.Event()
        self._longest_s = 0.0

    @property
    def left(self) -> list[Delivery]:
        return list(self._mains.values())

    def __call__(self, event: events.Event) -> None:
        if not isinstance(event, events.DeliveryEnded):
            return
        ended = event.delivery
        self._mains.pop(ended.id, None)
        if event.state == "delivered" and (reset := self._resets.pop(ended.id, None)):
            self._mains[reset.id] = reset
            self._longest_s = max(self._longest_s, reset.reset_after or 0.0)
        self._onlooker(event)
        self._ended.set()

    async def until_all_ended(self, timeout_s: float) -> None:
        while self._mains:
            self._ended.clear()
            wait_s, self._longest_s = timeout_s + self._longest_s, 0.0
            try:
                async with asyncio.timeout(wait_s):
                    await self._ended.wait()
            except TimeoutError:
                return
