"""What the folders of one mailbox share: credentials, and what was learned about the server."""

from __future__ import annotations

import asyncio
from typing import Literal

import structlog

from bridge import errors
from bridge.sources import settings as settings_
from bridge.sources.imap import connection as connection_
from bridge.sources.imap import hub, login

log = structlog.get_logger()


class Account:
    """Connects, one folder after the other, so that a wrong password is tried once and not once a folder."""

    def __init__(self, name: str, settings: settings_.Mailbox, *, hub: hub.Hub) -> None:
        self.name = name
        self.settings = settings
        self.hub = hub
        self.pipelining: Literal["untried", "proven", "off"] = "untried"
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
            connection = connection_.Connection(self.settings, self.hub)
            try:
                async with self.hub.door(self.settings.address):
                    await login.open_(connection)
            except errors.LoginRefused as error:
                self._remember(error)
                raise
            return connection

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
