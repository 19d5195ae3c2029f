"""How the mails of an open folder stand: seen or not, flagged or not, there or gone. What has become otherwise than is
kept of it is told, as events of the mails that the rules ask for, and as marks.

What the server says in between is taken as it comes, where it names UIDs (``heard``). What happened while nobody
listened, and what it only hints at, is found by comparing: with CONDSTORE by what has changed since the MODSEQ that is
kept (RFC 7162), else by searching for all that is unseen or flagged.

**Nothing is compared before what was handed on before is committed**: what is kept would be older than what was told.
"""

from __future__ import annotations

import dataclasses
import itertools
import time

from bridge.sources import Batch, Mark, Marked, Marks, Memory, Watch
from bridge.sources.imap import comparing, heard, telling, uidset

_AGE_S = 60.0  # and more: worth a commit that only says that all is still as it was


async def drop(opened: telling.Folder, past: telling.Past) -> None:
    """No rule asks any more how mails are marked: what is kept of it is forgotten."""
    if past.marked is not None:
        marks = Marks(uidvalidity=past.marked.uidvalidity, at=time.time(), dropped=True)
        await opened.hand(Batch(cursor=opened.cursor, marks=marks))
        past.marked = None


class Standing:
    """Of one connection."""

    __slots__ = ("_compares", "_opened", "_past", "_uidvalidity", "fruitful", "tells")

    def __init__(
        self,
        opened: telling.Folder,
        *,
        watch: Watch,
        memory: Memory,
        past: telling.Past,
        level: comparing.Level,
        uidvalidity: int,
        modseq: int | None,
    ) -> None:
        self._opened = opened
        self._past = past
        self._uidvalidity = uidvalidity
        self._compares = comparing.Comparing(opened, memory=memory, level=level, modseq=modseq)
        self.fruitful = False  # whether the last comparison found anything
        self.tells = telling.Teller(opened, watch=watch, memory=memory, past=past, uidvalidity=uidvalidity)

    async def arrive(self) -> bool:
        """All that is unseen or flagged, where that is not kept yet; of none of it is there anything to tell. Whether
        it was not.

        Raises:
            errors.SourceError: the server refuses to search, or the connection ended.
        """
        marked = self._past.marked
        if marked is not None and marked.uidvalidity == self._uidvalidity:
            return False
        upto, at = self._opened.cursor.uid, time.time()
        unseen, flagged = await self._compares.searches(upto)
        first = self._first(unseen, flagged, upto)
        rest = (uid for uid in unseen if uid not in first)
        mails = first | dict.fromkeys(itertools.islice(rest, telling.MARKS), telling.shared(seen=False, flagged=False))
        whole = True
        while True:
            more = dict.fromkeys(itertools.islice(rest, telling.MARKS), telling.shared(seen=False, flagged=False))
            # Whoever ends here without the last of it compares by searching, and finds the rest
            modseq = None if more else self._compares.modseq
            marks = Marks(uidvalidity=self._uidvalidity, modseq=modseq, at=at, mails=mails, whole=whole)
            await self._opened.hand(Batch(cursor=self._opened.cursor, marks=marks))
            if not more:
                break
            mails, whole = more, False
        self._past.unmarked.clear()
        self._past.marked = Marked(uidvalidity=self._uidvalidity, modseq=self._compares.modseq, at=at)
        self._past.in_step = at
        return True

    def _first(self, unseen: uidset.Uids, flagged: uidset.Uids, upto: int) -> dict[int, Mark]:
        """What has to be kept before all else: were a flag not, it would look new."""
        return {uid: telling.shared(seen=uid not in unseen, flagged=True) for uid in flagged} | {
            uid: dataclasses.replace(mark, seen=uid not in unseen, flagged=uid in flagged)
            for uid, mark in self._past.unmarked.items()
            if uid <= upto
        }

    async def hear(self, changes: heard.Changes) -> None:
        """The server named the UIDs: it is so, and needs no second look."""
        upto, gone = self._opened.cursor.uid, uidset.Uids.union(changes.gone)
        # Mails beyond that are still to be fetched, with their flags
        now = {uid: now for uid, now in changes.flags.items() if uid <= upto and uid not in gone}
        since = changes.since or time.time()
        await self._opened.committed()
        before = await self._compares.kept(set(now), gone)
        difference = telling.Difference(before=before, now=now, gone=[uid for uid in before if uid in gone])
        await self.tells.tell(difference, happened=since, pushed=changes.at, at=since)
        self._past.in_step = max(self._past.in_step, since)

    async def compare(
        self,
        upto: int,
        *,
        since: float | None = None,
        pushed: float | None = None,
        expunged: bool = True,
        opening: bool = False,
    ) -> heard.Changes | None:
        """Finds out what is otherwise, and tells it.

        ``since`` is when it can have happened at the earliest (POSIX seconds; without: since the folder was known to
        be in step), ``expunged`` whether mails may have gone, ``upto`` the last that was handled, ``opening`` that the
        folder was opened just now. Returns what the server named, or None where it was looked for by searching.

        Raises:
            errors.SourceError: the server refuses to search, or the connection ended.
        """
        marked, at = self._past.marked, time.time()
        if marked is None or not upto:
            return None
        happened = max(marked.at, self._past.in_step) if since is None else since
        await self._opened.committed()
        compares = self._compares
        told = await compares.changed_since(upto, marked.modseq, opening=opening)
        if told is None:
            difference = await compares.by_search(upto)
        else:
            difference = await compares.by_modseq(upto, told, expunged=expunged)
        self.fruitful = await self.tells.tell(difference, happened=happened, pushed=pushed, at=at)
        await self._in_step(difference.modseq, at)
        return told

    async def _in_step(self, modseq: int | None, at: float) -> None:
        before = self._past.marked
        after = Marked(uidvalidity=self._uidvalidity, modseq=modseq, at=at)
        self._past.in_step = at
        if self.fruitful or before is None or modseq != before.modseq or at - before.at > _AGE_S:
            self._past.marked = after
            await self._opened.hand(Batch(cursor=self._opened.cursor, marks=self.tells.marks()))
