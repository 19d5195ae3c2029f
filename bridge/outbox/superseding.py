"""A newer count takes the place of older ones that wait: who was away for a day gets one number, not many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from bridge import outbox
from bridge.outbox import rows, settling
from bridge.outbox.tables import COUNT_WAITS, deliveries

_NEWER = "a newer count"


def older_counts(connection: sa.Connection, new: Iterable[Mapping[str, Any]], *, now: float) -> dict[str, outbox.News]:
    """Drops what these new rows supersede; returns whom it concerns. What was tried may have arrived, and is left."""
    found: dict[str, outbox.News] = {}
    for row in new:
        if row["event"] == "count" and row["part"] == "main" and row["state"] != "dead":
            found = rows.together(found, _older_than(connection, row, now))
    return found


def _older_than(connection: sa.Connection, row: Mapping[str, Any], now: float) -> Mapping[str, outbox.News]:
    of_this = (deliveries.c[name] == row[name] for name in ("folder_id", "rule", "sink", "target", "part"))
    older = (deliveries.c.occurrence < row["occurrence"]) & (deliveries.c.attempts == 0)
    ids = connection.execute(sa.select(deliveries.c.id).where(*of_this, older, sa.text(COUNT_WAITS))).scalars().all()
    if not ids:
        return {}
    outcomes = [outbox.Outcome(delivery_id=one, state="dropped", reason=_NEWER, tried=False) for one in ids]
    settled = settling.settle(connection, outcomes, now=now)
    dropped = outbox.News(dropped=settled.dropped.union(ids))
    return rows.together(settled.news, {row["sink"]: dropped})
