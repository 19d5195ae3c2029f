"""Whether the server lets a mailbox in, and what it can do there. Reads only: folders are opened with EXAMINE."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from bridge import errors, oauth
from bridge.sources import settings as settings_
from bridge.sources.imap import account as account_
from bridge.sources.imap import connection as connection_
from bridge.sources.imap import fetch, hub, opening, session


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Folder:
    """A folder as it was found; one that cannot be opened has a ``fault`` and no mails."""

    name: str
    mails: int = 0
    fault: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """What a server can do for a mailbox."""

    tls: str  # as in "TLSv1.3"; "" where there is none
    capabilities: frozenset[bytes]
    round_trips: int | None  # from a push to the mail in hand; None: there is no push, and the bridge has to look
    folders: tuple[Folder, ...]


async def log_in(name: str, settings: settings_.Mailbox, tokens: oauth.Tokens | None = None) -> None:
    """Connects, logs in, and closes.

    Raises:
        errors.SourceError: it does not work, and why.
    """
    (await account_.Account(name, settings, hub=hub.Hub(), tokens=tokens).connect()).close()


async def look(name: str, settings: settings_.Mailbox, tokens: oauth.Tokens | None = None) -> Server:
    """Connects, logs in, opens each folder, asks for pushes as the watcher would, and closes. Connecting, each folder
    and the rest have ``timeout`` each.

    Raises:
        errors.SourceError: there is no connection that is logged in, and why.
    """
    account = account_.Account(name, settings, hub=hub.Hub(), tokens=tokens)
    async with _deadline(settings):
        connection = await account.connect()
    try:
        folders = [await _folder(connection, folder) for folder in settings.folders]
        async with _deadline(settings):
            is_open = await _reopened(connection, folders)
            round_trips = await _round_trips(account, connection, is_open=is_open)
        return Server(
            tls=connection.tls,
            capabilities=connection.capabilities,
            round_trips=round_trips,
            folders=tuple(folders),
        )
    finally:
        connection.close()


@asynccontextmanager
async def _deadline(settings: settings_.Mailbox) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(settings.timeout):
            yield
    except TimeoutError:
        host, port = settings.address
        raise errors.Disconnected(f"{host}:{port}: not done within {settings.timeout:g} s") from None


async def _folder(connection: connection_.Connection, name: str) -> Folder:
    """
    Raises:
        errors.Disconnected: the connection ended, so that nothing is known of the other folders.
    """
    try:
        async with _deadline(connection.settings):
            selected = await opening.select(connection, name, read_only=True)
    except errors.Disconnected:
        raise
    except errors.SourceError as error:
        return Folder(name=name, fault=str(error))
    return Folder(name=name, mails=selected.exists)


async def _reopened(connection: connection_.Connection, folders: Sequence[Folder]) -> bool:
    """Whether one of them is open, as it has to be for pushes: a folder that is missing closed the one before."""
    good = [folder.name for folder in folders if not folder.fault]
    if good and connection.selected is None:
        await opening.select(connection, good[-1], read_only=True)
    return bool(good)


async def _round_trips(account: account_.Account, connection: connection_.Connection, *, is_open: bool) -> int | None:
    """Tried, not believed: some servers offer what they refuse."""
    capabilities = connection.capabilities
    if b"IDLE" not in capabilities:
        return None
    try:
        await session.Session(account, connection).prove()
    except errors.Disconnected:
        if account.pipelining != "off":
            raise
        return 0 if b"NOTIFY" in capabilities else 2  # DONE has to be answered before the fetch is sent
    notified = b"NOTIFY" in capabilities and (not is_open or await opening.notify(connection, fetch.ITEMS))
    connection.post(idle=True)
    (answer,) = await connection.collect(1)
    if not answer.ok:
        return None
    return 0 if notified else 1
