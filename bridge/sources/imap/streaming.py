"""A part that is too large for memory, as a stream: chunk by chunk over a connection of its own, the next one asked for
while one is read; the transfer encoding is undone on the way.

A connection that ends is made anew, and goes on where the last one ended: a mail never changes under its UID. Chunks
become smaller then, for the sake of poor links; a server that ends the connection over it again and again, or refuses
it, withholds it.
"""

from __future__ import annotations

import collections
import contextlib
from collections.abc import AsyncGenerator

import structlog

from bridge import backoff, errors
from bridge.mail import Place, transfer
from bridge.mail.part import Part
from bridge.sources.imap import account as account_
from bridge.sources.imap import client, contents, opening
from bridge.sources.imap import connection as connection_

log = structlog.get_logger()
_CHUNK_BYTES = 524_288  # larger ones are no faster, and take more memory
_AHEAD = 3  # chunks asked for at a time
_LEAST_BYTES = 65_536  # of a chunk
_STRIKES = 5  # in a row without an octet


class _Stumbled(errors.SourceError):
    """It may be the part's fault."""


async def file(account: account_.Account, place: Place, part: Part) -> AsyncGenerator[bytes, None]:
    """See ``bridge.sources.Source.file``."""
    undoing = transfer.undoing(part.encoding)
    async with contextlib.aclosing(_transferred(account, place, part)) as chunks:
        async for chunk in chunks:
            yield undoing.feed(chunk)
    yield undoing.finish()


async def _transferred(account: account_.Account, place: Place, part: Part) -> AsyncGenerator[bytes, None]:
    at, failures, strikes, chunk_bytes = 0, 0, 0, _CHUNK_BYTES
    while True:
        before = at
        try:
            async with contextlib.aclosing(_over_one_connection(account, place, part, at, chunk_bytes)) as chunks:
                async for chunk in chunks:
                    at += len(chunk)
                    yield chunk
            return
        except errors.SourceError as error:
            failures, strikes = (1, 0) if at > before else (failures + 1, strikes)
            strikes += isinstance(error, _Stumbled)
            if strikes >= _STRIKES:
                raise errors.MailError(f"the server does not give it: {error}") from None
            chunk_bytes = max(_LEAST_BYTES, chunk_bytes // 2)
            settings = account.settings
            wait_s = backoff.wait_s(failures, least_s=settings.retry_min, most_s=settings.retry_max)
            where = {"mailbox": place.mailbox, "folder": place.folder, "uid": place.uid}
            log.info("a file's connection ended", **where, octets=at, reason=str(error), retry_s=round(wait_s, 1))
            await account.rest(error, wait_s)


async def _over_one_connection(
    account: account_.Account, place: Place, part: Part, at: int, chunk_bytes: int
) -> AsyncGenerator[bytes, None]:
    connection = await account.connect()
    try:
        selected = await opening.select(connection, place.folder, read_only=True)
        if selected.uidvalidity != place.uidvalidity:
            raise errors.MailError("the folder was made anew, and the mail is another one there")
        ahead = 1 if account.pipelining == "off" else _AHEAD
        chunks = _Chunks(connection, place.uid, part, at, chunk_bytes, ahead=ahead)
        try:
            while chunk := await chunks.next():
                yield chunk
        except errors.Disconnected as error:
            raise _Stumbled(str(error)) from error
    finally:
        connection.close()


class _Chunks:
    """The chunks of one part from an origin on, over one connection."""

    def __init__(
        self, connection: connection_.Connection, uid: int, part: Part, origin: int, size: int, *, ahead: int
    ) -> None:
        self._connection = connection
        self._uid = uid
        self._part = part
        self._size = size
        self._ahead = ahead
        self._asked: collections.deque[int] = collections.deque()  # origins
        self._next = origin
        self._early: dict[int, bytes] = {}  # came in the answer to another one's command, as Dovecot has it
        self._ended = False

    async def next(self) -> bytes:
        """The next chunk; b"" where there is none. A short one is the last: the size that the structure tells is not
        always true.
        """
        if self._ended:
            return b""
        self._ask()
        origin = self._asked.popleft()
        (answer,) = await self._connection.collect(1)
        if not answer.ok:
            raise _Stumbled(client.readable(answer.text))
        brought = contents.Brought([answer])
        self._early |= contents.chunks(brought, self._uid, self._part.section)
        if origin not in self._early and origin < self._part.size:
            self._missing(brought)
        chunk = self._early.pop(origin, b"")[: self._size]
        self._ended = len(chunk) < self._size
        return chunk

    def _missing(self, brought: contents.Brought) -> None:
        """Nothing came of a chunk that should be there. NIL is an end, too."""
        items = brought.items.get(self._uid, ())
        if not items and not brought.illegible:
            raise errors.MailError("the mail is gone")
        if not any(name.startswith(b"BODY[") for item in items for name in item):
            raise _Stumbled("the server's answer about it cannot be read")

    def _ask(self) -> None:
        """As far ahead as the part is known to go, and one chunk further where it turns out to be longer."""
        while not self._asked or (len(self._asked) < self._ahead and self._next < self._part.size):
            self._connection.post(
                b"UID FETCH %d (UID BODY.PEEK[%s]<%d.%d>)"
                % (self._uid, self._part.section.encode(), self._next, self._size)
            )
            self._asked.append(self._next)
            self._next += self._size
