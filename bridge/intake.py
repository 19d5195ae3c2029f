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
from typing import Any, Protocol, TypeVar

import structlog

from bridge import backoff, counts, errors, events, fetching, outbox, rules, sources, turns
from bridge.mail import Mail, Place, limits
from bridge.rules import files, happening, ledger

log = structlog.get_logger()
T = TypeVar("T")
_Judged = tuple[outbox.Entry, Sequence[rules.Verdict]]  # what is recorded of a mail, and why
_TURN_S = 0.01  # of evaluating, before the event loop gets its turn


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Rulebook:
    """The rules as they were loaded at one time, and what they are judged by. It is what a source is given as
    ``wants``: so a batch says which one it belongs to.
    """

    rule_set: rules.Rules
    zone: datetime.tzinfo = datetime.UTC
    bridge: str = ""
    attachment_bytes: int = limits.STREAMED_BYTES
    clock: Callable[[], float] = time.time

    def __call__(self, mail: Mail) -> Mapping[str, int]:
        return self.rule_set.wants(mail)

    @property
    def moment(self) -> rules.Moment:
        """Now."""
        return rules.Moment(
            now=self.clock(), zone=self.zone, bridge=self.bridge, attachment_bytes=self.attachment_bytes
        )

    async def judge(self, mail: Mail, moment: rules.Moment) -> Sequence[rules.Verdict]:
        """What they make of a mail; what may take long in a thread, so that the event loop has its turns."""
        if self.rule_set.heavy(mail):
            return await asyncio.to_thread(self.rule_set.evaluate, mail, moment)
        return self.rule_set.evaluate(mail, moment)

    async def counted(self, mail: Mail) -> counts.Judged:
        """Which of them count it now."""
        return await asyncio.to_thread(self._counted, mail) if self.rule_set.heavy(mail) else self._counted(mail)

    def _counted(self, mail: Mail) -> counts.Judged:
        moment = self.moment
        by = self.rule_set.counted_by(mail, moment)
        return counts.Judged(rules=by, until=self.rule_set.counts_until(mail, moment))

    def count(self, rule: str, number: int, *, mailbox: str, occurrence: int) -> tuple[Mail, Sequence[rules.Verdict]]:
        """What a rule makes of the number of its mails, and the mail that stands for all of them."""
        moment = self.moment
        blank = happening.blank(mailbox, moment.now, occurrence)
        return blank, (self.rule_set.count(rule, number, blank, moment),)


