"""An ``ImapSource`` under test: its batches are taken and committed as they come, and can be waited for."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Mapping
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

    def commit(self, batch: sources.Batch) -> None:
        at = batch.cursor
        self.cursors[at.mailbox, at.folder] = sources.Cursor(
            mailbox=at.mailbox, folder=at.folder, uidvalidity=at.uidvalidity, uid=at.uid, committed=self.clock()
        )
        for each in (*batch.mails, *batch.lost):
            self.attempts.pop(each.place, None)


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
        **more: Any,
    ) -> None:
        self.memory = memory or Memory()
        self.batches: list[sources.Batch] = []
        self.source = imap.ImapSource("home", settings, memory=self.memory, wants=wants, hub=hub, tokens=tokens, **more)
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

    async def are(self, state: sources.State, folder: str = "INBOX", deadline_s: float = 20.0) -> sources.FolderState:
        await servers.until(lambda: self.state(folder).state == state, deadline_s, what=f"{folder} {state}")
        return self.state(folder)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
