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

from bridge import backoff, errors, events, fetching, outbox, rules, sources, turns
from bridge.mail import Mail, Place, limits
from bridge.rules import files, ledger

log = structlog.get_logger()
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


class Recorder(fetching.Keeps, Protocol):
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
            left: sources.Batch | None = batch
            while left is not None:
                left = await self._until_recorded(left)
            del batch  # an idle mailbox keeps no mail in memory

    async def _until_recorded(self, batch: sources.Batch) -> sources.Batch | None:
        """The same batch until its commit: the next one's cursor would pass its mails. What is left of it, if not all
        was recorded.
        """
        tries = 0
        while True:
            try:
                return await self.handle(batch)
            except errors.StoreError:
                raise  # the state is closed: the batch will be seen again
            except Exception as error:  # noqa: BLE001 -- whatever it was, the next batch must not pass this one
                tries += 1
                wait_s = backoff.wait_s(tries)
                where = {"mailbox": batch.cursor.mailbox, "folder": batch.cursor.folder, "uid": batch.cursor.uid}
                log.error("a batch could not be recorded", **where, reason=_told(error), retry_s=round(wait_s, 1))
                await asyncio.sleep(wait_s)

    async def handle(self, batch: sources.Batch) -> sources.Batch | None:
        """Evaluates and records one batch. A mail of which a file has to be fetched has a commit of its own, so that no
        other mail waits for it, and no crash makes it be fetched again for the sake of another; then what is left of
        the batch is returned.
        """
        with fetching.Fetching(self._source, self._store) as fetch:
            return await self._handle(batch, fetch)

    async def _handle(self, batch: sources.Batch, fetch: fetching.Fetching) -> sources.Batch | None:
        known = await self._known(batch)
        rest: sources.Batch | None = None
        entries: list[outbox.Entry] = []
        evaluated: list[tuple[Mail, Sequence[rules.Verdict]]] = []
        book = batch.wants if isinstance(batch.wants, Rulebook) else self._in_force()
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
        if len(evaluated) < len(batch.mails):
            batch, rest = _split(batch, len(evaluated))
        fates = await self._store.record(batch.cursor, [*map(_lost, batch.lost), *entries])
        for n, (mail, verdicts) in enumerate(evaluated, len(batch.lost)):
            if n in fates:
                evaluated[n - len(batch.lost)] = mail, ledger.settled(verdicts, fates[n])
        self._tell(batch, evaluated)
        return rest

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
        return outbox.Entry(place=mail.place, fingerprint=mail.fingerprint), ()
    try:
        verdicts = await book.judge(mail, moment)
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


def _can_split(batch: sources.Batch) -> bool:
    """Whether the cursor may stand between its mails: not among those of another UIDVALIDITY, nor among events."""
    return not batch.renewed and all(one.event == "new" for one in batch.mails)


def _split(batch: sources.Batch, count: int) -> tuple[sources.Batch, sources.Batch]:
    """The first so many mails, with a cursor behind them, and the rest, with what is told of the folder as a whole."""
    uid = batch.mails[count - 1].place.uid
    lost = tuple(one for one in batch.lost if one.place.uid <= uid)
    cursor = dataclasses.replace(batch.cursor, uid=uid)
    first = dataclasses.replace(batch, mails=batch.mails[:count], lost=lost, cursor=cursor, marks=None, census=None)
    rest = dataclasses.replace(batch, mails=batch.mails[count:], lost=batch.lost[len(lost) :])
    return first, rest


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
