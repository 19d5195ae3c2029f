"""A connection in IDLE. It is renewed, and looked beside, by the event loop's callbacks: where there is nothing new no
coroutine is woken for it, which is what ten thousand quiet mailboxes cost.
"""

from __future__ import annotations

import asyncio

from bridge.sources.imap import connection as connection_
from bridge.sources.imap import hub as hub_


class Idle:
    """One stay in IDLE, until there is something to do that takes a coroutine."""

    __slots__ = ("_alarm", "_connection", "_ended", "_every_s", "_hub", "_uid", "looking", "renewed_at")

    def __init__(
        self, connection: connection_.Connection, hub: hub_.Hub, *, uid: int, every_s: float | None = None
    ) -> None:
        """Looks for mails from ``uid`` on every so often, and renews IDLE with that; None leaves it to who waits."""
        self.looking: bytes | None = None  # the search that was posted and whose answer was not read to its end
        self.renewed_at: float | None = None  # loop time; None where it was not
        self._connection = connection
        self._hub = hub
        self._uid = uid
        self._every_s = every_s
        self._ended: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._alarm: hub_.Alarm = 0

    async def until_news(self, *, within_s: float) -> bool:
        """Whether the server told of something. Else it is time to look, and that may have begun: with ``looking``
        set, its answer is on its way, has more in it than that nothing is new, or is late.

        Raises:
            errors.Disconnected: the connection ended.
        """
        loop, descriptor = asyncio.get_running_loop(), self._connection.fileno()
        if descriptor < 0:
            return True  # closed under us: reading will say so
        loop.add_reader(descriptor, self._ready)
        self._alarm = self._hub.alarm(self, within_s=max(within_s, 0))
        try:
            return await self._ended
        finally:
            self._hub.call_off(self._alarm, self)
            loop.remove_reader(descriptor)

    def ring(self) -> None:
        """It is time to look; or the answer is late, which reading it will say."""
        if self._ended.done():
            return
        if self._every_s is None or self.looking is not None:
            self._ended.set_result(False)
            return
        try:
            self._look()
        except Exception as error:  # noqa: BLE001 - raised in who waits
            self._ended.set_exception(error)

    def _look(self) -> None:
        self.looking = b"UID SEARCH " + connection_.from_on(self._uid)
        self._connection.post(self.looking, idle=True)
        self._alarm = self._hub.alarm(self, within_s=self._connection.remaining_s)

    def _ready(self) -> None:
        if self._ended.done():
            return
        try:
            if self.looking is None:
                self._hear()
            elif (nothing := self._connection.nothing_from(self._uid)) is not None:
                self._looked(nothing)
        except Exception as error:  # noqa: BLE001 - raised in who waits
            self._ended.set_exception(error)

    def _hear(self) -> None:
        if self._connection.hear() or not self._connection.news.is_quiet:
            self._ended.set_result(True)

    def _looked(self, nothing: bool) -> None:
        if not nothing or self._every_s is None:
            self._ended.set_result(False)
            return
        self._hub.call_off(self._alarm, self)
        self._alarm = self._hub.alarm(self, within_s=self._every_s)
        self.renewed_at, self.looking = asyncio.get_running_loop().time(), None
