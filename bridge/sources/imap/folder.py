"""An open folder: fetching what is behind the cursor, in pieces, and handing it on."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import dataclasses
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence

import structlog

from bridge import errors
from bridge.mail import Place
from bridge.sources import Batch, Cursor, Lost, Memory, Wants
from bridge.sources.imap import asking, assembling, connection, fetch, hub, session
from bridge.sources.imap import beside as beside_
from bridge.sources.imap import blame as blame_
from bridge.sources.imap import news as news_

log = structlog.get_logger()

_WORTH_PROVING = 1_000  # mails that would take so many round trips that one more is no matter
_AHEAD = 1  # pieces that are on their way while one is read
COMMIT_S = 30.0  # how long all other folders wait for the commit of one mail, while mails go one by one

HandOn = Callable[[Batch], Awaitable[asyncio.Future[None]]]
"""Hands a batch on; what it gives is done when that is committed."""

_Piece = tuple[Sequence[int], session.Ahead | None]


@dataclasses.dataclass(kw_only=True, slots=True)
class Progress:
    """What outlives a connection."""

    cursor: Cursor | None = None  # behind what was handed on
    # Mails a command; halved when a connection breaks over one, until it is clear over which mail
    chunk: int = fetch.CHUNK
    blame: blame_.Blame = dataclasses.field(default_factory=blame_.Blame)
    handed: int = 0  # batches
    beside: beside_.Past = dataclasses.field(default_factory=beside_.Past)


class OpenFolder:
    """One folder, opened on one connection, until that fails."""

    __slots__ = (
        *("_committed", "_fetcher", "_hand_on", "_memory", "_turn", "_wants"),
        *("beside", "place", "progress", "session"),
    )

    def __init__(
        self,
        session: session.Session,
        *,
        place: Callable[[int], Place],
        wants: Callable[[], Wants],
        memory: Memory,
        progress: Progress,
        one_at_a_time: asyncio.Lock,
        hand_on: HandOn,
        beside: Callable[[OpenFolder], beside_.Beside],
    ) -> None:
        self.session = session
        self.progress = progress
        self.place = place
        self._memory = memory
        self._turn = hub.Turn(one_at_a_time)
        self._wants = wants
        self._hand_on = hand_on
        self._fetcher = fetch.Fetcher(session, place=place)
        self._committed: asyncio.Future[None] | None = None  # what was handed on last
        self.beside = beside(self)

    async def stay(self) -> None:
        """Waits for the server, or for the time to look without being told, and looks.

        Raises:
            errors.SourceError: the connection ended, or has to be made anew.
        """
        news = self.session.connection.news
        announced = news.arrived or news.is_complete
        if not announced and await self.beside.take_turn():
            return
        if not (announced or await self._told()):
            await self.catch_up(idle=True)
            self.session.reconciled()
            await self.beside.look()
        elif news.is_complete:
            await self._take_pushed(news)
        elif news.arrived:
            await self._look(news)

    async def _told(self) -> bool:
        """Whether there is something to do, before it is time to look without being told."""
        due_at = self.beside.due_at()
        return await self.session.wait(self.cursor.uid + 1, until=due_at, quietly=not self.beside.watches)

    async def _look(self, news: news_.News) -> None:
        """The server announced mail: fetches what is behind the cursor at once, without asking for its UIDs first."""
        progress, pushed, arrived = self.progress, news.at, news.arrived
        if self._is_wary or arrived > progress.chunk:
            await self.catch_up(pushed=pushed)
            return
        news.looking()
        wants = self._wants()
        try:
            found = await self._fetcher.since(self.cursor.uid + 1, wants=self.beside.fit(wants), idle=True)
        except errors.Disconnected:
            progress.chunk //= 2  # if it was over a mail, smaller pieces find out which
            raise
        if found is None or 0 < len(found.uids) < arrived:
            await self.catch_up(pushed=pushed)  # something was announced and did not come: gone, or withheld
        else:
            await self._take(found, pushed=pushed, wants=wants)

    async def _take_pushed(self, news: news_.News) -> None:
        """The server sent new mails by itself: not one round trip. What does not add up is looked at closely."""
        responses, announced, pushed = news.responses, news.announced, news.at
        news.looking()
        if not self._is_wary:
            wants = self._wants()
            found = await self._fetcher.pushed(responses, self.cursor.uid + 1, wants=self.beside.fit(wants))
            if not found.unnamed and len(found.uids) >= announced:
                await self._take(found, pushed=pushed, wants=wants)
                return
        await self.catch_up(pushed=pushed)

    @property
    def _is_wary(self) -> bool:
        progress = self.progress
        return bool(self._memory.careful or progress.blame.suspects or progress.chunk < fetch.CHUNK)

    async def _take(self, found: assembling.Found, *, pushed: float | None, wants: Wants) -> None:
        """Hands on what is behind the cursor, in as few batches as memory allows."""
        for group in fetch.together(found, found.uids):
            await self._complete(found, group)
            cursor = dataclasses.replace(self.cursor, uid=group[-1], committed=0.0)
            await self.hand(self._batch(found, group, cursor, pushed=pushed, wants=wants))

    async def _complete(self, found: assembling.Found, uids: Sequence[int]) -> None:
        try:
            await self._fetcher.complete(found, uids, idle=True)
        except errors.Disconnected:
            self.progress.chunk //= 2
            raise

    @property
    def cursor(self) -> Cursor:
        """Behind what was handed on."""
        if self.progress.cursor is None:
            raise errors.SourceError("the folder's cursor is not known yet")
        return self.progress.cursor

    async def catch_up(self, *, pushed: float | None = None, idle: bool = False) -> None:
        """Everything behind the cursor, in pieces."""
        first = self.cursor.uid + 1
        self.session.connection.news.looking()
        uids = [uid for uid in await self.session.search(connection.from_on(first), idle=idle) if uid >= first]
        uidvalidity = self.cursor.uidvalidity
        async with contextlib.aclosing(self.pieces(uids, uidvalidity, pushed=pushed)) as pieces:
            async for batch in pieces:
                await self.hand(batch)

    async def pieces(
        self,
        uids: Sequence[int],
        uidvalidity: int,
        *,
        pushed: float | None = None,
        alike: bool = False,
        fit: Callable[[Wants], Wants] | None = None,
    ) -> AsyncGenerator[Batch, None]:
        """These mails, fetched, each batch with the cursor behind its last mail. To be closed by who asks. ``alike``:
        with the same ``wants`` for all of them, so that they can go together. ``fit`` says what is fetched instead of
        what the rules want of a mail that is new.

        While ``Memory.careful`` holds they come one by one, and no other folder reads any meanwhile: else a mail that
        takes the process down would be remembered against the mails that were under way beside it.
        """
        wants, fit = self._wants(), fit or self.beside.fit
        ahead: collections.deque[_Piece] = collections.deque()
        rest = uids
        if len(uids) > _WORTH_PROVING:
            await self.session.prove()
        while ahead or rest:
            wants = wants if alike else self._wants()
            careful = self._memory.careful
            rest = self._send_ahead(ahead, rest, careful=careful)
            piece, sent = ahead.popleft()
            if careful:
                await self._turn.take()
            try:
                found = await self._fetched(piece, fit(wants), careful=careful, sent=sent)
                for group in fetch.together(found, piece):
                    with self._blamed(group, proven=found.proven):
                        await self._fetcher.complete(found, group)
                    for uid in group:
                        self.progress.blame.handled(self.place(uid))
                    yield self._batch(found, group, self._cursor_at(uidvalidity, group[-1]), pushed=pushed, wants=wants)
                self.progress.chunk = min(fetch.CHUNK, self.progress.chunk * 2)
            finally:
                self._turn.give_back()

    def _send_ahead(self, ahead: collections.deque[_Piece], rest: Sequence[int], *, careful: bool) -> Sequence[int]:
        """Asks for the next pieces while the first is being read, and leaves the rest. A mail that may be to blame for
        something is asked for when its turn has come, and nothing beside it.
        """
        sure = not (careful or self._is_wary)
        while rest and (not ahead or (sure and len(ahead) <= _AHEAD)):
            piece = self._piece(rest[: 1 if careful else self.progress.chunk])
            rest = rest[len(piece) :]
            sent = self.session.ahead(fetch.command(piece), piece) if sure and (ahead or rest) else None
            ahead.append((piece, sent))
            if sent is None:
                break
        return rest

    def _piece(self, uids: Sequence[int]) -> Sequence[int]:
        """As many of these as go together: a suspect goes alone."""
        suspects = {place.uid for place in self.progress.blame.suspects}
        first = next((at for at, uid in enumerate(uids) if uid in suspects), len(uids))
        return uids[: max(first, 1)]

    def _cursor_at(self, uidvalidity: int, uid: int) -> Cursor:
        place = self.place(uid)
        return Cursor(mailbox=place.mailbox, folder=place.folder, uidvalidity=uidvalidity, uid=uid)

    async def _fetched(
        self, uids: Sequence[int], wants: Wants, *, careful: bool, sent: session.Ahead | None
    ) -> assembling.Found:
        given_up = await self._given_up(uids, careful=careful)
        asked = [uid for uid in uids if uid not in given_up]
        found = await self._asked(asked, wants, sent) if asked else assembling.Found()
        found.bad.update(given_up)
        return found

    async def _asked(self, uids: Sequence[int], wants: Wants, sent: session.Ahead | None) -> assembling.Found:
        first, blame = self.place(uids[0]), self.progress.blame
        proven = first in blame.suspects and await blame_.proven(first, blame, self._fetcher, self.session)
        with self._blamed(uids, proven=proven):
            found = await self._fetcher.uids(uids, wants=wants, proven=proven, ahead=sent)
        found.proven = proven
        return found

    @contextlib.contextmanager
    def _blamed(self, uids: Sequence[int], *, proven: bool) -> Iterator[None]:
        """What goes wrong in here may be these mails' fault."""
        try:
            yield
        except asking.Withheld as error:
            self.progress.blame.suspect(self.place(error.uid), proven=error.proven)
            raise
        except errors.Disconnected:
            self.progress.chunk = max(1, len(uids) // 2)
            if len(uids) == 1:
                self.progress.blame.suspect(self.place(uids[0]), proven=proven)
            raise

    async def _given_up(self, uids: Sequence[int], *, careful: bool) -> dict[int, str]:
        given_up = {}
        for uid in uids:
            if self.progress.blame.strikes[self.place(uid)] >= blame_.STRIKES:
                given_up[uid] = "the server ends the connection over it, or withholds it"
            elif careful and await self._attempts(self.place(uid)) >= blame_.STRIKES - 1:
                given_up[uid] = "it took the bridge down three times"
        return given_up

    async def _attempts(self, place: Place) -> int:
        """How often the process ended over this mail; noted once by this process, however often it reconnects."""
        attempts = self.progress.blame.attempts
        if place not in attempts:
            attempts[place] = await self._memory.attempt(place)
        return attempts[place]

    def _batch(
        self, found: assembling.Found, uids: Sequence[int], cursor: Cursor, *, pushed: float | None, wants: Wants
    ) -> Batch:
        return Batch(
            cursor=cursor,
            mails=tuple(found.mails.pop(uid) for uid in uids if uid in found.mails),
            lost=tuple(Lost(place=self.place(uid), reason=found.bad[uid]) for uid in uids if uid in found.bad),
            pushed=pushed,
            wants=wants,
        )

    async def committed(self) -> None:
        """Waits until all that was handed on is."""
        if self._committed is not None:
            await asyncio.shield(self._committed)

    async def new_ones(self) -> None:
        """Gives new mails their turn in work that takes long."""
        news = self.session.connection.news
        if (news.arrived or news.is_complete) and not self._memory.careful:
            await self.catch_up(pushed=news.at)

    async def hand(self, batch: Batch) -> None:
        """Hands a batch on; the cursor in memory moves with it."""
        for lost in batch.lost:
            place = lost.place
            log.warning(
                "a mail cannot be read", mailbox=place.mailbox, folder=place.folder, uid=place.uid, reason=lost.reason
            )
        # Who does not commit in time keeps this folder waiting, and not all the others
        late = asyncio.get_running_loop().call_later(COMMIT_S, self._turn.give_back)
        try:
            self._committed = await self._hand_on(self.beside.with_new(batch))
        finally:
            late.cancel()
        for lost in batch.lost:
            self.progress.blame.handled(lost.place)
        self.progress.cursor = batch.cursor
        self.progress.handed += 1
