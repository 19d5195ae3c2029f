"""What happens, as it happens: one JSON object a message under ``<base_topic>/<name>/events``, not retained.

    {"event": "rule_fired", "time", "rule", "mailbox", "folder", "uid",
     "deliveries": [{"delivery_id", "sink", "target"}]}
    {"event": "delivery_dead" | "delivery_expired", "time", "delivery_id", "rule", "mailbox", "folder", "sink",
     "target", "state", "code", "reason"}
    {"event": "suppressed", "time", "rule", "count", "since"}
    {"event": "mail_lost", "time", "mailbox", "folder", "uid", "reason"}
    {"event": "canary_came", "time", "mailbox", "folder", "append_s", "push_s", "fetch_s", "total_s"}
    {"event": "canary_lost", "time", "mailbox", "folder", "hop": "append" | "push", "reason"}
    {"event": "config_refused", "time", "faults": ["config/mailwire.yaml:14:7: rules.0.when.subjct: …"], "count"}
    {"event": "reloaded", "time", "rules", "added", "removed", "reopened"}
    {"event": "more", "time", "of": "rule_fired", "count", "by": {"front-door": 2900}}
    {"event": "dropped", "time", "count"}

News are no deliveries: they are told at most once, and while a far end is away the oldest make room for the newest
(``dropped`` says how many). Of one kind so many a second are told one by one; the rest is counted (``more``, by rule or
by mailbox), so that a burst of mails is not slowed by what is said of it. No text and no payload of a mail is in any.

Another kind is one more function beside ``told``.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import dataclasses
import datetime
import functools
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

import structlog

from bridge import errors, events, sinks
from bridge.delivery import Delivery

log = structlog.get_logger()
TOPIC = "events"
KEPT = 1_000  # messages for one far end that is away
EACH_A_SECOND = 50  # of one kind, told one by one
_COUNTED = 50  # names in one `more`
_SHOWN_FAULTS = 20
_SHOWN_DELIVERIES = 20
_PAUSE_S = 1.0  # after a far end that said it was ready was not


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """One message. ``facts`` is asked only if it is told by itself; else it is counted ``by`` that name."""

    kind: str
    by: str
    facts: Callable[[], Mapping[str, Any]]


@functools.singledispatch
def told(_event: events.Event) -> Iterable[Told]:
    """What is said of an event; of most, nothing."""
    return ()


@told.register
def _(event: events.MailHandled) -> Iterable[Told]:
    return [
        Told(kind="rule_fired", by=verdict.rule, facts=functools.partial(_fired, event, verdict))
        for verdict in event.verdicts
        if verdict.matched and not verdict.suppressed
    ]


@told.register
def _(event: events.DeliveryEnded) -> Iterable[Told]:
    if event.state not in ("dead", "expired"):
        return ()
    return (Told(kind=f"delivery_{event.state}", by=event.delivery.rule, facts=functools.partial(_ended, event)),)


@told.register
def _(event: events.MailLost) -> Iterable[Told]:
    return (Told(kind="mail_lost", by=event.mailbox, facts=functools.partial(dataclasses.asdict, event)),)


@told.register
def _(event: events.Suppressed) -> Iterable[Told]:
    return (Told(kind="suppressed", by=event.rule, facts=functools.partial(_suppressed, event)),)


@told.register
def _(event: events.CanaryEnded) -> Iterable[Told]:
    kind = "canary_lost" if event.trip.failed else "canary_came"
    return (Told(kind=kind, by=event.trip.mailbox, facts=functools.partial(_canary, event)),)


@told.register
def _(event: events.ConfigRefused) -> Iterable[Told]:
    facts = {"faults": [str(fault) for fault in event.faults[:_SHOWN_FAULTS]], "count": len(event.faults)}
    return (Told(kind="config_refused", by="", facts=lambda: facts),)


@told.register
def _(event: events.Reloaded) -> Iterable[Told]:
    facts = {name: getattr(event, name) for name in ("rules", "added", "removed", "reopened")}
    return (Told(kind="reloaded", by="", facts=lambda: facts),)


def _fired(event: events.MailHandled, verdict: Any) -> Mapping[str, Any]:
    place = event.mail.place
    deliveries = [
        {"delivery_id": one.id, "sink": one.sink, "target": one.target}
        for one in verdict.deliveries[:_SHOWN_DELIVERIES]
    ]
    where = {"mailbox": place.mailbox, "folder": place.folder, "uid": place.uid}
    return {"rule": verdict.rule, **where, "deliveries": deliveries}


def _suppressed(event: events.Suppressed) -> Mapping[str, Any]:
    """Without its ``per``, which may be a text of the mail."""
    return {"rule": event.rule, "count": event.count, "since": _iso(event.since, "seconds")}


def _canary(event: events.CanaryEnded) -> Mapping[str, Any]:
    trip = event.trip
    where = {"mailbox": trip.mailbox, "folder": trip.folder}
    if trip.failed:
        return {**where, "hop": trip.failed, "reason": trip.reason}
    times = ("append_s", "push_s", "fetch_s", "total_s")
    return {**where, **{name: round(getattr(trip, name) or 0.0, 3) for name in times}}


def _ended(event: events.DeliveryEnded) -> Mapping[str, Any]:
    return {**_which(event.delivery), "state": event.state, "code": event.code, "reason": event.reason}


def _which(delivery: Delivery) -> Mapping[str, Any]:
    facts = {name: getattr(delivery, name) for name in ("rule", "mailbox", "folder", "sink", "target")}
    return {"delivery_id": delivery.id, **facts}


class _Rate:
    """So many of one kind a second; the rest is counted, and told when the second is over."""

    def __init__(self, kind: str, tell: Callable[[str, Mapping[str, Any]], None]) -> None:
        self._kind = kind
        self._tell = tell
        self._left = EACH_A_SECOND
        self._counted: collections.Counter[str] = collections.Counter()
        self._open = False  # a second has begun

    def take(self, one: Told) -> None:
        if not self._open:
            self._open = True
            asyncio.get_running_loop().call_later(1.0, self._over)
        if self._left:
            self._left -= 1
            self._tell(one.kind, one.facts())
        else:
            self._counted[one.by] += 1

    def _over(self) -> None:
        self._left, self._open = EACH_A_SECOND, False
        counted, self._counted = self._counted, collections.Counter()
        if counted:
            by = dict(counted.most_common(_COUNTED))
            self._tell("more", {"of": self._kind, "count": counted.total(), "by": by})


class Events:
    """An onlooker that tells the far ends it is given (``through``)."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._rates: dict[str, _Rate] = {}
        self._lines: list[_Line] = []

    def __call__(self, event: events.Event) -> None:
        if not self._lines:
            return
        for one in told(event):
            rate = self._rates.get(one.kind)
            if rate is None:
                rate = self._rates[one.kind] = _Rate(one.kind, self._tell)
            rate.take(one)

    def _tell(self, kind: str, facts: Mapping[str, Any]) -> None:
        payload = encoded(kind, facts, self._clock())
        for line in self._lines:
            line.put(payload)

    @contextlib.asynccontextmanager
    async def through(self, end: sinks.Announcer, topic: str) -> AsyncIterator[None]:
        """While this holds, ``end`` is told what happens, under ``topic``."""
        line = _Line(end, topic, self._clock)
        task = asyncio.create_task(line.run(), name=f"events: {topic}")
        self._lines.append(line)
        try:
            yield
        finally:
            self._lines.remove(line)
            task.cancel()
            await asyncio.wait([task])


