"""The issuers of a process, each discovered once and then remembered, however many mailboxes are at it."""

from __future__ import annotations

import asyncio

from bridge import errors
from bridge.oauth import endpoint, protocol, providers
from bridge.oauth.settings import OAuth


class Issuers:
    """What is known of issuers by now."""

    def __init__(self) -> None:
        self._found: dict[str, providers.Provider] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def client(self, settings: OAuth) -> protocol.Client:
        """The application at its issuer.

        Raises:
            errors.Disconnected: the issuer cannot be reached.
            errors.SourceError: it has no discovery document that can be used.
        """
        return protocol.Client(settings=settings, provider=await self._provider(settings))

    def forget(self, settings: OAuth) -> None:
        """It may have moved: the next time it is discovered anew."""
        self._found.pop(settings.provider, None)

    async def _provider(self, settings: OAuth) -> providers.Provider:
        if known := providers.KNOWN.get(settings.provider):
            return known
        async with self._turns.setdefault(settings.provider, asyncio.Lock()):
            if settings.provider not in self._found:
                self._found[settings.provider] = await _discover(settings)
            return self._found[settings.provider]


async def _discover(settings: OAuth) -> providers.Provider:
    for url in providers.documents(settings.provider):
        answer = await endpoint.get(url, ca_file=settings.ca_file)
        if answer.ok:
            try:
                return providers.discovered(answer.value, settings.provider)
            except ValueError as error:
                raise errors.SourceError(f"{settings.provider} cannot be used: {error}") from None
    raise errors.SourceError(f"{settings.provider} has no discovery document (it answers {answer.status})")
