"""Finding out what has become otherwise than is kept, while nobody listened or where the server only hints at it: with
CONDSTORE by what has changed since the MODSEQ that is kept (RFC 7162), else by searching.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Literal

from bridge import errors, turns
from bridge.sources import Mark, Memory
from bridge.sources.imap import asking, heard, telling, uidset
from bridge.sources.imap import connection as connection_

Level = Literal["", "CONDSTORE", "QRESYNC"]
_COMMAND_BYTES = 4_000  # of UIDs in a command; some servers take no more than 8,000 octets
_TURN_S = 0.005


async def begin(connection: connection_.Connection) -> Level:
    """Asks to be told of changes with UIDs, as far as the server can do it; before a folder is opened."""
    connection.news.changes = heard.Changes()
    if {b"QRESYNC", b"ENABLE"} <= connection.capabilities:
        (answer,) = await connection.run(b"ENABLE QRESYNC")
        enabled = (pieces[0].upper() for pieces in answer.untagged if connection_.is_named(pieces, b"ENABLED"))
        if answer.ok and any(b"QRESYNC" in line for line in enabled):
            return "QRESYNC"
    return "CONDSTORE" if {b"CONDSTORE", b"QRESYNC"} & connection.capabilities else ""


class Comparing:
    """Of one connection."""

    __slots__ = ("_level", "_memory", "_opened", "modseq")

    def __init__(self, opened: telling.Folder, *, memory: Memory, level: Level, modseq: int | None) -> None:
        self._opened = opened
        self._memory = memory
        self._level = level
        self.modseq = modseq  # as the folder was opened, or what it was seen to be since

    async def searches(self, upto: int) -> tuple[uidset.Uids, uidset.Uids]:
        """What is unseen, and what is flagged, of the mails that were handled."""
        if not upto:
            return uidset.Uids(), uidset.Uids()
        unseen, flagged = await self._opened.session.sets(b"UID 1:%d UNSEEN" % upto, b"UID 1:%d FLAGGED" % upto)
        if unseen is None or flagged is None:
            raise errors.SourceError("the server refuses to search for what is unseen or flagged")
        return unseen, flagged

    async def kept(self, uids: set[int], gone: uidset.Uids) -> Mapping[int, Mark]:
        place = self._opened.place(1)
        if len(gone) > telling.MARKS:
            return await self._memory.marks(place.mailbox, place.folder)
        return await self._memory.marks(place.mailbox, place.folder, uids.union(gone))

    async def changed_since(self, upto: int, modseq: int | None, *, opening: bool) -> heard.Changes | None:
        """What has changed since then, as far as the server can say; None where it cannot."""
        news = self._opened.session.connection.news
        if not (modseq and self._level and self.modseq) or self.modseq < modseq:
            return None
        if opening and self._level == "QRESYNC" and self.modseq == modseq:
            return heard.Changes()
        earlier = news.taken(streaming=True)
        vanished = b" VANISHED" if self._level == "QRESYNC" else b""
        command = b"UID FETCH 1:%d (FLAGS) (CHANGEDSINCE %d%s)" % (upto, modseq, vanished)
        (answer,) = await self._opened.session.ask(command)
        told = news.taken()
        earlier.hint = False  # what it hinted at comes now, but nothing of mails beyond that
        news.put_back(earlier, without=range(1, upto + 1))
        if not answer.ok:
            self._level = ""  # it offers what it does not do
            return None
        if told.hint and not told.full:
            news.put_back(told, without=told.flags)  # hinted at meanwhile: to be looked at as well
        if not opening:  # else there may be newer mails, whose changes are not told yet
            self.modseq = max(self.modseq, told.modseq)
        return None if told.full else told

    async def by_modseq(self, upto: int, told: heard.Changes, *, expunged: bool) -> telling.Difference:
        gone = uidset.Uids.union(told.gone)
        by_uid = self._level == "QRESYNC"
        place = self._opened.place(1)
        if by_uid or not expunged:
            before = await self.kept(set(told.flags), gone)
        else:
            before = await self._memory.marks(place.mailbox, place.folder)
            gone = await self._missing([uid for uid in before if uid <= upto])
        return telling.Difference(
            before=before,
            now={uid: now for uid, now in told.flags.items() if uid <= upto},
            gone=[uid for uid in before if uid in gone],
            modseq=self.modseq,
        )

    async def _missing(self, uids: Sequence[int]) -> uidset.Uids:
        """Which of these are not there any more."""
        if not uids:
            return uidset.Uids()
        wanted = asking.ranges(uids)
        if len(wanted) > _COMMAND_BYTES:
            wanted = b"%d:%d" % (min(uids), max(uids))
        (there,) = await self._opened.session.sets(b"UID " + wanted)
        return uidset.Uids() if there is None else uidset.Uids.of(uid for uid in uids if uid not in there)

    async def by_search(self, upto: int) -> telling.Difference:
        place, turn = self._opened.place(1), turns.Turns(_TURN_S)
        before = await self._memory.marks(place.mailbox, place.folder)
        unseen, flagged = await self.searches(upto)
        gone = await self._missing([uid for uid in before if uid <= upto])
        now: dict[int, heard.Now] = {}
        for uid in itertools.chain(before, (uid for uid in itertools.chain(unseen, flagged) if uid not in before)):
            was = before.get(uid, telling.USUAL)
            seen, marked = uid not in unseen, uid in flagged
            if uid <= upto and (seen, marked) != (was.seen, was.flagged) and uid not in gone:
                now[uid] = telling.as_flags(seen=seen, flagged=marked)
            await turn.pause()
        # What happens to a mail after it was searched for is told of; the MODSEQ is that of before
        return telling.Difference(
            before=before, now=now, gone=[uid for uid in before if uid in gone], modseq=self.modseq
        )
