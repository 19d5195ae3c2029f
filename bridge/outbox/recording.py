"""Recording what a batch of mails caused, and recognising mails that were handled before."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from bridge import outbox
from bridge.mail import Place
from bridge.outbox import rows, settling
from bridge.outbox.tables import attempts, deliveries, folders, mails
from bridge.sources import Cursor


def cursor(connection: sa.Connection, mailbox: str, folder: str) -> Cursor | None:
    row = connection.execute(
        sa.select(folders.c.uidvalidity, folders.c.uid, folders.c.committed).where(
            folders.c.mailbox == mailbox, folders.c.folder == folder
        )
    ).first()
    if row is None:
        return None
    return Cursor(mailbox=mailbox, folder=folder, uidvalidity=row[0], uid=row[1], committed=row[2])


def record(
    connection: sa.Connection, position: Cursor, entries: Sequence[outbox.Entry], *, now: float
) -> dict[str, outbox.News]:
    """The cursor, a row a mail, and every delivery; returns what is new, for each sink that has something to do."""
    folder_id = _move_cursor(connection, position, now)
    if not entries:
        return {}
    mail_rows = [
        {
            "folder_id": folder_id,
            "uidvalidity": entry.place.uidvalidity,
            "uid": entry.place.uid,
            "fingerprint": entry.fingerprint,
            "handled": now,
            "plans": [settling.plan_json(plan) for plan in entry.plans] or None,
            "dead": entry.dead or None,
        }
        for entry in entries
    ]
    connection.execute(rows.insert(connection, mails).on_conflict_do_nothing(), mail_rows)
    new = [
        rows.from_delivery(delivery, place=entry.place, folder_id=folder_id)
        for entry in entries
        for delivery in entry.deliveries
    ]
    if new:
        connection.execute(rows.insert(connection, deliveries).on_conflict_do_nothing(), new)
    connection.execute(
        sa.delete(attempts).where(
            attempts.c.mailbox == position.mailbox,
            attempts.c.folder == position.folder,
            attempts.c.uid <= position.uid,
        )
    )
    planned = [(folder_id, entry.place.uidvalidity, entry.place.uid) for entry in entries if entry.plans]
    return rows.news(new + settling.finish_mails(connection, planned, now=now))


def _move_cursor(connection: sa.Connection, position: Cursor, now: float) -> int:
    """Sets the cursor and gives the folder's id."""
    values = {"uidvalidity": position.uidvalidity, "uid": position.uid, "committed": now}
    statement = (
        rows.insert(connection, folders)
        .values(mailbox=position.mailbox, folder=position.folder, **values)
        .on_conflict_do_update(index_elements=["mailbox", "folder"], set_=values)
        .returning(folders.c.id)
    )
    return int(connection.execute(statement).scalar_one())


def handled(connection: sa.Connection, found: Sequence[tuple[Place, str]]) -> list[bool]:
    """Which of these mails (place and fingerprint), of one folder and in order, this mailbox has handled under another
    folder or uidvalidity.

    Mails are counted, not only looked up: the second mail of a fingerprint in one folder is the second one in another.
    """
    here: collections.Counter[str] = collections.Counter()
    elsewhere: collections.Counter[str] = collections.Counter()
    place = found[0][0]
    for fingerprint, folder, uidvalidity, count in _counted(connection, place, {one for _, one in found if one}):
        if (folder, uidvalidity) == (place.folder, place.uidvalidity):
            here[fingerprint] = count
        else:
            elsewhere[fingerprint] = max(elsewhere[fingerprint], count)
    return _known_in_order([fingerprint for _, fingerprint in found], here, elsewhere)


def _counted(connection: sa.Connection, place: Place, fingerprints: set[str]) -> Iterator[Any]:
    """(fingerprint, folder, uidvalidity, how many) over all that this mailbox has handled."""
    for some in settling.chunks(sorted(fingerprints)):
        yield from connection.execute(
            sa.select(mails.c.fingerprint, folders.c.folder, mails.c.uidvalidity, sa.func.count())
            .join(folders, folders.c.id == mails.c.folder_id)
            .where(folders.c.mailbox == place.mailbox, mails.c.fingerprint.in_(some))
            .group_by(mails.c.fingerprint, folders.c.folder, mails.c.uidvalidity)
        )


def _known_in_order(
    fingerprints: Sequence[str], here: collections.Counter[str], elsewhere: Mapping[str, int]
) -> list[bool]:
    known = []
    for fingerprint in fingerprints:
        known.append(bool(fingerprint) and elsewhere.get(fingerprint, 0) > here[fingerprint])
        here[fingerprint] += 1
    return known
