"""One sink's deliveries on their way: order per lane, pipelining, retries, expiry.

``reading`` brings what may be sent into ``lanes``, which say what may be sent next; this hands it to the sink as far
as its depth goes, and writes down what became of it. What is in memory is bounded by two pages; the rest waits in the
store.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import math
from collections.abc import Callable

import structlog

from bridge import backoff, errors, events, outbox, sinks
from bridge.delivery import Delivery, Receipt
from bridge.outbox import reading, sweeping
from bridge.outbox.lanes import Lanes
from bridge.outbox.store import Store

log = structlog.get_logger()
_SETTLE_MOST = 500  # outcomes of one settlement
_FIRST_PAUSE_S = 0.5  # the first pause of a sink that is away; doubles
_LONGEST_PAUSE_S = 60.0
_REFUSED_PAUSE_S = 60.0  # the same after refused credentials
_LONGEST_REFUSED_PAUSE_S = 900.0
_LEAST_WAIT_S = 1.0  # before another try, whatever the far end asked for
_SOON_S = 1.0  # a sink that is not ready by then is in trouble
_AWAY = "a sink is away: its deliveries wait"
_REFUSES = "a sink refuses our credentials: its deliveries wait"
_REASON_CHARS = 1_000


class Dispatcher:
    """Sends what the store holds for one sink, until it is cancelled."""

    def __init__(self, name: str, sink: sinks.Sink, store: Store, *, onlooker: Callable[[events.Event], None]) -> None:
        self._name = name
        self._sink = sink
        self._store = store
        self._onlooker = onlooker
        self._lanes = Lanes(pipelined=sink.pipelined)
        self._sent: set[asyncio.Task[None]] = set()
        self._outcomes: asyncio.Queue[tuple[outbox.Queued, outbox.Outcome, float]] = asyncio.Queue()
        self._reader = reading.Reader(name, store, self._lanes)
        self._news = asyncio.Event()
        self._poked = asyncio.Event()  # an admin changed the outbox: no pause outlives that
        self._sweeper = sweeping.Sweeper(name, store, self._lanes, end=self._give_up)
        self._trouble = ""  # why the sink takes nothing, as the store knows it
        self._why_away = ""
        self._tries_away = 0
        self._pause_s = 0.0
        self._draining = False
        self._delivered_since_refusal = False
        self._unsubscribe = store.on_news(name, self._on_news)

    async def run(self) -> None:
        """For ever. Cancelled, it takes no more; what was acknowledged and not settled by then will be sent again."""
        await self._store.set_trouble(self._name, "")
        async with asyncio.TaskGroup() as group:
            group.create_task(self._settle_for_ever(), name=f"{self._name}: settle")
            group.create_task(self._sweeper.run(), name=f"{self._name}: sweep")
            group.create_task(self._send_for_ever(), name=f"{self._name}: send")

    async def drain(self, deadline_s: float) -> None:
        """Takes no more, and waits until what is in flight is acknowledged and settled."""
        self._draining = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline_s):
                while self._sent:
                    await asyncio.wait(self._sent)
                await self._outcomes.join()

    async def close(self) -> None:
        """When ``run`` has ended: gives up what did not come back in time, so that nothing of it is under way when the
        next dispatcher of this sink sends it again.
        """
        self._unsubscribe()
        for task in self._sent:
            task.cancel()
        if self._sent:
            await asyncio.wait(self._sent)

    def _on_news(self, news: outbox.News) -> None:
        self._reader.on_news(news)
        if news.foreign:
            self._poked.set()
        self._sweeper.on_news(news)
        self._news.set()

    # Sending.

    async def _send_for_ever(self) -> None:
        while True:
            await self._until_ready()
            if self._pause_s:
                continue  # what was in flight came back while the sink was waited for: nobody would wake us
            self._news.clear()
            if not self._draining:
                await self._reader.read()
            started = self._start_some()
            if self._draining or self._is_full():
                await self._news.wait()  # no time that comes can start anything: only something that lands makes room
            elif not started and self._reader.caught_up:
                await self._wait()

    async def _until_ready(self) -> None:
        if self._pause_s:
            while self._sent:  # all of them come back before anything is sent again, so that order holds
                await asyncio.wait(self._sent)
            self._reader.start_over()
            await self._note(self._why_away)
            pause_s, self._pause_s = self._pause_s, 0.0
            self._poked.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._poked.wait()
        try:
            async with asyncio.timeout(_SOON_S):
                await self._sink.ready()
        except TimeoutError:
            await self._note(self._trouble or "not connected")
            await self._sink.ready()

    async def _note(self, trouble: str) -> None:
        """For `outbox list`, which has only the store to look at."""
        if trouble != self._trouble:
            self._trouble = trouble
            await self._store.set_trouble(self._name, _shown(trouble))

    def _is_full(self) -> bool:
        return len(self._sent) >= self._sink.depth or self._reader.full

    def _start_some(self) -> bool:
        room = 0 if self._draining or self._pause_s else self._sink.depth - len(self._sent)
        if room <= 0:
            return False
        started = 0
        for queued in self._lanes.startable():
            task = asyncio.create_task(self._send(queued), name=f"{self._name}: {queued.delivery.target}")
            self._sent.add(task)
            task.add_done_callback(self._back)
            started += 1
            if started >= room:
                break
        return started > 0

    def _back(self, task: asyncio.Task[None]) -> None:
        self._sent.discard(task)
        self._news.set()

    async def _send(self, queued: outbox.Queued) -> None:
        delivery = queued.delivery
        now = self._store.clock()
        if delivery.expires is not None and delivery.expires <= now:
            self._give_up(queued, "expired", "expired before it could be sent")
            return
        remaining_s = None if delivery.expires is None else delivery.expires - now
        try:
            receipt = await self._handed(delivery, remaining_s)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise  # the bridge stops
            self._again(queued, "the sink gave it up")
        except errors.Refused as error:
            self._refused(queued, error)
        except errors.Unavailable as error:
            self._sink_is_away(queued, error)
        except errors.Permanent as error:
            self._end(queued, "dead", code=error.code, reason=str(error))
        except errors.Retryable as error:
            self._again(queued, str(error), code=error.code, after_s=error.retry_after_s)
        except Exception as error:
            log.exception("a sink failed in a way that it should not", sink=self._name, delivery=delivery.id)
            self._again(queued, f"{type(error).__name__}: {error}")
        else:
            self._tries_away = 0
            self._delivered_since_refusal = True
            self._end(queued, "delivered", code=receipt.code)

    async def _handed(self, delivery: Delivery, remaining_s: float | None) -> Receipt:
        if delivery.file is None:
            return await self._sink.send(delivery, expires_in_s=remaining_s)
        if not isinstance(self._sink, sinks.Streaming):  # it was another kind of sink when this was recorded
            raise errors.Permanent("this sink cannot send a file that is too large to be held in memory")
        return await self._sink.stream(delivery, self._store.files.content(delivery.file), expires_in_s=remaining_s)

    def _refused(self, queued: outbox.Queued, error: errors.Refused) -> None:
        """A sink that takes others is not away: perhaps this one target has rights of its own."""
        if self._delivered_since_refusal and not self._pause_s:
            self._delivered_since_refusal = False
            self._again(queued, str(error), code=error.code, after_s=_REFUSED_PAUSE_S)
        else:
            self._sink_is_away(queued, error)

    def _sink_is_away(self, queued: outbox.Queued, error: errors.Unavailable) -> None:
        """Nothing more is handed to it; what came back unacknowledged stays pending and is read again, in order."""
        self._lanes.landed(queued)
        if self._pause_s:
            return  # told already
        self._tries_away += 1
        if isinstance(error, errors.Refused):
            what, first_s, longest_s = _REFUSES, _REFUSED_PAUSE_S, _LONGEST_REFUSED_PAUSE_S
        else:
            what, first_s, longest_s = _AWAY, _FIRST_PAUSE_S, _LONGEST_PAUSE_S
        self._pause_s = error.retry_after_s or backoff.wait_s(self._tries_away, least_s=first_s, most_s=longest_s)
        self._why_away = str(error)
        say = log.warning if self._tries_away == 1 else log.debug  # told once, not at every try
        say(what, sink=self._name, retry_s=round(self._pause_s, 1), reason=self._why_away)

    def _again(self, queued: outbox.Queued, reason: str, *, code: str = "", after_s: float | None = None) -> None:
        """Its lane waits for the next try; the other lanes go on."""
        delivery = queued.delivery
        wait_s = backoff.wait_s(queued.attempts + 1) if after_s is None else max(after_s, _LEAST_WAIT_S)
        due = self._store.clock() + wait_s
        self._lanes.block(delivery.lane, math.inf)  # until this is settled; then until it is due
        log.info(
            "a delivery will be tried again", sink=self._name, target=delivery.target, delivery=delivery.id,
            reason=reason, retry_s=round(wait_s, 1),
        )  # fmt: skip
        self._put(queued, outbox.Outcome(delivery_id=delivery.id, state="pending", code=code, reason=reason, due=due))

    def _give_up(self, queued: outbox.Queued, state: outbox.State, reason: str) -> None:
        self._end(queued, state, reason=reason, tried=False)

    def _end(
        self, queued: outbox.Queued, state: outbox.State, *, code: str = "", reason: str = "", tried: bool = True
    ) -> None:
        """``tried``: it ended with this try, not while it waited for one."""
        outcome = outbox.Outcome(
            delivery_id=queued.delivery.id,
            state=state,
            code=code,
            reason=reason,
            tried=tried,
            maybe_sent=not tried and queued.attempts > 0,
        )
        self._put(queued, outcome)

    def _put(self, queued: outbox.Queued, outcome: outbox.Outcome) -> None:
        told = dataclasses.replace(outcome, code=_shown(outcome.code), reason=_shown(outcome.reason))
        self._outcomes.put_nowait((queued, told, self._store.clock()))

    # Settling.

    async def _settle_for_ever(self) -> None:
        while True:
            batch = [await self._outcomes.get()]
            while not self._outcomes.empty() and len(batch) < _SETTLE_MOST:
                batch.append(self._outcomes.get_nowait())
            settled = await self._settle([outcome for _, outcome, _ in batch])
            for queued, outcome, at in batch:
                self._land(queued, outcome, settled.dropped)
                self._outcomes.task_done()
                if outcome.state != "pending":
                    self._report(queued, outcome, at)
            self._news.set()
            if any(outcome.state == "delivered" for _, outcome, _ in batch):
                await self._note("")

    def _land(self, queued: outbox.Queued, outcome: outbox.Outcome, dropped: frozenset[str]) -> None:
        self._lanes.landed(queued, dropped=dropped)
        if outcome.state == "pending":
            self._lanes.block(queued.delivery.lane, outcome.due)
        elif self._lanes.open(queued.delivery.lane):  # it ended while its lane waited for its next try
            self._reader.look_again()

    async def _settle(self, outcomes: list[outbox.Outcome]) -> outbox.Settled:
        """Never fails for one outcome: what cannot be written down is dead, and its neighbours are settled."""
        try:
            return await self._store.settle(outcomes)
        except errors.StoreError:
            raise
        except Exception as error:  # noqa: BLE001 -- one bad outcome must not stop the sink
            log.error("outcomes could not be settled", sink=self._name, reason=type(error).__name__)
            if len(outcomes) == 1:
                reason = f"what became of it could not be written down: {type(error).__name__}"
                return await self._store.settle(
                    [dataclasses.replace(outcomes[0], state="dead", code="", reason=reason)]
                )
        each = [await self._settle([outcome]) for outcome in outcomes]
        return outbox.Settled(news={}, dropped=frozenset[str]().union(*(one.dropped for one in each)))

    def _report(self, queued: outbox.Queued, outcome: outbox.Outcome, at: float) -> None:
        delivery = queued.delivery
        took_s = max(0.0, at - max(delivery.created, queued.due))
        what = {"sink": self._name, "target": delivery.target, **_whose(queued), "delivery": delivery.id}
        if outcome.state == "delivered":
            log.info("delivered", **what, code=outcome.code, ms=round(took_s * 1e3, 1))
        else:
            log.warning("a delivery was not made", **what, state=outcome.state, reason=outcome.reason)
        ended = events.DeliveryEnded(
            delivery=delivery, state=outcome.state, code=outcome.code, reason=outcome.reason, took_s=took_s
        )
        self._onlooker(ended)

    # Time.

    async def _wait(self) -> None:
        """Until there is news, a lane may be tried again, or a delayed delivery is due."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._until_s(self._reader.next_time)):
                await self._news.wait()

    def _until_s(self, moment: float | None) -> float | None:
        """Seconds until then, of which not too many are slept at once: the clock may be set, the machine suspended."""
        return None if moment is None else min(max(0.0, moment - self._store.clock()), sweeping.LONGEST_SLEEP_S)


def _shown(text: str) -> str:
    """What a far end said, as far as it can be stored."""
    return text.encode("utf-8", "replace").decode("utf-8")[:_REASON_CHARS]


def _whose(queued: outbox.Queued) -> dict[str, object]:
    """What a log line says of where a delivery came from: its rule, or which change of which mail it is."""
    delivery = queued.delivery
    if not delivery.sink.startswith(outbox.CHANGES):
        return {"rule": delivery.rule}
    return {
        "change": f"{delivery.options['op']} {delivery.options['argument']}".strip(),
        "uid": delivery.options["uid"],
    }
