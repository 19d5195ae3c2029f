"""Settling claims in the transaction that records their mails: each key is read once and written once, however many
mails of a batch ask for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from bridge import events, outbox
from bridge.outbox import keys, rows
from bridge.outbox.tables import mails, tallies
from bridge.rules import Claim, claims

# Mails are recorded later than they arrived and were looked at: after an outage, or while the state cannot be written.
_GRACE_S = 86_400.0


class Book:
    """The tallies that one transaction reads and writes."""

    def __init__(self, found: Mapping[str, claims.Tally]) -> None:
        self._tallies = dict(found)
        self._used: dict[str, Claim] = {}

    def use(self, claim: Claim) -> bool:
        used = claims.use(claim, self._tallies.get(claim.key, claims.Tally()))
        self._tallies[claim.key] = used.tally
        self._used[claim.key] = claim
        return used.held

    @property
    def next_report(self) -> float | None:
        """The first moment at which something of it has to be told."""
        times = (self._tallies[key].report_at for key in self._used)
        return min((time for time in times if time is not None), default=None)

    def rows(self, now: float) -> list[dict[str, Any]]:
        """What has changed."""
        return [_row(claim, self._tallies[key], now) for key, claim in self._used.items()]


def _row(claim: Claim, tally: claims.Tally, now: float) -> dict[str, Any]:
    return {
        "key": claim.key,
        "kind": claim.kind,
        "rule": claim.rule,
        "shown": claim.shown,
        "times": list(tally.times),
        "suppressed": tally.suppressed,
        "since": tally.since,
        "report_at": tally.report_at,
        "forget_at": now + claim.within_s + _GRACE_S,
    }


def settle(
    connection: sa.Connection, entries: Sequence[outbox.Entry], which: Sequence[keys.MailKey], *, now: float
) -> tuple[outbox.Fates, dict[str, outbox.News]]:
    """What becomes of the firings of those entries that claim something; ``which`` are their keys. To be called before
    their mails are written down: what is there already was settled when it was.
    """
    claiming = [n for n, entry in enumerate(entries) if any(firing.claims for firing in entry.firings)]
    if not claiming:
        return {}, {}
    known = _known(connection, [which[n] for n in claiming])
    book = Book(_read(connection, {c.key for n in claiming for firing in entries[n].firings for c in firing.claims}))
    fates: dict[int, Sequence[claims.Fate]] = {}
    for n in sorted(claiming, key=lambda n: (entries[n].place, n)):
        firings = entries[n].firings
        if which[n] in known:
            fates[n] = ["known"] * len(firings)
        else:
            fates[n] = claims.fates([(firing.claims, firing.stop) for firing in firings], book.use)
        known.add(which[n])
    _write(connection, book, now)
    soon = book.next_report
    return fates, {} if soon is None else {outbox.SUMMARIES: outbox.News(deadline=soon)}


def _known(connection: sa.Connection, which: Sequence[keys.MailKey]) -> set[keys.MailKey]:
    """What is recorded already of these mails."""
    query = sa.select(*keys.columns(mails))
    return {keys.of(row) for these in keys.these(mails, which) for row in connection.execute(query.where(these))}


def _read(connection: sa.Connection, asked: set[str]) -> dict[str, claims.Tally]:
    found: dict[str, claims.Tally] = {}
    columns = (tallies.c.key, tallies.c.times, tallies.c.suppressed, tallies.c.since, tallies.c.report_at)
    for some in keys.chunks(sorted(asked)):  # in one order, so that two bridges never lock each other out
        query = sa.select(*columns).where(tallies.c.key.in_(some)).order_by(tallies.c.key).with_for_update()
        for key, times, *told in connection.execute(query):
            found[key] = claims.Tally(times=tuple(times), suppressed=told[0], since=told[1], report_at=told[2])
    return found


def _write(connection: sa.Connection, book: Book, now: float) -> None:
    changed = book.rows(now)
    if changed:
        statement = rows.insert(connection, tallies)
        new = {name: statement.excluded[name] for name in changed[0] if name != "key"}
        connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_=new), changed)
    purge(connection, now=now)


def purge(connection: sa.Connection, *, now: float) -> int:
    """Forgets what says nothing any more; what has to be told yet is kept."""
    over = (tallies.c.forget_at <= now) & tallies.c.report_at.is_(None)
    return connection.execute(sa.delete(tallies).where(over)).rowcount


def next_report(connection: sa.Connection) -> float | None:
    """When the next summary is due."""
    value = connection.execute(sa.select(sa.func.min(tallies.c.report_at))).scalar()
    return None if value is None else float(value)


def take_reports(connection: sa.Connection, *, now: float) -> list[events.Suppressed]:
    """The summaries that are due, each of them once."""
    due = tallies.c.report_at <= now
    columns = (tallies.c.rule, tallies.c.shown, tallies.c.suppressed, tallies.c.since)
    query = sa.select(*columns).where(due).order_by(tallies.c.report_at, tallies.c.key).with_for_update()
    found = [
        events.Suppressed(rule=row.rule, per=row.shown, count=row.suppressed, since=row.since)
        for row in connection.execute(query)
    ]
    if found:
        connection.execute(sa.update(tallies).where(due).values(suppressed=0, since=None, report_at=None))
    return found
