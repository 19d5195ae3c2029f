"""What waits: pages of due deliveries for the dispatchers, lists and repairs for the admin."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from bridge import outbox
from bridge.delivery import lane
from bridge.outbox import keys, rows, settling
from bridge.outbox.tables import deliveries, meta

TROUBLE = "trouble:"  # `meta` key of what keeps a sink from taking anything
RETRY_S = 86_400.0  # how long a dead delivery that is retried by hand gets


def due(connection: sa.Connection, sink: str, *, now: float, after: int, limit: int) -> list[outbox.Queued]:
    """The next page of deliveries of this sink that may be sent now, in the order of recording, behind ``after``."""
    query = rows.SELECT.where(
        deliveries.c.sink == sink,
        deliveries.c.state == "pending",
        deliveries.c.seq > after,
        deliveries.c.due <= now,
    )
    return [rows.to_queued(row) for row in connection.execute(query.order_by(deliveries.c.seq).limit(limit))]


def waiting_lanes(connection: sa.Connection, sink: str, *, now: float) -> dict[str, float]:
    """Lane → when its head is tried again: what the dispatcher has to know when it starts."""
    where = (deliveries.c.mailbox, deliveries.c.folder, deliveries.c.sink, deliveries.c.target)
    query = (
        sa.select(*where, sa.func.max(deliveries.c.due))
        .where(deliveries.c.sink == sink, deliveries.c.state == "pending")
        .where(deliveries.c.attempts > 0, deliveries.c.due > now)
        .group_by(*where)
    )
    return {lane(*identity): due for *identity, due in connection.execute(query)}


def next_due(connection: sa.Connection, sink: str, *, now: float) -> float | None:
    """When the next delivery of this sink that cannot be sent yet can be."""
    query = sa.select(sa.func.min(deliveries.c.due)).where(
        deliveries.c.sink == sink, deliveries.c.state == "pending", deliveries.c.due > now
    )
    return _maybe_float(connection.execute(query).scalar())


def next_deadline(connection: sa.Connection, sink: str) -> float | None:
    """When the first of this sink's waiting deliveries expires or is given up."""
    query = sa.select(sa.func.min(deliveries.c.expires), sa.func.min(deliveries.c.retry_until)).where(
        deliveries.c.sink == sink, deliveries.c.state == "pending"
    )
    found = [value for value in connection.execute(query).one() if value is not None]
    return float(min(found)) if found else None


def pending(connection: sa.Connection, sink: str) -> bool:
    """Whether this sink has anything that waits or is under way."""
    query = sa.select(deliveries.c.seq).where(deliveries.c.sink == sink, deliveries.c.state == "pending").limit(1)
    return connection.execute(query).first() is not None


def overdue(connection: sa.Connection, sink: str, *, now: float, limit: int = 1_000) -> list[outbox.Queued]:
    """Waiting deliveries of this sink whose ``expires`` or ``retry_until`` has passed."""
    query = rows.SELECT.where(
        deliveries.c.sink == sink,
        deliveries.c.state == "pending",
        sa.or_(deliveries.c.expires <= now, deliveries.c.retry_until <= now),
    )
    return [rows.to_queued(row) for row in connection.execute(query.order_by(deliveries.c.seq).limit(limit))]


def troubles(connection: sa.Connection) -> dict[str, str]:
    """Sink → why it takes nothing at the moment."""
    query = sa.select(meta.c.key, meta.c.value).where(meta.c.key.like(TROUBLE + "%"), meta.c.value != "")
    return {key.removeprefix(TROUBLE): value for key, value in connection.execute(query)}


def orphans(connection: sa.Connection, sinks: Collection[str]) -> dict[str, int]:
    """Sinks that the configuration no longer has → how many deliveries wait for them."""
    query = (
        sa.select(deliveries.c.sink, sa.func.count())
        .where(deliveries.c.state == "pending", deliveries.c.sink.not_in(sinks))
        .group_by(deliveries.c.sink)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """Which deliveries an admin means: by id, of one sink, or all."""

    ids: tuple[str, ...] = ()
    sink: str | None = None
    everything: bool = False

    def where(self) -> sa.ColumnElement[bool]:
        if self.ids:
            return deliveries.c.id.in_(self.ids)
        if self.sink is not None:
            return deliveries.c.sink == self.sink
        return sa.true() if self.everything else sa.false()


def select(
    connection: sa.Connection, which: Selection, *, states: Sequence[str], limit: int = 1_000
) -> list[outbox.Queued]:
    query = rows.SELECT.where(which.where(), deliveries.c.state.in_(states))
    return [rows.to_queued(row) for row in connection.execute(query.order_by(deliveries.c.seq).limit(limit))]


def retry(connection: sa.Connection, which: Selection, *, now: float) -> int:
    """Dead deliveries become pending again, and waiting ones are tried at once; returns how many. One that could not be
    made has nothing to send.
    """
    fresh: dict[str, Any] = {"state": "pending", "due": 0.0, "attempts": 0, "ended": None, "retry_until": now + RETRY_S}
    is_dead = (deliveries.c.state == "dead") & (deliveries.c.code != rows.UNMADE)
    dead = sa.update(deliveries).where(which.where(), is_dead).values(expires=None, **fresh)
    may_go = (deliveries.c.attempts > 0) | (deliveries.c.due <= now)  # a `delay` is no waiting
    waiting = sa.update(deliveries).where(which.where(), deliveries.c.state == "pending", may_go).values(due=0.0)
    ids = sa.select(deliveries.c.id).where(which.where(), is_dead)
    resets = (
        sa.update(deliveries)
        .where(deliveries.c.follows.in_(ids), deliveries.c.reason == settling.NEVER_SENT)
        .values(state="held", reason="", ended=None)
    )
    connection.execute(resets)
    return connection.execute(waiting).rowcount + connection.execute(dead).rowcount  # in this order: none twice


def drop(connection: sa.Connection, which: Selection, *, now: float) -> int:
    """Waiting and dead deliveries are dropped, with all that follows from it; returns how many."""
    ids = list(
        connection.execute(
            sa.select(deliveries.c.id).where(which.where(), deliveries.c.state.in_(["pending", "dead", "held"]))
        ).scalars()
    )
    for some in keys.chunks(ids):
        connection.execute(
            sa.update(deliveries)
            .where(deliveries.c.id.in_(some), deliveries.c.state.in_(["dead", "held"]))
            .values(state="dropped", reason="dropped by hand", ended=now, **rows.ERASED)
        )
        settling.settle(
            connection,
            [outbox.Outcome(delivery_id=one, state="dropped", reason="dropped by hand") for one in some],
            now=now,
        )
    return len(ids)


def counts(connection: sa.Connection) -> dict[str, dict[str, int]]:
    """Sink → state → how many."""
    query = sa.select(deliveries.c.sink, deliveries.c.state, sa.func.count()).group_by(
        deliveries.c.sink, deliveries.c.state
    )
    found: dict[str, dict[str, int]] = {}
    for sink, state, count in connection.execute(query):
        found.setdefault(sink, {})[state] = count
    return found


def purge(connection: sa.Connection, *, before: float) -> int:
    """Forgets deliveries that ended before that moment, dead ones apart."""
    ended = deliveries.c.state.in_(["delivered", "expired", "dropped"])
    return connection.execute(sa.delete(deliveries).where(ended, deliveries.c.ended < before)).rowcount


def _maybe_float(value: Any) -> float | None:
    return None if value is None else float(value)
