"""Deliveries as rows, and rows as deliveries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bridge import outbox
from bridge.delivery import Delivery, File, delivery_id
from bridge.mail import Place
from bridge.outbox.tables import deliveries
from bridge.rules import Change

UNMADE = "unmade"  # code of a delivery that was dead from the start: there is nothing to send
CHANGE_RETRY_S = 86_400.0  # a mail change is given up after a day, like any delivery

ERASED: dict[str, Any] = {"payload": b"", "file": None}  # when it has ended: what it would have sent is forgotten

_COLUMNS = tuple(column for column in deliveries.c)
_FIELDS = (
    "id", "sink", "target", "payload", "media_type", "options", "rule", "mailbox", "folder", "part", "created",
    "expires", "retry_until", "reset_after", "reset_at", "follows",
)  # fmt: skip


def insert(connection: sa.Connection, table: sa.Table) -> Any:
    """An INSERT that knows ON CONFLICT, in the dialect at hand."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


def from_delivery(
    delivery: Delivery, *, place: Place, folder_id: int, event: str = "new", occurrence: int = 0
) -> dict[str, Any]:
    """The row of a new delivery: a reset waits for its main, a delayed one for its time."""
    row: dict[str, Any] = {name: getattr(delivery, name) for name in _FIELDS}
    row |= {
        "folder_id": folder_id,
        "uidvalidity": place.uidvalidity,
        "uid": place.uid,
        "event": event,
        "occurrence": occurrence,
        "options": dict(delivery.options),
        "state": "dead" if delivery.dead else "held" if delivery.part == "reset" else "pending",
        "due": delivery.not_before or 0.0,
        "attempts": 0,
        "code": UNMADE if delivery.dead else "",
        "reason": delivery.dead,
        "ended": delivery.created if delivery.dead else None,
        "file": delivery.file.id if delivery.file else None,
        "file_size": delivery.file.size if delivery.file else None,
    }
    return row


def from_change(
    change: Change, *, place: Place, folder_id: int, now: float, event: str = "new", occurrence: int = 0
) -> dict[str, Any]:
    """A mail change as a delivery to the sink ``@<mailbox>``: the same one once for a mail, and once for each of its
    events.
    """
    options = {"op": change.op, "argument": change.argument, "uidvalidity": place.uidvalidity, "uid": place.uid}
    which = () if event == "new" else (event, occurrence)
    what = ("change", *which, change.op, change.argument)
    delivery = Delivery(
        id=delivery_id(place.mailbox, place.folder, place.uidvalidity, place.uid, *what),
        sink=outbox.CHANGES + place.mailbox,
        target=place.folder,
        payload=b"",
        options=options,
        mailbox=place.mailbox,
        folder=place.folder,
        created=now,
        retry_until=now + CHANGE_RETRY_S,
    )
    return from_delivery(delivery, place=place, folder_id=folder_id, event=event, occurrence=occurrence)


def news(new: Iterable[Mapping[str, Any]]) -> dict[str, outbox.News]:
    """Sink → what these new rows mean to it."""
    deadlines: dict[str, float | None] = {}
    for row in new:
        times = [time for time in (row["expires"], row["retry_until"], deadlines.get(row["sink"])) if time is not None]
        deadlines[row["sink"]] = min(times, default=None)
    return {sink: outbox.News(deadline=deadline) for sink, deadline in deadlines.items()}


def together(*news: Mapping[str, outbox.News]) -> dict[str, outbox.News]:
    """All of it as one."""
    found: dict[str, outbox.News] = {}
    for sink, what in (item for one in news for item in one.items()):
        found[sink] = _both(found[sink], what) if sink in found else what
    return found


def _both(one: outbox.News, other: outbox.News) -> outbox.News:
    deadlines = [time for time in (one.deadline, other.deadline) if time is not None]
    return outbox.News(
        deadline=min(deadlines, default=None),
        dropped=one.dropped | other.dropped,
        foreign=one.foreign or other.foreign,
    )


def to_queued(row: Sequence[Any]) -> outbox.Queued:
    """A row of ``select(deliveries)``."""
    value = dict(zip(_NAMES, row, strict=True))
    file = File(id=value["file"], size=value["file_size"]) if value["file"] else None
    delivery = Delivery(**{name: value[name] for name in _FIELDS}, not_before=value["due"] or None, file=file)
    return outbox.Queued(
        seq=value["seq"],
        delivery=delivery,
        state=value["state"],
        attempts=value["attempts"],
        due=value["due"],
        reason=value["reason"],
        ended=value["ended"],
    )


_NAMES = tuple(column.name for column in _COLUMNS)
SELECT = sa.select(*_COLUMNS)
