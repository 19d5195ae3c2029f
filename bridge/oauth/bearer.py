"""One mailbox's access token: read from its file, renewed ahead of its end, once for all who ask at the same time."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

import structlog

from bridge import errors
from bridge.oauth import issuers, protocol, vault
from bridge.oauth.grant import Grant
from bridge.oauth.settings import OAuth
from bridge.oauth.vault import Stamp

log = structlog.get_logger()
CLOSE_S = 10.0  # how long a stop waits for a renewal
LOOK_EVERY_S = 2.0  # whether somebody has signed in
_ENDED = frozenset({"invalid_grant", "invalid_token", "interaction_required", "login_required", "consent_required"})


class Bearer:
    """See ``bridge.oauth.Tokens``. ``due`` is when the token wants to be renewed, in POSIX seconds."""

    def __init__(
        self,
        mailbox: str,
        settings: OAuth,
        *,
        vault: vault.Vault,
        issuers: issuers.Issuers,
        clock: Callable[[], float] = time.time,
        noted: Callable[[Bearer], None] = lambda _: None,
    ) -> None:
        """``noted`` is called when ``due`` has changed."""
        self.mailbox = mailbox
        self.issuer = settings.provider
        self.due: float | None = None
        self._settings = settings
        self._vault = vault
        self._issuers = issuers
        self._clock = clock
        self._noted = noted
        self._grant: Grant | None = None
        self._stamp: Stamp | None = None
        self._renewing: asyncio.Task[Grant] | None = None

    async def access_token(self) -> str:
        grant = await self._current()
        now = self._clock()
        if grant.holds(now) and (self.due is None or now < self.due):
            return grant.access_token
        try:
            grant = await self._renew(grant)
        except errors.SourceError:
            if not grant.holds(now):
                raise
        return grant.access_token

    async def renewed(self, refused: str) -> str:
        grant = await self._current()
        if grant.access_token == refused or not grant.holds(self._clock()):
            grant = await self._renew(grant)
        return grant.access_token

    async def ahead(self) -> None:
        """Renews it now. Raises as ``access_token``."""
        await self._renew(await self._current())

    async def signed_in(self) -> None:
        before = self._stamp
        while self._vault.stamp(self.mailbox) == before:  # noqa: ASYNC110 - another process has no event for us
            await asyncio.sleep(LOOK_EVERY_S)

    async def close(self) -> None:
        """Lets a renewal that is under way come to its end: the issuer may have taken the old token back already."""
        if (task := self._renewing) is not None:
            await asyncio.wait([task], timeout=CLOSE_S)
            task.cancel()
            await asyncio.wait([task])

    async def _current(self) -> Grant:
        """What is in the file, read again when somebody has written it.

        Raises:
            errors.LoginRefused: nobody has signed in, or to another application.
        """
        stamp = self._vault.stamp(self.mailbox)
        if self._grant is None or stamp != self._stamp:
            self._stamp = stamp  # also of one that is of no use: `signed_in` waits for another
            self._take(await asyncio.to_thread(self._read), stamp)
        assert self._grant is not None  # noqa: S101 - for the type checker
        return self._grant

    def _read(self) -> Grant:
        grant = self._vault.read(self.mailbox)
        if grant is None:
            raise errors.LoginRefused(f"nobody has signed in to this mailbox yet; run `mailwire login {self.mailbox}`")
        if (grant.issuer, grant.client_id) != (self._settings.provider, self._settings.client_id):
            raise errors.LoginRefused(
                f"the sign-in was to another provider or client_id; run `mailwire login {self.mailbox}`"
            )
        return grant

    def _take(self, grant: Grant, stamp: Stamp | None) -> None:
        self._grant, self._stamp = grant, stamp
        self.due = grant.renew_at(random.random()) if grant.refresh_token else grant.expires
        self._noted(self)

    async def _renew(self, than: Grant) -> Grant:
        """One renewal at a time; whoever comes meanwhile gets what it brings. It goes on when nobody waits for it any
        more.
        """
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._renew_now(than), name=f"oauth: renew {self.mailbox}")
            self._renewing.add_done_callback(self._renewal_ended)
        return await asyncio.shield(self._renewing)

    def _renewal_ended(self, task: asyncio.Task[Grant]) -> None:
        self._renewing = None
        if not task.cancelled():
            task.exception()  # looked at, even where nobody waits any more

    async def _renew_now(self, than: Grant) -> Grant:
        async with self._vault.held(self.mailbox):
            stamp = self._vault.stamp(self.mailbox)
            there = await asyncio.to_thread(self._read)
            if there.access_token != than.access_token and there.holds(self._clock()):
                self._take(there, stamp)  # another process was faster
                return there
            fresh = await self._asked(there)
            await asyncio.to_thread(self._vault.write, self.mailbox, fresh)  # before anybody uses it
            self._take(fresh, self._vault.stamp(self.mailbox))
        log.debug("an access token was renewed", mailbox=self.mailbox, holds_s=round(fresh.expires - fresh.obtained))
        return fresh

    async def _asked(self, grant: Grant) -> Grant:
        again = f"run `mailwire login {self.mailbox}`"
        if not grant.refresh_token:
            raise errors.LoginRefused(f"the sign-in has ended, and its issuer gave nothing to renew it with; {again}")
        client = await self._issuers.client(self._settings)
        try:
            return await client.renew(grant)
        except protocol.Refused as error:
            if error.error in _ENDED:
                raise errors.LoginRefused(f"the sign-in has ended: {error}; {again}") from None
            self._issuers.forget(self._settings)
            raise
        except errors.SourceError:
            self._issuers.forget(self._settings)
            raise
