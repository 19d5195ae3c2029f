"""Hosts that cannot be reached: of all who wait for such a host one tries it every second or so, and when it is there
the others do.

So a mailbox is back soon after its server is, long though its own next try may be put off by then, and ten thousand
mailboxes knock no more often than one for that. After an hour it is every ten seconds.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random

Address = tuple[str, int]

PROBE_S = 1.5  # between two tries; half of it at the least
_SHARE = 400  # of the time that the host has been away, from ten minutes on
_LONGEST_PROBE_S = 60.0


def probe_s(away_s: float, *, chance: float | None = None) -> float:
    """Seconds to the next try of a host that has been away so long; ``chance`` (0 to 1) takes away up to half."""
    full_s = min(max(PROBE_S, away_s / _SHARE), _LONGEST_PROBE_S)
    return full_s * (1.0 - 0.5 * (random.random() if chance is None else chance))


@dataclasses.dataclass(kw_only=True, slots=True)
class _Outage:
    since: float  # loop time
    waiting: dict[asyncio.Future[None], None] = dataclasses.field(default_factory=dict)  # who came first goes first
    timer: asyncio.TimerHandle | None = None


class Outages:
    """One for an event loop, shared by all sources."""

    def __init__(self) -> None:
        self._outages: dict[Address, _Outage] = {}

    def unreachable(self, address: Address) -> None:
        self._outages.setdefault(address, _Outage(since=asyncio.get_running_loop().time()))

    def reached(self, address: Address) -> None:
        """Somebody answered there: nobody waits for that any more."""
        outage = self._outages.pop(address, None)
        if outage is None:
            return
        if outage.timer is not None:
            outage.timer.cancel()
        for waiting in outage.waiting:
            _resolve(waiting)

    async def wait(self, address: Address, *, most_s: float) -> None:
        """Before the next try: so long at the most, and less where the host may be back."""
        outage = self._outages.get(address)
        if outage is None:
            await asyncio.sleep(most_s)
            return
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        outage.waiting[turn] = None
        alarm = loop.call_later(most_s, _resolve, turn)
        self._arm(outage)
        try:
            await turn
        finally:
            alarm.cancel()
            outage.waiting.pop(turn, None)

    def _arm(self, outage: _Outage) -> None:
        if outage.timer is None and outage.waiting:
            loop = asyncio.get_running_loop()
            outage.timer = loop.call_later(probe_s(loop.time() - outage.since), self._send_one, outage)

    def _send_one(self, outage: _Outage) -> None:
        outage.timer = None
        if outage.waiting:
            first = next(iter(outage.waiting))
            del outage.waiting[first]
            _resolve(first)
        self._arm(outage)


def _resolve(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)
