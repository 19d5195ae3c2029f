"""The IMAP source: one mailbox, one connection a folder; one that is idle costs a socket, and no thread and no timer.

The design's worker threads are gone: whoever waits for a server waits in the event loop, so that a silent server costs
nothing, and how many connect at once is no question of threads. What takes long to read goes to a thread all the same.

From the bottom up:

    client.py     what imapclient does here: names of folders, LIST
    connection.py one connection: commands, answers, IDLE, NOTIFY
    news.py       what the server tells of the folder in between
    login.py      who we are, and what to do when the server says no (trial.py: just that, and what the server can do)
    dialling.py   from a host's name to a connected, secured socket (bridge.dial)
    wire.py       a connection's socket: octets counted, every answer under a deadline, nothing that blocks
    frames.py     octets → responses, however they were cut
    response.py   responses → values
    tls.py        verified, with errors that say what to do
    hub.py        waits for all connections in the event loop; so many connect at once, and one to a host that fails
    outages.py    hosts that are away: one tries for all
    account.py    what a mailbox's folders share: login, what was learned about the server
    session.py    an open folder's connection: asking, asking ahead, IDLE, polling
    fetch.py      UIDs → mails; the one that is to blame is found by halving
    assembling.py the first fetch: header, structure, the beginning of the text
    contents.py   the second: exactly what rules want, large parts in chunks
    asking.py     what the two share
    streaming.py  a part that is too large for memory, over a connection of its own
    blame.py      whether it is the mail's fault that a connection ends
    folder.py     catching up behind the cursor, in pieces
    arrival.py    how far was I: first sight, cursor, UIDVALIDITY changed
    watcher.py    one folder's life, with reconnecting
    changes.py    seen, flag, copy, move, delete
    handover.py   batches on their way to their commit
    lookback.py   mails that are there already, read-only: for trying rules
    runs.py       which of those go in one command
    commands.py   the connection for them
    faults.py     where a bug of ours is, without the mail that it tripped over
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Self

import structlog

from bridge import oauth
from bridge.delivery import MailChange, Receipt
from bridge.mail import Place
from bridge.mail.part import Part
from bridge.sources import Batch, FolderState, Memory, Wants
from bridge.sources import settings as settings_
from bridge.sources.imap import account as account_
from bridge.sources.imap import commands, handover, streaming, watcher
from bridge.sources.imap import hub as hub_

log = structlog.get_logger()

_WAITING = 3  # batches handed on and not acknowledged yet; more wait at the server


class ImapSource:
    """Watches the folders of one mailbox; see ``bridge.sources.Source``.

    ``wants`` may be replaced at any time, and holds from the next fetch on: each batch says which one it was fetched
    with. ``hub`` is shared by all sources of an event loop. ``tokens`` are for a mailbox with ``oauth``.
    """

    def __init__(
        self,
        name: str,
        settings: settings_.Mailbox,
        *,
        memory: Memory,
        wants: Wants,
        hub: hub_.Hub | None = None,
        tokens: oauth.Tokens | None = None,
    ) -> None:
        self.name = name
        self.wants = wants
        self._settings = settings
        self._memory = memory
        self._hub = hub or hub_.Hub()
        self._tokens = tokens
        self._tasks: list[asyncio.Task[None]] = []
        self._watchers: list[watcher.Watcher] = []
        self._account: account_.Account | None = None
        self._commands: commands.Commands | None = None
        self._handover = handover.Handover(_WAITING)

    async def __aenter__(self) -> Self:
        self._account = account = account_.Account(self.name, self._settings, hub=self._hub, tokens=self._tokens)
        self._commands = commands.Commands(account)
        for folder in self._settings.folders:
            watching = watcher.Watcher(account, folder, memory=self._memory, wants=self._wants, hand_on=self._hand_on)
            self._watchers.append(watching)
            self._tasks.append(asyncio.create_task(watching.run(), name=f"watch {self.name}/{folder}"))
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._handover.close()
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self._commands is not None:
            self._commands.close()

    def _wants(self) -> Wants:
        return self.wants

    async def _hand_on(self, batch: Batch) -> None:
        committed = await self._handover.put(batch)
        if self._memory.careful:
            await committed  # the next mail must not be under way beside it

    async def batches(self) -> AsyncIterator[Batch]:
        """Every new mail, for ever; ends when the source is closed. One consumer at a time.

        A batch is acknowledged by asking for the next. One whose consumer failed instead is the first that the next
        call gives.
        """
        while (handed := await self._handover.first()) is not None:
            yield handed.batch
            self._handover.acknowledge(handed)
            del handed  # not its mails as well, while there are no others

    def file(self, place: Place, part: Part) -> AsyncGenerator[bytes, None]:
        """See ``bridge.sources.Source.file``."""
        if self._account is None:
            raise RuntimeError("the source is not open")
        return streaming.file(self._account, place, part)

    async def change(self, changes: Sequence[MailChange]) -> Sequence[Receipt | Exception]:
        """Carries out changes of this mailbox, in order; see ``bridge.sources.Source.change``."""
        if self._commands is None:
            raise RuntimeError("the source is not open")
        return await self._commands.change(changes)

    def states(self) -> Sequence[FolderState]:
        return [watching.state() for watching in self._watchers]
