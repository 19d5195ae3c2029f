"""A mailbox's canary: put into a folder on the commands' connection, seen by the folder's own like any other mail,
timed, and deleted again.

One at a time. A mailbox without one has no task for it, and no timer; the waits of those that have one end by the hub's
one timer. Nothing that happens to a canary ever ends the watching: what is lost is told of, and the folder's connection
is made anew where it has turned out to be deaf.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import random
import time
from collections.abc import Callable

import structlog

from bridge import errors
from bridge.delivery import MailChange
from bridge.mail import Mail
from bridge.sources import Batch, RoundTrip
from bridge.sources import canary as canary_
from bridge.sources.imap import account as account_
from bridge.sources.imap import changes, commands, faults, planting, watcher
from bridge.sources.imap import connection as connection_

log = structlog.get_logger()

_LEAVE_S = 5.0  # for deleting it when the bridge stops meanwhile
_SPREAD, _SPREAD_S = 0.1, 60.0  # of `every`, and at the most: many mailboxes do not begin together
_BUSY = 10  # times `late` that a folder may be busy with other mail

_NAME = canary_.HEADER.lower().encode("ascii")

Told = Callable[[RoundTrip], None]


@dataclasses.dataclass(kw_only=True, slots=True)
class _Flight:
    """One canary on its way."""

    token: canary_.Token
    at: float
    began: float  # monotonic
    sending: asyncio.Task[planting.Uids | None] | None = None
    seen: Mail | None = None
    seen_at: float = 0.0
    pushed_at: float | None = None  # None: found by looking
    waiter: asyncio.Future[bool] | None = None


class Canary:
    """Sends them, and is shown each that comes."""

    def __init__(
        self,
        account: account_.Account,
        watching: watcher.Watcher,
        *,
        seal: canary_.Seal,
        commands: commands.Commands,
        told: Told,
        late_s: float,
        maker: canary_.Maker = "run",
    ) -> None:
        self._account = account
        self._watching = watching
        self._seal = seal
        self._commands = commands
        self._told = told
        self._late_s = late_s
        self._maker: canary_.Maker = maker
        self._flight: _Flight | None = None
        self._swept = False
        self._said_left = ""
        self._left: set[str] = set()  # nonces of those that could not be deleted
        self._names = {"mailbox": account.name, "folder": watching.folder}
        self._changed = asyncio.Event()
        watching.changed = self._changed.set

    async def run(self, every_s: float) -> None:
        """One after the other, while the folder is watched. Never ends, whatever happens; is cancelled."""
        wait_s = random.uniform(0, min(_SPREAD * every_s, _SPREAD_S))
        while True:
            await self._pause(wait_s)
            await self.until_live()
            try:
                trip = await self.once()
            except errors.MailwireError as error:
                log.warning("no canary could be sent", reason=str(error), **self._names)
            except Exception as error:  # noqa: BLE001 - a bug of ours must not end it. No traceback: it could hold a mail
                log.error("a canary failed", error=type(error).__name__, at=faults.place(error), **self._names)
            else:
                self._take(trip)
            wait_s = every_s

    async def until_live(self, *, at_once: bool = False) -> None:
        """Returns when the folder is watched.

        Raises:
            errors.SourceError: it did not work ``at_once``, and why.
        """
        while not self._watching.is_live:
            if at_once and self._watching.reason:
                raise errors.SourceError(self._watching.reason)
            self._changed.clear()
            await self._changed.wait()

    async def _pause(self, seconds: float) -> None:
        await self._account.hub.within(asyncio.get_running_loop().create_future(), seconds)

    def sees(self, mail: Mail, token: canary_.Token, pushed: float | None) -> None:
        """The folder's connection has brought a canary; perhaps it is this one."""
        flight = self._flight
        if flight is None or flight.token.nonce != token.nonce or flight.seen is not None:
            return
        flight.seen, flight.seen_at, flight.pushed_at = mail, time.monotonic(), pushed
        if flight.waiter is not None and not flight.waiter.done():
            flight.waiter.set_result(True)

    # One round trip

    async def once(self) -> RoundTrip:
        """Sends one, waits for it, and deletes it, whatever happened to it.

        Raises:
            errors.StoreError: it cannot be made.
        """
        token = self._seal.new(self._maker)
        mail = self._seal.mail(token, self._account.settings.user)
        flight = self._flight = _Flight(token=token, at=time.time(), began=time.monotonic())

        async def sending(connection: connection_.Connection) -> planting.Uids | None:
            flight.began = time.monotonic()  # the connection is no part of the way: it may have to be made first
            return await planting.append(connection, folder=self._watching.folder, mail=mail)

        flight.sending = asyncio.create_task(self._commands.use(sending), name=f"canary {self._account.name}")
        stopped = True
        try:
            trip = await self._fly(flight)
            stopped = False
        finally:
            done_at = time.monotonic()
            left = await self._cleared(flight, stopped=stopped)
            self._flight = None
        return dataclasses.replace(trip, left=left, delete_s=time.monotonic() - done_at)

    async def _fly(self, flight: _Flight) -> RoundTrip:
        trip = RoundTrip(mailbox=self._account.name, folder=self._watching.folder, at=flight.at)
        assert flight.sending is not None  # noqa: S101 - for the type checker
        try:
            await asyncio.shield(flight.sending)  # what is cut off in the middle may have arrived all the same
        except errors.SourceError as error:
            return dataclasses.replace(trip, failed="append", reason=str(error))
        taken_at = time.monotonic()
        trip = dataclasses.replace(trip, append_s=taken_at - flight.began)
        if why := await self._why_not_seen(flight):
            lost = dataclasses.replace(trip, failed="push", reason=why)
            if self._maker == "run":
                await self._revive(flight, lost)
            return lost
        pushed_at = flight.seen_at if flight.pushed_at is None else flight.pushed_at
        return dataclasses.replace(
            trip,
            push_s=max(0.0, pushed_at - taken_at),
            fetch_s=max(0.0, flight.seen_at - pushed_at),
            total_s=flight.seen_at - flight.began,
        )

    async def _why_not_seen(self, flight: _Flight) -> str:
        """Waits for it; why it does not come, or "". While other mail is being taken in, it cannot come."""
        late_s = self._late_s
        if not self._watching.can_idle:
            late_s += self._account.settings.poll
        for _ in range(_BUSY):
            if await self._comes(flight, late_s):
                return ""
            if not self._watching.is_live:
                return f"the folder is not watched just now: {self._watching.reason}"
            if not self._watching.is_busy:
                return f"the server took a canary and told nothing of it within {late_s:g} s: its push is dead"
        return f"the folder has been busy for {_BUSY * late_s:g} s, and has not come to the canary"

    async def _comes(self, flight: _Flight, within_s: float) -> bool:
        if flight.seen is None:
            flight.waiter = asyncio.get_running_loop().create_future()
            await self._account.hub.within(flight.waiter, within_s)
        return flight.seen is not None

    async def _revive(self, flight: _Flight, lost: RoundTrip) -> None:
        """The folder's connection is made anew, and looks: it should find the canary, which is still there."""
        log.warning("a canary was lost", hop="push", reason=lost.reason, **self._names)
        self._watching.canary = lost
        if self._watching.is_live:
            log.warning("the folder's connection is made anew", reason=lost.reason, **self._names)
            self._watching.doubt(lost.reason, renew=True)
        self._told(lost)
        if await self._comes(flight, self._late_s):
            log.info("the canary was found after all", **self._names)

    def _take(self, trip: RoundTrip) -> None:
        self._watching.canary = trip
        if trip.failed == "append":
            log.warning("a canary was lost", hop="append", reason=trip.reason, **self._names)
            self._watching.doubt(f"no canary can be sent: {trip.reason}", renew=False)
        elif not trip.failed:
            self._watching.doubt("", renew=False)
            times = {name: round(getattr(trip, name), 3) for name in ("append_s", "push_s", "fetch_s", "total_s")}
            log.debug("a canary came", **times, **self._names)
        if trip.left and trip.left != self._said_left:
            log.warning("a canary could not be deleted", reason=trip.left, **self._names)
        self._said_left = trip.left
        if trip.failed != "push":  # which was told when it happened
            self._told(trip)

    # What is left of it

    async def _cleared(self, flight: _Flight, *, stopped: bool) -> str:
        """Deletes it; why that is not possible, or "". A stop meanwhile waits for it a little."""
        clearing = asyncio.create_task(self._gone(flight), name=f"canary {self._account.name}: deleting")
        try:
            await asyncio.wait([clearing], timeout=_LEAVE_S if stopped else None)
        except asyncio.CancelledError:
            await asyncio.wait([clearing], timeout=_LEAVE_S)
            raise
        finally:
            if not clearing.done():
                clearing.cancel()
                await asyncio.wait([clearing])
        return "there was no time for it" if clearing.cancelled() else clearing.result()

    async def _gone(self, flight: _Flight) -> str:
        try:
            return await self._deleted(flight)
        except errors.MailwireError as error:
            self._left.add(flight.token.nonce)
            self._swept = False
            return str(error)

    async def _deleted(self, flight: _Flight) -> str:
        sending = flight.sending
        assert sending is not None  # noqa: S101 - for the type checker
        try:
            await asyncio.wait([sending])
        finally:
            sending.cancel()  # when there is no time to wait for it
        failure = sending.exception()
        if isinstance(failure, planting.Refused):
            return ""
        if flight.seen is not None:
            found: planting.Uids | None = (flight.seen.place.uidvalidity, [flight.seen.place.uid])
        else:
            found = None if failure else sending.result()
        left = await self._delete(found or await self._find(lambda token: token.nonce == flight.token.nonce))
        if left and left != changes.ONLY_MARKED:
            self._left.add(flight.token.nonce)
            self._swept = False
        elif not self._swept:
            await self._sweep()
        return left

    async def _sweep(self) -> None:
        """Deletes what this or an earlier process left behind, and nothing that does not prove to be that."""
        is_old = functools.partial(self._seal.is_left_over, by=self._maker)
        found = await self._find(lambda token: token.nonce in self._left or is_old(token))
        self._swept = (await self._delete(found)) in {"", changes.ONLY_MARKED}
        if self._swept:
            self._left.clear()
            if found[1]:
                log.info("canaries that were left behind are deleted", count=len(found[1]), **self._names)

    async def _find(self, wanted: planting.Wanted) -> planting.Uids:
        look = functools.partial(
            planting.found,
            folder=self._watching.folder,
            seal=self._seal,
            user=self._account.settings.user,
            wanted=wanted,
        )
        return await self._commands.use(look)

    async def _delete(self, found: planting.Uids) -> str:
        """Why it is not possible, or ""."""
        uidvalidity, uids = found
        deletions = [
            MailChange(id=f"canary {uid}", **self._names, uidvalidity=uidvalidity, uid=uid, op="delete") for uid in uids
        ]
        for result in await self._commands.change(deletions) if deletions else ():
            if isinstance(result, Exception):
                return str(result)
            if result.code == changes.ONLY_MARKED:
                return result.code
        return ""


def without(batch: Batch, seal: canary_.Seal, user: str, *, seen: Callable[[Mail, canary_.Token], None]) -> Batch:
    """The batch as if there were no canaries, whoever made them; its cursor passes them all the same."""
    census = batch.census.mails if batch.census else ()
    found = {}
    for mail in (*batch.mails, *census):
        if _NAME in mail.head.lower() and not mail.is_long and (token := seal.read(mail.headers, user)):
            found[mail.place] = token
            if mail.event == "new":
                seen(mail, token)
    if not found:
        return batch
    uids = {place.uid for place in found}
    return dataclasses.replace(
        batch,
        mails=tuple(mail for mail in batch.mails if mail.place not in found),
        marks=batch.marks
        and dataclasses.replace(
            batch.marks, mails={uid: mark for uid, mark in batch.marks.mails.items() if uid not in uids}
        ),
        census=batch.census
        and dataclasses.replace(batch.census, mails=tuple(mail for mail in census if mail.place not in found)),
    )
