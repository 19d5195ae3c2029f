"""What a dispatcher holds in memory: the next deliveries of each lane, in order. No I/O, no clock."""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Callable, Collection, Iterator, Mapping

from bridge import outbox


@dataclasses.dataclass(slots=True)
class _Lane:
    waiting: collections.deque[outbox.Queued] = dataclasses.field(default_factory=collections.deque)
    busy: int = 0  # sent or being settled


class Lanes:
    """Bounded by what is taken in: the dispatcher reads no further page while ``waiting`` is large."""

    def __init__(self, *, pipelined: bool) -> None:
        self._pipelined = pipelined
        self._lanes: dict[str, _Lane] = {}
        self._open: dict[str, None] = {}  # lanes that may send, in the order in which they became able to
        self._ids: set[str] = set()  # waiting
        self._flying: set[str] = set()  # sent or being settled
        self._blocked: dict[str, float] = {}  # lane → when its head is tried again

    @property
    def waiting(self) -> int:
        return len(self._ids)

    def take(self, queued: outbox.Queued) -> bool:
        """Takes it in behind its lane's others, unless it is here already or its lane waits for another try."""
        key = queued.delivery.lane
        if queued.delivery.id in self._ids or queued.delivery.id in self._flying or key in self._blocked:
            return False
        lane = self._lanes.setdefault(key, _Lane())
        lane.waiting.append(queued)
        self._ids.add(queued.delivery.id)
        self._consider(key, lane)
        return True

    def startable(self) -> Iterator[outbox.Queued]:
        """Yields deliveries that may be sent now; each counts as sent from the moment it is yielded."""
        while self._open:
            key = next(iter(self._open))
            lane = self._lanes[key]
            while self._may_send(lane):
                queued = lane.waiting.popleft()
                self._ids.discard(queued.delivery.id)
                self._fly(lane, queued)
                yield queued
                if key not in self._open:
                    break  # forgotten or blocked while we were away
            self._open.pop(key, None)

    def fly(self, queued: outbox.Queued) -> bool:
        """Marks one that is ended without being sent (it expired while it waited); False if it is under way already."""
        if queued.delivery.id in self._flying:
            return False
        self._forget(lambda one: one.delivery.id == queued.delivery.id, keys=[queued.delivery.lane])
        self._fly(self._lanes.setdefault(queued.delivery.lane, _Lane()), queued)
        return True

    def landed(self, queued: outbox.Queued, *, dropped: Collection[str] = ()) -> None:
        """It is settled, or came back unsent; ``dropped`` must no longer be sent."""
        key = queued.delivery.lane
        lane = self._lanes[key]
        lane.busy -= 1
        self._flying.discard(queued.delivery.id)
        if dropped:
            self._forget(lambda one: one.delivery.id in dropped, keys=[key])
        self._consider(key, lane)

    def block(self, key: str, until: float) -> None:
        """The lane's head is tried again then (``inf``: when that is known); what waits behind it is forgotten, to be
        read again in order.
        """
        self._blocked[key] = until
        self._forget(lambda _: True, keys=[key])
        self._open.pop(key, None)

    def block_only(self, lanes: Mapping[str, float]) -> None:
        """Exactly these lanes wait for another try, and those whose last try is being settled."""
        self._blocked = {key: until for key, until in self._blocked.items() if until == math.inf}
        for key, until in lanes.items():
            if key not in self._blocked:
                self.block(key, until)

    def open(self, key: str) -> bool:
        """The lane waits for nothing any more; whether it did."""
        return self._blocked.pop(key, None) is not None

    def unblock(self, now: float) -> bool:
        """Whether some lane's time has come."""
        over = [key for key, until in self._blocked.items() if until <= now]
        for key in over:
            del self._blocked[key]
        return bool(over)

    @property
    def next_unblock(self) -> float | None:
        return min((until for until in self._blocked.values() if until < math.inf), default=None)

    def drop(self, ids: Collection[str]) -> None:
        """They must no longer be sent; what is under way is."""
        if not self._ids.isdisjoint(ids):
            self._forget(lambda one: one.delivery.id in ids, keys=list(self._lanes))

    def forget_waiting(self) -> None:
        """Everything that was not sent yet will be read again."""
        self._forget(lambda _: True, keys=list(self._lanes))
        self._open.clear()

    def _may_send(self, lane: _Lane) -> bool:
        """A reset waits until its lane is quiet: the acknowledgement that is under way may be what restarts it."""
        if not lane.waiting:
            return False
        return not lane.busy or (self._pipelined and lane.waiting[0].delivery.part == "main")

    def _consider(self, key: str, lane: _Lane) -> None:
        if self._may_send(lane):
            self._open.setdefault(key)
        elif not lane.waiting and not lane.busy:
            self._lanes.pop(key, None)
            self._open.pop(key, None)

    def _fly(self, lane: _Lane, queued: outbox.Queued) -> None:
        lane.busy += 1
        self._flying.add(queued.delivery.id)

    def _forget(self, which: Callable[[outbox.Queued], bool], *, keys: Collection[str]) -> None:
        for key in keys:
            lane = self._lanes.get(key)
            if lane is None or not lane.waiting:
                continue
            gone = [one for one in lane.waiting if which(one)]
            self._ids.difference_update(one.delivery.id for one in gone)
            lane.waiting = collections.deque(one for one in lane.waiting if not which(one))
            if not lane.waiting and not lane.busy:
                del self._lanes[key]
                self._open.pop(key, None)
