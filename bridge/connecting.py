"""Are the mailboxes and sinks of a configuration there? For ``mailwire check --connect``: nothing is sent, marked or
kept.

Each is tried by itself, so that what one of them lacks says nothing of the others, and by a guest beside a bridge that
may be running.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable

from bridge import config, errors, guests, oauth, sinks
from bridge.sources.imap import trial

READY_S = 30.0  # for a sink that cannot be probed to get ready


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Mailbox:
    """A mailbox that was tried: what its server can do, or why there is no telling."""

    name: str
    server: trial.Server | None = None
    fault: str = ""

    @property
    def well(self) -> bool:
        return self.server is not None and not any(folder.fault for folder in self.server.folders)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Sink:
    """A sink that was tried: what is said of it, or why it cannot be reached."""

    name: str
    said: str = ""
    fault: str = ""

    @property
    def well(self) -> bool:
        return not self.fault


Tried = Mailbox | Sink
Noted = Callable[[Tried], object]


async def try_all(settings: config.Settings, *, noted: Noted) -> list[Tried]:
    """All of them, side by side, in the order of the file; ``noted`` is told of each as soon as it is known."""
    room = asyncio.Semaphore(settings.limits.connecting)

    async def one(trying: Awaitable[Tried]) -> Tried:
        async with room:
            tried = await trying
        noted(tried)
        return tried

    async with asyncio.TaskGroup() as group:
        tasks = [
            *(group.create_task(one(try_mailbox(settings, name)), name=f"try {name}") for name in settings.mailboxes),
            *(group.create_task(one(try_sink(settings, name)), name=f"try {name}") for name in settings.sinks),
        ]
    return [task.result() for task in tasks]


async def try_mailbox(settings: config.Settings, name: str) -> Mailbox:
    """Logs in and opens each folder, read-only. Raises nothing."""
    account = settings.mailboxes[name]
    try:
        async with oauth.tokens_of(name, account.oauth, config.state_folder(settings.state)) as tokens:
            return Mailbox(name=name, server=await trial.look(name, account, tokens))
    except Exception as error:  # noqa: BLE001 - a bug over one of them must not hide what is known of the others
        return Mailbox(name=name, fault=why(error))


async def try_sink(settings: config.Settings, name: str) -> Sink:
    """Reaches the far end, and sends it nothing that it could act on. Raises nothing."""
    try:
        async with guests.guest(settings, name) as sink:
            return Sink(name=name, said=await reached(sink))
    except Exception as error:  # noqa: BLE001 - as above
        return Sink(name=name, fault=why(error))


async def reached(sink: sinks.Sink) -> str:
    """What is said of the far end.

    Raises:
        errors.Unavailable: it cannot be reached, and why.
    """
    if isinstance(sink, sinks.Probed):
        return await sink.probe()
    try:
        async with asyncio.timeout(READY_S):
            await sink.ready()
    except TimeoutError:
        raise errors.Unavailable(f"not ready within {READY_S:g} s") from None
    return "ready"


def why(error: Exception) -> str:
    """No traceback, and no text of a stranger's: it could hold a secret."""
    return str(error) if isinstance(error, errors.MailwireError) else f"an error in the bridge ({type(error).__name__})"
