"""The IMAP source: one mailbox, one connection a folder; one that is idle costs a socket, and no thread and no timer.

The design's worker threads are gone: whoever waits for a server waits in the event loop, so that a silent server costs
nothing, and how many connect at once is no question of threads. What takes long to read goes to a thread all the same.

From the bottom up:

    client.py     what imapclient does here: names of folders, LIST
    connection.py one connection: commands, answers, IDLE
    opening.py    a folder on it: EXAMINE, NOTIFY; what folders there are
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
    idle.py       IDLE, renewed without waking anybody
    session.py    an open folder's connection: asking, asking ahead, IDLE, polling
    fetch.py      UIDs → mails; the one that is to blame is found by halving
    assembling.py the first fetch: header, structure, the beginning of the text
    contents.py   the second: exactly what rules want, large parts in chunks
    asking.py     what the two share
    streaming.py  a part that is too large for memory, over a connection of its own
    blame.py      whether it is the mail's fault that a connection ends
    folder.py     catching up behind the cursor, in pieces
    arrival.py    how far was I: first sight, cursor, UIDVALIDITY changed
    beside.py     what a folder does beside that, by what the rules ask for:
    standing.py   mails that were marked, or went: what is kept of them, and what has become of them
    comparing.py  finding out by MODSEQ, or by searching
    telling.py    as events, with their mails, and as marks
    counting.py   mails that rules count
    counters.py   how many are unseen
    heard.py      what the server says of mails that are there already
    uidset.py     UIDs as runs
    watcher.py    one folder's life, with reconnecting
    changes.py    seen, flag, copy, move, delete
    handover.py   batches on their way to their commit
    lookback.py   mails that are there already, read-only: for trying rules
    runs.py       which of those go in one command
    commands.py   the connection for them
    planting.py   APPEND, for the next
    canary.py     a mail to ourselves: whether what comes is told of (bridge.sources.canary: how it is known again)
    faults.py     where a bug of ours is, without the mail that it tripped over
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Self

import structlog

from bridge import oauth
from bridge.delivery import MailChange, Receipt
from bridge.mail import Mail, Place
from bridge.mail.part import Part
from bridge.sources import Batch, FolderState, Memory, RoundTrip, Wants, Watch
from bridge.sources import canary as seals
from bridge.sources import settings as settings_
from bridge.sources.imap import account as account_
from bridge.sources.imap import canary, commands, handover, streaming, watcher
from bridge.sources.imap import hub as hub_

log = structlog.get_logger()

_WAITING = 3  # batches handed on and not acknowledged yet; more wait at the server


class ImapSource:
    """Watches the folders of one mailbox; see ``bridge.sources.Source``.

    ``wants`` may be replaced at any time, and holds from the next fetch on: each batch says which one it was fetched
    with. ``hub`` is shared by all sources of an event loop. ``tokens`` are for a mailbox with ``oauth``. ``watch`` says
    what is to be told beyond new mails. Canaries that ``seal`` knows are kept back, and ``told`` is told what became of
    this mailbox's own.
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
        watch: Watch = Watch(),  # noqa: B008 - a frozen value
        seal: seals.Seal | None = None,
        told: Callable[[RoundTrip], None] = lambda _: None,
    ) -> None:
        self.name = name
        self.wants = wants
        self._settings = settings
        self._memory = memory
        self._hub = hub or hub_.Hub()
        self._tokens = tokens
        self._watch = watch
        self._seal = seal
        self._told = told
        self._canary: canary.Canary | None = None
        self._account = account_.Account(name, settings, hub=self._hub, tokens=tokens)
        self._tasks: list[asyncio.Task[None]] = []
        self._watchers: list[watcher.Watcher] = []
        self._commands: commands.Commands | None = None
        self._handover = handover.Handover(_WAITING)

    async def __aenter__(self) -> Self:
        account = self._account
        self._commands = commands.Commands(account)
        for folder in self._settings.folders:
            watching = watcher.Watcher(
                account, folder, memory=self._memory, wants=self._wants, hand_on=self._hand_on, watch=self._watch
            )
            self._watchers.append(watching)
            self._tasks.append(asyncio.create_task(watching.run(), name=f"watch {self.name}/{folder}"))
        if self._settings.canary is not None and self._seal is not None:
            mine = self.canary(self._seal, late_s=self._settings.canary.late, maker="run")
            running = mine.run(self._settings.canary.every)
            self._tasks.append(asyncio.create_task(running, name=f"canary {self.name}"))
        return self

    def canary(self, seal: seals.Seal, *, late_s: float, maker: seals.Maker) -> canary.Canary:
        """This mailbox's canary, which is shown what comes."""
        if self._commands is None:
            raise RuntimeError("the source is not open")
        at = self._settings.folders.index(self._settings.canary_folder)
        self._canary = canary.Canary(
            *(self._account, self._watchers[at]),
            seal=seal,
            commands=self._commands,
            told=self._told,
            late_s=late_s,
            maker=maker,
        )
        return self._canary

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

    async def _hand_on(self, batch: Batch) -> asyncio.Future[None]:
        if self._seal is not None:
            batch = canary.without(batch, self._seal, self._settings.user, seen=self._sees(batch.pushed))
        committed = await self._handover.put(batch)
        if self._memory.careful:
            await committed  # the next mail must not be under way beside it
        return committed

    def _sees(self, pushed: float | None) -> Callable[[Mail, seals.Token], None]:
        def seen(mail: Mail, token: seals.Token) -> None:
            if self._canary is not None:
                self._canary.sees(mail, token, pushed)

        return seen

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
        if self._commands is None:
            raise RuntimeError("the source is not open")
        return streaming.file(self._account, place, part)

    async def change(self, changes: Sequence[MailChange]) -> Sequence[Receipt | Exception]:
        """Carries out changes of this mailbox, in order; see ``bridge.sources.Source.change``."""
        if self._commands is None:
            raise RuntimeError("the source is not open")
        return await self._commands.change(changes)

    def states(self) -> Sequence[FolderState]:
        return [watching.state() for watching in self._watchers]
