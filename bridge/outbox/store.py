"""The store: one thread that owns the one connection, and commits as many writes as wait (group commit).

The design spoke of SQLAlchemy's asyncio layer. A whole transaction in one hop to a thread costs less than a hop a
statement, is simpler to follow, and saves its memory; the Core statements and the schema are the same.
"""

from __future__ import annotations

import asyncio
import collections
import concurrent.futures
import contextlib
import dataclasses
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Self, TypeVar

import sqlalchemy as sa
import structlog

from bridge import backoff, errors, events, outbox
from bridge.mail import Place
from bridge.outbox import database, files, marks, queue, recognising, recording, rows, settling, tallies
from bridge.outbox.tables import attempts, meta
from bridge.sources import Cursor, Mark, Marks

log = structlog.get_logger()
T = TypeVar("T")
_Operation = Callable[[sa.Connection], Any]
_CAREFUL_MAILS = 100  # after an unclean stop, so many mails go one by one
_FOREIGN_POLL_S = 1.0  # how soon a write of the `outbox` command is noticed
_MOST_A_COMMIT = 64  # operations of one group commit
_LONGEST_WAIT_S = 30.0  # between two tries to write to a database that cannot be written


class _RehearsedError(Exception):
    """Undoes a transaction that was only a rehearsal."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Waiting:
    """A write, who waits for it, and whom it gives something to do: they are told even if nobody waits any more."""

    operation: _Operation
    future: asyncio.Future[Any]
    news: Callable[[Any], Mapping[str, outbox.News]]


class Store:
    """The outbox and the cursors.

    A coroutine that is cancelled does not take its write back: what was handed over is committed or seen again.

    Raises:
        errors.StoreInUse: on entry, when another bridge runs on this state.
        errors.StoreError: on entry, when the state cannot be opened.
    """

    def __init__(self, url: str, *, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self._url = url
        self._stack = contextlib.AsyncExitStack()
        self._waiting: collections.deque[_Waiting] = collections.deque()
        self._wake = asyncio.Event()
        self._news: dict[str, list[Callable[[outbox.News], None]]] = {}
        self._careful_left = 0
        self._closing = False
        self._stopping = asyncio.Event()
        self.files = files.Files(self._do)

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            self._thread = stack.enter_context(concurrent.futures.ThreadPoolExecutor(1, "store"))
            stack.enter_context(database.exclusively(self._url))
            self._engine = await self._in_thread(lambda: database.connect(self._url))
            stack.push_async_callback(self._in_thread, self._engine.dispose)
            self._connection = await self._in_thread(self._engine.connect)
            stack.push_async_callback(self._in_thread, self._connection.close)
            writer = asyncio.create_task(self._write_for_ever(), name="store: writer")
            stack.push_async_callback(self._stop_writer, writer)
            if await self._do(_mark_running):
                self._careful_left = _CAREFUL_MAILS
                log.warning("the last stop was not clean: mails go one by one for a while", mails=_CAREFUL_MAILS)
            watcher = asyncio.create_task(self._watch_foreign_writes(), name="store: foreign writes")
            stack.push_async_callback(_cancel, watcher)
            eraser = asyncio.create_task(self.files.erase_for_ever(), name="store: files")
            stack.push_async_callback(_cancel, eraser)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._stopping.set()  # from here on, what cannot be written is not waited for
        if exc[0] is None:
            with contextlib.suppress(errors.StoreError):  # then the next start will say that this stop was not clean
                await self._do(_mark_stopped)
        await self._stack.aclose()

    # What sources ask.

    async def cursor(self, mailbox: str, folder: str) -> Cursor | None:
        return await self._do(lambda connection: recording.cursor(connection, mailbox, folder))

    async def marks(self, mailbox: str, folder: str, uids: Collection[int] | None = None) -> Mapping[int, Mark]:
        return await self._do(lambda connection: marks.kept(connection, mailbox, folder, uids))

    async def remembered(self, mailbox: str, folder: str, uids: Collection[int]) -> Mapping[int, Mark]:
        return await self._do(lambda connection: marks.remembered(connection, mailbox, folder, uids))

    async def attempt(self, place: Place) -> int:
        return await self._do(lambda connection: _count_attempt(connection, place))

    @property
    def careful(self) -> bool:
        return self._careful_left > 0

    # What goes in.

    async def handled(self, mails: Sequence[tuple[Place, str]]) -> list[bool]:
        """Which of these mails (place and fingerprint) this mailbox has handled before: see ``recognising.handled``."""
        return await self._do(lambda connection: recognising.handled(connection, mails))

    async def record(
        self, position: Cursor, entries: Sequence[outbox.Entry], *, marks: Marks | None = None
    ) -> outbox.Fates:
        """Commits the cursor, how mails are marked, the mails and what happened to them, what that uses up and its
        deliveries, all or nothing; returns what became of the rules that claimed something, and of what was known.
        """
        now = self.clock()

        def write(some: Sequence[outbox.Entry]) -> Callable[[sa.Connection], recording.Recorded]:
            return lambda connection: recording.record(connection, position, some, now=now, told=marks)

        try:
            done = await self._do(write(entries), news=_news)
        except errors.StoreError:
            raise
        except Exception as error:  # noqa: BLE001 -- one bad entry must not hold up its batch
            log.error("some of a batch cannot be recorded", mailbox=position.mailbox, reason=type(error).__name__)
            sound = [await self._sound(position, entry) for entry in entries]
            done = await self._do(write(sound), news=_news)
        self._careful_left = max(0, self._careful_left - len(entries))
        return done.fates

    async def _sound(self, position: Cursor, entry: outbox.Entry) -> outbox.Entry:
        """The entry, if it can be recorded by itself; else one that says that its mail is dead."""

        def rehearse(connection: sa.Connection) -> None:
            recording.record(connection, position, [entry], now=self.clock())
            raise _RehearsedError

        try:
            await self._do(rehearse)
        except _RehearsedError:
            return entry
        except errors.StoreError:
            raise
        except Exception as error:  # noqa: BLE001 -- the entry is to blame, whatever it is
            reason = f"cannot be recorded: {type(error).__name__}"
            place = entry.place
            log.error("a mail is dead", mailbox=place.mailbox, folder=place.folder, uid=place.uid, reason=reason)
        return outbox.Entry(place=entry.place, event=entry.event, occurrence=entry.occurrence, dead=reason)

    # What goes out.

    async def settle(self, outcomes: Sequence[outbox.Outcome]) -> outbox.Settled:
        now = self.clock()
        settled = await self._do(
            lambda connection: settling.settle(connection, outcomes, now=now), news=lambda settled: settled.news
        )
        self.files.released()
        return settled

    async def page(self, sink: str, *, after: int, limit: int, horizon: float) -> outbox.Page:
        """The next deliveries behind ``after``; ``next_due`` looks at those that are due after ``horizon``."""
        now = self.clock()

        def read(connection: sa.Connection) -> outbox.Page:
            found = queue.due(connection, sink, now=now, after=after, limit=limit)
            more = len(found) == limit
            later = None if more else queue.next_due(connection, sink, now=horizon)
            return outbox.Page(deliveries=found, more=more, next_due=later)

        return await self._do(read)

    async def waiting_lanes(self, sink: str) -> dict[str, float]:
        now = self.clock()
        return await self._do(lambda connection: queue.waiting_lanes(connection, sink, now=now))

    async def next_deadline(self, sink: str) -> float | None:
        return await self._do(lambda connection: queue.next_deadline(connection, sink))

    async def pending(self, sink: str) -> bool:
        """Whether this sink has anything that waits or is under way."""
        return await self._do(lambda connection: queue.pending(connection, sink))

    async def overdue(self, sink: str) -> list[outbox.Queued]:
        now = self.clock()
        return await self._do(lambda connection: queue.overdue(connection, sink, now=now))

    async def next_report(self) -> float | None:
        """When the next summary of what was suppressed is due."""
        return await self._do(tallies.next_report)

    async def take_reports(self) -> list[events.Suppressed]:
        """The summaries that are due; whoever takes them tells of them."""
        now = self.clock()
        return await self._do(lambda connection: tallies.take_reports(connection, now=now))

    async def set_trouble(self, sink: str, trouble: str) -> None:
        """Why a sink takes nothing at the moment, for whoever looks at the outbox; "" when it does."""
        await self._do(lambda connection: _set(connection, queue.TROUBLE + sink, trouble))

    def on_news(self, sink: str, callback: Callable[[outbox.News], None]) -> Callable[[], None]:
        """Calls back after each commit that gives this sink something to do, until what is returned is called."""
        listening = self._news.setdefault(sink, [])
        listening.append(callback)
        return lambda: listening.remove(callback)

    # What admins ask.

    async def orphans(self, sinks: Sequence[str]) -> dict[str, int]:
        return await self._do(lambda connection: queue.orphans(connection, sinks))

    async def counts(self) -> dict[str, dict[str, int]]:
        return await self._do(queue.counts)

    async def purge(self, *, keep_s: float) -> int:
        """Forgets what ended longer ago than that, and what throttles no longer have to know."""
        now = self.clock()
        await self._do(lambda connection: tallies.purge(connection, now=now))
        await self._do(lambda connection: marks.purge(connection, now=now))
        await self._do(lambda connection: recording.purge(connection, before=now - keep_s))
        return await self._do(lambda connection: queue.purge(connection, before=now - keep_s))

    # The writer.

    async def _do(
        self, operation: Callable[[sa.Connection], T], *, news: Callable[[T], Mapping[str, outbox.News]] = lambda _: {}
    ) -> T:
        if self._closing:
            raise errors.StoreError("the state is closed")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(operation, future, news))
        self._wake.set()
        return await future

    async def _write_for_ever(self) -> None:
        while not (self._closing and not self._waiting):
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            some = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST_A_COMMIT))]
            for one, result in zip(some, await self._commit([one.operation for one in some]), strict=True):
                failed = isinstance(result, BaseException)
                if not failed:
                    self._tell(one.news(result))
                if one.future.cancelled():
                    continue
                if failed:
                    one.future.set_exception(result)
                else:
                    one.future.set_result(result)

    async def _commit(self, operations: list[_Operation]) -> list[Any]:
        """All in one transaction; a database that cannot be written for now is waited for, which holds everybody
        back.
        """
        tries = 0
        while True:
            try:
                return await self._in_thread(lambda: _transact(self._connection, operations))
            except sa.exc.OperationalError as error:
                if self._stopping.is_set() or not database.may_pass(error):
                    return [errors.StoreError(f"the state cannot be written: {error.orig}") for _ in operations]
                tries += 1
                wait_s = backoff.wait_s(tries, most_s=_LONGEST_WAIT_S)
                log.error(
                    "the state cannot be written; nothing goes on", reason=str(error.orig), retry_s=round(wait_s, 1)
                )
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._stopping.wait()
            except Exception as error:  # noqa: BLE001 -- handed to whoever asked for the operation
                if len(operations) == 1:
                    return [error]
                return [(await self._commit([one]))[0] for one in operations]

    async def _stop_writer(self, writer: asyncio.Task[None]) -> None:
        self._closing = True
        self._wake.set()
        await writer

    async def _watch_foreign_writes(self) -> None:
        seen = None
        while True:
            version = await self._do(_data_version)
            if seen is not None and version != seen:
                self._tell(dict.fromkeys(self._news, outbox.News(foreign=True)))
                self.files.released()
            seen = version
            if version is None:
                return
            await asyncio.sleep(_FOREIGN_POLL_S)

    def _tell(self, news: Mapping[str, outbox.News]) -> None:
        for sink, what in news.items():
            for callback in self._news.get(sink, ()):
                callback(what)

    async def _in_thread(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)


def _news(done: recording.Recorded) -> Mapping[str, outbox.News]:
    return done.news


def _transact(connection: sa.Connection, operations: Sequence[_Operation]) -> list[Any]:
    with connection.begin():
        return [operation(connection) for operation in operations]


def _mark_running(connection: sa.Connection) -> bool:
    """Whether the last stop was unclean."""
    unclean = connection.execute(sa.select(meta.c.value).where(meta.c.key == "running")).scalar() == "1"
    _set(connection, "running", "1")
    settling.forget_shown(connection)
    return unclean


def _mark_stopped(connection: sa.Connection) -> None:
    _set(connection, "running", "0")
    connection.execute(sa.delete(attempts))


def _set(connection: sa.Connection, key: str, value: str) -> None:
    statement = rows.insert(connection, meta).values(key=key, value=value)
    connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_={"value": value}))


def _count_attempt(connection: sa.Connection, place: Place) -> int:
    values = {"mailbox": place.mailbox, "folder": place.folder, "uidvalidity": place.uidvalidity, "uid": place.uid}
    statement = (
        rows.insert(connection, attempts)
        .values(tries=1, **values)
        .on_conflict_do_update(index_elements=list(values), set_={"tries": attempts.c.tries + 1})
        .returning(attempts.c.tries)
    )
    return int(connection.execute(statement).scalar_one()) - 1


def _data_version(connection: sa.Connection) -> int | None:
    """Changes when another connection writes; None where there is no such thing."""
    if connection.dialect.name != "sqlite":
        return None
    return int(connection.exec_driver_sql("PRAGMA data_version").scalar_one())


async def _cancel(task: asyncio.Task[None]) -> None:
    """A task beside the writer. That the state cannot be written any more is told where it matters."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, errors.StoreError):
        await task
