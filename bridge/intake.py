"""The way in: each batch of a source through the rules into the outbox, one commit a batch.

Whatever a mail contains, its batch is recorded: a mail that cannot be evaluated is committed as dead with its reason,
and the cursor passes it.

The rules may be replaced between two batches. A batch is judged as a whole by the ``Rulebook`` that it was fetched for,
since another one might miss text that was not downloaded; so after a reload the few batches that are in hand (three a
mailbox and one a folder, 250 mails each but for the first sight of a folder) are still the old rules'. No mail fires
under both: what was committed does not come again, and of what was not, nothing was recorded. (A delivery's id has its
rule's name and its action's number in it: the same rules give the same ids, and others would not know them.)
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import structlog

from bridge import backoff, errors, events, outbox, rules, sources, turns
from bridge.mail import Mail, Place
from bridge.rules import ledger

log = structlog.get_logger()
_TURN_S = 0.01  # of evaluating, before the event loop gets its turn


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Rulebook:
    """The rules as they were loaded at one time, and what they are judged by. It is what a source is given as
    ``wants``: so a batch says which one it belongs to.
    """

    rule_set: rules.Rules
    zone: datetime.tzinfo = datetime.UTC
    bridge: str = ""
    clock: Callable[[], float] = time.time

    def __call__(self, mail: Mail) -> Mapping[str, int]:
        return self.rule_set.wants(mail)

    async def judge(self, mail: Mail) -> Sequence[rules.Verdict]:
        """What they make of a mail now; what may take long in a thread, so that the event loop has its turns."""
        moment = rules.Moment(now=self.clock(), zone=self.zone, bridge=self.bridge)
        if self.rule_set.heavy(mail):
            return await asyncio.to_thread(self.rule_set.evaluate, mail, moment)
        return self.rule_set.evaluate(mail, moment)


class Recorder(Protocol):
    """What the intake asks of the store."""

    async def handled(self, mails: Sequence[tuple[Place, str]]) -> list[bool]: ...

    async def record(self, position: sources.Cursor, entries: Sequence[outbox.Entry]) -> outbox.Fates: ...


class Intake:
    """One mailbox's way in."""

    def __init__(
        self,
        source: sources.Source,
        store: Recorder,
        *,
        in_force: Callable[[], Rulebook],
        onlooker: Callable[[events.Event], None],
        one_folder: bool,
    ) -> None:
        self._source = source
        self._store = store
        self._in_force = in_force  # for a batch that does not say what it was fetched for
        self._onlooker = onlooker
        self._one_folder = one_folder  # a mail can then be met a second time only after a UIDVALIDITY change

    async def run(self) -> None:
        """Until the source ends."""
        async for batch in self._source.batches():
            await self._until_recorded(batch)
            del batch  # an idle mailbox keeps no mail in memory

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
        book = batch.wants if isinstance(batch.wants, Rulebook) else self._in_force()
        turn = turns.Turns(_TURN_S)
        for mail, is_known in zip(batch.mails, known, strict=True):
            entry, verdicts = await _evaluate(mail, book, known=is_known)
            entries.append(entry)
            evaluated.append((mail, verdicts))
            await turn.pause()
        fates = await self._store.record(batch.cursor, entries)
        for n, (mail, verdicts) in enumerate(evaluated, len(batch.lost)):
            if n in fates:
                evaluated[n - len(batch.lost)] = mail, ledger.settled(verdicts, fates[n])
        self._tell(batch, evaluated)

    async def _known(self, batch: sources.Batch) -> list[bool]:
        if not batch.mails or (self._one_folder and not batch.renewed):
            return [False] * len(batch.mails)
        return await self._store.handled([(mail.place, mail.fingerprint) for mail in batch.mails])

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


async def _evaluate(mail: Mail, book: Rulebook, *, known: bool) -> tuple[outbox.Entry, Sequence[rules.Verdict]]:
    if known:
        return outbox.Entry(place=mail.place, fingerprint=mail.fingerprint), ()
    try:
        verdicts = await book.judge(mail)
        return _entry(mail, verdicts), verdicts
    except Exception as error:  # noqa: BLE001 -- any bytes at all must leave the bridge running
        reason = f"cannot be evaluated: {_told(error)}"
        place = mail.place
        log.error("a mail is dead", mailbox=place.mailbox, folder=place.folder, uid=place.uid, reason=reason)
        return outbox.Entry(place=place, dead=reason), ()


def _entry(mail: Mail, verdicts: Sequence[rules.Verdict]) -> outbox.Entry:
    firings = tuple(_firing(verdict) for verdict in verdicts if verdict.matched)
    return outbox.Entry(place=mail.place, fingerprint=mail.fingerprint, firings=firings)


def _firing(verdict: rules.Verdict) -> outbox.Firing:
    plan = outbox.Plan(rule=verdict.rule, after=verdict.after, failed=verdict.failed)
    return outbox.Firing(
        rule=verdict.rule,
        deliveries=verdict.deliveries,
        plan=plan if plan.after or plan.failed else None,
        claims=verdict.claims,
        stop=verdict.stopped,
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
    if verdict.suppressed:
        log.debug("a rule's deliveries are suppressed", **where)
    elif verdict.matched:
        log.info("a rule fired", **where, deliveries=len(verdict.deliveries))
    if verdict.error:
        what = "a rule fired without a part of it" if verdict.matched else "a rule failed on a mail"
        log.warning(what, **where, reason=verdict.error)
