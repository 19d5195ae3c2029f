"""A mailbox as a sink of mail changes: the dispatcher gives them order, retries and an end, the source carries them
out.

Changes that are sent in one turn of the event loop go to the source together, so that a burst of 500 mails is marked
with one STORE.
"""

from __future__ import annotations

import asyncio
from typing import Self

from bridge import errors, sources
from bridge.delivery import Delivery, MailChange, Receipt


class ChangeSink:
    """``@<mailbox>``: its targets are folders, its deliveries are changes."""

    depth = 500
    pipelined = True

    def __init__(self, source: sources.Source) -> None:
        self._source = source
        self._waiting: list[tuple[MailChange, asyncio.Future[Receipt]]] = []
        self._flusher: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._flusher is not None:
            self._flusher.cancel()
            await asyncio.wait([self._flusher])

    async def ready(self) -> None:
        """At once: the source connects when it has to."""

    async def send(self, delivery: Delivery, *, expires_in_s: float | None) -> Receipt:
        change = MailChange(
            id=delivery.id,
            mailbox=delivery.mailbox,
            folder=delivery.folder,
            uidvalidity=delivery.options["uidvalidity"],
            uid=delivery.options["uid"],
            op=delivery.options["op"],
            argument=delivery.options["argument"],
        )
        future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._waiting.append((change, future))
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush(), name="mail changes")
        return await future

    async def _flush(self) -> None:
        await asyncio.sleep(0)  # let the neighbours of this turn join
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                results = await self._source.change([change for change, _ in batch])
            except Exception as error:  # noqa: BLE001 -- a source's bug must not leave 500 senders waiting
                results = [errors.Retryable(f"{type(error).__name__}: {error}")] * len(batch)
            for (_, future), result in zip(batch, results, strict=True):
                if future.done():
                    continue
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)
