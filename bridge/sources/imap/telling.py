"""Telling what has become otherwise: the mails of events are fetched, as rules want them, and go with their marks; what
no rule asks for is marks alone.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from bridge import turns
from bridge.mail import Mail, Place
from bridge.sources import Batch, Cursor, Mark, Marked, Marks, Memory, Wants, Watch
from bridge.sources.imap import heard, session

USUAL = Mark()  # of a mail of which nothing is kept
MARKS = 5_000  # in a batch without mails
_PIECE = 250  # mails that went, in a batch: each with its header
_TURN_S = 0.005


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


class Teller:
    """Of one connection."""

    __slots__ = ("_memory", "_opened", "_past", "_uidvalidity", "_watch")

    def __init__(self, opened: Folder, *, watch: Watch, memory: Memory, past: Past, uidvalidity: int) -> None:
        self._opened = opened
        self._watch = watch
        self._memory = memory
        self._past = past
        self._uidvalidity = uidvalidity

    def of_new(self, mails: Sequence[Mail]) -> Marks | None:
        """The marks that belong to a batch of new mails."""
        marks = {mail.place.uid: mark for mail in mails if (mark := self.mark(mail)) != USUAL}
        if self._past.marked is None or self._past.marked.uidvalidity != self._uidvalidity:
            if len(self._past.unmarked) < MARKS:  # else: it was not told, and is not remembered when it is gone
                self._past.unmarked.update(marks)
            return None
        return self.marks(mails=marks)

    def mark(self, mail: Mail) -> Mark:
        """How this mail is marked, and what is to be remembered of it."""
        now = heard.Now.of(mail)
        if not self._watch.remembers(mail):
            return shared(seen=now.seen, flagged=now.flagged)
        return Mark(
            seen=now.seen,
            flagged=now.flagged,
            head=mail.head,
            size=mail.size,
            received=mail.received.timestamp(),
            fingerprint=mail.fingerprint,
        )

    def _known(self, mail: Mail) -> Mark:
        """The same, and what its copy in another folder (a label) is known by: both may tell of one act."""
        return dataclasses.replace(self.mark(mail), fingerprint=mail.fingerprint)

    def marks(
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

    def _events(self, was: Mark, now: Mark | heard.Now) -> Iterator[str]:
        happened = (
            ("seen", now.seen and not was.seen),
            ("flagged", now.flagged and not was.flagged),
            ("unflagged", was.flagged and not now.flagged),
        )
        return (event for event, is_so in happened if is_so and event in self._watch.events)

    async def tell(
        self, difference: Difference, *, happened: float, pushed: float | None, at: float | None = None
    ) -> bool:
        """Whether there was anything to tell."""
        before, turn = difference.before, turns.Turns(_TURN_S)
        moved: dict[int, Mark] = {}
        eventful: list[int] = []
        for uid, now in difference.now.items():
            was = before.get(uid, USUAL)
            if any(self._events(was, now)):
                eventful.append(uid)
            elif (was.seen, was.flagged) != (now.seen, now.flagged):
                moved[uid] = shared(seen=now.seen, flagged=now.flagged)
            await turn.pause()
        await self._tell_events(difference, sorted(eventful), happened=happened, pushed=pushed, at=at)
        for some in _some(sorted(moved), MARKS):
            await self._hand(self.marks({uid: moved[uid] for uid in some}, at=at))
        gone = sorted(difference.gone)
        await self._tell_gone(gone, happened=happened, pushed=pushed, at=at)
        return bool(eventful or moved or gone)

    async def _hand(
        self, marks: Marks, mails: Sequence[Mail] = (), *, pushed: float | None = None, wants: Wants | None = None
    ) -> None:
        cursor = self._opened.cursor
        await self._opened.hand(Batch(cursor=cursor, mails=tuple(mails), marks=marks, pushed=pushed, wants=wants))

    async def _tell_events(
        self, difference: Difference, uids: Sequence[int], *, happened: float, pushed: float | None, at: float | None
    ) -> None:
        """These mails are fetched, and told of as they are by then."""

        def events(mail: Mail) -> Iterator[str]:
            was = difference.before.get(mail.place.uid, USUAL)
            return self._events(was, heard.Now.of(mail))

        def fit(wants: Wants) -> Wants:
            return lambda mail: most(wants(dataclasses.replace(mail, event=event)) for event in events(mail))

        if not uids:
            return
        pieces = self._opened.pieces(uids, self._uidvalidity, pushed=pushed, fit=fit)
        async with contextlib.aclosing(pieces) as batches:
            async for batch in batches:
                marks = {mail.place.uid: self._known(mail) for mail in batch.mails}
                for lost in batch.lost:  # it is not to be read: let it not be tried for ever
                    now = difference.now[lost.place.uid]
                    marks[lost.place.uid] = shared(seen=now.seen, flagged=now.flagged)
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
                await self._hand(self.marks(marks, at=at), told, pushed=pushed, wants=batch.wants)

    def _occurrence(self) -> int:
        self._past.occurrence = max(self._past.occurrence + 1, int(time.time() * 1000))
        return self._past.occurrence

    async def _tell_gone(self, uids: Sequence[int], *, happened: float, pushed: float | None, at: float | None) -> None:
        place = self._opened.place(1)
        for some in _some(uids, _PIECE):
            mails: list[Mail] = []
            if "gone" in self._watch.events:
                kept = await self._memory.remembered(place.mailbox, place.folder, some)
                mails = [self._gone(uid, kept[uid], happened) for uid in some if uid in kept]
            await self._hand(self.marks(gone=frozenset(some), at=at), mails, pushed=pushed)

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
def shared(*, seen: bool, flagged: bool) -> Mark:
    return Mark(seen=seen, flagged=flagged)


@functools.lru_cache(maxsize=4)
def as_flags(*, seen: bool, flagged: bool) -> heard.Now:
    return heard.Now(frozenset([*["\\seen"][:seen], *["\\flagged"][:flagged]]))


def _some(uids: Sequence[int], count: int) -> Iterator[Sequence[int]]:
    return (uids[at : at + count] for at in range(0, len(uids), count))
