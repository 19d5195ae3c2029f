"""A mail through the admin's own mailboxes, and a message to each sink, each hop timed: for ``mailwire selftest``.

It goes the way that the bridge's own mails go, through the same code: a folder is watched, a canary is put into it and
comes by push. It moves nothing, no rule is asked, and the state is not opened. A bridge that runs meanwhile is not
disturbed: connections are this test's own, sinks are guests, and the canary proves by the key that both share (see
``bridge.sources.canary``) that it is no mail for rules.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Literal

from bridge import config, connecting, errors, guests, oauth, sinks, sources
from bridge.mail import Place
from bridge.sources import canary as canary_
from bridge.sources import imap
from bridge.sources import settings as settings_
from bridge.sources.imap import changes

_AS_BRIDGE = "run it as the user that the bridge runs as"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Hop:
    """One step of the way."""

    name: str
    took_s: float | None = None
    said: str = ""
    fault: str = ""
    todo: str = ""  # what to do about the fault


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Tested:
    """A mailbox or a sink, and the hops as far as it got."""

    kind: Literal["mailbox", "sink"]
    name: str
    hops: tuple[Hop, ...]

    @property
    def failed(self) -> Hop | None:
        return next((hop for hop in self.hops if hop.fault), None)


async def test_all(
    settings: config.Settings, *, mailboxes: Collection[str], noted: Callable[[Tested], object]
) -> list[Tested]:
    """These mailboxes and all sinks, side by side, in the order of the file; ``noted`` is told of each when it is done.

    Cancelled, it deletes what it has put into the mailboxes before it ends.
    """
    state = settings.state
    seal = canary_.Seal(canary_.key_file(state, config.state_folder(state)), bridge=settings.name)
    room = asyncio.Semaphore(settings.limits.connecting)

    async def one(kind: Literal["mailbox", "sink"], name: str) -> Tested:
        steps = Steps()
        async with room:
            with contextlib.suppress(Failed):
                await (_mailbox(settings, name, seal, steps) if kind == "mailbox" else _sink(settings, name, steps))
        tested = Tested(kind=kind, name=name, hops=tuple(steps.hops))
        noted(tested)
        return tested

    async with asyncio.TaskGroup() as group:
        tasks = [
            *(group.create_task(one("mailbox", name), name=f"test {name}") for name in mailboxes),
            *(group.create_task(one("sink", name), name=f"test {name}") for name in settings.sinks),
        ]
    return [task.result() for task in tasks]


class Failed(errors.MailwireError):
    """A hop failed, and is told as that."""


class Steps:
    """The hops, timed as they are taken; the first that fails is the last."""

    def __init__(self) -> None:
        self.hops: list[Hop] = []

    @contextlib.contextmanager
    def step(self, name: str, todo: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        except Exception as error:  # noqa: BLE001 - a bug over one of them must not hide what is known of the others
            self.hops.append(Hop(name=name, fault=connecting.why(error), todo=todo))
            raise Failed from None
        self.hops.append(Hop(name=name, took_s=time.monotonic() - began))


async def _mailbox(settings: config.Settings, name: str, seal: canary_.Seal, steps: Steps) -> None:
    written = settings.mailboxes[name]
    account = written.model_copy(update={"canary": None, "folders": (written.canary_folder,), "start": "now"})
    late_s = (written.canary or settings_.Canary()).late
    async with contextlib.AsyncExitStack() as stack:
        with steps.step("connect", f"check host, port, user, password and folders of mailboxes.{name}"):
            opening = oauth.tokens_of(name, written.oauth, config.state_folder(settings.state))
            tokens = await stack.enter_async_context(opening)
            made = imap.ImapSource(name, account, memory=_Nothing(), wants=lambda _: {}, tokens=tokens, seal=seal)
            source = await stack.enter_async_context(made)
            taking = asyncio.create_task(_take(source), name=f"take {name}")
            stack.callback(taking.cancel)
            canary = source.canary(seal, late_s=late_s, maker="selftest")
            await canary.until_live(at_once=True)
        try:
            trip = await canary.once()
        except errors.StoreError as error:
            steps.hops.append(Hop(name="append", fault=str(error), todo=_AS_BRIDGE))
            return
        steps.hops += _hops(trip, name, written)


def _hops(trip: sources.RoundTrip, name: str, written: settings_.Mailbox) -> Iterator[Hop]:
    if trip.failed == "append":
        other = f"choose another of its folders (mailboxes.{name}.canary.folder)"
        where = f"let this account write to {trip.folder!r}, or {other}"
        full = "quota" in trip.reason
        yield Hop(name="append", fault=trip.reason, todo="make room in the mailbox" if full else where)
        return
    yield Hop(name="append", took_s=trip.append_s, said=f"into {trip.folder}")
    if trip.failed:
        late = f"mails are found by looking every {written.reconcile:g}s (mailboxes.{name}.reconcile), or not at all"
        yield Hop(name="push", fault=trip.reason, todo=f"{late}; ask whoever runs the server")
    else:
        yield Hop(name="push", took_s=trip.push_s)
        yield Hop(name="fetch", took_s=trip.fetch_s)
    left = trip.left and trip.left != changes.ONLY_MARKED
    todo = f'delete the mail "{canary_.SUBJECT}" in {trip.folder} by hand' if left else ""
    yield Hop(
        name="delete", took_s=trip.delete_s, said="" if left else trip.left, fault=trip.left if left else "", todo=todo
    )


async def _take(source: imap.ImapSource) -> None:
    """What else arrives meanwhile is let pass: nothing of it is kept, or changed."""
    async for _ in source.batches():
        pass


class _Nothing:
    """The memory of somebody who has never been here."""

    careful = False

    async def cursor(self, mailbox: str, folder: str) -> sources.Cursor | None:
        return None

    async def marks(self, mailbox: str, folder: str, uids: Collection[int] | None = None) -> Mapping[int, sources.Mark]:
        return {}

    async def remembered(self, mailbox: str, folder: str, uids: Collection[int]) -> Mapping[int, sources.Mark]:
        return {}

    async def attempt(self, place: Place) -> int:
        return 0


async def _sink(settings: config.Settings, name: str, steps: Steps) -> None:
    async with contextlib.AsyncExitStack() as stack:
        if isinstance(sink := await _entered(settings, name, steps, stack), sinks.SelfTested):
            await sink.selftest(steps.step)
            return
        with steps.step("reach", f"check sinks.{name}.url"):
            said = await connecting.reached(sink)
        steps.hops[-1] = dataclasses.replace(steps.hops[-1], said=said)


async def _entered(settings: config.Settings, name: str, steps: Steps, stack: contextlib.AsyncExitStack) -> sinks.Sink:
    try:
        return await stack.enter_async_context(guests.guest(settings, name))
    except Exception as error:  # noqa: BLE001 - as above
        steps.hops.append(Hop(name="open", fault=connecting.why(error), todo=f"check sinks.{name}"))
        raise Failed from None
