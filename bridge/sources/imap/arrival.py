"""A folder was opened: how far was it handled? Its cursor is set, and what has to be handled before all else is handed
on.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Sequence

import structlog

from bridge.sources import Batch, Cursor, Lost, Memory
from bridge.sources import settings as settings_
from bridge.sources.imap import fetch, folder, opening

log = structlog.get_logger()

_AT_ONCE = 2_000  # mails in one batch, where a batch had better not be half committed
_CLOCKS_S = 3_600.0  # how far the server's clock and ours may differ
_DATES = 1_000  # INTERNALDATEs a command


class Arrival:
    """The first steps in an open folder."""

    def __init__(
        self,
        opened: folder.OpenFolder,
        selected: opening.Selected,
        *,
        mailbox: str,
        name: str,
        start: settings_.Start,
        memory: Memory,
    ) -> None:
        self._opened = opened
        self._selected = selected
        self._mailbox = mailbox
        self._name = name
        self._start = start
        self._memory = memory

    async def settle(self) -> None:
        """Sets the cursor, and catches up.

        Raises:
            errors.SourceError: the connection failed meanwhile; what was handed on stays so.
        """
        progress = self._opened.progress
        cursor = progress.cursor or await self._memory.cursor(self._mailbox, self._name)
        if progress.cursor is None and cursor is not None:
            progress.beside.standing.marked = cursor.marked
        if cursor is None:
            await self._first_sight()
        elif cursor.uidvalidity != self._selected.uidvalidity:
            await self._renewed()
        else:
            progress.cursor = cursor
        await self._opened.beside.arrive()
        handled = progress.cursor.uid if progress.cursor else 0
        if self._selected.uidnext is None or self._selected.uidnext - 1 > handled:
            await self._opened.catch_up()
        await self._opened.beside.arrived(handled)

    def _at(self, uid: int) -> Cursor:
        return Cursor(mailbox=self._mailbox, folder=self._name, uidvalidity=self._selected.uidvalidity, uid=uid)

    async def _top(self) -> int:
        """The highest UID there is or was; looked for where the server does not say UIDNEXT."""
        if self._selected.uidnext is not None:
            return self._selected.uidnext - 1
        # Courier finds nothing under "*", and taking the folder for an empty one would make all its old mails look new
        for criteria in (b"UID *", b"%d:*" % self._selected.exists, b"ALL") if self._selected.exists else ():
            if found := await self._opened.session.search(criteria):
                return max(found)
        return 0

    async def _first_sight(self) -> None:
        top = await self._top()
        log.info("first sight of a folder", mailbox=self._mailbox, folder=self._name, start=str(self._start))
        if self._start == "now":
            await self._opened.hand(Batch(cursor=self._at(top)))
        elif self._start == "all":
            await self._opened.hand(Batch(cursor=self._at(0)))
        else:
            criteria = b"UNSEEN" if self._start == "unseen" else b"SINCE " + fetch.search_date(self._start)
            picked = [uid for uid in await self._opened.session.search(criteria) if uid <= top]
            await self._pick(picked, self._at(top), before=None)

    async def _renewed(self) -> None:
        """UIDVALIDITY changed: every mail has a new UID. What arrived since the last commit may be new; who consumes
        the batch knows by their fingerprints which of those mails are not.
        """
        stored = await self._memory.cursor(self._mailbox, self._name)
        if stored is None:
            await self._first_sight()
            return
        log.warning("the folder's UIDVALIDITY changed", mailbox=self._mailbox, folder=self._name)
        since, top = max(stored.committed - _CLOCKS_S, 0.0), await self._top()
        # SEARCH knows days only, in the server's time zone: one day more, and INTERNALDATE decides
        day = datetime.datetime.fromtimestamp(since, datetime.UTC).date() - datetime.timedelta(days=1)
        found = await self._opened.session.search(b"SINCE " + fetch.search_date(day))
        recent = await self._arrived_since([uid for uid in found if uid <= top], since)
        await self._pick(recent, self._at(top), before=stored)

    async def _arrived_since(self, uids: Sequence[int], since: float) -> list[int]:
        recent: list[int] = []
        for at in range(0, len(uids), _DATES):
            dates = await self._opened.session.dates(uids[at : at + _DATES])
            recent += [uid for uid, date in sorted(dates.items()) if date is None or date.timestamp() >= since]
        return recent

    async def _pick(self, uids: Sequence[int], cursor: Cursor, *, before: Cursor | None) -> None:
        """Hands on these mails, and moves the cursor behind them and all others.

        They go in one batch: were the first half committed with a cursor of its own, a crash would make the mails that
        were not picked look new. Beyond ``_AT_ONCE``, and while mails must go one by one, that risk is taken; after a
        change of UIDVALIDITY the old cursor (``before``) stays until the end, so that a crash only means to recognise
        the mails again.
        """
        together = Batch(cursor=cursor, renewed=before is not None)
        async with contextlib.aclosing(self._opened.pieces(uids, cursor.uidvalidity, alike=True)) as pieces:
            async for piece in pieces:
                together = _joined(together, piece)
                if self._memory.careful or len(together.mails) >= _AT_ONCE:
                    await self._opened.hand(dataclasses.replace(together, cursor=before or piece.cursor))
                    together = Batch(cursor=cursor, renewed=before is not None)
        await self._opened.hand(together)


def _joined(batch: Batch, piece: Batch) -> Batch:
    lost: tuple[Lost, ...] = (*batch.lost, *piece.lost)
    return dataclasses.replace(batch, mails=(*batch.mails, *piece.mails), lost=lost, wants=piece.wants)
