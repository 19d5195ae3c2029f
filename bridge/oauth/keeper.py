"""All access tokens of a bridge, and the one task that renews them: a mailbox has no timer of its own.

Renewed ahead of their end, also while nobody asks: a reconnect then costs no request more, a sign-in that ended is told
of while mail still comes, and issuers that let an unused sign-in lapse see it used.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import structlog

from bridge import backoff, errors
from bridge.oauth import bearer, issuers, vault
from bridge.oauth.settings import OAuth

log = structlog.get_logger()
_AT_ONCE = 8  # renewals at one issuer
_RETRY_LEAST_S = 15.0
_RETRY_MOST_S = 600.0
_CLOCK_LOOK_S = 60.0  # the longest sleep: a suspended machine, or a clock that was set, is noticed


class Keeper:
    """One for a state. Its task runs while there are tokens to keep."""

    def __init__(self, state_folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.vault = vault.Vault(state_folder)
        self._issuers = issuers.Issuers()
        self._clock = clock
        self._kept: dict[bearer.Bearer, int] = {}  # and how often in a row it could not be renewed
        self._room: dict[str, asyncio.Semaphore] = {}  # by issuer
        self._times: list[tuple[float, int, bearer.Bearer]] = []  # a heap of when each is due
        self._numbers = itertools.count()  # tells apart what is due at the same time
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def tokens(self, mailbox: str, settings: OAuth) -> AsyncIterator[bearer.Bearer]:
        """This mailbox's tokens, kept fresh while this holds."""
        one = bearer.Bearer(
            mailbox, settings, vault=self.vault, issuers=self._issuers, clock=self._clock, noted=self._note
        )
        self._kept[one] = 0
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="oauth: renew")
        try:
            yield one
        finally:
            del self._kept[one]
            if not self._kept:
                await self._stop()
            await one.close()

    async def _stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def _note(self, one: bearer.Bearer) -> None:
        if one.due is not None:
            heapq.heappush(self._times, (one.due, next(self._numbers), one))
            if self._times[0][2] is one:
                self._wake.set()

    async def _run(self) -> None:
        """Never ends; is cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                for one in self._taken(self._clock()):
                    group.create_task(self._renew(one), name=f"oauth: {one.mailbox}")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._wait_s()):
                        await self._wake.wait()

    def _taken(self, now: float) -> Iterator[bearer.Bearer]:
        """Those that are due, once each; a time that has been put off since counts no more."""
        while self._times and self._times[0][0] <= now:
            due, _, one = heapq.heappop(self._times)
            if one in self._kept and one.due == due:
                one.due = None  # while it is under way
                yield one

    def _wait_s(self) -> float:
        due = self._times[0][0] if self._times else math.inf
        return max(min(due - self._clock(), _CLOCK_LOOK_S), 0)

    async def _renew(self, one: bearer.Bearer) -> None:
        """A silent issuer takes no room from the others."""
        async with self._room.setdefault(one.issuer, asyncio.Semaphore(_AT_ONCE)):
            try:
                if one in self._kept:
                    await one.ahead()
                    self._kept[one] = 0
            except errors.LoginRefused as error:  # it is tried again when somebody has signed in
                log.error("an access token cannot be renewed", mailbox=one.mailbox, reason=str(error))
            except errors.MailwireError as error:
                self._postpone(one, str(error))
            except Exception as error:  # noqa: BLE001 - the other mailboxes go on; no traceback: it could hold a token
                self._postpone(one, f"an error in the bridge itself ({type(error).__name__})")

    def _postpone(self, one: bearer.Bearer, reason: str) -> None:
        if one not in self._kept:
            return
        self._kept[one] += 1
        wait_s = backoff.wait_s(self._kept[one], least_s=_RETRY_LEAST_S, most_s=_RETRY_MOST_S)
        one.due = self._clock() + wait_s
        self._note(one)
        log.warning(
            "an access token could not be renewed yet", mailbox=one.mailbox, retry_s=round(wait_s, 1), reason=reason
        )
