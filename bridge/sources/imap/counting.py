"""Census: the mails that rules with ``event: count`` may count, told in full once, and from then on as they change.

The server is asked by searching, for a superset of what the rules count: a rule's own ``when`` decides. Which mails
were told of is kept here, with their flags: only so can those that went be told of where the server names no UIDs.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence

import structlog

from bridge import turns
from bridge.mail import Mail
from bridge.sources import Batch, Census, Search, Wants
from bridge.sources.imap import asking, fetch, heard, telling, uidset

log = structlog.get_logger()

_GROUP = 1_000  # mails, after which new ones have their turn
_GONE = 10_000  # UIDs in a batch
_COMMAND_BYTES = 4_000
_SYSTEM = {"\\seen", "\\flagged", "\\answered", "\\deleted", "\\draft"}
_ATOM = frozenset("abcdefghijklmnopqrstuvwxyz0123456789!#$&'+,-./:;<=>?@^_`|~")
_PROGRESS_S = 10.0
_TURN_S = 0.005


@dataclasses.dataclass(kw_only=True, slots=True)
class Told:
    """What was told of a folder; outlives a connection."""

    uidvalidity: int = 0
    flags: dict[int, int] = dataclasses.field(default_factory=dict)  # UID → hash of its flags
    whole: bool = False  # whether the last census came to its end


class Counting:
    """Of one connection."""

    __slots__ = ("_busy", "_opened", "_searches", "_told", "_uidvalidity")

    def __init__(self, opened: telling.Folder, searches: Collection[Search], *, told: Told, uidvalidity: int) -> None:
        self._opened = opened
        self._searches = searches
        self._told = told
        self._uidvalidity = uidvalidity
        self._busy = False

    def of_new(self, mails: Iterable[Mail]) -> Census | None:
        """What goes with a batch of mails that are new."""
        if not (self._told.whole or self._busy) or self._told.uidvalidity != self._uidvalidity:
            return None  # all of them are still to come
        counted = [mail for mail in mails if self._may_count(heard.Now.of(mail).flags)]
        return self._census(counted, ends=not self._busy) if counted else None

    def _may_count(self, flags: frozenset[str]) -> bool:
        return any(all(_holds(flag.lower(), flags) for flag in search.flags) for search in self._searches)

    def _census(
        self, mails: Iterable[Mail] = (), gone: Iterable[int] = (), *, ends: bool, begins: bool = False
    ) -> Census:
        counted = tuple(dataclasses.replace(mail, event="count") for mail in mails)
        out = frozenset(gone)
        self._told.flags.update((mail.place.uid, hash(heard.Now.of(mail).flags)) for mail in counted)
        for uid in out:
            self._told.flags.pop(uid, None)
        return Census(mails=counted, gone=out, begins=begins, ends=ends)

    @staticmethod
    def fit(wants: Wants) -> Wants:
        """What the rules that count want of a mail, which is counted and nothing else."""
        return lambda mail: wants(dataclasses.replace(mail, event="count"))

    @staticmethod
    def fit_new(wants: Wants) -> Wants:
        """What all rules want of a mail that is new, and counted."""
        return lambda mail: telling.most((wants(mail), wants(dataclasses.replace(mail, event="count"))))

    async def begin(self) -> None:
        """All of the folder, or what has become otherwise since it was told.

        Raises:
            errors.SourceError: the connection ended.
        """
        if self._told.whole and self._told.uidvalidity == self._uidvalidity:
            await self.compare()
            return
        self._told.uidvalidity, self._told.whole = self._uidvalidity, False
        self._told.flags.clear()
        found = list(await self._found())
        await self._tell(found, begins=True)

    async def compare(self) -> bool:
        """Finds out by searching what has become otherwise; whether anything has.

        Raises:
            errors.SourceError: the connection ended.
        """
        found = await self._found()
        turn, there = turns.Turns(_TURN_S), list[int]()
        wanted, gone = list[int](), list[int]()
        for uid in self._told.flags:
            (there if uid in found else gone).append(uid)
            await turn.pause()
        now = await self._flags(there)
        wanted += (uid for uid in there if uid in now and hash(now[uid].flags) != self._told.flags[uid])
        for uid in found:
            if uid not in self._told.flags:
                wanted.append(uid)
            await turn.pause()
        await self._tell(sorted(wanted), gone)
        return bool(wanted or gone)

    async def hear(self, now: Mapping[int, heard.Now], gone: uidset.Uids) -> None:
        """The server named the UIDs."""
        told = self._told.flags
        fewer, more = (told, gone) if len(told) < len(gone) else (gone, told)
        out = {uid for uid in fewer if uid in more}
        changed = []
        for uid, how in now.items():
            may_count = self._may_count(how.flags)
            if may_count and told.get(uid) != hash(how.flags):
                changed.append(uid)
            elif not may_count and uid in told:
                out.add(uid)
        await self._tell(sorted(changed), out)

    async def _tell(self, uids: Sequence[int], gone: Iterable[int] = (), *, begins: bool = False) -> None:
        """Fetches these and hands them on; each batch but the last says that more is to come."""
        out = sorted(gone)
        if not (uids or out or begins):
            return
        self._busy, self._told.whole = True, False
        try:
            await self._tell_all(uids, out, begins=begins)
        finally:
            self._busy = False
        self._told.whole = True

    async def _tell_all(self, uids: Sequence[int], gone: Sequence[int], *, begins: bool) -> None:
        last = Batch(cursor=self._opened.cursor, census=self._census(gone=gone[:_GONE], begins=begins, ends=False))
        for at in range(_GONE, len(gone), _GONE):
            await self._opened.hand(last)
            more = self._census(gone=gone[at : at + _GONE], ends=False)
            last = Batch(cursor=self._opened.cursor, census=more)
        done, loop = 0, asyncio.get_running_loop()
        say_at = loop.time() + _PROGRESS_S
        for at in range(0, len(uids), _GROUP):
            group = uids[at : at + _GROUP]
            async with contextlib.aclosing(self._opened.pieces(group, self._uidvalidity, fit=self.fit)) as batches:
                async for batch in batches:
                    if begins or last.census != Census(ends=False):
                        await self._opened.hand(last)
                    begins = False
                    # One that cannot be read is not counted
                    lost = [lost.place.uid for lost in batch.lost if lost.place.uid in self._told.flags]
                    census = self._census(batch.mails, lost, ends=False)
                    last = Batch(cursor=self._opened.cursor, wants=batch.wants, census=census)
            done += len(group)
            if loop.time() > say_at:
                place, say_at = self._opened.place(1), loop.time() + _PROGRESS_S
                log.info("counting mails", mailbox=place.mailbox, folder=place.folder, done=done, of=len(uids))
            await self._opened.new_ones()
        ended = dataclasses.replace(last.census or Census(), ends=True)
        # New mails may have been handed on meanwhile: the cursor as it stands now
        await self._opened.hand(dataclasses.replace(last, cursor=self._opened.cursor, census=ended))

    # Asking

    async def _found(self) -> uidset.Uids:
        upto = self._opened.cursor.uid
        if not upto:
            return uidset.Uids()
        searches = sorted({_criteria(search) for search in self._searches})
        among = b"UID 1:%d " % upto
        found = await self._opened.session.sets(*(among + each for each in searches))
        refused = [which for which, each in zip(searches, found, strict=True) if each is None]
        if refused:  # a keyword, for one: what is asked for is no more than a help
            log.info(
                "the server refuses a search; all mails are looked at", criteria=[each.decode() for each in refused]
            )
            return uidset.Uids([(1, upto)])
        return uidset.Uids.union(each for each in found if each is not None)

    async def _flags(self, uids: Sequence[int]) -> Mapping[int, heard.Now]:
        """The flags of these mails as they are now."""
        now: dict[int, heard.Now] = {}
        session, news = self._opened.session, self._opened.session.connection.news
        for some in _commands(uids):
            before = news.taken(streaming=True)
            await session.ask(b"UID FETCH %s (UID FLAGS)" % asking.ranges(some))
            told = news.taken()
            now.update({uid: told.flags[uid] for uid in some if uid in told.flags})
            news.put_back(before, told, without=frozenset(some))
        return now


def _commands(uids: Sequence[int]) -> Iterable[Sequence[int]]:
    """In commands that are not too long, and whose answers are not."""
    step = min(_COMMAND_BYTES // 11, heard.MOST)
    if not uids or len(asking.ranges(uids)) <= _COMMAND_BYTES:
        step = heard.MOST // 2
    return (uids[at : at + step] for at in range(0, len(uids), step))


def _holds(flag: str, flags: frozenset[str]) -> bool:
    return flag[1:] not in flags if flag.startswith("!") else flag in flags


def _criteria(search: Search) -> bytes:
    """``UNSEEN KEYWORD $Label SINCE 01-Nov-2026``; what cannot be asked is left out."""
    words = [word for flag in sorted(search.flags) if (word := _criterion(flag))]
    if search.since is not None:
        words.append(b"SINCE " + fetch.search_date(search.since))
    return b" ".join(words) or b"ALL"


def _criterion(flag: str) -> bytes:
    is_not, name = flag.startswith("!"), flag.removeprefix("!")
    if name.lower() in _SYSTEM:
        return (b"UN" if is_not else b"") + name[1:].upper().encode()
    if not name or not set(name.lower()) <= _ATOM:
        return b""
    return (b"UNKEYWORD " if is_not else b"KEYWORD ") + name.encode()
