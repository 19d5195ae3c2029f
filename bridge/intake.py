"""The way in: each batch of a source through the rules into the outbox, one commit a batch.

Whatever a mail contains, its batch is recorded: a mail that cannot be evaluated is committed as dead with its reason,
and the cursor passes it.

A mail to which something happened is judged like a new one, by the rules for that; whether it has really happened says
the store. A number that has changed (``counts``) is recorded with the batch that changed it, or when the clock did.

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
import functools
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, Protocol

import structlog

from bridge import backoff, counts, errors, events, outbox, rules, sources, turns
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
        if self.rule_set.heavy(mail):
            return await asyncio.to_thread(self.rule_set.evaluate, mail, self._moment)
        return self.rule_set.evaluate(mail, self._moment)

    async def counted(self, mail: Mail) -> counts.Judged:
        """Which of them count it now."""
        return await asyncio.to_thread(self._counted, mail) if self.rule_set.heavy(mail) else self._counted(mail)

    def _counted(self, mail: Mail) -> counts.Judged:
        moment = self._moment
        by = self.rule_set.counted_by(mail, moment)
        return counts.Judged(rules=by, until=self.rule_set.counts_until(mail, moment))

    def count(self, rule: str, number: int, *, mailbox: str, occurrence: int) -> tuple[Mail, Sequence[rules.Verdict]]:
        """What a rule makes of the number of its mails, and the mail that stands for all of them."""
        moment = self._moment
        blank = Mail(
            place=Place(mailbox=mailbox, folder="", uidvalidity=0, uid=occurrence),
            head=b"",
            size=0,
            received=datetime.datetime.fromtimestamp(moment.now, datetime.UTC),
            event="count",
            occurrence=occurrence,
        )
        return blank, (self.rule_set.count(rule, number, blank, moment),)

    @property
    def _moment(self) -> rules.Moment:
        return rules.Moment(now=self.clock(), zone=self.zone, bridge=self.bridge)


class _Counting:
    """A mailbox's numbers, and who may change them when."""

    def __init__(self, numbers: counts.Counts, recount: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self.numbers = numbers
        self.busy = asyncio.Lock()
        self.alarm = counts.Alarm(recount, clock=numbers.clock)

    def wind(self) -> None:
        self.alarm.set(self.numbers.next_time)


class Recorder(Protocol):
    """What the intake asks of the store."""

    async def handled(self, mails: Sequence[tuple[Place, str]]) -> list[bool]: ...

    async def record(
        self, position: sources.Cursor, entries: Sequence[outbox.Entry], *, marks: sources.Marks | None = None
    ) -> outbox.Fates: ...


_Evaluated = tuple[Mail, Sequence[rules.Verdict]]


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
        numbers: counts.Counts | None = None,
    ) -> None:
        self._source = source
        self._store = store
        self._in_force = in_force  # for a batch that does not say what it was fetched for
        self._onlooker = onlooker
        self._one_folder = one_folder  # a mail can then be met a second time only after a UIDVALIDITY change
        self._counting = None if numbers is None else _Counting(numbers, self._recount)

    async def run(self) -> None:
        """Until the source ends."""
        try:
            async for batch in self._source.batches():
                await self._until_recorded(functools.partial(self.handle, batch), batch.cursor)
                del batch  # an idle mailbox keeps no mail in memory
        finally:
            if self._counting is not None:
                await self._counting.alarm.close()

    async def _until_recorded(self, work: Callable[[], Awaitable[None]], at: sources.Cursor) -> None:
        """The same batch until its commit: the next one's cursor would pass its mails."""
        tries = 0
        while True:
            try:
                await work()
                return
            except errors.StoreError:
                raise  # the state is closed: the batch will be seen again
            except Exception as error:  # noqa: BLE001 -- whatever it was, the next batch must not pass this one
                tries += 1
                wait_s = backoff.wait_s(tries)
                where = {"mailbox": at.mailbox, "folder": at.folder, "uid": at.uid}
                log.error("a batch could not be recorded", **where, reason=_told(error), retry_s=round(wait_s, 1))
                await asyncio.sleep(wait_s)

    async def handle(self, batch: sources.Batch) -> None:
        """Evaluates and records one batch."""
        if self._counting is None or batch.census is None:
            await self._handle(batch)
            return
        async with self._counting.busy:
            await self._handle(batch, self._counting.numbers)
        self._counting.wind()

    async def _handle(self, batch: sources.Batch, numbers: counts.Counts | None = None) -> None:
        known = await self._known(batch)
        entries = [_lost(one) for one in batch.lost]
        evaluated: list[_Evaluated] = []
        book = batch.wants if isinstance(batch.wants, Rulebook) else self._in_force()
        turn = turns.Turns(_TURN_S)
        for mail, is_known in zip(batch.mails, known, strict=True):
            entry, verdicts = await _evaluate(mail, book, known=is_known)
            entries.append(entry)
            evaluated.append((mail, verdicts))
            await turn.pause()
        changed: Mapping[str, int] = {}
        if numbers is not None and batch.census is not None:
            await numbers.take(batch.cursor.folder, batch.census, book.counted)
            changed = numbers.changed()
            for mail, verdicts in _counted(changed, numbers, book, batch.cursor.mailbox):
                entries.append(_entry(mail, verdicts))
                evaluated.append((mail, verdicts))
        fates = await self._store.record(batch.cursor, entries, marks=batch.marks)
        if numbers is not None:
            numbers.told(changed)
        self._tell(batch, list(_settled(evaluated, fates, first=len(batch.lost))))

    async def _recount(self) -> None:
        """When the clock may have changed what counts."""
        if self._counting is None:
            return
        mailbox = self._counting.numbers.mailbox
        place = sources.Cursor(mailbox=mailbox, folder="", uidvalidity=0, uid=0)
        try:
            await self._until_recorded(functools.partial(self._count_again, self._counting, place), place)
        except errors.StoreError as error:
            log.debug("numbers could not be recorded", mailbox=mailbox, reason=str(error))
            return
        self._counting.wind()

    async def _count_again(self, counting: _Counting, place: sources.Cursor) -> None:
        book, numbers = self._in_force(), counting.numbers
        async with counting.busy:
            await numbers.look_again(book.counted)
            changed = numbers.changed()
            evaluated = list(_counted(changed, numbers, book, place.mailbox))
            if not evaluated:
                return
            fates = await self._store.record(place, [_entry(mail, verdicts) for mail, verdicts in evaluated])
            numbers.told(changed)
        self._tell(sources.Batch(cursor=place), list(_settled(evaluated, fates, first=0)))

    async def _known(self, batch: sources.Batch) -> list[bool]:
        """Which of the new mails were handled before."""
        known = [False] * len(batch.mails)
        new = [n for n, mail in enumerate(batch.mails) if mail.event == "new"]
        if not new or (self._one_folder and not batch.renewed):
            return known
        mails = [batch.mails[n] for n in new]
        for n, is_known in zip(
            new, await self._store.handled([(one.place, one.fingerprint) for one in mails]), strict=True
        ):
            known[n] = is_known
        return known

    def _tell(self, batch: sources.Batch, evaluated: Sequence[_Evaluated]) -> None:
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
        return _entry(mail, ()), ()
    try:
        verdicts = await book.judge(mail)
        return _entry(mail, verdicts), verdicts
    except Exception as error:  # noqa: BLE001 -- any bytes at all must leave the bridge running
        reason = f"cannot be evaluated: {_told(error)}"
        place = mail.place
        log.error("a mail is dead", mailbox=place.mailbox, folder=place.folder, uid=place.uid, reason=reason)
        return outbox.Entry(place=place, event=mail.event, occurrence=mail.occurrence, dead=reason), ()


