"""Doubles for tests, of the bridge and of whoever writes a plugin: a clock that is moved by hand, a sink that fails
by script, a source that yields what it is told, and makers of mails and deliveries.

Nothing in the bridge imports this.
"""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import datetime
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Self

from bridge import errors, sources
from bridge.delivery import Delivery, MailChange, Receipt, delivery_id
from bridge.mail import Mail, Place
from bridge.mail.part import Part

RECEIVED = datetime.datetime(2026, 11, 1, 12, 0, tzinfo=datetime.UTC)


class Clock:
    """The time of the store and of the running event loop, moved by hand."""

    def __init__(self) -> None:
        self._ahead_s = 0.0
        self._wall_s = 0.0
        self._loop = asyncio.get_running_loop()
        self._monotonic = self._loop.time
        self._loop.time = self._loop_time  # type: ignore[method-assign]

    def __call__(self) -> float:
        """POSIX seconds."""
        return time.time() + self._ahead_s + self._wall_s

    def advance(self, seconds: float) -> None:
        """It is that much later: every timer that is over by then fires now."""
        self._ahead_s += seconds
        self._loop.call_soon(lambda: None)

    def set(self, seconds: float) -> None:
        """The wall clock is that much ahead of what it is; the loop's, which cannot go back, goes on."""
        self._wall_s = seconds - self._ahead_s
        self._loop.call_soon(lambda: None)

    def _loop_time(self) -> float:
        return self._monotonic() + self._ahead_s


class FlakySink:
    """A sink whose answers are scripted by target; without a script it acknowledges. ``sent`` is what it was handed.

    ``hold`` keeps every delivery until ``release`` is set; ``away`` makes it unavailable until it is back.
    """

    def __init__(self, *, depth: int = 4, pipelined: bool = False) -> None:
        self.depth = depth
        self.pipelined = pipelined
        self.sent: list[Delivery] = []
        self.expiries: list[float | None] = []
        self.scripts: dict[str, collections.deque[Exception]] = {}
        self.release = asyncio.Event()
        self.release.set()
        self.back = asyncio.Event()
        self.back.set()
        self.arrived = asyncio.Event()

    def fail(self, target: str, *failures: Exception) -> None:
        """The next deliveries to this target fail like that."""
        self.scripts.setdefault(target, collections.deque()).extend(failures)

    @property
    def ids(self) -> list[str]:
        return [delivery.id for delivery in self.sent]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None: ...

    async def ready(self) -> None:
        await self.back.wait()

    async def send(self, delivery: Delivery, *, expires_in_s: float | None) -> Receipt:
        self.sent.append(delivery)
        self.expiries.append(expires_in_s)
        self.arrived.set()
        await self.release.wait()
        if not self.back.is_set():
            raise errors.Unavailable
        script = self.scripts.get(delivery.target)
        if script:
            raise script.popleft()
        return Receipt(delivery_id=delivery.id, code="ok")


class ScriptedSource:
    """Yields the given batches, then waits for ever; ``changed`` is what it was asked to change."""

    def __init__(
        self, batches: Iterable[sources.Batch] = (), *, files: Mapping[str, Sequence[bytes | Exception]] | None = None
    ) -> None:
        """``files`` is a part's section → its pieces; an exception among them is raised."""
        self._batches = list(batches)
        self._files = files or {}
        self.asked: list[tuple[int, str]] = []  # for files: (uid, section)
        self.changed: list[MailChange] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None: ...

    async def batches(self) -> AsyncIterator[sources.Batch]:
        for batch in self._batches:
            yield batch
        await asyncio.Event().wait()

    async def file(self, place: Place, part: Part) -> AsyncGenerator[bytes, None]:
        self.asked.append((place.uid, part.section))
        for piece in self._files[part.section]:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    async def change(self, changes: Sequence[MailChange]) -> Sequence[Receipt | Exception]:
        self.changed.extend(changes)
        return [Receipt(delivery_id=change.id) for change in changes]

    def states(self) -> Sequence[sources.FolderState]:
        return ()


def place(uid: int = 1, *, mailbox: str = "home", folder: str = "INBOX", uidvalidity: int = 1) -> Place:
    return Place(mailbox=mailbox, folder=folder, uidvalidity=uidvalidity, uid=uid)


def cursor(uid: int, *, folder: str = "INBOX", uidvalidity: int = 1) -> sources.Cursor:
    return sources.Cursor(mailbox="home", folder=folder, uidvalidity=uidvalidity, uid=uid)


def mail(uid: int = 1, *, body: str = "", at: Place | None = None, **headers: str) -> Mail:
    """A small mail; header names are written with underscores: ``Message_ID="<1@x>"``."""
    lines = {"From": "Cam <cam@cameras.example>", "Subject": "Motion at hall", "Message-ID": f"<{uid}@test>"}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return Mail.from_bytes(f"{head}\r\n{body}".encode(), place=at or place(uid), received=RECEIVED)


def happened(event: str, to: Mail, *, occurrence: int = 1, at: float | None = None) -> Mail:
    """This mail, when that has happened to it."""
    return dataclasses.replace(to, event=event, occurrence=occurrence, happened=at)


def delivery(uid: int = 1, *, action: int = 0, **fields: Any) -> Delivery:
    """One delivery of the mail ``place(uid)`` to ``home/hall`` at the sink ``broker``."""
    part = fields.get("part", "main")
    given: dict[str, Any] = {
        "id": delivery_id("home", "INBOX", 1, uid, "new", 0, fields.get("rule", "rule"), action, part),
        "sink": "broker",
        "target": "home/hall",
        "payload": b"x",
        "rule": "rule",
        "mailbox": "home",
        "folder": "INBOX",
        **fields,
    }
    return Delivery(**given)
