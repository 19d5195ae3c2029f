"""An ``ImapSource`` under test: its batches are taken and committed as they come, and can be waited for."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Any, Self

from bridge import mail, oauth, sources
from bridge.sources import imap
from bridge.sources import settings as settings_
from bridge.sources.imap import hub as hub_
from tests import servers


class Memory:
    """What a store remembers, in a dict; a commit is stamped with ``clock``."""

    def __init__(self, *, careful: bool = False, clock: Callable[[], float] = time.time) -> None:
        self.cursors: dict[tuple[str, str], sources.Cursor] = {}
        self.attempts: Counter[mail.Place] = Counter()
        self.kept: dict[tuple[str, str], dict[int, sources.Mark]] = {}
        self.is_careful = careful
        self.clock = clock

    @property
    def careful(self) -> bool:
        return self.is_careful

    async def cursor(self, mailbox: str, folder: str) -> sources.Cursor | None:
        return self.cursors.get((mailbox, folder))

    async def attempt(self, place: mail.Place) -> int:
        self.attempts[place] += 1
        return self.attempts[place] - 1

    async def marks(self, mailbox: str, folder: str, uids: Collection[int] | None = None) -> Mapping[int, sources.Mark]:
        kept = self.kept.get((mailbox, folder), {})
        return dict(kept) if uids is None else {uid: kept[uid] for uid in uids if uid in kept}

    async def remembered(self, mailbox: str, folder: str, uids: Collection[int]) -> Mapping[int, sources.Mark]:
        return {uid: mark for uid, mark in (await self.marks(mailbox, folder, uids)).items() if mark.head is not None}

    def commit(self, batch: sources.Batch) -> None:
        at = batch.cursor
        before = self.cursors.get((at.mailbox, at.folder))
        self.cursors[at.mailbox, at.folder] = sources.Cursor(
            mailbox=at.mailbox,
            folder=at.folder,
            uidvalidity=at.uidvalidity,
            uid=at.uid,
            committed=self.clock(),
            marked=self._marked(batch, before.marked if before else None),
        )
        for each in (*batch.mails, *batch.lost):
            self.attempts.pop(each.place, None)

    def _marked(self, batch: sources.Batch, before: sources.Marked | None) -> sources.Marked | None:
        marks = batch.marks
        if marks is None:
            return before
        kept = self.kept.setdefault((batch.cursor.mailbox, batch.cursor.folder), {})
        if marks.whole or marks.dropped:
            kept.clear()
        if marks.dropped:
            return None
        for uid, mark in marks.mails.items():
            has_head = mark.head is not None or uid not in kept
            kept[uid] = mark if has_head else dataclasses.replace(kept[uid], seen=mark.seen, flagged=mark.flagged)
        for uid in marks.gone:
            kept.pop(uid, None)
        return sources.Marked(uidvalidity=marks.uidvalidity, modseq=marks.modseq, at=marks.at)


def nothing(_: mail.Mail) -> Mapping[str, int]:
    return {}


def settings(server: Any, **changes: Any) -> settings_.Mailbox:
    """For a server with ``host`` and ``port``: no TLS, and no patience, unless told otherwise."""
    values: dict[str, Any] = {
        "host": server.host,
        "port": server.port,
        "tls": "none",
        "user": getattr(server, "user", "ada"),
        "password": "secret",
        "timeout": "5s",
        "retry_min": "20ms",
        "retry_max": "200ms",
        "poll": "50ms",
        **changes,
    }
    return settings_.Mailbox.model_validate(values)


class Watching:
    """Opens the source and takes what comes, until it is left."""

    def __init__(
        self,
        settings: settings_.Mailbox,
        *,
        memory: Memory | None = None,
        wants: sources.Wants = nothing,
        hub: hub_.Hub | None = None,
        tokens: oauth.Tokens | None = None,
        watch: sources.Watch = sources.Watch(),  # noqa: B008 - a frozen value
        **more: Any,
    ) -> None:
        self.memory = memory or Memory()
        self.batches: list[sources.Batch] = []
        self.source = imap.ImapSource(
            "home", settings, memory=self.memory, wants=wants, hub=hub, tokens=tokens, watch=watch, **more
        )
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.source)
        taking = asyncio.create_task(self._take())
        self._stack.push_async_callback(_ended, taking)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def _take(self) -> None:
        async for batch in self.source.batches():
            self.memory.commit(batch)
            self.batches.append(batch)

    @property
    def mails(self) -> list[mail.Mail]:
        return [each for batch in self.batches for each in batch.mails]

    @property
    def told(self) -> list[tuple[str, int]]:
        """Event and UID of each mail to which something happened, as they came."""
        return [(each.event, each.place.uid) for each in self.mails if each.event != "new"]

    def counted(self, without: str) -> set[int] | None:
        """The UIDs that a consumer of the censuses has in the end, of mails without this flag; None while one is under
        way.
        """
        there: dict[int, mail.Mail] = {}
        is_whole = False
        for census in (batch.census for batch in self.batches if batch.census is not None):
            there = {} if census.begins else there
            assert all(each.event == "count" for each in census.mails)
            there.update((each.place.uid, each) for each in census.mails)
            there = {uid: each for uid, each in there.items() if uid not in census.gone}
            is_whole = census.ends
        return {uid for uid, each in there.items() if without not in each.flags} if is_whole else None

    @property
    def lost(self) -> list[sources.Lost]:
        return [each for batch in self.batches for each in batch.lost]

    @property
    def subjects(self) -> list[str]:
        return [each.subject for each in self.mails]

    @property
    def uids(self) -> list[int]:
        return [each.place.uid for each in self.mails]

    def state(self, folder: str = "INBOX") -> sources.FolderState:
        return next(state for state in self.source.states() if state.folder == folder)

    async def have(self, count: int, deadline_s: float = 20.0) -> None:
        """Waits for so many mails in all."""
        await servers.until(lambda: len(self.mails) >= count, deadline_s, what=f"{count} mails")

    async def tell(self, *events: tuple[str, int], deadline_s: float = 20.0) -> None:
        """Waits until these were told, and nothing else."""
        await servers.until(lambda: len(self.told) >= len(events), deadline_s, what=f"{events}, told: {self.told}")
        assert self.told == list(events)

    async def are(self, state: sources.State, folder: str = "INBOX", deadline_s: float = 20.0) -> sources.FolderState:
        await servers.until(lambda: self.state(folder).state == state, deadline_s, what=f"{folder} {state}")
        return self.state(folder)

    async def at_rest(self, folder: str = "INBOX", deadline_s: float = 20.0) -> sources.FolderState:
        """Waits until it is in IDLE, and what has come so far is counted, where that is done often."""
        watcher = next(each for each in self.source._watchers if each._folder == folder)

        def is_at_rest() -> bool:
            line = watcher._connection
            return bool(line and line.idling and not (line.news.stirred and b"ESEARCH" in line.capabilities))

        await servers.until(is_at_rest, deadline_s, what=f"{folder} at rest")
        return self.state(folder)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
