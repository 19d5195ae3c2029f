"""Mails that are there already, for whoever tries rules on them.

The folder is opened read-only (EXAMINE), mails are fetched as the watcher fetches them (``BODY.PEEK``), and nothing is
remembered: no cursor moves, no flag changes.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Self

from bridge import oauth
from bridge.mail import Place
from bridge.sources import Batch, Cursor, Lost, Wants
from bridge.sources import settings as settings_
from bridge.sources.imap import account as account_
from bridge.sources.imap import asking, assembling, fetch, hub, opening, session


class Lookback:
    """The last mails of one folder, by arrival in it. An async context manager; on entry it connects.

    Raises:
        errors.SourceError: on entry and from ``batches``, when the server cannot be reached, does not accept the
            credentials, has no such folder, or ends the connection.
    """

    def __init__(
        self,
        name: str,
        settings: settings_.Mailbox,
        folder: str,
        *,
        last: int,
        wants: Wants,
        tokens: contextlib.AbstractAsyncContextManager[oauth.Tokens | None],
    ) -> None:
        self._name = name
        self._settings = settings
        self._folder = folder
        self._last = last
        self._wants = wants
        self._tokens = tokens
        self._stack = contextlib.AsyncExitStack()
        self._uids: list[int] = []

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            tokens = await stack.enter_async_context(self._tokens)
            account = account_.Account(self._name, self._settings, hub=hub.Hub(), tokens=tokens)
            connection = await account.connect()
            stack.callback(connection.close)
            selected = await opening.select(connection, self._folder, read_only=True)
            self._session = session.Session(account, connection)
            self._uidvalidity = selected.uidvalidity
            self._uids = await self._newest(selected)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def _newest(self, selected: opening.Selected) -> list[int]:
        """By sequence numbers, so that a folder of half a million mails does not list them all."""
        if not selected.exists:
            return []
        first = max(1, selected.exists - self._last + 1)
        return (await self._session.search(b"%d:*" % first))[-self._last :]

    def __len__(self) -> int:
        """How many mails there are to look at."""
        return len(self._uids)

    async def batches(self) -> AsyncIterator[Batch]:
        """The mails, oldest first, some at a time; what the server does not give is lost, and what vanished meanwhile
        is left out.
        """
        fetcher = fetch.Fetcher(self._session, place=self._place)
        for at in range(0, len(self._uids), fetch.CHUNK):
            uids = self._uids[at : at + fetch.CHUNK]
            found = await self._found(fetcher, uids)
            for group in fetch.together(found, uids):
                await self._complete(fetcher, found, group)
                yield Batch(
                    cursor=Cursor(
                        mailbox=self._name, folder=self._folder, uidvalidity=self._uidvalidity, uid=group[-1]
                    ),
                    mails=tuple(found.mails[uid] for uid in group if uid in found.mails),
                    lost=tuple(
                        Lost(place=self._place(uid), reason=found.bad[uid]) for uid in group if uid in found.bad
                    ),
                )

    async def _found(self, fetcher: fetch.Fetcher, uids: Sequence[int]) -> assembling.Found:
        found, bad = assembling.Found(), dict[int, str]()
        while left := [uid for uid in uids if uid not in bad]:
            try:
                found = await fetcher.uids(left, wants=self._wants)
                break
            except asking.Withheld as error:
                bad[error.uid] = str(error)
        found.bad.update(bad)
        return found

    @staticmethod
    async def _complete(fetcher: fetch.Fetcher, found: assembling.Found, uids: Sequence[int]) -> None:
        while True:
            try:
                await fetcher.complete(found, uids)
                return
            except asking.Withheld as error:
                found.bad[error.uid] = str(error)
                found.mails.pop(error.uid, None)
                found.needs.pop(error.uid, None)

    def _place(self, uid: int) -> Place:
        return Place(mailbox=self._name, folder=self._folder, uidvalidity=self._uidvalidity, uid=uid)
