"""How many mails of a folder nobody has seen: asked for when it has gone live, and a while after
something has changed; never between a push and its mail, and never while nothing happens.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math

from bridge.sources.imap import news as news_
from bridge.sources.imap import response, session

_REST_S = 1.0  # after a change: what comes with it is counted with it, and the next push is not held up
_OFTEN_S = 1.0  # where the server just counts (ESEARCH, RFC 4731)
_SELDOM_S = 60.0  # where it has to list them


@dataclasses.dataclass(kw_only=True, slots=True)
class Counts:
    """What is known of a folder; None: nothing yet. (How many there are in all, the server tells by itself.)"""

    unseen: int | None = None


class Counters:
    """Of one connection."""

    __slots__ = ("_asked_at", "_changed_at", "_counts", "_session")

    def __init__(self, asks: session.Session, counts: Counts) -> None:
        self._session = asks
        self._counts = counts
        self._asked_at = -math.inf  # loop time
        self._changed_at: float | None = None

    @property
    def _news(self) -> news_.News:
        return self._session.connection.news

    @property
    def _counts_only(self) -> bool:
        return b"ESEARCH" in self._session.connection.capabilities

    def due_at(self) -> float:
        """Loop time; infinite while there is nothing to count."""
        if self._asked_at == -math.inf:
            return self._asked_at
        if not self._news.stirred or self._asked_at == math.inf:
            return math.inf
        if self._changed_at is None:
            self._changed_at = asyncio.get_running_loop().time()
        least_s = _OFTEN_S if self._counts_only else _SELDOM_S
        return max(self._changed_at + _REST_S, self._asked_at + least_s)

    async def count(self) -> None:
        """Asks, with IDLE behind it, and never again on this connection where the server does not answer that.

        Raises:
            errors.Disconnected: the connection ended.
        """
        self._news.stirred, self._changed_at = False, None
        # No UIDs: how many there are is all that is wanted
        command = b"UID SEARCH RETURN (COUNT) UNSEEN" if self._counts_only else b"SEARCH UNSEEN"
        (answer,) = await self._session.ask(command, idle=True, proves=False)
        self._asked_at = asyncio.get_running_loop().time() if answer.ok else math.inf
        if answer.ok:
            told = response.extended(answer.untagged).get(answer.tag, {}).get(b"COUNT", b"")
            self._counts.unseen = int(told[:20]) if told.isdigit() else response.listed(answer.untagged)
