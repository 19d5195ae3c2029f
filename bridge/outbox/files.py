"""Payloads that are too large to be held in memory: in the store, in pieces, so that they outlive a crash and go
wherever it goes.

A file is put in before its mail is recorded, each piece in a transaction of its own; the mail's commit ties it to the
deliveries that name it (``deliveries.file``). What no delivery names is erased: what a crash left behind, what nobody
wanted in the end (a throttle), and what the last delivery has let go of. That is done piece by piece too, so that no
commit waits long for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from typing import Protocol, TypeVar

import sqlalchemy as sa

from bridge import errors
from bridge.delivery import File
from bridge.outbox.tables import chunks, deliveries, files

T = TypeVar("T")
PIECE_BYTES = 1024 * 1024  # of one row at the most
_ERASED_AT_ONCE = 4  # rows


class Do(Protocol):
    """Runs an operation in a transaction (``Store``)."""

    def __call__(self, operation: Callable[[sa.Connection], T], /) -> Awaitable[T]: ...


class TooLargeError(errors.MailError):
    """The file is larger than what is allowed."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size  # octets that had come by then


class Files:
    """The files of one store."""

    def __init__(self, do: Do) -> None:
        self._do = do
        self._making: set[str] = set()  # not tied to anything yet, and not to be erased
        self._look = asyncio.Event()
        self._look.set()  # what a crash left behind
        self._any = True  # whether there may be any at all

    @contextlib.contextmanager
    def keeping(self) -> Iterator[Keeper]:
        """Who puts files in, up to the commit that ties them."""
        keeper = Keeper(self._put)
        try:
            yield keeper
        finally:
            if keeper.kept:
                self._making -= keeper.kept
                self._look.set()

    async def _put(self, pieces: AsyncIterator[bytes], most: int, kept: set[str]) -> File:
        name, size, n = secrets.token_hex(8), 0, 0
        self._any = True
        self._making.add(name)
        kept.add(name)
        await self._do(lambda connection: _begin(connection, name))
        async for piece in pieces:
            size += len(piece)
            if size > most:
                raise TooLargeError(size)
            if piece:
                await self._do(_appending(name, n, piece))
                n += 1
        return File(id=name, size=size)

    def content(self, file: File) -> Content:
        return Content(self._do, file)

    def released(self) -> None:
        """A delivery has ended: it may have been the last one of a file."""
        if self._any:
            self._look.set()

    async def erase_for_ever(self) -> None:
        """Whatever no delivery names."""
        while True:
            await self._look.wait()
            self._look.clear()
            while await self._do(lambda connection: _erase_some(connection, self._making)):
                pass
            self._any = bool(self._making) or await self._do(_any)


class Keeper:
    """Puts files into the store for one batch of mails."""

    def __init__(self, put: Callable[[AsyncIterator[bytes], int, set[str]], Awaitable[File]]) -> None:
        self._put = put
        self.kept: set[str] = set()

    async def keep(self, pieces: AsyncIterator[bytes], *, most: int) -> File:
        """A file of these pieces, of ``PIECE_BYTES`` at most each; the next is asked for when one is committed.

        Raises:
            TooLargeError: it has more than ``most`` octets.
            Exception: what ``pieces`` raises.
        """
        return await self._put(pieces, most, self.kept)


class Content:
    """A file to be sent (``sinks.Content``)."""

    def __init__(self, do: Do, file: File) -> None:
        self._do = do
        self._id = file.id
        self.size = file.size

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        left, n = self.size, 0
        while left > 0:
            piece = await self._do(_reading(self._id, n))
            if piece is None or len(piece) > left:
                raise errors.Permanent("what it was to send is no longer kept")
            yield piece
            left -= len(piece)
            n += 1


def _begin(connection: sa.Connection, name: str) -> None:
    connection.execute(sa.insert(files).values(id=name, created=time.time()))


def _appending(name: str, n: int, octets: bytes) -> Callable[[sa.Connection], None]:
    def append(connection: sa.Connection) -> None:
        connection.execute(sa.insert(chunks).values(file_id=name, n=n, octets=octets))

    return append


def _reading(name: str, n: int) -> Callable[[sa.Connection], bytes | None]:
    def read(connection: sa.Connection) -> bytes | None:
        query = sa.select(chunks.c.octets).where(chunks.c.file_id == name, chunks.c.n == n)
        found: bytes | None = connection.execute(query).scalar()
        return found

    return read


def _erase_some(connection: sa.Connection, making: set[str]) -> bool:
    """Whether there was anything that no delivery names."""
    named = sa.exists().where(deliveries.c.file == files.c.id)
    loose = connection.execute(sa.select(files.c.id).where(~named)).scalars()
    name = next((one for one in loose if one not in making), None)
    if name is None:
        return False
    some = sa.select(chunks.c.n).where(chunks.c.file_id == name).limit(_ERASED_AT_ONCE)
    gone = connection.execute(sa.delete(chunks).where(chunks.c.file_id == name, chunks.c.n.in_(some)))
    if not gone.rowcount:
        connection.execute(sa.delete(files).where(files.c.id == name))
    return True


def _any(connection: sa.Connection) -> bool:
    return connection.execute(sa.select(files.c.id).limit(1)).first() is not None
