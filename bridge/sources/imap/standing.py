"""How the mails of an open folder stand: seen or not, flagged or not, there or gone. What has become otherwise than is
kept of it is told, as events of the mails that the rules ask for, and as marks.

What the server says in between is taken as it comes, where it names UIDs (``heard``). What happened while nobody
listened, and what it only hints at, is found by comparing: with CONDSTORE by what has changed since the MODSEQ that is
kept (RFC 7162), else by searching for all that is unseen or flagged.

**Nothing is compared before what was handed on before is committed**: what is kept would be older than what was told.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import itertools
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, Protocol

from bridge import errors, turns
from bridge.mail import Mail, Place
from bridge.sources import Batch, Cursor, Mark, Marked, Marks, Memory, Wants, Watch
from bridge.sources.imap import asking, heard, session, uidset
from bridge.sources.imap import connection as connection_

Level = Literal["", "CONDSTORE", "QRESYNC"]
PIECE = 250  # mails that went, in a batch: each with its header
_MARKS = 5_000  # in a batch without mails
_COMMAND_BYTES = 4_000  # of UIDs in a command; some servers take no more than 8,000 octets
_AGE_S = 60.0  # and more: worth a commit that only says that all is still as it was
_TURN_S = 0.005
_USUAL = Mark()


class Folder(Protocol):
    """What is needed of an open folder."""

    session: session.Session

    @property
    def cursor(self) -> Cursor: ...

    def pieces(
        self, uids: Sequence[int], uidvalidity: int, *, pushed: float | None = None, fit: Callable[[Wants], Wants]
    ) -> AsyncGenerator[Batch, None]: ...

    def hand(self, batch: Batch) -> Awaitable[None]: ...

    def committed(self) -> Awaitable[None]:
        """Waits until all that was handed on is."""
        ...

    def place(self, uid: int) -> Place: ...

    def new_ones(self) -> Awaitable[None]:
        """Gives new mails their turn in work that takes long."""
        ...


@dataclasses.dataclass(kw_only=True, slots=True)
class Past:
    """What outlives a connection."""

    marked: Marked | None = None  # up to where what was handed on goes
    in_step: float = 0.0  # POSIX seconds: what happened before was told
    occurrence: int = 0
    unmarked: dict[int, Mark] = dataclasses.field(default_factory=dict)  # handed on before there were marks


@dataclasses.dataclass(kw_only=True, slots=True)
class Difference:
    """What is otherwise than ``before``, which is what is kept."""

    before: Mapping[int, Mark]
    now: Mapping[int, heard.Now]
    gone: Iterable[int]
    modseq: int | None = None


async def begin(connection: connection_.Connection) -> Level:
    """Asks to be told of changes with UIDs, as far as the server can do it; before a folder is opened."""
    connection.news.changes = heard.Changes()
    if {b"QRESYNC", b"ENABLE"} <= connection.capabilities:
        (answer,) = await connection.run(b"ENABLE QRESYNC")
        enabled = (pieces[0].upper() for pieces in answer.untagged if connection_.is_named(pieces, b"ENABLED"))
        if answer.ok and any(b"QRESYNC" in line for line in enabled):
            return "QRESYNC"
    return "CONDSTORE" if {b"CONDSTORE", b"QRESYNC"} & connection.capabilities else ""


async def drop(opened: Folder, past: Past) -> None:
    """No rule asks any more how mails are marked: what is kept of it is forgotten."""
    if past.marked is not None:
        marks = Marks(uidvalidity=past.marked.uidvalidity, at=time.time(), dropped=True)
        await opened.hand(Batch(cursor=opened.cursor, marks=marks))
        past.marked = None


class Standing:
    """Of one connection."""

    __slots__ = ("_level", "_memory", "_modseq", "_opened", "_past", "_uidvalidity", "_watch")

    def __init__(
        self,
        opened: Folder,
        *,
        watch: Watch,
        memory: Memory,
        past: Past,
        level: Level,
        uidvalidity: int,
        modseq: int | None,
    ) -> None:
        self._opened = opened
        self._watch = watch
        self._memory = memory
        self._past = past
        self._level = level
        self._uidvalidity = uidvalidity
        self._modseq = modseq  # as the folder was opened

    # Marks of mails as they come

    def of_new(self, mails: Sequence[Mail]) -> Marks | None:
        """The marks that belong to a batch of new mails."""
        marks = {mail.place.uid: mark for mail in mails if (mark := self.mark(mail)) != _USUAL}
        if self._past.marked is None or self._past.marked.uidvalidity != self._uidvalidity:
            if len(self._past.unmarked) < _MARKS:  # else: it was not told, and is not remembered when it is gone
                self._past.unmarked.update(marks)
            return None
        return self._marks(mails=marks)

    def mark(self, mail: Mail) -> Mark:
        """How this mail is marked, and what is to be remembered of it."""
        flags = {flag.lower() for flag in mail.flags}
        seen, flagged = "\\seen" in flags, "\\flagged" in flags
        if not self._watch.remembers(mail):
            return Mark(seen=seen, flagged=flagged)
        return Mark(
            seen=seen,
            flagged=flagged,
            head=mail.head,
            size=mail.size,
            received=mail.received.timestamp(),
            fingerprint=mail.fingerprint,
        )

    def _marks(
        self, mails: Mapping[int, Mark] | None = None, gone: frozenset[int] = frozenset(), at: float | None = None
    ) -> Marks:
        """What goes with a batch: up to where it goes is said by what has been told in full."""
        marked = self._past.marked
        return Marks(
            uidvalidity=self._uidvalidity,
            modseq=marked.modseq if marked else None,
            at=at or (marked.at if marked else 0.0),
            mails=mails or {},
            gone=gone,
        )

    # At first

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
        unseen, flagged = await self._searches(upto)
        first = {uid: _shared(seen=uid not in unseen, flagged=True) for uid in flagged} | {
            uid: dataclasses.replace(mark, seen=uid not in unseen, flagged=uid in flagged)
            for uid, mark in self._past.unmarked.items()
            if uid <= upto
        }
        rest = (uid for uid in unseen if uid not in first)
        mails = first | dict.fromkeys(itertools.islice(rest, _MARKS), _shared(seen=False, flagged=False))
        whole = True
        while True:
            more = dict.fromkeys(itertools.islice(rest, _MARKS), _shared(seen=False, flagged=False))
            # Whoever ends here without the last of it compares by searching, and finds the rest
            modseq = None if more else self._modseq
            marks = Marks(uidvalidity=self._uidvalidity, modseq=modseq, at=at, mails=mails, whole=whole)
            await self._opened.hand(Batch(cursor=self._opened.cursor, marks=marks))
            if not more:
                break
            mails, whole = more, False
        self._past.unmarked.clear()
        self._past.marked = Marked(uidvalidity=self._uidvalidity, modseq=self._modseq, at=at)
        self._past.in_step = at
        return True

    async def _searches(self, upto: int) -> tuple[uidset.Uids, uidset.Uids]:
        """What is unseen, and what is flagged, of the mails that were handled."""
        if not upto:
            return uidset.Uids(), uidset.Uids()
        unseen, flagged = await self._opened.session.sets(b"UID 1:%d UNSEEN" % upto, b"UID 1:%d FLAGGED" % upto)
        if unseen is None or flagged is None:
            raise errors.SourceError("the server refuses to search for what is unseen or flagged")
        return unseen, flagged

    # What changes

    async def hear(self, changes: heard.Changes) -> None:
        """The server named the UIDs: it is so, and needs no second look."""
        upto = self._opened.cursor.uid
        now = {uid: now for uid, now in changes.flags.items() if uid <= upto}  # others are still to be fetched
        gone = uidset.Uids.union(changes.gone)
        await self._opened.committed()
        before = await self._kept({*now}, gone)
        difference = Difference(before=before, now=now, gone=[uid for uid in before if uid in gone])
        await self._tell(difference, happened=changes.since or time.time(), pushed=changes.at, at=changes.since)

    async def _kept(self, uids: set[int], gone: uidset.Uids) -> Mapping[int, Mark]:
        place = self._opened.place(1)
        if len(gone) > _MARKS:
            return await self._memory.marks(place.mailbox, place.folder)
        return await self._memory.marks(place.mailbox, place.folder, uids.union(gone))

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
        told = await self._changed_since(upto, marked.modseq, opening=opening)
        difference = await (self._by_search(upto) if told is None else self._by_modseq(upto, told, expunged=expunged))
        any_told = await self._tell(difference, happened=happened, pushed=pushed)
        await self._in_step(difference.modseq, at, any_told=any_told)
        return told

    async def _in_step(self, modseq: int | None, at: float, *, any_told: bool) -> None:
        before = self._past.marked
        after = Marked(uidvalidity=self._uidvalidity, modseq=modseq, at=at)
        self._past.in_step = at
        if any_told or before is None or modseq != before.modseq or at - before.at > _AGE_S:
            self._past.marked = after
            await self._opened.hand(Batch(cursor=self._opened.cursor, marks=self._marks()))

    async def _changed_since(self, upto: int, modseq: int | None, *, opening: bool) -> heard.Changes | None:
        """What has changed since then, as far as the server can say; None where it cannot."""
        news = self._opened.session.connection.news
        if not (modseq and self._level and self._modseq) or self._modseq < modseq:
            return None
        if opening and self._level == "QRESYNC" and self._modseq == modseq:
            return heard.Changes()
        news.taken(streaming=True)  # all that there may be comes again
        vanished = b" VANISHED" if self._level == "QRESYNC" else b""
        command = b"UID FETCH 1:%d (FLAGS) (CHANGEDSINCE %d%s)" % (upto, modseq, vanished)
        (answer,) = await self._opened.session.ask(command)
        told = news.taken()
        if not answer.ok:
            self._level = ""  # it offers what it does not do
            return None
        if told.hint and not told.full:
            news.put_back(told, without=told.flags)  # hinted at meanwhile: to be looked at as well
        self._modseq = max(self._modseq, told.modseq)
        return None if told.full else told

    async def _by_modseq(self, upto: int, told: heard.Changes, *, expunged: bool) -> Difference:
        gone = uidset.Uids.union(told.gone)
        by_uid = self._level == "QRESYNC"
        place = self._opened.place(1)
        if by_uid or not expunged:
            before = await self._kept(set(told.flags), gone)
        else:
            before = await self._memory.marks(place.mailbox, place.folder)
            gone = await self._missing([uid for uid in before if uid <= upto])
        return Difference(
            before=before,
            now={uid: now for uid, now in told.flags.items() if uid <= upto},
            gone=[uid for uid in before if uid in gone],
            modseq=self._modseq,
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

    async def _by_search(self, upto: int) -> Difference:
        place, turn = self._opened.place(1), turns.Turns(_TURN_S)
        before = await self._memory.marks(place.mailbox, place.folder)
        unseen, flagged = await self._searches(upto)
        gone = await self._missing([uid for uid in before if uid <= upto])
        now: dict[int, heard.Now] = {}
        for uid in itertools.chain(before, (uid for uid in itertools.chain(unseen, flagged) if uid not in before)):
            was = before.get(uid, _USUAL)
            seen, marked = uid not in unseen, uid in flagged
            if uid <= upto and (seen, marked) != (was.seen, was.flagged) and uid not in gone:
                now[uid] = _as_flags(seen=seen, flagged=marked)
            await turn.pause()
        # What happens to a mail after it was searched for is told of; the MODSEQ is that of before
        return Difference(before=before, now=now, gone=[uid for uid in before if uid in gone], modseq=self._modseq)

    # Telling

    def _events(self, was: Mark, now: Mark | heard.Now) -> Iterator[str]:
        happened = (
            ("seen", now.seen and not was.seen),
            ("flagged", now.flagged and not was.flagged),
            ("unflagged", was.flagged and not now.flagged),
        )
        return (event for event, is_so in happened if is_so and event in self._watch.events)

    async def _tell(
        self, difference: Difference, *, happened: float, pushed: float | None, at: float | None = None
    ) -> bool:
        """Whether there was anything to tell."""
        before, turn = difference.before, turns.Turns(_TURN_S)
        moved: dict[int, Mark] = {}
        eventful: list[int] = []
        for uid, now in difference.now.items():
            was = before.get(uid, _USUAL)
            if any(self._events(was, now)):
                eventful.append(uid)
            elif (was.seen, was.flagged) != (now.seen, now.flagged):
                moved[uid] = _shared(seen=now.seen, flagged=now.flagged)
            await turn.pause()
        await self._tell_events(difference, sorted(eventful), happened=happened, pushed=pushed, at=at)
        for some in _some(sorted(moved), _MARKS):
            await self._hand(self._marks({uid: moved[uid] for uid in some}, at=at))
        gone = sorted(difference.gone)
        await self._tell_gone(gone, happened=happened, pushed=pushed, at=at)
        return bool(eventful or moved or gone)

    async def _hand(self, marks: Marks, mails: Sequence[Mail] = (), *, like: Batch | None = None) -> None:
        cursor = self._opened.cursor
        batch = Batch(cursor=cursor, mails=tuple(mails), marks=marks)
        if like is not None:
            batch = dataclasses.replace(batch, pushed=like.pushed, wants=like.wants)
        await self._opened.hand(batch)

    async def _tell_events(
        self, difference: Difference, uids: Sequence[int], *, happened: float, pushed: float | None, at: float | None
    ) -> None:
        """These mails are fetched, and told of as they are by then."""

        def events(mail: Mail) -> Iterator[str]:
            was = difference.before.get(mail.place.uid, _USUAL)
            return self._events(was, heard.Now(frozenset(flag.lower() for flag in mail.flags)))

        def fit(wants: Wants) -> Wants:
            return lambda mail: most(wants(dataclasses.replace(mail, event=event)) for event in events(mail))

        if not uids:
            return
        pieces = self._opened.pieces(uids, self._uidvalidity, pushed=pushed, fit=fit)
        async with contextlib.aclosing(pieces) as batches:
            async for batch in batches:
                marks = {mail.place.uid: self.mark(mail) for mail in batch.mails}
                for lost in batch.lost:  # it is not to be read: let it not be tried for ever
                    now = difference.now[lost.place.uid]
                    marks[lost.place.uid] = _shared(seen=now.seen, flagged=now.flagged)
                told = [
                    dataclasses.replace(
                        mail,
                        event=event,
                        happened=happened,
                        occurrence=difference.now[mail.place.uid].modseq or self._occurrence(),
                    )
                    for mail in batch.mails
                    for event in events(mail)
                ]
                await self._hand(self._marks(marks, at=at), told, like=batch)

    def _occurrence(self) -> int:
        self._past.occurrence = max(self._past.occurrence + 1, int(time.time() * 1000))
        return self._past.occurrence

    async def _tell_gone(self, uids: Sequence[int], *, happened: float, pushed: float | None, at: float | None) -> None:
        place = self._opened.place(1)
        for some in _some(uids, PIECE):
            mails: list[Mail] = []
            if "gone" in self._watch.events:
                kept = await self._memory.remembered(place.mailbox, place.folder, some)
                mails = [self._gone(uid, kept[uid], happened) for uid in some if uid in kept]
            await self._hand(self._marks(gone=frozenset(some), at=at), mails, like=_like(self._opened.cursor, pushed))

    def _gone(self, uid: int, kept: Mark, happened: float) -> Mail:
        flags = [flag for flag, is_set in (("\\Seen", kept.seen), ("\\Flagged", kept.flagged)) if is_set]
        return Mail(
            place=self._opened.place(uid),
            head=kept.head or b"",
            size=kept.size,
            flags=frozenset(flags),
            received=datetime.datetime.fromtimestamp(kept.received, datetime.UTC),
            event="gone",
            happened=happened,
            occurrence=self._occurrence(),
        )


def most(wanted: Iterable[Mapping[str, int]]) -> Mapping[str, int]:
    """Of each section as much as any of them wants."""
    octets: dict[str, int] = {}
    for sections in wanted:
        for section, count in sections.items():
            octets[section] = max(count, octets.get(section, 0))
    return octets


@functools.lru_cache(maxsize=4)
def _shared(*, seen: bool, flagged: bool) -> Mark:
    return Mark(seen=seen, flagged=flagged)


@functools.lru_cache(maxsize=4)
def _as_flags(*, seen: bool, flagged: bool) -> heard.Now:
    return heard.Now(frozenset([*["\\seen"][:seen], *["\\flagged"][:flagged]]))


def _like(cursor: Cursor, pushed: float | None) -> Batch:
    return Batch(cursor=cursor, pushed=pushed)


def _some(uids: Sequence[int], count: int) -> Iterator[Sequence[int]]:
    return (uids[at : at + count] for at in range(0, len(uids), count))
