"""One opened folder on one connection: asking, and waiting for the server to speak."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import math
from collections.abc import Iterable, Iterator, Sequence

import structlog

from bridge import errors
from bridge.sources.imap import account, asking, client, frames, idle, response, uidset
from bridge.sources.imap import connection as connection_

log = structlog.get_logger()
_PUSH_S = 0.5  # between an EXISTS and the mail that the server sends by itself


class Ahead:
    """A fetch of these mails that was sent before anybody needs its answer, so that the server is never waited for.

    Dovecot works on several such commands at once: a mail may come in the answer to another command than its own.
    """

    __slots__ = ("answer", "early", "uids")

    def __init__(self, uids: Iterable[int]) -> None:
        self.uids = frozenset(uids)
        self.early: list[frames.Pieces] = []
        self.answer: connection_.Answer | None = None


class Session:
    """Asks, stays in IDLE, and polls where there is none."""

    __slots__ = ("_account", "_ahead", "_can_idle", "_looking", "_reconcile_at", "_renew_at", "connection")

    def __init__(self, account: account.Account, connection: connection_.Connection) -> None:
        self._account = account
        self._can_idle = b"IDLE" in connection.capabilities
        self.connection = connection
        self._ahead: list[Ahead] = []  # sent, and not read yet: one or two
        self._looking: bytes | None = None  # the search that was posted with IDLE behind it, and is not read yet
        now = asyncio.get_running_loop().time()
        self._renew_at = now
        self._reconcile_at = now + account.settings.reconcile

    async def ask(self, *commands: bytes, idle: bool = False, proves: bool = True) -> list[connection_.Answer]:
        """The answers to these commands.

        ``proves``: whether this may show that the server stands several commands in one write. One that stands these
        may still not stand others.

        ``idle`` asks for IDLE behind them: ``DONE``, the commands and ``IDLE`` leave in one write (RFC 9051, section
        5.5), unless this server turned out not to stand it; then IDLE is left to ``wait``.

        Raises:
            errors.Disconnected: the connection ended.
        """
        idle = idle and self._can_idle
        writes = len(commands) + self.connection.idling + idle
        if self._account.pipelining == "off" and writes > 1:
            return await self._one_by_one(commands)
        try:
            return await self._exchange(commands, idle=idle, proves=proves)
        except errors.Disconnected:
            if writes > 1 and self._account.pipelining == "untried":
                self._account.pipelining = "off"
                log.info("commands go one by one: the server may not stand several", mailbox=self._account.name)
            raise
        finally:
            if idle:
                self._renewed()

    async def _one_by_one(self, commands: tuple[bytes, ...]) -> list[connection_.Answer]:
        if self.connection.idling:
            await self._exchange(())
        return [answer for command in commands for answer in await self._exchange((command,))]

    async def _exchange(
        self, commands: tuple[bytes, ...], *, idle: bool = False, proves: bool = True
    ) -> list[connection_.Answer]:
        several = len(commands) + self.connection.idling + idle > 1
        looking, self._looking = self._looking, None
        if looking is None or (looking,) != commands or not idle:
            if looking is not None:
                await self.connection.collect(2)  # whoever asks for something else first will search after it
            self.connection.post(*commands, idle=idle)
        early: list[frames.Pieces] = []
        while self._ahead:
            early += await self._read_ahead()
        answers = await self.connection.collect(len(commands) + idle)
        if early and answers:
            answers[0] = dataclasses.replace(answers[0], untagged=early + answers[0].untagged)
        if several and self._account.pipelining == "untried":
            if any(answer.status == "BAD" for answer in (answers if proves else answers[len(commands) :])):
                raise errors.Disconnected("the server did not understand several commands at once")
            if proves:
                self._account.pipelining = "proven"
        if idle and not answers.pop().ok:
            self._can_idle = False
        return answers

    async def prove(self) -> None:
        """Tries whether the server stands several commands in one write, where that is not known yet.

        Raises:
            errors.Disconnected: it may not (or the connection ended): it has to be asked anew, one by one.
        """
        if self._account.pipelining == "untried":
            await self.ask(b"NOOP", b"NOOP")

    def ahead(self, command: bytes, uids: Sequence[int]) -> Ahead | None:
        """Sends a fetch of these mails whose answer is read later (``answer``); None where the server may not stand
        that.
        """
        if self._account.pipelining != "proven" or self.connection.idling:
            return None
        self.connection.post(command)
        sent = Ahead(uids)
        self._ahead.append(sent)
        return sent

    async def answer(self, ahead: Ahead) -> connection_.Answer:
        """What the server said to it.

        Raises:
            errors.Disconnected: the connection ended.
        """
        while ahead.answer is None:
            await self._read_ahead()
        return ahead.answer

    async def _read_ahead(self) -> list[frames.Pieces]:
        """Reads the answer to the first; returns what it brought that nobody ahead asked for."""
        (answer,) = await self.connection.collect(1)
        first = self._ahead.pop(0)
        mine, others = first.early, list[frames.Pieces]()
        for pieces in answer.untagged:
            uid = response.uid_of(pieces)
            if uid is None or uid in first.uids:
                mine.append(pieces)
            elif whose := next((later for later in self._ahead if uid in later.uids), None):
                whose.early.append(pieces)
            else:
                others.append(pieces)
        first.answer = dataclasses.replace(answer, untagged=mine)
        return others

    def _renewed(self) -> None:
        self._renew_at = asyncio.get_running_loop().time() + self._account.settings.idle_renew

    @property
    def can_idle(self) -> bool:
        return self._can_idle

    async def wait(self, first: int, *, until: float = math.inf, quietly: bool = True) -> bool:
        """Waits until the server announces mail or ``until`` (loop time; True), or it is time to look without being
        told (False). ``quietly``: as long as looking finds no mail with the UID ``first`` or a higher one, IDLE is
        renewed meanwhile, and nobody is woken.

        Raises:
            errors.Disconnected: the connection ended, or is silent.
        """
        if not self._can_idle:
            return await self._poll(until)
        if not self.connection.idling:
            await self.ask(idle=True)
            if not self._can_idle:
                return await self._poll(until)
        while not await self._heard():
            if self.connection.news.arrived:  # what it is comes behind it: soon, or it has to be asked for
                if not await self._account.hub.readable(self.connection, within_s=_PUSH_S):
                    return True
                continue
            ends = min(self._renew_at, self._reconcile_at, until)
            if not await self._idle(first, ends, quietly=quietly and until == math.inf):
                return ends == until
        return True

    async def _idle(self, first: int, ends: float, *, quietly: bool) -> bool:
        """In IDLE until there is something to take in (True) or to look at (False)."""
        settings, due_s = self._account.settings, ends - asyncio.get_running_loop().time()
        quietly = quietly and self._account.pipelining == "proven"
        every_s = min(settings.idle_renew, settings.reconcile) if quietly else None
        idling = idle.Idle(self.connection, self._account.hub, uid=first, every_s=every_s)
        try:
            return await idling.until_news(within_s=due_s)
        finally:
            self._looking = idling.looking
            if idling.renewed_at is not None:
                self._renew_at = idling.renewed_at + settings.idle_renew
                self._reconcile_at = idling.renewed_at + settings.reconcile

    async def _heard(self) -> bool:
        while self.connection.hear():  # noqa: ASYNC110 - nothing to wait for: it has more to say, others have their turn
            await asyncio.sleep(0)
        return self.connection.news.is_ripe

    async def _poll(self, until: float) -> bool:
        news = self.connection.news
        if not news.is_ripe:
            poll_s, left_s = self._account.settings.poll, until - asyncio.get_running_loop().time()
            await asyncio.sleep(max(min(poll_s, left_s), 0))
            if left_s <= poll_s:
                return True
            await self.ask(b"NOOP")
        return news.is_ripe

    async def search(self, criteria: bytes, *, idle: bool = False) -> list[int]:
        """UIDs, ascending.

        Raises:
            errors.SourceError: the server refuses to search.
        """
        (answer,) = await self.ask(b"UID SEARCH " + criteria, idle=idle)
        if not answer.ok:
            raise errors.SourceError(f"the server refuses to search: {client.readable(answer.text)}")
        return response.uids(answer.untagged)

    async def dates(self, uids: Sequence[int]) -> dict[int, datetime.datetime | None]:
        """When these mails arrived at the server; None where it does not say so, or not legibly.

        Raises:
            errors.SourceError: the server refuses to tell.
        """
        asked = frozenset(uids)
        (answer,) = await self.ask(b"UID FETCH %s (UID INTERNALDATE)" % asking.ranges(uids))
        if not answer.ok:  # taken for "they are gone", it would skip them all
            raise errors.SourceError(f"the server refuses to say when mails arrived: {client.readable(answer.text)}")
        return dict.fromkeys(uids) | {uid: date for uid, date in _dates(answer.untagged) if uid in asked}

    async def sets(self, *criteria: bytes) -> list[uidset.Uids | None]:
        """The UIDs of some searches; None for one that the server refuses. They leave in one write where the answers
        say which search they are of (RFC 4731): Dovecot works on several at once.
        """
        if b"ESEARCH" not in self.connection.capabilities:
            return [_set((await self.ask(b"UID SEARCH " + each))[0]) for each in criteria]
        answers = await self.ask(*(b"UID SEARCH RETURN (ALL) " + each for each in criteria))
        told = response.extended([pieces for answer in answers for pieces in answer.untagged])
        return [
            uidset.Uids.read(told[answer.tag].get(b"ALL", b"")) if answer.ok and answer.tag in told else _set(answer)
            for answer in answers
        ]

    def reconciled(self) -> None:
        self._reconcile_at = asyncio.get_running_loop().time() + self._account.settings.reconcile


def _set(answer: connection_.Answer) -> uidset.Uids | None:
    return uidset.Uids.of(response.uids(answer.untagged)) if answer.ok else None


def _dates(untagged: list[frames.Pieces]) -> Iterator[tuple[int, datetime.datetime | None]]:
    for pieces in untagged:
        with contextlib.suppress(errors.MailError):
            fetched = response.fetched(pieces)
            if fetched and isinstance(fetched.get(b"UID"), int) and b"INTERNALDATE" in fetched:
                yield fetched[b"UID"], response.internal_date(fetched[b"INTERNALDATE"])