def encoded(kind: str, facts: Mapping[str, Any], now: float) -> bytes:
    said = {"event": kind, "time": _iso(now, "milliseconds"), **facts}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _iso(moment: float, grain: str) -> str:
    at = datetime.datetime.fromtimestamp(moment, datetime.UTC).isoformat(timespec=grain)
    return at.replace("+00:00", "Z")


class _Line:
    """What waits to be told to one far end."""

    def __init__(self, end: sinks.Announcer, topic: str, clock: Callable[[], float]) -> None:
        self._end = end
        self._topic = topic
        self._clock = clock
        self._waiting: collections.deque[bytes] = collections.deque()
        self._filled = asyncio.Event()
        self._dropped = 0

    def put(self, payload: bytes) -> None:
        self._waiting.append(payload)
        if len(self._waiting) > KEPT:
            self._waiting.popleft()
            self._dropped += 1
        self._filled.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            if not self._waiting:
                self._filled.clear()
                await self._filled.wait()
            await self._end.ready()
            if self._dropped:
                self._waiting.appendleft(encoded("dropped", {"count": self._dropped}, self._clock()))
                self._dropped = 0
            await self._announce(self._waiting.popleft())

    async def _announce(self, payload: bytes) -> None:
        try:
            await self._end.announce(self._topic, payload)
        except errors.Permanent as error:
            log.debug("news were not taken", topic=self._topic, reason=str(error))
        except errors.MailwireError:
            self._waiting.appendleft(payload)
            await asyncio.sleep(_PAUSE_S)
        except Exception:
            log.exception("a sink failed in a way that it should not", topic=self._topic)
            await asyncio.sleep(_PAUSE_S)
