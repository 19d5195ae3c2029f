"""The way in: each batch of a source through the rules into the outbox, one commit a batch.

Whatever a mail contains, its batch is recorded: a mail that cannot be evaluated is committed as dead with its reason,
and the cursor passes it.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from bridge import backoff, errors, events, outbox, rules, sources
from bridge.mail import Mail, Place

log = structlog.get_logger()
_TURN_S = 0.01  # of evaluating, before the event loop gets its turn


class Recorder(Protocol):
    """What the intake asks of the store."""

    async def handled(self, mails: Sequence[tuple[Place, str]]) -> list[bool]: ...

    async def record(self, position: sources.Cursor, entries: Sequence[outbox.Entry]) -> None: ...


class Intake:
    """One mailbox's way in."""

    def __init__(
        self,
        source: sources.Source,
        store: Recorder,
        *,
        rule_set: Callable[[], rules.Rules],
        moment: Callable[[], rules.Moment],
        onlooker: Callable[[events.Event], None],
        one_folder: bool,
    ) -> None:
        self._source = source
        self._store = store
        self._rule_set = rule_set
        self._moment = moment
        self._onlooker = onlooker
        self._one_folder = one_folder  # a mail can then be met a second time only after a UIDVALIDITY change

    async def run(self) -> None:
        """Until the source ends."""
        async for batch in self._source.batches():
            await self._until_recorded(batch)

    async def _until_recorded(self, batch: sources.Batch) -> None:
        """The same batch until its commit: the next one's cursor would pass its mails."""
        tries = 0
        while True:
            try:
                await self.handle(batch)
                return
            except errors.StoreError:
                raise  # the state is closed: the batch will be seen again
            except Exception as error:  # noqa: BLE001 -- whatever it was, the next batch must not pass this one
                tries += 1
                wait_s = backoff.wait_s(tries)
                where = {"mailbox": batch.cursor.mailbox, "folder": batch.cursor.folder, "uid": batch.cursor.uid}
                log.error("a batch could not be recorded", **where, reason=_told(error), retry_s=round(wait_s, 1))
                await asyncio.sleep(wait_s)

    async def handle(self, batch: sources.Batch) -> None:
        """Evaluates and records one batch."""
        known = await self._known(batch)
        entries = [_lost(one) for one in batch.lost]
        evaluated: list[tuple[Mail, Sequence[rules.Verdict]]] = []
        turn = time.monotonic()
        for mail, is_known in zip(batch.mails, known, strict=True):
            entry, verdicts = await self._evaluate(mail, known=is_known)
            entries.append(entry)
            evaluated.append((mail, verdicts))
            if time.monotonic() - turn > _TURN_S:
                await asyncio.sleep(0)
                turn = time.monotonic()
        await self._store.record(batch.cursor, entries)
        self._tell(batch, evaluated)

    async def _known(self, batch: sources.Batch) -> list[bool]:
        if not batch.mails or (self._one_folder and not batch.renewed):
            return [False] * len(batch.mails)
        return await self._store.handled([(mail.place, mail.fingerprint) for mail in batch.mails])

    async def _evaluate(self, mail: Mail, *, known: bool) -> tuple[outbox.Entry, Sequence[rules.Verdict]]:
        if known:
            return outbox.Entry(place=mail.place, fingerprint=mail.fingerprint), ()
        try:
            verdicts = await self._judged(mail, self._rule_set(), self._moment())
            return _entry(mail, verdicts), verdicts
        except Exception as error:  # noqa: BLE001 -- any bytes at all must leave the bridge running
            reason = f"cannot be evaluated: {_told(error)}"
            place = mail.place
            log.error("a mail is dead", mailbox=place.mailbox, folder=place.folder, uid=place.uid, reason=reason)
            return outbox.Entry(place=place, dead=reason), ()

    @staticmethod
    async def _judged(mail: Mail, rule_set: rules.Rules, moment: rules.Moment) -> Sequence[rules.Verdict]:
        """What may take long is done in a thread, so that the event loop has its turns; the batch waits for it."""
        if rule_set.heavy(mail):
            return await asyncio.to_thread(rule_set.evaluate, mail, moment)
        return rule_set.evaluate(mail, moment)

    def _tell(self, batch: sources.Batch, evaluated: Sequence[tuple[Mail, Sequence[rules.Verdict]]]) -> None:
        took_s = None if batch.pushed is None else time.monotonic() - batch.pushed
        for lost in batch.lost:
            place = lost.place
            log.error("a mail is dead", mailbox=place.mailbox, folder=place.folder, uid=place.uid, reason=lost.reason)
            self._onlooker(
                events.MailLost(mailbox=place.mailbox, folder=place.folder, uid=place.uid, reason=lost.reason)
            )
        for mail, verdicts in evaluated:
            for verdict in verdicts:
                _log_verdict(mail, verdict)
            self._onlooker(events.MailHandled(mail=mail, verdicts=verdicts, took_s=took_s))
            for delivery in (one for verdict in verdicts for one in verdict.deliveries if one.dead):
                what = {"sink": delivery.sink, "target": delivery.target, "rule": delivery.rule}
                log.warning("a delivery was not made", **what, delivery=delivery.id, state="dead", reason=delivery.dead)
                self._onlooker(events.DeliveryEnded(delivery=delivery, state="dead", reason=delivery.dead))


def _entry(mail: Mail, verdicts: Sequence[rules.Verdict]) -> outbox.Entry:
    matched = [verdict for verdict in verdicts if verdict.matched]
    return outbox.Entry(
        place=mail.place,
        fingerprint=mail.fingerprint,
        deliveries=tuple(delivery for verdict in matched for delivery in verdict.deliveries),
        plans=tuple(
            outbox.Plan(rule=verdict.rule, after=verdict.after, failed=verdict.failed)
            for verdict in matched
            if verdict.after or verdict.failed
        ),
    )


def _lost(lost: sources.Lost) -> outbox.Entry:
    return outbox.Entry(place=lost.place, dead=lost.reason)


def _told(error: Exception) -> str:
    """What an unexpected error says, and where it arose; not its message, which may quote the mail."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    return f"{type(error).__name__}" + "".join(f" at {frame.filename}:{frame.lineno}" for frame in last)


def _log_verdict(mail: Mail, verdict: rules.Verdict) -> None:
    place = mail.place
    where = {"mailbox": place.mailbox, "folder": place.folder, "uid": place.uid, "rule": verdict.rule}
    if verdict.matched:
        log.info("a rule fired", **where, deliveries=len(verdict.deliveries))
    if verdict.error:
        what = "a rule fired without a part of it" if verdict.matched else "a rule failed on a mail"
        log.warning(what, **where, reason=verdict.error)
