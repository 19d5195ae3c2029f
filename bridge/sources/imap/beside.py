"""What an open folder does beside taking in new mails: telling what happens to those that are there already
(``standing``), telling those that rules count (``counting``), and counting them all (``counters``).

A new mail always has the first turn.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math

from bridge.sources import Batch, Memory, Wants, Watch
from bridge.sources.imap import comparing, heard, opening, standing, telling, uidset
from bridge.sources.imap import counters as counters_
from bridge.sources.imap import counting as counting_
from bridge.sources.imap import news as news_

_PAUSE_S = 0.2  # at least between two comparisons that were only hinted at: a flood is one or two
_PAUSE_MOST_S = 5.0  # where nothing is found again and again: some servers always hint at something
_EASE = 4  # times as long as the last one took


@dataclasses.dataclass(kw_only=True, slots=True)
class Past:
    """What outlives a connection."""

    standing: telling.Past = dataclasses.field(default_factory=telling.Past)
    told: counting_.Told = dataclasses.field(default_factory=counting_.Told)
    counts: counters_.Counts = dataclasses.field(default_factory=counters_.Counts)


class Beside:
    """Of one connection."""

    __slots__ = (
        *("_compare_at", "_counters", "_counting", "_fruitless", "_hearing", "_is_in_step", "_level", "_look_at"),
        *("_news", "_opened", "_past", "_reconcile_s", "_standing"),
    )

    def __init__(
        self,
        opened: telling.Folder,
        *,
        watch: Watch,
        memory: Memory,
        past: Past,
        level: comparing.Level,
        selected: opening.Selected,
        reconcile_s: float,
    ) -> None:
        self._opened = opened
        self._past = past
        self._level = level
        self._reconcile_s = reconcile_s
        self._news: news_.News = opened.session.connection.news
        self._counters = counters_.Counters(opened.session, past.counts)
        uidvalidity = selected.uidvalidity
        self._standing = (
            standing.Standing(
                opened,
                watch=watch,
                memory=memory,
                past=past.standing,
                level=level,
                uidvalidity=uidvalidity,
                modseq=selected.modseq,
            )
            if watch.marks
            else None
        )
        self._counting = (
            counting_.Counting(opened, watch.searches, told=past.told, uidvalidity=uidvalidity)
            if watch.searches
            else None
        )
        self._compare_at = -math.inf  # loop time before which nothing is compared for a hint
        self._fruitless = 0
        self._look_at = -math.inf
        self._hearing: float | None = None  # POSIX seconds: since when something is being told
        self._is_in_step = False

    @property
    def watches(self) -> bool:
        return self._standing is not None or self._counting is not None

    # New mails

    def fit(self, wants: Wants) -> Wants:
        """What is to be fetched of a new mail."""
        return wants if self._counting is None else self._counting.fit_new(wants)

    def with_new(self, batch: Batch) -> Batch:
        """A batch of new mails, with what belongs to them."""
        if not batch.mails or batch.marks is not None or batch.census is not None:
            return batch
        marks = self._standing.tells.of_new(batch.mails) if self._standing is not None else None
        census = self._counting.of_new(batch.mails) if self._counting is not None else None
        return dataclasses.replace(batch, marks=marks, census=census)

    # The others

    async def arrive(self) -> None:
        """Where the folder stands is known, and what is new is not fetched yet.

        Raises:
            errors.SourceError: the connection ended, or the server refuses to search.
        """
        if self._standing is not None:
            self._is_in_step = await self._standing.arrive()
        else:
            await standing.drop(self._opened, self._past.standing)

    async def arrived(self, upto: int) -> None:
        """What is new was handed on; all up to ``upto`` may have changed while nobody listened.

        Raises:
            errors.SourceError: the connection ended, or the server refuses to search.
        """
        if self._standing is not None and not self._is_in_step:
            await self._standing.compare(upto, opening=True)
        if self._counting is not None:
            await self._counting.begin()
        self._looked()
        self._is_in_step = True

    def _looked(self) -> None:
        self._look_at = asyncio.get_running_loop().time() + self._reconcile_s / 2

    def due_at(self) -> float:
        """When ``take_turn`` has something to do (loop time), as far as that is known now."""
        self._news.woken = False
        return min(self._changes_due_at(), self._counters.due_at())

    def _changes_due_at(self) -> float:
        changes = self._news.changes
        if not changes:
            return math.inf
        return self._compare_at if changes.hint else -math.inf

    async def take_turn(self) -> bool:
        """Does what is due; whether anything was.

        Raises:
            errors.SourceError: the connection ended, or the server refuses to search.
        """
        now = asyncio.get_running_loop().time()
        if self._changes_due_at() <= now:
            await self._hear(self._news.taken())
        elif self._counters.due_at() <= now:
            await self._counters.count()
        else:
            return False
        return True

    async def _hear(self, changes: heard.Changes) -> None:
        self._hearing = changes.since
        if changes.hint:
            await self._compare(changes)
        else:
            if self._standing is not None:
                await self._standing.hear(changes)
            await self._count(changes)
        self._hearing = None

    async def _compare(self, changes: heard.Changes | None) -> None:
        """Looks for what changed: for anything, or for what was hinted at."""
        loop = asyncio.get_running_loop()
        began, told, upto, found = loop.time(), None, self._opened.cursor.uid, False
        expunged = changes is None or changes.expunged
        if self._standing is not None:
            since, pushed = (None, None) if changes is None else (changes.since, changes.at)
            told = await self._standing.compare(upto, since=since, pushed=pushed, expunged=expunged)
            found = self._standing.fruitful
        if told is not None and (self._level == "QRESYNC" or not expunged):
            await self._count(told)
        elif self._counting is not None:
            found = await self._counting.compare() or found
        self._fruitless = 0 if found else self._fruitless + 1
        pause_s = max(_PAUSE_S, _EASE * (loop.time() - began))
        self._compare_at = loop.time() + max(pause_s, min(_PAUSE_S * 2.0 ** min(self._fruitless, 9), _PAUSE_MOST_S))

    async def _count(self, changes: heard.Changes) -> None:
        if self._counting is not None:
            upto = self._opened.cursor.uid
            now = {uid: now for uid, now in changes.flags.items() if uid <= upto}
            await self._counting.hear(now, uidset.Uids.union(changes.gone))

    async def look(self) -> None:
        """It is time to look without being told: servers lie.

        Raises:
            errors.SourceError: the connection ended, or the server refuses to search.
        """
        if self.watches and asyncio.get_running_loop().time() >= self._look_at:
            await self._compare(None)
            self._looked()

    def leave(self, heard_at: float | None) -> None:
        """The connection is over; ``heard_at`` (POSIX seconds) the server was heard for the last time."""
        changes = self._news.changes
        pending = self._hearing or (changes.since if changes else None)
        if self._is_in_step and (at := pending or heard_at):
            self._past.standing.in_step = max(self._past.standing.in_step, at)
