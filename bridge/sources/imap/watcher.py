"""One folder's life: connect, open it, catch up, stay until that fails, back off, and all over."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

import structlog

from bridge import backoff, errors
from bridge.mail import Place
from bridge.sources import Batch, FolderState, Memory, RoundTrip, State, Wants, Watch
from bridge.sources.imap import account as account_
from bridge.sources.imap import arrival, comparing, faults, fetch, opening, session
from bridge.sources.imap import beside as beside_
from bridge.sources.imap import connection as connection_
from bridge.sources.imap import folder as folder_

log = structlog.get_logger()
_STEADY_S = 1.0  # and longer than the last wait: it was no failure to get that far


class Watcher:
    """Watches one folder, for ever."""

    def __init__(
        self,
        account: account_.Account,
        folder: str,
        *,
        memory: Memory,
        wants: Callable[[], Wants],
        hand_on: folder_.HandOn,
        watch: Watch,
    ) -> None:
        self._account = account
        self._folder = folder
        self._memory = memory
        self._wants = wants
        self._hand_on = hand_on
        self._asked = watch
        self._progress = folder_.Progress()
        self._connection: connection_.Connection | None = None
        self._before = (0, 0)  # octets and round trips of earlier connections
        self._heard: float | None = None
        self._state: State = "connecting"
        self._since = time.time()
        self._live_at = math.inf  # loop time, of this connection
        self._reason = ""
        self._doubt = ""  # why it is not called live although it seems so: a canary was lost
        self._doubted = 0.0  # POSIX seconds
        self._renewing = False  # the connection is being ended for that
        self._is_handing_on = False
        self.canary: RoundTrip | None = None
        self.changed: Callable[[], None] | None = None  # is told of each new state

    @property
    def folder(self) -> str:
        return self._folder

    def state(self) -> FolderState:
        octets, round_trips = self._spent()
        doubted = self.is_live and bool(self._doubt)
        return FolderState(
            mailbox=self._account.name,
            folder=self._folder,
            state="retrying" if doubted else self._state,
            since=self._doubted if doubted else self._since,
            last_heard=(self._connection.heard if self._connection else None) or self._heard,
            reason=self._doubt if doubted else self._reason,
            unseen=self._progress.beside.counts.unseen,
            total=self._connection.news.exists if self._connection and self._state == "live" else None,
            bytes_read=octets,
            round_trips=round_trips,
            canary=self.canary,
        )

    # What a canary asks, and has to say

    @property
    def is_live(self) -> bool:
        """Whether its connection is, whatever became of a canary."""
        return self._state == "live"

    @property
    def reason(self) -> str:
        return self._reason

    @property
    def can_idle(self) -> bool:
        return self._connection is None or b"IDLE" in self._connection.capabilities

    @property
    def is_busy(self) -> bool:
        """Whether mails are being fetched or handed on, so that others have to wait."""
        line = self._connection
        return line is None or self._is_handing_on or (self.can_idle and not line.idling)

    def doubt(self, reason: str, *, renew: bool) -> None:
        """A canary was lost, so that the folder is not called live until one comes, or, with ``renew``, until the
        connection is made anew, which begins now. "" ends it.
        """
        if reason and not self._doubt:
            self._doubted = time.time()
        self._doubt = reason
        if renew and self._connection is not None:
            self._renewing = True
            self._connection.hang_up()

    def _spent(self) -> tuple[int, int]:
        octets, round_trips = self._before
        if self._connection is not None:
            octets, round_trips = octets + self._connection.octets, round_trips + self._connection.round_trips
        return octets, round_trips

    @property
    def _names(self) -> dict[str, str]:
        return {"mailbox": self._account.name, "folder": self._folder}

    def _become(self, state: State, reason: str = "") -> None:
        if (state, reason) != (self._state, self._reason):
            say = log.info if state == "live" else log.warning
            say("watching a folder", state=state, reason=reason, **self._names)
        if state != self._state:
            self._since = time.time()
        if state == "live" and self._renewing:
            self._renewing, self._doubt = False, ""
        self._state, self._reason = state, reason
        if self.changed is not None:
            self.changed()

    async def run(self) -> None:
        """Never ends, whatever happens; is cancelled."""
        loop = asyncio.get_running_loop()
        failures, wait_s = 0, 0.0
        while True:
            handed, self._live_at = self._progress.handed, math.inf
            failure = await self._failure()
            if isinstance(failure, errors.Unreachable):  # no more than a host that is away: it says nothing of us
                await self._until_reachable()
                continue
            self._account.hub.outages.reached(self._account.settings.address)
            lasted = loop.time() - self._live_at > 2 * wait_s + _STEADY_S
            failures = 1 if lasted or self._progress.handed > handed else failures + 1
            wait_s = self._wait_s(failure, failures)
            await self._account.rest(failure, wait_s)

    async def _failure(self) -> Exception:
        """One connection, and what it ended with."""
        try:
            await self._watch()
        except errors.LoginRefused as error:
            self._become("refused", str(error))
            return error
        except errors.SourceError as error:
            self._become("retrying", self._doubt if self._renewing else str(error))
            return error
        except Exception as error:  # noqa: BLE001 - see below
            # A bug of ours must not make the folder deaf: say so, and start over. No traceback: it could hold a mail
            log.error("watching a folder failed", error=type(error).__name__, at=faults.place(error), **self._names)
            self._become("retrying", f"an error in the bridge itself ({type(error).__name__})")
            return error
        return errors.Disconnected()

    def _wait_s(self, failure: Exception, failures: int) -> float:
        settings = self._account.settings
        if isinstance(failure, errors.LoginRefused):
            return settings.retry_refused
        if isinstance(failure, errors.FolderMissing):
            return settings.retry_max
        return backoff.wait_s(failures, least_s=settings.retry_min, most_s=settings.retry_max)

    async def _until_reachable(self) -> None:
        outages, address = self._account.hub.outages, self._account.settings.address
        outages.unreachable(address)
        await outages.wait(address, most_s=self._account.settings.retry_max)

    async def _watch(self) -> None:
        connection = await self._account.connect()
        self._account.hub.outages.reached(self._account.settings.address)
        self._connection = connection
        try:
            watches = self._asked.marks or bool(self._asked.searches)
            level: comparing.Level = await comparing.begin(connection) if watches else ""
            selected = await opening.select(connection, self._folder, read_only=True, condstore=level != "")
            if selected.uidnext is None:
                # Courier: UIDs, and the UIDVALIDITY of a new folder, last only when they are given to who may write
                selected = await opening.select(connection, self._folder, read_only=False, condstore=level != "")
            if b"NOTIFY" in connection.capabilities and b"IDLE" in connection.capabilities:
                await opening.notify(connection, fetch.ITEMS)  # before the search: what comes meanwhile is told of
            opened = self._open(connection, selected, level)
            try:
                await self._arrival(opened, selected).settle()
                await opened.committed()  # live is what starts from here again, whatever happens
                self._become("live")
                self._live_at = asyncio.get_running_loop().time()
                while True:
                    await opened.stay()
            finally:
                opened.beside.leave(connection.heard)
        finally:
            self._before, self._heard, self._connection = self._spent(), connection.heard, None
            connection.close()

    def _open(
        self, connection: connection_.Connection, selected: opening.Selected, level: comparing.Level
    ) -> folder_.OpenFolder:
        uidvalidity = selected.uidvalidity

        def place(uid: int) -> Place:
            return Place(mailbox=self._account.name, folder=self._folder, uidvalidity=uidvalidity, uid=uid)

        def beside(opened: folder_.OpenFolder) -> beside_.Beside:
            return beside_.Beside(
                opened,
                watch=self._asked,
                memory=self._memory,
                past=self._progress.beside,
                level=level,
                selected=selected,
                reconcile_s=self._account.settings.reconcile,
            )

        return folder_.OpenFolder(
            session.Session(self._account, connection),
            place=place,
            wants=self._wants,
            memory=self._memory,
            progress=self._progress,
            one_at_a_time=self._account.hub.one_at_a_time,
            hand_on=self._handing_on,
            beside=beside,
        )

    async def _handing_on(self, batch: Batch) -> asyncio.Future[None]:
        self._is_handing_on = True
        try:
            return await self._hand_on(batch)
        finally:
            self._is_handing_on = False

    def _arrival(self, opened: folder_.OpenFolder, selected: opening.Selected) -> arrival.Arrival:
        return arrival.Arrival(
            opened,
            selected,
            mailbox=self._account.name,
            name=self._folder,
            start=self._account.settings.start,
            memory=self._memory,
        )
