"""Recording what a batch of mails, and of what happened to mails, has caused."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from bridge import outbox
from bridge.mail import Place
from bridge.outbox import happening, keys, marks, rows, settling, superseding, tallies
from bridge.outbox.tables import attempts, deliveries, folders, mails
from bridge.rules.claims import Fate
from bridge.sources import Cursor, Marked, Marks


def cursor(connection: sa.Connection, mailbox: str, folder: str) -> Cursor | None:
    row = _folder(connection, mailbox, folder)
    if row is None:
        return None
    marked = None
    if row.marked_at is not None:
        marked = Marked(uidvalidity=row.marked_uidvalidity, modseq=row.modseq, at=row.marked_at)
    return Cursor(
        mailbox=mailbox, folder=folder, uidvalidity=row.uidvalidity, uid=row.uid, committed=row.committed, marked=marked
    )


def _folder(connection: sa.Connection, mailbox: str, folder: str) -> Any:
    of_folder = (folders.c.mailbox == mailbox) & (folders.c.folder == folder)
    return connection.execute(sa.select(folders).where(of_folder)).first()


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """What has come of a batch."""

    news: Mapping[str, outbox.News]  # sink → what is new to it
    fates: outbox.Fates


def record(
    connection: sa.Connection,
    position: Cursor,
    entries: Sequence[outbox.Entry],
    *,
    now: float,
    told: Marks | None = None,
) -> Recorded:
    """The cursor, how mails are marked, a row a mail, what is used up, and every delivery."""
    before = _marked_before(connection, position, entries, told)
    folder_id = _move_cursor(connection, position, now, told)
    judged = _happened(
        connection, happening.Folder(id=folder_id, mailbox=position.mailbox, marked=before), entries, told, now
    )
    if not entries:
        return Recorded(news={}, fates={})
    true = [entry for n, entry in enumerate(entries) if n not in judged.untrue]
    done = _record(connection, true, _keys(connection, position, folder_id, true, now), now)
    connection.execute(
        sa.delete(attempts).where(
            attempts.c.mailbox == position.mailbox,
            attempts.c.folder == position.folder,
            attempts.c.uid <= position.uid,
        )
    )
    return Recorded(news=done.news, fates=_of_all(entries, judged.untrue, done.fates))


def _marked_before(
    connection: sa.Connection, position: Cursor, entries: Sequence[outbox.Entry], told: Marks | None
) -> int | None:
    """The UIDVALIDITY of the marks that are kept so far; asked only where it matters."""
    if told is None and all(entry.event not in happening.EVENTS for entry in entries):
        return None
    row = _folder(connection, position.mailbox, position.folder)
    return None if row is None else row.marked_uidvalidity


def _happened(
    connection: sa.Connection,
    folder: happening.Folder,
    entries: Sequence[outbox.Entry],
    told: Marks | None,
    now: float,
) -> happening.Judged:
    """Which events are none; from then on what was told is kept."""
    judged = happening.judge(connection, folder, entries, told, now=now)
    if told is not None:
        marks.write(connection, folder.id, told, judged.stamps, before=folder.marked)
    return judged


def _of_all(entries: Sequence[outbox.Entry], untrue: Collection[int], fates: outbox.Fates) -> outbox.Fates:
    """The fates of what was recorded, by the numbers of all entries; what was not, was known."""
    if not untrue:
        return fates
    numbers = [n for n in range(len(entries)) if n not in untrue]
    known: dict[int, Sequence[Fate]] = {n: ["known"] * len(entries[n].firings) for n in untrue}
    return known | {numbers[n]: fate for n, fate in fates.items()}


def _keys(
    connection: sa.Connection, position: Cursor, folder_id: int, entries: Sequence[outbox.Entry], now: float
) -> list[keys.MailKey]:
    """Entries that are of no folder (counts) have one of their own."""
    ids = {position.folder: folder_id}
    found: list[keys.MailKey] = []
    for entry in entries:
        place = entry.place
        if place.folder not in ids:
            ids[place.folder] = _folder_id(connection, place, now)
        found.append((ids[place.folder], place.uidvalidity, place.uid, entry.event, entry.occurrence))
    return found


def _record(
    connection: sa.Connection, entries: Sequence[outbox.Entry], which: Sequence[keys.MailKey], now: float
) -> Recorded:
    fates, news = tallies.settle(connection, entries, which, now=now)
    kept = [_kept(entry.firings, fates.get(n)) for n, entry in enumerate(entries)]
    plans = [[settling.plan_json(firing.plan) for firing in firings if firing.plan] for firings in kept]
    mail_rows = [
        {
            **dict(zip(keys.NAMES, key, strict=True)),
            "fingerprint": entry.fingerprint if entry.event == "new" else "",
            "handled": now,
            "plans": planned or None,
            "dead": entry.dead or None,
        }
        for entry, key, planned in zip(entries, which, plans, strict=True)
        if _is_noted(entry, planned)
    ]
    if mail_rows:
        connection.execute(rows.insert(connection, mails).on_conflict_do_nothing(), mail_rows)
    new = [
        rows.from_delivery(
            delivery, place=entry.place, folder_id=key[0], event=entry.event, occurrence=entry.occurrence
        )
        for entry, key, firings in zip(entries, which, kept, strict=True)
        for firing in firings
        for delivery in firing.deliveries
    ]
    if new:
        connection.execute(rows.insert(connection, deliveries).on_conflict_do_nothing(), new)
    finished = [key for key, planned in zip(which, plans, strict=True) if planned]
    made = settling.finish_mails(connection, finished, now=now)
    return Recorded(
        news=rows.together(news, rows.news(new + made), superseding.older_counts(connection, new, now=now)), fates=fates
    )


def _is_noted(entry: outbox.Entry, planned: Sequence[Any]) -> bool:
    """Of an event there is a row only as long as there is something to know: that it claimed something, that it cannot
    come again, what is planned.
    """
    if entry.event in ("new", "gone") or planned or entry.dead:
        return True
    return any(firing.claims for firing in entry.firings)


def _kept(firings: Sequence[outbox.Firing], fates: Sequence[Fate] | None) -> Sequence[outbox.Firing]:
    """What is recorded of the rules that matched a mail: one that is suppressed sends nothing, but changes the mail."""
    if fates is None:
        return firings
    return [
        firing if fate == "fired" else dataclasses.replace(firing, deliveries=())
        for firing, fate in zip(firings, fates, strict=True)
        if fate in ("fired", "suppressed")
    ]


def _move_cursor(connection: sa.Connection, position: Cursor, now: float, told: Marks | None) -> int:
    """Sets the cursor, and up to where the marks are known, and gives the folder's id."""
    values: dict[str, Any] = {"uidvalidity": position.uidvalidity, "uid": position.uid, "committed": now}
    if told is not None:
        keep = not told.dropped
        values["marked_uidvalidity"] = told.uidvalidity if keep else None
        values["modseq"] = told.modseq if keep else None
        values["marked_at"] = told.at if keep else None
    statement = (
        rows.insert(connection, folders)
        .values(mailbox=position.mailbox, folder=position.folder, **values)
        .on_conflict_do_update(index_elements=["mailbox", "folder"], set_=values)
        .returning(folders.c.id)
    )
    return int(connection.execute(statement).scalar_one())


def _folder_id(connection: sa.Connection, place: Place, now: float) -> int:
    row = _folder(connection, place.mailbox, place.folder)
    if row is not None:
        return int(row.id)
    at = Cursor(mailbox=place.mailbox, folder=place.folder, uidvalidity=place.uidvalidity, uid=0)
    return _move_cursor(connection, at, now, None)


def purge(connection: sa.Connection, *, before: float) -> int:
    """Forgets the events of before that moment of which nothing is planned any more. (Mails are known for ever.)"""
    over = (mails.c.event != "new") & (mails.c.handled < before) & mails.c.plans.is_(None)
    return connection.execute(sa.delete(mails).where(over)).rowcount