class _Counting:
    """A mailbox's numbers, and who may change them when."""

    def __init__(self, numbers: counts.Counts, recount: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self.numbers = numbers
        self.busy = asyncio.Lock()
        self.alarm = counts.Alarm(recount, clock=numbers.clock)

    def wind(self) -> None:
        self.alarm.set(self.numbers.next_time)


class Recorder(fetching.Keeps, Protocol):
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
                left: sources.Batch | None = batch
                while left is not None:
                    left = await self._until_recorded(functools.partial(self.handle, left), left.cursor)
                del batch  # an idle mailbox keeps no mail in memory
        finally:
            if self._counting is not None:
                await self._counting.alarm.close()

    async def _until_recorded(self, work: Callable[[], Awaitable[T]], at: sources.Cursor) -> T:
        """The same batch until its commit: the next one's cursor would pass its mails."""
        tries = 0
        while True:
            try:
                return await work()
            except errors.StoreError:
                raise  # the state is closed: the batch will be seen again
            except Exception as error:  # noqa: BLE001 -- whatever it was, the next batch must not pass this one
                tries += 1
                wait_s = backoff.wait_s(tries)
                where = {"mailbox": at.mailbox, "folder": at.folder, "uid": at.uid}
                log.error("a batch could not be recorded", **where, reason=_told(error), retry_s=round(wait_s, 1))
                await asyncio.sleep(wait_s)

    async def handle(self, batch: sources.Batch) -> sources.Batch | None:
        """Evaluates and records one batch. A mail of which a file has to be fetched has a commit of its own, so that no
        other mail waits for it, and no crash makes it be fetched again for the sake of another; then what is left of
        the batch is returned. (Among events the cursor cannot stand, so that they wait for each other's files.)
        """
        book = batch.wants if isinstance(batch.wants, Rulebook) else self._in_force()
        with fetching.Fetching(self._source, self._store) as fetch:
            evaluated, entries = await self._judged(batch, book, fetch)
            rest: sources.Batch | None = None
            if len(evaluated) < len(batch.mails):
                batch, rest = _split(batch, len(evaluated))
            await self._record(batch, book, [*map(_lost, batch.lost), *entries], evaluated)
        return rest

    async def _judged(
        self, batch: sources.Batch, book: Rulebook, fetch: fetching.Fetching
    ) -> tuple[list[_Evaluated], list[outbox.Entry]]:
        """What comes of its mails, or of so many of them as go together in a commit."""
        known = await self._known(batch)
        entries: list[outbox.Entry] = []
        evaluated: list[_Evaluated] = []
        turn = turns.Turns(_TURN_S)
        for mail, is_known in zip(batch.mails, known, strict=True):
            moment = book.moment
            entry, verdicts = await _evaluate(mail, book, moment, known=is_known)
            alone = bool(files.wanted(mail, verdicts)) and _can_split(batch)
            if alone and evaluated:
                break
            entry, verdicts = await _with_files(mail, book, moment, fetch, (entry, verdicts))
            entries.append(entry)
            evaluated.append((mail, verdicts))
            if alone:
                break
            await turn.pause()
        return evaluated, entries

    async def _record(
        self, batch: sources.Batch, book: Rulebook, entries: list[outbox.Entry], evaluated: list[_Evaluated]
    ) -> None:
        """With the numbers that it changes."""
        if self._counting is None or batch.census is None:
            await self._commit(batch, entries, evaluated)
            return
        numbers = self._counting.numbers
        async with self._counting.busy:
            await numbers.take(batch.cursor.folder, batch.census, book.counted)
            changed = numbers.changed()
            counted = list(_counted(changed, numbers, book, batch.cursor.mailbox))
            await self._commit(batch, [*entries, *(_entry(*one) for one in counted)], [*evaluated, *counted])
            numbers.told(changed)
        self._counting.wind()

    async def _commit(
        self, batch: sources.Batch, entries: Sequence[outbox.Entry], evaluated: Sequence[_Evaluated]
    ) -> None:
        fates = await self._store.record(batch.cursor, entries, marks=batch.marks)
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


async def _with_files(
    mail: Mail, book: Rulebook, moment: rules.Moment, fetch: fetching.Fetching, judged: _Judged
) -> _Judged:
    """What becomes of a mail whose deliveries may send files that are too large for memory: they are fetched, now that
    all else is known to hold, and it is looked at again, at the same moment, with what is known of them.
    """
    while wanted := files.wanted(mail, judged[1]):
        mail = mail.with_large([await fetch(mail, part, most=moment.attachment_bytes) for part in wanted])
        judged = await _evaluate(mail, book, moment, known=False)
    return judged


async def _evaluate(mail: Mail, book: Rulebook, moment: rules.Moment, *, known: bool) -> _Judged:
    if known:
        return _entry(mail, ()), ()
    try:
        verdicts = await book.judge(mail, moment)
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


def _can_split(batch: sources.Batch) -> bool:
    """Whether the cursor may stand between its mails: not among those of another UIDVALIDITY, nor among events, nor
    where more is told than of these mails.
    """
    if batch.renewed or (batch.marks is not None and (batch.marks.gone or batch.marks.whole or batch.marks.dropped)):
        return False
    return all(one.event == "new" for one in batch.mails)


def _split(batch: sources.Batch, count: int) -> tuple[sources.Batch, sources.Batch]:
    """The first so many mails, with how they are marked and a cursor behind them, and the rest, with what is told of
    the folder as a whole.
    """
    uid = batch.mails[count - 1].place.uid
    lost = tuple(one for one in batch.lost if one.place.uid <= uid)
    cursor = dataclasses.replace(batch.cursor, uid=uid)
    marks, later = (None, None) if batch.marks is None else _split_marks(batch.marks, uid)
    first = dataclasses.replace(batch, mails=batch.mails[:count], lost=lost, cursor=cursor, marks=marks, census=None)
    rest = dataclasses.replace(batch, mails=batch.mails[count:], lost=batch.lost[len(lost) :], marks=later)
    return first, rest


def _split_marks(marks: sources.Marks, uid: int) -> tuple[sources.Marks, sources.Marks]:
    """Those of the mails up to this one, and the rest: a crash in between must not make news of how a mail came."""
    first = {one: mark for one, mark in marks.mails.items() if one <= uid}
    later = {one: mark for one, mark in marks.mails.items() if one > uid}
    return dataclasses.replace(marks, mails=first), dataclasses.replace(marks, mails=later)


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
        where["happened"] = mail.event  # "event" is the line itself
    if verdict.suppressed:
        log.debug("a rule's deliveries are suppressed", **where)
    elif verdict.matched:
        log.info("a rule fired", **where, deliveries=len(verdict.deliveries))
    if verdict.error:
        what = "a rule fired without a part of it" if verdict.matched else "a rule failed on a mail"
        log.warning(what, **where, reason=verdict.error)
