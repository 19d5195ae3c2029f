"""The way in: each batch of a source through the rules into the outbox, one commit a batch.

Whatever a mail contains, its batch is recorded: a mail that cannot be evaluated is committed as dead with its reason,
and the cursor passes it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from bridge import events, outbox, rules, sources
from bridge.mail import Mail

log = structlog.get_logger()
_TURN_MAILS = 20  # evaluated before the event loop gets its turn


class Recorder(Protocol):
    """What the intake asks of the store."""

    async def handled(self, position: sources.Cursor, fingerprints: Sequence[str]) -> list[bool]: ...

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
            await self.handle(batch)

    async def handle(self, batch: sources.Batch) -> None:
        """Evaluates and records one batch."""
        known = await self._known(batch)
        entries = [_lost(one) for one in batch.lost]
        evaluated: list[tuple[Mail, Sequence[rules.Verdict]]] = []
        for index, mail in enumerate(batch.mails):
            entry, verdicts = self._evaluate(mail, known=known[index])
            entries.append(entry)
            evaluated.append((mail, verdicts))
            if index % _TURN_MAILS == _TURN_MAILS - 1:
                await asyncio.sleep(0)
        await self._store.record(batch.cursor, entries)
        self._tell(batch, evaluated)

    async def _known(self, batch: sources.Batch) -> list[bool]:
        if not batch.mails or (self._one_folder and not batch.renewed):
            return [False] * len(batch.mails)
        return await self._store.handled(batch.cursor, [_fingerprint(mail) for mail in batch.mails])

    def _evaluate(self, mail: Mail, *, known: bool) -> tuple[outbox.Entry, Sequence[rules.Verdict]]:
        if known:
            return outbox.Entry(place=mail.place, fingerprint=_fingerprint(mail)), ()
        try:
            verdicts = self._rule_set().evaluate(mail, self._moment())
            return _entry(mail, verdicts), verdicts
        except Exception as error:  # any bytes at all must leave the bridge running
            reason = f"cannot be evaluated: {type(error).__name__}: {error}"
            log.exception("a mail is dead", mailbox=mail.place.mailbox, folder=mail.place.folder, uid=mail.place.uid)
            return outbox.Entry(place=mail.place, dead=reason), ()

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


def _entry(mail: Mail, verdicts: Sequence[rules.Verdict]) -> outbox.Entry:
    matched = [verdict for verdict in verdicts if verdict.matched]
    return outbox.Entry(
        place=mail.place,
        fingerprint=_fingerprint(mail),
        deliveries=tuple(delivery for verdict in matched for delivery in verdict.deliveries),
        plans=tuple(
            outbox.Plan(rule=verdict.rule, after=verdict.after, failed=verdict.failed)
            for verdict in matched
            if verdict.after or verdict.failed
        ),
    )


def _lost(lost: sources.Lost) -> outbox.Entry:
    return outbox.Entry(place=lost.place, dead=lost.reason)


def _fingerprint(mail: Mail) -> str:
    """A size alone recognises nothing: a mail without Message-ID and Date is never taken for another."""
    return mail.fingerprint if mail.message_id or mail.headers.first("Date") else ""


def _log_verdict(mail: Mail, verdict: rules.Verdict) -> None:
    place = mail.place
    if verdict.error:
        log.warning(
            "a rule failed on a mail", rule=verdict.rule, mailbox=place.mailbox, folder=place.folder, uid=place.uid,
            reason=verdict.error,
        )  # fmt: skip
    elif verdict.matched:
        log.info(
            "a rule fired", rule=verdict.rule, mailbox=place.mailbox, folder=place.folder, uid=place.uid,
            deliveries=len(verdict.deliveries),
        )  # fmt: skip
