"""What the folders of one mailbox share: credentials, and what was learned about the server."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Literal

import structlog

from bridge import errors, oauth
from bridge.sources import settings as settings_
from bridge.sources.imap import connection as connection_
from bridge.sources.imap import hub, login

log = structlog.get_logger()


class Account:
    """Connects, one folder after the other, so that a wrong password is tried once and not once a folder."""

    def __init__(
        self, name: str, settings: settings_.Mailbox, *, hub: hub.Hub, tokens: oauth.Tokens | None = None
    ) -> None:
        """``tokens`` are for a mailbox that has no password."""
        self.name = name
        self.settings = settings
        self.hub = hub
        self.pipelining: Literal["untried", "proven", "off"] = "untried"
        self._tokens = tokens
        self._turn = asyncio.Lock()
        self._refusal = ""
        self._refused_until = 0.0

    async def connect(self) -> connection_.Connection:
        """A new connection, logged in.

        Raises:
            errors.LoginRefused: the server does not accept the credentials, or did not a short while ago.
            errors.Disconnected: the server cannot be reached.
            errors.SourceError: it cannot be talked to as configured.
        """
        async with self._turn:
            if asyncio.get_running_loop().time() < self._refused_until:
                raise errors.LoginRefused(self._refusal)
            try:
                return await (self._connected("") if self._tokens is None else self._with(self._tokens))
            except errors.LoginRefused as error:
                self._remember(error)
                raise

    async def _connected(self, token: str) -> connection_.Connection:
        connection = connection_.Connection(self.settings, self.hub)
        async with self.hub.door(self.settings.address):
            await login.open_(connection, token)
        return connection

    async def _with(self, tokens: oauth.Tokens) -> connection_.Connection:
        """With an access token; one that the server does not accept is renewed once."""
        token = await tokens.access_token()
        with contextlib.suppress(errors.TokenRefused):
            return await self._connected(token)
        try:
            return await self._connected(await tokens.renewed(token))
        except errors.TokenRefused as error:
            hint = f"is {self.settings.user} the account that signed in, and may it use IMAP? Else run"
            raise errors.LoginRefused(f"{error}; {hint} `mailwire login {self.name}`") from None

    async def rest(self, failure: Exception, wait_s: float) -> None:
        """The wait before the next try; of one that waits for a sign-in, no longer than until there is one."""
        if self._tokens is None or not isinstance(failure, errors.LoginRefused):
            await asyncio.sleep(wait_s)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._tokens.signed_in()
                self._refused_until = 0.0

    def _remember(self, refusal: errors.LoginRefused) -> None:
        self._refusal = str(refusal)
        self._refused_until = asyncio.get_running_loop().time() + self.settings.retry_refused
        log.error(
            "the mail server refuses the login",
            mailbox=self.name,
            user=self.settings.user,
            reason=self._refusal,
            next_try_s=self.settings.retry_refused,
        )
