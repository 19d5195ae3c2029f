"""Recording what a batch of mails caused, and recognising mails that were handled before."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from bridge import outbox
from bridge.mail import Place
from bridge.outbox import rows, settling, tallies
from bridge.outbox.tables import attempts, deliveries, folders, mails
from bridge.rules.claims import Fate
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


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """What has come of a batch."""

    news: Mapping[str, outbox.News]  # sink → what is new to it
    fates: outbox.Fates


def record(connection: sa.Connection, position: Cursor, entries: Sequence[outbox.Entry], *, now: float) -> Recorded:
    """The cursor, a row a mail, what is used up, and every delivery."""
    folder_id = _move_cursor(connection, position, now)
    if not entries:
        return Recorded(news={}, fates={})
    fates, news = tallies.settle(connection, folder_id, entries, now=now)
    kept = [_kept(entry.firings, fates.get(n)) for n, entry in enumerate(entries)]
    plans = [[settling.plan_json(firing.plan) for firing in firings if firing.plan] for firings in kept]
    mail_rows = [
        {
            "folder_id": folder_id,
            "uidvalidity": entry.place.uidvalidity,
            "uid": entry.place.uid,
            "fingerprint": entry.fingerprint,
            "handled": now,
            "plans": planned or None,
            "dead": entry.dead or None,
        }
        for entry, planned in zip(entries, plans, strict=True)
    ]
    connection.execute(rows.insert(connection, mails).on_conflict_do_nothing(), mail_rows)
    new = [
        rows.from_delivery(delivery, place=entry.place, folder_id=folder_id)
        for entry, firings in zip(entries, kept, strict=True)
        for firing in firings
        for delivery in firing.deliveries
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
    finished = [
        (folder_id, entry.place.uidvalidity, entry.place.uid) for entry, p in zip(entries, plans, strict=True) if p
    ]
    return Recorded(news={**news, **rows.news(new + settling.finish_mails(connection, finished, now=now))}, fates=fates)


def _kept(firings: Sequence[outbox.Firing], fates: Sequence[Fate] | None) -> Sequence[outbox.Firing]:
    """What is recorded of the rules that matched a mail: one that is suppressed sends nothing, but changes the mail."""
    if fates is None:
        return firings
    return [
        firing if fate == "fired" else dataclasses.replace(firing, deliveries=())
        for firing, fate in zip(firings, fates, strict=True)
        if fate in ("fired", "suppressed")
    ]


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
