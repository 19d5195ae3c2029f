"""Opening a folder on a connection, and what folders there are."""

from __future__ import annotations

import dataclasses

from bridge import errors
from bridge.sources.imap import client, frames, response
from bridge.sources.imap import connection as connection_

LATER = frozenset({b"UNAVAILABLE", b"INUSE", b"LIMIT", b"SERVERBUG"})  # RFC 5530: the same may do in a while


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Selected:
    """A folder as it was when it was opened."""

    uidvalidity: int
    uidnext: int | None  # some servers do not say
    exists: int
    modseq: int | None = None  # RFC 7162, where it was asked for and there is one


async def notify(connection: connection_.Connection, items: bytes) -> bool:
    """Asks the server to send new mails of the open folder by itself: these items of each (RFC 5465, section 5.2), and
    to go on telling of flags that change. Whether it does.
    """
    command = b"NOTIFY SET (SELECTED (MessageNew (%s) MessageExpunge FlagChange))" % items
    (answer,) = await connection.run(command)
    connection.news.notified = answer.ok
    return answer.ok


async def select(
    connection: connection_.Connection, folder: str, *, read_only: bool, condstore: bool = False
) -> Selected:
    """Opens a folder (EXAMINE or SELECT), with CONDSTORE where it is wanted and the server does not mind.

    Raises:
        errors.FolderMissing: there is none of that name; the message names those that there are.
        errors.SourceError: it cannot be opened.
    """
    connection.selected = None
    command = (b"EXAMINE " if read_only else b"SELECT ") + client.folder_name(folder)
    (answer,) = await connection.run(command + b" (CONDSTORE)" if condstore else command)
    if condstore and answer.status == "BAD":
        (answer,) = await connection.run(command)
    if not answer.ok:
        raise await _unopened(connection, folder, answer)
    told = _numbers(answer.untagged)
    if not told.get(b"UIDVALIDITY"):
        raise errors.SourceError(f"the server gives no UIDVALIDITY for folder {folder!r}: it has no lasting UIDs")
    uidvalidity, uidnext = response.checked(told[b"UIDVALIDITY"], "UIDVALIDITY"), told.get(b"UIDNEXT")
    if uidnext is not None:
        response.checked(uidnext - 1 or 1, "UIDNEXT")  # that of a folder whose UIDs are used up is one too large
    connection.selected = (folder, uidvalidity)
    connection.news.looking()
    modseq = (told.get(b"HIGHESTMODSEQ") or None) if condstore else None
    return Selected(uidvalidity=uidvalidity, uidnext=uidnext, exists=connection.news.exists, modseq=modseq)


async def _unopened(connection: connection_.Connection, folder: str, answer: connection_.Answer) -> errors.SourceError:
    if answer.code in LATER:
        return errors.SourceError(f"folder {folder!r} cannot be opened now: {client.readable(answer.text)}")
    there = await folders(connection)
    if folder in there:
        return errors.SourceError(f"folder {folder!r} cannot be opened: {client.readable(answer.text)}")
    return errors.FolderMissing(f"there is no folder {folder!r}; the mailbox has: {', '.join(there)}")


async def folders(connection: connection_.Connection) -> list[str]:
    """The names of the folders that can be opened, sorted.

    Raises:
        errors.SourceError: the server does not list them.
    """
    (answer,) = await connection.run(b'LIST "" "*"')
    if not answer.ok:
        raise errors.SourceError(f"the server does not list its folders: {client.readable(answer.text)}")
    return client.folders(answer.untagged)


def _numbers(untagged: list[frames.Pieces]) -> dict[bytes, int]:
    """The response codes with a number that opening a folder brought: UIDVALIDITY, UIDNEXT."""
    found = {}
    for pieces in untagged:
        if connection_.is_named(pieces, b"OK ["):
            code, argument = response.code(pieces[0][5:])
            if argument.isdigit():
                found[code] = int(argument[:20])  # more than enough to see that it is too large
    return found
