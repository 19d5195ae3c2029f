"""The composition root: settings become units, the units run in one task group, and all of it stops in order.

Reading this file top to bottom is reading the product: sources bring batches, the intake runs the rules over them and
records what they cause, the dispatchers send what is recorded, and the mail is changed when all of it was
acknowledged.

A unit (``units``) is a sink with its dispatcher, or a mailbox: source, intake, and the dispatcher of its changes. Other
settings (``reload``) make other units, and leave those alone that would be the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Self

import structlog

from bridge import backoff, collecting, config, counts, errors, events, oauth, outbox, plugins, reload, schema, sinks
from bridge import intake as intake_
from bridge import units as units_
from bridge import watching as watching_
from bridge.control import events as news
from bridge.mail import Mail
from bridge.outbox.changes import ChangeSink
from bridge.outbox.dispatcher import Dispatcher
from bridge.outbox.on_demand import OnDemand
from bridge.outbox.store import Store
from bridge.outbox.summaries import Summaries
from bridge.rules import engine
from bridge.sources import canary, imap
from bridge.sources.settings import Mailbox

if TYPE_CHECKING:
    from bridge.oauth import keeper

log = structlog.get_logger()
_KEEP_S = 30 * 86_400.0  # what ended longer ago is forgotten
_PURGE_EVERY_S = 86_400.0


async def run(
    settings: config.Settings,
    *,
    stop: asyncio.Event,
    onlookers: Sequence[events.Onlooker] = (),
    reloader: reload.Reloader | None = None,
) -> None:
    """The bridge, until ``stop`` is set; then it finishes what is in flight.

    Raises:
        errors.ConfigError: something in the settings shows to be wrong only when it is used.
        errors.StoreInUse: another bridge runs on this state.
        errors.StoreError: the state cannot be opened.
    """
    async with contextlib.AsyncExitStack() as stack:
        store = await stack.enter_async_context(Store(settings.state))
        bridge = await stack.enter_async_context(_Bridge(store, onlookers, settings.state))
        await bridge.become(settings)
        await bridge.report_orphans()
        collecting.settle()
        log.info("the bridge runs", name=settings.name, mailboxes=len(settings.mailboxes), rules=len(settings.rules))
        async with asyncio.TaskGroup() as group:
            bridge.start(group)
            beside = [
                group.create_task(_purge_for_ever(store), name="store: purge"),
                group.create_task(Summaries(store, onlooker=bridge.onlooker).run(), name="store: summaries"),
            ]
            if reloader is not None:
                beside.append(group.create_task(reloader.run(bridge.become, bridge.onlooker), name="reload"))
            await stop.wait()
            async with bridge.turn:  # a reload that is being taken up is finished first
                for task in beside:
                    task.cancel()
                await bridge.stop()
        log.info("the bridge stops", name=settings.name)


class _Bridge:
    """What runs, and the rules in force."""

    def __init__(self, store: Store, onlookers: Sequence[events.Onlooker], state: str) -> None:
        self.turn = asyncio.Lock()
        self._store = store
        self._hub = imap.hub.Hub()
        self._news = news.Events()
        self.onlooker: events.Onlooker = _Onlookers((self._news, *onlookers))
        self._state = state
        self._seal: canary.Seal | None = None
        self._keeper: keeper.Keeper | None = None
        self._sinks = units_.Units("sink")
        self._mailboxes = units_.Units("mailbox")
        self._sources: dict[str, imap.ImapSource] = {}
        self._watching: Mapping[str, watching_.Watching] = {}  # by mailbox
        self._rulebook = intake_.Rulebook(rule_set=engine.compile_rules((), sinks={}))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._mailboxes.close()
        await self._sinks.close()

    def start(self, group: asyncio.TaskGroup) -> None:
        self._sinks.start(group)
        self._mailboxes.start(group)

    async def stop(self) -> None:
        await units_.stop_all(self._mailboxes, self._sinks)

    async def become(self, settings: config.Settings) -> events.Reloaded:
        """Takes up the settings as a whole: rules, and those mailboxes and sinks that are others than before.

        What the new rules deliver to is open before they are in force, a mailbox that is new or has changed comes after
        them, and what is gone is closed last. What the last batches under the old rules deliver to a sink that is gone
        waits in the store like the rest.

        Raises:
            errors.ConfigError: a rule or a sink cannot be used. Rules and mailboxes are as they were, and so are the
                sinks, but for one that cannot be opened again as it was, which is logged. (That is found out before
                anything else is touched; a mailbox opens whatever its settings are, and tells of them when it
                connects.)
        """
        if self._seal is None:
            key_file = canary.key_file(self._state, config.state_folder(self._state))
            self._seal = canary.Seal(key_file, bridge=settings.name)
        rulebook, watching, ends, mailboxes = await asyncio.to_thread(self._prepare, settings)
        async with self.turn:
            self._hub.limit(at_once=settings.limits.connecting, a_second=settings.limits.connects_per_second)
            opened = await self._sinks.take_up(ends)
            self._rulebook, self._watching = rulebook, watching
            for source in self._sources.values():
                source.wants = rulebook
            watched = await self._mailboxes.take_up(mailboxes)
            deaf = await self._mailboxes.let_go(mailboxes)
            gone = await self._sinks.let_go(ends)
            await self.report_orphans(among=[*(outbox.CHANGES + name for name in deaf), *gone])
            self._warn(settings)
        return events.Reloaded(
            rules=len(settings.rules),
            added=_named(watched.added, opened.added),
            removed=_named(deaf, gone),
            reopened=_named(watched.reopened, opened.reopened),
        )

    def _prepare(
        self, settings: config.Settings
    ) -> tuple[
        intake_.Rulebook, Mapping[str, watching_.Watching], Mapping[str, units_.Wanted], Mapping[str, units_.Wanted]
    ]:
        """What takes its time: in a thread."""
        kinds = {name: (sink.type, plugins.find("sinks", sink.type)) for name, sink in settings.sinks.items()}
        rule_set = engine.compile_rules(settings.rules, sinks=kinds, bridge=settings.name, zone=settings.timezone)
        by, now = (settings.timezone, settings.name), time.time()
        watching = {name: watching_.of(name, rule_set, settings.rules, by=by, now=now) for name in settings.mailboxes}
        return (
            intake_.Rulebook(
                rule_set=rule_set,
                zone=settings.timezone,
                bridge=settings.name,
                attachment_bytes=settings.limits.attachment,
            ),
            watching,
            {name: self._sink(name, sink, settings) for name, sink in settings.sinks.items()},
            {name: self._mailbox(name, mailbox, watching[name]) for name, mailbox in settings.mailboxes.items()},
        )

    def _sink(self, name: str, sink: sinks.Settings, settings: config.Settings) -> units_.Wanted:
        context = sinks.Context(name=name, bridge=settings.name, base_topic=settings.base_topic)

        async def open_(stack: contextlib.AsyncExitStack) -> units_.Open:
            end: sinks.Sink = plugins.find("sinks", sink.type).make(sink, context)
            await stack.enter_async_context(end)
            if isinstance(end, sinks.Announcer):
                topic = f"{settings.base_topic}/{settings.name}/{news.TOPIC}"
                await stack.enter_async_context(self._news.through(end, topic))
            return units_.Open(dispatcher=Dispatcher(name, end, self._store, onlooker=self.onlooker))

        return units_.Wanted(settings=(sink, schema.contents(sink), context), open=open_)

    def _mailbox(self, name: str, mailbox: Mailbox, watching: watching_.Watching) -> units_.Wanted:
        def remembers(mail: Mail) -> bool:
            in_force = self._watching.get(name)
            return in_force is not None and in_force.watched.remembers(mail)

        async def open_(stack: contextlib.AsyncExitStack) -> units_.Open:
            tokens = await stack.enter_async_context(self._tokens(name, mailbox))
            watch = watching.watch(remembers)
            source = imap.ImapSource(
                *(name, mailbox),
                memory=self._store,
                wants=self._rulebook,
                watch=watch,
                hub=self._hub,
                tokens=tokens,
                seal=self._seal,
                told=lambda trip: self.onlooker(events.CanaryEnded(trip=trip)),
            )
            self._sources[name] = await stack.enter_async_context(source)
            stack.callback(self._sources.pop, name)
            changes = await stack.enter_async_context(ChangeSink(source))
            intake = intake_.Intake(
                source,
                self._store,
                in_force=lambda: self._rulebook,
                onlooker=self.onlooker,
                one_folder=len(mailbox.folders) == 1,
                numbers=counts.Counts(name, watching.numbers, mailbox.folders) if watching.numbers else None,
            )

            def dispatcher() -> Dispatcher:
                return Dispatcher(outbox.CHANGES + name, changes, self._store, onlooker=self.onlooker)

            return units_.Open(
                dispatcher=OnDemand(outbox.CHANGES + name, self._store, make=dispatcher),
                take=lambda: _again_and_again(intake.run, name),
            )

        return units_.Wanted(settings=(mailbox, schema.contents(mailbox), watching.settings), open=open_)

    @contextlib.asynccontextmanager
    async def _tokens(self, name: str, mailbox: Mailbox) -> AsyncIterator[oauth.Tokens | None]:
        if mailbox.oauth is None:
            yield None
            return
        from bridge.oauth import keeper  # it loads an HTTP client

        self._keeper = self._keeper or keeper.Keeper(config.state_folder(self._state))
        async with self._keeper.tokens(name, mailbox.oauth) as tokens:
            yield tokens

    def _warn(self, settings: config.Settings) -> None:
        """Says what of these settings a running bridge cannot take up."""
        if self._state != settings.state:
            log.warning("`state` needs a restart: the state from before is still used", state=self._state)

    async def report_orphans(self, among: Collection[str] | None = None) -> None:
        known = [*self._sinks.names, *(outbox.CHANGES + name for name in self._mailboxes.names)]
        for sink, count in (await self._store.orphans(known)).items():
            if among is None or sink in among:
                log.warning(
                    "deliveries wait for a sink that the configuration no longer has; bring it back, or drop them",
                    sink=sink,
                    deliveries=count,
                    drop=f"mailwire outbox drop --sink {sink}",
                )


def _named(mailboxes: Sequence[str], ends: Sequence[str]) -> tuple[str, ...]:
    return (*(f"mailbox {name}" for name in mailboxes), *(f"sink {name}" for name in ends))


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