def _counted(changed: Mapping[str, int], numbers: counts.Counts, book: Rulebook, mailbox: str) -> Iterator[_Evaluated]:
    for rule, number in changed.items():
        try:
            yield book.count(rule, number, mailbox=mailbox, occurrence=numbers.occurrence())
        except Exception as error:  # noqa: BLE001 -- one rule must not keep the others, and the batch, from being recorded
            log.error("a number cannot be told", mailbox=mailbox, rule=rule, reason=_told(error))


def _settled(evaluated: Sequence[_Evaluated], fates: outbox.Fates, *, first: int) -> Iterator[_Evaluated]:
    """What has come of it; ``first`` is the number of the first entry. What has not happened is left out."""
    for n, (mail, verdicts) in enumerate(evaluated, first):
        if n not in fates:
            yield mail, verdicts
        elif mail.event == "new" or any(fate != "known" for fate in fates[n]):
            yield mail, ledger.settled(verdicts, fates[n])


def _entry(mail: Mail, verdicts: Sequence[rules.Verdict]) -> outbox.Entry:
    firings = tuple(_firing(verdict) for verdict in verdicts if verdict.matched)
    fingerprint = mail.fingerprint if mail.event == "new" else ""  # what happens to a mail makes it no known one
    return outbox.Entry(
        place=mail.place, event=mail.event, occurrence=mail.occurrence, fingerprint=fingerprint, firings=firings
    )


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
    if mail.event != "new":
        where["happened"] = mail.event
    if verdict.suppressed:
        log.debug("a rule's deliveries are suppressed", **where)
    elif verdict.matched:
        log.info("a rule fired", **where, deliveries=len(verdict.deliveries))
    if verdict.error:
        what = "a rule fired without a part of it" if verdict.matched else "a rule failed on a mail"
        log.warning(what, **where, reason=verdict.error)
