"""How far a dispatcher has read its sink's deliveries: pages in the order of recording, into the lanes.

``_position`` is how far the pages have been read: it goes back to the start whenever something behind it may have
become due (a retry's time, a delay's, an admin's hand). Every delivery that was passed over for its time has a
``due`` after ``_horizon``, the moment at which reading last began at the start.
"""

from __future__ import annotations

from bridge import outbox
from bridge.outbox.lanes import Lanes
from bridge.outbox.store import Store

PAGE = 500  # deliveries read at once


class Reader:
    """One sink's; ``read`` brings what may be sent now, as far as there is room."""

    def __init__(self, sink: str, store: Store, lanes: Lanes) -> None:
        self._sink = sink
        self._store = store
        self._lanes = lanes
        self._position = 0
        self._horizon = 0.0
        self._next_due: float | None = None
        self._lanes_changed = True  # which lanes wait for another try is read from the store
        self._dropped: set[str] = set()  # while a page is being read
        self.caught_up = False  # everything that may be sent now has been read

    @property
    def full(self) -> bool:
        return self._lanes.waiting >= PAGE

    @property
    def next_time(self) -> float | None:
        """When something that waits for its time may be sent; POSIX seconds."""
        return min((time for time in (self._lanes.next_unblock, self._next_due) if time is not None), default=None)

    def on_news(self, news: outbox.News) -> None:
        self.caught_up = False
        self._lanes.drop(news.dropped)
        self._dropped |= news.dropped
        if news.foreign:
            self._lanes_changed = True
            self.start_over()

    def start_over(self) -> None:
        """Forgets what was read and not sent: it is read again, in order."""
        self._lanes.forget_waiting()
        self.look_again()

    def look_again(self) -> None:
        """Something behind the position may be sent now; what is in the lanes stays there."""
        self._position, self.caught_up = 0, False

    async def read(self) -> None:
        if self._lanes_changed:
            self._lanes_changed = False
            self._lanes.block_only(await self._store.waiting_lanes(self._sink))
        self._look_back()
        if not self.caught_up and not self.full:
            await self._read_page()

    def _look_back(self) -> None:
        now = self._store.clock()
        due = self._next_due is not None and self._next_due <= now
        if self._lanes.unblock(now) or due or now < self._horizon:  # the last: the clock was set back
            self.look_again()

    async def _read_page(self) -> None:
        if self._position == 0:
            self._horizon = self._store.clock()
        self._dropped.clear()
        self.caught_up = True  # news that arrive while the page is read say otherwise
        page = await self._store.page(self._sink, after=self._position, limit=PAGE, horizon=self._horizon)
        for queued in page.deliveries:
            if queued.delivery.id not in self._dropped:
                self._lanes.take(queued)
        self._dropped.clear()
        if page.deliveries:
            self._position = page.deliveries[-1].seq
        if page.more:
            self.caught_up = False
        else:
            self._next_due = page.next_due
