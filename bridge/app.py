"""The composition root: settings become objects on one exit stack, the objects become tasks of one group, and all of
it stops in order.

Reading this file top to bottom is reading the product: sources bring batches, the intake runs the rules over them and
records what they cause, the dispatchers send what is recorded, and the mail is changed when all of it was
acknowledged.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from bridge import backoff, collecting, config, errors, events, outbox, plugins, rules, sinks
from bridge.intake import Intake
from bridge.outbox.changes import ChangeSink
from bridge.outbox.dispatcher import Dispatcher
from bridge.outbox.store import Store
from bridge.rules import engine
from bridge.sources import imap

log = structlog.get_logger()
_DRAIN_S = 10.0  # how long a stop waits for what is in flight
_WORKERS = 16  # threads for the IMAP commands of those connections that have something to do
_KEEP_S = 30 * 86_400.0  # what ended longer ago is forgotten
_PURGE_EVERY_S = 86_400.0


async def run(settings: config.Settings, *, stop: asyncio.Event, onlookers: Sequence[events.Onlooker] = ()) -> None:
    """The bridge, until ``stop`` is set; then it finishes what is in flight.

    Raises:
        errors.StoreInUse: another bridge runs on this state.
        errors.StoreError: the state cannot be opened.
    """
    async with contextlib.AsyncExitStack() as stack:
        store = await stack.enter_async_context(Store(settings.state))
        pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(_WORKERS, "imap"))
        bridge = await _assemble(settings, store, pool, stack, _Onlookers(onlookers))
        await _report_orphans(store, bridge.dispatchers)
        collecting.settle()
        log.info("the bridge runs", name=settings.name, mailboxes=len(bridge.intakes), rules=len(settings.rules))
        await bridge.run(store, stop)
        log.info("the bridge stops", name=settings.name)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Bridge:
    intakes: Mapping[str, Intake]
    dispatchers: Mapping[str, Dispatcher]

    async def run(self, store: Store, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            sending = [
                group.create_task(dispatcher.run(), name=f"sink {name}")
                for name, dispatcher in self.dispatchers.items()
            ]
            watching = [
                group.create_task(_again_and_again(intake.run, name), name=f"mailbox {name}")
                for name, intake in self.intakes.items()
            ]
            keeping = group.create_task(_purge_for_ever(store), name="store: purge")
            await stop.wait()
            # Take no more; then let what is in flight be acknowledged and settled; then stop sending.
            for task in (*watching, keeping):
                task.cancel()
            await asyncio.gather(*(dispatcher.drain(_DRAIN_S) for dispatcher in self.dispatchers.values()))
            for task in sending:
                task.cancel()


async def _assemble(
    settings: config.Settings,
    store: Store,
    pool: concurrent.futures.Executor,
    stack: contextlib.AsyncExitStack,
    onlooker: events.Onlooker,
) -> _Bridge:
    ends = await _open_sinks(settings, stack)
    rule_set = _compile(settings)
    intakes: dict[str, Intake] = {}
    idle = imap.hub.Hub()
    for name, mailbox in settings.mailboxes.items():
        source = imap.ImapSource(name, mailbox, memory=store, wants=rule_set.wants, pool=pool, hub=idle)
        await stack.enter_async_context(source)
        ends[outbox.CHANGES + name] = await stack.enter_async_context(ChangeSink(source))
        intakes[name] = Intake(
            source,
            store,
            rule_set=lambda: rule_set,
            moment=_moments(settings),
            onlooker=onlooker,
            one_folder=len(mailbox.folders) == 1,
        )
    dispatchers = {name: Dispatcher(name, end, store, onlooker=onlooker) for name, end in ends.items()}
    return _Bridge(intakes=intakes, dispatchers=dispatchers)


async def _open_sinks(settings: config.Settings, stack: contextlib.AsyncExitStack) -> dict[str, sinks.Sink]:
    opened: dict[str, sinks.Sink] = {}
    for name, sink in settings.sinks.items():
        context = sinks.Context(name=name, bridge=settings.name, base_topic=settings.base_topic)
        made = plugins.find("sinks", sink.type).make(sink, context)
        opened[name] = await stack.enter_async_context(made)
    return opened


def _compile(settings: config.Settings) -> rules.Rules:
    kinds = {name: (sink.type, plugins.find("sinks", sink.type)) for name, sink in settings.sinks.items()}
    return engine.compile_rules(settings.rules, sinks=kinds, bridge=settings.name, zone=settings.timezone)


def _moments(settings: config.Settings) -> Callable[[], rules.Moment]:
    zone, name = settings.timezone, settings.name
    return lambda: rules.Moment(now=time.time(), zone=zone, bridge=name)


async def _again_and_again(work: Callable[[], Awaitable[None]], name: str) -> None:
    """A mailbox whose intake fails in a way that it should not is started again; the others never notice."""
    tries = 0
    while True:
        try:
            await work()
            return
        except errors.MailwireError as error:
            reason = str(error)
        except Exception as error:
            log.exception("a mailbox failed in a way that it should not", mailbox=name)
            reason = type(error).__name__
        tries += 1
        wait_s = backoff.wait_s(tries)
        log.warning("a mailbox is started again", mailbox=name, reason=reason, retry_s=round(wait_s, 1))
        await asyncio.sleep(wait_s)


async def _purge_for_ever(store: Store) -> None:
    while True:
        try:
            await store.purge(keep_s=_KEEP_S)
        except errors.StoreError as error:
            log.warning("what ended long ago could not be forgotten", reason=str(error))
        await asyncio.sleep(_PURGE_EVERY_S)


async def _report_orphans(store: Store, known: Mapping[str, Dispatcher]) -> None:
    for sink, count in (await store.orphans(list(known))).items():
        log.warning(
            "deliveries wait for a sink that the configuration no longer has; bring it back, or drop them",
            sink=sink,
            deliveries=count,
            drop=f"mailwire outbox drop --sink {sink}",
        )


class _Onlookers:
    """All onlookers as one; what they raise is theirs."""

    def __init__(self, onlookers: Sequence[events.Onlooker]) -> None:
        self._onlookers = tuple(onlookers)

    def __call__(self, event: events.Event) -> None:
        for onlooker in self._onlookers:
            try:
                onlooker(event)
            except Exception:
                log.exception("an onlooker failed")
