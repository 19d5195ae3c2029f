"""One opened folder on one connection: asking, and waiting for the server to speak."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import structlog

from bridge import errors
from bridge.sources.imap import account, client, fetch, frames, response
from bridge.sources.imap import connection as connection_

log = structlog.get_logger()
T = TypeVar("T")


class Session:
    """Sends from the event loop, waits there until the server begins to answer, and only then takes a worker thread: a
    silent server costs no thread.
    """

    def __init__(self, account: account.Account, connection: connection_.Connection) -> None:
        self._account = account
        self._can_idle = b"IDLE" in connection.capabilities
        self.connection = connection
        now = asyncio.get_running_loop().time()
        self._renew_at = now
        self._reconcile_at = now + account.settings.reconcile

    async def ask(self, *commands: bytes, then: Callable[[list[connection_.Answer]], T], idle: bool = False) -> T:
        """The answers to these commands, as ``then`` makes of them in a worker thread.

        ``idle`` asks for IDLE behind them: ``DONE``, the commands and ``IDLE`` leave in one write (RFC 9051, section
        5.5), unless this server turned out not to stand it; then IDLE is left to ``wait``.

        Raises:
            errors.Disconnected: the connection ended.
        """
        idle = idle and self._can_idle
        writes = len(commands) + self.connection.idling + idle
        if self._account.pipelining == "off" and writes > 1:
            return await self._one_by_one(commands, then)
        try:
            return await self._exchange(commands, then, idle=idle)
        except errors.Disconnected:
            if writes > 1 and self._account.pipelining == "untried":
                self._account.pipelining = "off"
                log.info("commands go one by one: the server may not stand several", mailbox=self._account.name)
            raise
        finally:
            if idle:
                self._renewed()

    async def _one_by_one(self, commands: tuple[bytes, ...], then: Callable[[list[connection_.Answer]], T]) -> T:
        if self.connection.idling:
            await self._exchange((), lambda _: None)
        answers: list[connection_.Answer] = []
        for command in commands[:-1]:
            answers += await self._exchange((command,), lambda answers: answers)
        return await self._exchange(commands[-1:], lambda last: then([*answers, *last]))

    async def _exchange(
        self, commands: tuple[bytes, ...], then: Callable[[list[connection_.Answer]], T], *, idle: bool = False
    ) -> T:
        several = len(commands) + self.connection.idling + idle > 1
        self.connection.post(*commands, idle=idle)
        if not await self._account.hub.readable(self.connection, within_s=self._account.settings.timeout):
            raise errors.Disconnected(f"no answer within {self._account.settings.timeout:g} s")
        return await self._account.work(self.connection, self._finish, then, idle, several)

    def _finish(self, then: Callable[[list[connection_.Answer]], T], idle: bool, several: bool) -> T:
        answers = self.connection.collect()
        if several and self._account.pipelining == "untried":
            if any(answer.status == "BAD" for answer in answers):
                raise errors.Disconnected("the server did not understand several commands at once")
            self._account.pipelining = "proven"
        if idle and not answers.pop().ok:
            self._can_idle = False
        return then(answers)

    def _renewed(self) -> None:
        self._renew_at = asyncio.get_running_loop().time() + self._account.settings.idle_renew

    async def wait(self) -> bool:
        """Waits until the server announces mail (True), or it is time to look without being told (False).

        Raises:
            errors.Disconnected: the connection ended, or is silent.
        """
        if not self._can_idle:
            return await self._poll()
        if not self.connection.idling:
            await self.ask(then=lambda _: None, idle=True)
            if not self._can_idle:
                return await self._poll()
        loop = asyncio.get_running_loop()
        while not await self._heard():
            remaining_s = min(self._renew_at, self._reconcile_at) - loop.time()
            if remaining_s <= 0 or not await self._account.hub.readable(self.connection, within_s=remaining_s):
                return False
        return True

    async def _heard(self) -> bool:
        while self.connection.hear():  # noqa: ASYNC110 - nothing to wait for: it has more to say, others have their turn
            await asyncio.sleep(0)
        return self.connection.news

    async def _poll(self) -> bool:
        if not self.connection.news:
            await asyncio.sleep(self._account.settings.poll)
            await self.ask(b"NOOP", then=lambda _: None)
        return self.connection.news

    async def search(self, criteria: bytes, *, idle: bool = False) -> list[int]:
        """UIDs, ascending.

        Raises:
            errors.SourceError: the server refuses to search.
        """

        def then(answers: list[connection_.Answer]) -> list[int]:
            (answer,) = answers
            if not answer.ok:
                raise errors.SourceError(f"the server refuses to search: {client.readable(answer.text)}")
            return response.uids(answer.untagged)

        return await self.ask(b"UID SEARCH " + criteria, then=then, idle=idle)

    async def dates(self, uids: Sequence[int]) -> dict[int, datetime.datetime | None]:
        """When these mails arrived at the server; None where it does not say so, or not legibly.

        Raises:
            errors.SourceError: the server refuses to tell.
        """
        asked = frozenset(uids)

        def then(answers: list[connection_.Answer]) -> dict[int, datetime.datetime | None]:
            (answer,) = answers
            if not answer.ok:  # taken for "they are gone", it would skip them all
                raise errors.SourceError(
                    f"the server refuses to say when mails arrived: {client.readable(answer.text)}"
                )
            return dict.fromkeys(uids) | {uid: date for uid, date in _dates(answer.untagged) if uid in asked}

        return await self.ask(b"UID FETCH %s (UID INTERNALDATE)" % fetch.ranges(uids), then=then)

    def reconciled(self) -> None:
        self._reconcile_at = asyncio.get_running_loop().time() + self._account.settings.reconcile


def _dates(untagged: list[frames.Pieces]) -> Iterator[tuple[int, datetime.datetime | None]]:
    for pieces in untagged:
        with contextlib.suppress(errors.MailError):
            fetched = response.fetched(pieces)
            if fetched and isinstance(fetched.get(b"UID"), int) and b"INTERNALDATE" in fetched:
                yield fetched[b"UID"], response.internal_date(fetched[b"INTERNALDATE"])
