"""The connection that changes mails: made when the first change comes, kept a while for the next."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from bridge import errors
from bridge.delivery import MailChange, Receipt
from bridge.sources.imap import account as account_
from bridge.sources.imap import changes as changes_
from bridge.sources.imap import connection as connection_
from bridge.sources.imap import runs

KEPT_S = 60.0  # after the last change
_LAST = frozenset({"move", "delete"})  # after which nothing more can be done to a mail
_REMEMBERED = 10_000  # moves that were half done

Result = Receipt | Exception
Done = TypeVar("Done")


class Commands:
    """One a mailbox: a change never disturbs a folder's own connection, which is in IDLE and read-only."""

    def __init__(self, account: account_.Account) -> None:
        self._account = account
        self._turn = asyncio.Lock()
        self._connection: connection_.Connection | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._copied: changes_.Copied = {}

    async def change(self, changes: Sequence[MailChange]) -> list[Result]:
        """One result a change, in order: a receipt, ``errors.Retryable`` or ``errors.Permanent``."""
        async with self._mine():
            return await self._all(changes)

    async def use(self, work: Callable[[connection_.Connection], Awaitable[Done]]) -> Done:
        """Lends the connection, with any folder open or none, for something else than a change.

        Raises:
            errors.SourceError: there is none, or what the work raises.
        """
        async with self._mine():
            try:
                return await work(await self._connected())
            except errors.Disconnected:
                self.close()
                raise

    @contextlib.asynccontextmanager
    async def _mine(self) -> AsyncIterator[None]:
        async with self._turn:
            self._keep()
            try:
                await self._look_first()
                yield
            except asyncio.CancelledError:
                self.close()  # an answer is under way that nobody reads any more
                raise
            finally:
                self._let_go_later()

    async def _all(self, changes: Sequence[MailChange]) -> list[Result]:
        results: dict[int, Result] = {}
        failed: set[runs.Mail] = set()
        for run in runs.runs(changes):
            held = [at for at in run if changes[at].op in _LAST and runs.mail(changes[at]) in failed]
            results.update({at: errors.Retryable("an earlier change of this mail was not made") for at in held})
            if left := [at for at in run if at not in results]:
                results.update(zip(left, await self._run([changes[at] for at in left]), strict=True))
            failed.update(runs.mail(changes[at]) for at in run if isinstance(results[at], Exception))
        return [results[at] for at in range(len(changes))]

    async def _run(self, run: list[MailChange]) -> list[Result]:
        try:
            connection = await self._connected()
            return [*await changes_.carry_out(connection, run, self._copied)]
        except changes_.ForAll as error:
            return [errors.Permanent(str(error), code=error.code) for _ in run]
        except (errors.Permanent, errors.Retryable) as error:
            if len(run) == 1:
                return [error]
            # One of them may be to blame: each by itself
            return [result for change in run for result in await self._run([change])]
        except errors.SourceError as error:
            self.close()
            return [errors.Retryable(str(error)) for _ in run]
        finally:
            while len(self._copied) > _REMEMBERED:
                del self._copied[next(iter(self._copied))]

    async def _connected(self) -> connection_.Connection:
        if self._connection is None:
            self._connection = await self._account.connect()
        return self._connection

    async def _look_first(self) -> None:
        """A session sees the folder as it was at its last command: a UID STORE of a mail that came later would be
        answered "OK", and do nothing. It also shows whether the connection is still there.
        """
        if self._connection is not None:
            try:
                await self._connection.run(b"NOOP")
            except errors.Disconnected:
                self.close()

    def _keep(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    def _let_go_later(self) -> None:
        if self._connection is not None:
            self._expiry = asyncio.get_running_loop().call_later(KEPT_S, self.close)

    def close(self) -> None:
        self._keep()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
