"""How mails are marked, as far as rules ask for it: what a source told last, so that it can tell what is otherwise now.

A mail that is seen and not flagged has no row, unless its head is kept, or it became so by an event that the same mail
in another folder may yet tell of.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from bridge import sources
from bridge.outbox import keys, rows
from bridge.outbox.tables import folders, marks

HEAD_OCTETS = 16_384  # of a header, as it is kept
_LEVEL = 1  # most of a header is said in it more than once
_RAW, _PACKED = b"\0", b"\1"  # how the rest of a kept header is to be read
_LATE_S = 86_400.0  # how much later another folder may tell of the same act

Stamps = Mapping[int, Mapping[str, float]]
"""UID → ``seen_changed``, ``flag_changed``: when an event made it so."""


# What sources ask.


def kept(
    connection: sa.Connection, mailbox: str, folder: str, uids: Collection[int] | None = None
) -> dict[int, sources.Mark]:
    """What is kept of these mails, or of all; without heads."""
    columns = [marks.c[name] for name in ("uid", "seen", "flagged", "size", "received", "fingerprint")]
    return {row.uid: _mark(row, None) for row in _rows(connection, columns, mailbox, folder, uids)}


def remembered(connection: sa.Connection, mailbox: str, folder: str, uids: Collection[int]) -> dict[int, sources.Mark]:
    """The same with heads, of those that have one."""
    found = _rows(connection, list(marks.c), mailbox, folder, uids, marks.c.head.is_not(None))
    return {row.uid: _mark(row, unpacked(row.head)) for row in found}


def _rows(
    connection: sa.Connection,
    columns: Collection[Any],
    mailbox: str,
    folder: str,
    uids: Collection[int] | None,
    *more: sa.ColumnElement[bool],
) -> Iterable[Any]:
    of_folder = (folders.c.mailbox == mailbox) & (folders.c.folder == folder)
    query = sa.select(*columns).join(folders, folders.c.id == marks.c.folder_id).where(of_folder, *more)
    if uids is None:
        yield from connection.execute(query)
        return
    for some in keys.chunks(sorted(uids)):
        yield from connection.execute(query.where(marks.c.uid.in_(some)))


def _mark(row: Any, head: bytes | None) -> sources.Mark:
    return sources.Mark(
        seen=row.seen, flagged=row.flagged, head=head, size=row.size, received=row.received, fingerprint=row.fingerprint
    )


def packed(head: bytes) -> bytes:
    """A header as it is kept: not all of a long one, and smaller if that pays."""
    cut = head[:HEAD_OCTETS]
    small = zlib.compress(cut, _LEVEL)
    return _PACKED + small if len(small) < len(cut) else _RAW + cut


def unpacked(kept: bytes) -> bytes:
    return zlib.decompressobj().decompress(kept[1:], HEAD_OCTETS) if kept[:1] == _PACKED else kept[1:]


# What is told.


def write(
    connection: sa.Connection, folder_id: int, told: sources.Marks, stamps: Stamps, *, before: int | None
) -> None:
    """Keeps what a source told of a folder; ``before`` is the UIDVALIDITY of what is kept of it so far."""
    if told.dropped or before != told.uidvalidity:
        connection.execute(sa.delete(marks).where(marks.c.folder_id == folder_id))
    if told.dropped:
        return
    if told.whole:
        _forget_others(connection, folder_id, told.mails)
    _forget(connection, folder_id, told.gone)
    rest = {uid: mark for uid, mark in told.mails.items() if uid not in told.gone}
    plain = [
        uid for uid, mark in rest.items() if mark.seen and not mark.flagged and not mark.head and uid not in stamps
    ]
    if plain:
        _make_plain(connection, folder_id, plain)
    known = set(plain)
    new = [_row(folder_id, uid, mark, stamps.get(uid, {})) for uid, mark in rest.items() if uid not in known]
    if new:
        connection.execute(_upsert(connection), new)


def _forget_others(connection: sa.Connection, folder_id: int, staying: Collection[int]) -> None:
    """What is told of again keeps what was known of it, and when it changed."""
    found = connection.execute(sa.select(marks.c.uid).where(marks.c.folder_id == folder_id)).scalars()
    _forget(connection, folder_id, [uid for uid in found if uid not in staying])


def _forget(connection: sa.Connection, folder_id: int, uids: Iterable[int]) -> None:
    which = [{"m_folder": folder_id, "m_uid": uid} for uid in uids]
    if which:
        connection.execute(sa.delete(marks).where(_THIS), which)


def _make_plain(connection: sa.Connection, folder_id: int, uids: Collection[int]) -> None:
    """They are seen and not flagged: nothing is kept of them that says no more."""
    which = [{"m_folder": folder_id, "m_uid": uid} for uid in uids]
    connection.execute(sa.delete(marks).where(_THIS, _NOTHING_ELSE), which)
    connection.execute(sa.update(marks).where(_THIS).values(seen=True, flagged=False), which)


_THIS = (marks.c.folder_id == sa.bindparam("m_folder")) & (marks.c.uid == sa.bindparam("m_uid"))
_NOTHING_ELSE = marks.c.head.is_(None) & (marks.c.seen_changed == 0) & (marks.c.flag_changed == 0)


def _row(folder_id: int, uid: int, mark: sources.Mark, stamps: Mapping[str, float]) -> dict[str, Any]:
    return {
        "folder_id": folder_id,
        "uid": uid,
        "seen": mark.seen,
        "flagged": mark.flagged,
        "size": mark.size,
        "received": mark.received,
        "fingerprint": mark.fingerprint,
        "seen_changed": 0.0,
        "flag_changed": 0.0,
        "head": packed(mark.head) if mark.head else None,
        **stamps,
    }


def _upsert(connection: sa.Connection) -> Any:
    """What is not told now (its head, when it changed) stays as it was."""
    statement = rows.insert(connection, marks)
    told = statement.excluded

    def unless(empty: Any, name: str) -> Any:
        return sa.case((told[name] == empty, marks.c[name]), else_=told[name])

    return statement.on_conflict_do_update(
        index_elements=["folder_id", "uid"],
        set_={
            "seen": told.seen,
            "flagged": told.flagged,
            "size": unless(0, "size"),
            "received": unless(0.0, "received"),
            "fingerprint": unless("", "fingerprint"),
            "seen_changed": unless(0.0, "seen_changed"),
            "flag_changed": unless(0.0, "flag_changed"),
            "head": sa.func.coalesce(told.head, marks.c.head),
        },
    )


# What the bridge did itself.


def made(connection: sa.Connection, changes: Collection[Any], *, now: float) -> None:
    """The mails as they are after these changes of the bridge's, so that nobody takes them for news. ``changes`` have
    ``folder_id``, ``uidvalidity``, ``uid`` and ``options``.
    """
    by_effect: dict[str, list[Any]] = {}
    for change in changes:
        if (what := effect(change.options)) is not None:
            by_effect.setdefault(what, []).append(change)
    if not by_effect:
        return
    keeping = _keeping(connection, {one.folder_id for some in by_effect.values() for one in some})
    for what, some in by_effect.items():
        which = [
            {"m_folder": one.folder_id, "m_uid": one.uid, "m_now": now}
            for one in some
            if keeping.get(one.folder_id) == one.uidvalidity
        ]
        if which:
            _apply(connection, what, which)


def effect(options: Mapping[str, Any]) -> str | None:
    """The event that a change of the bridge's looks like to others."""
    op, argument = options["op"], str(options["argument"]).lower()
    if op == "seen" or (op == "flag" and argument == "\\seen"):
        return "seen"
    if op == "flag" and argument == "\\flagged":
        return "flagged"
    return "gone" if op in ("move", "delete") else None


def _keeping(connection: sa.Connection, ids: Collection[int]) -> dict[int, int]:
    """Those of these folders of which marks are kept → under which UIDVALIDITY."""
    query = sa.select(folders.c.id, folders.c.marked_uidvalidity).where(folders.c.marked_at.is_not(None))
    found: dict[int, int] = {}
    for some in keys.chunks(sorted(ids)):
        found.update((row[0], row[1]) for row in connection.execute(query.where(folders.c.id.in_(some))))
    return found


def _apply(connection: sa.Connection, what: str, which: list[dict[str, Any]]) -> None:
    if what == "gone":
        connection.execute(sa.delete(marks).where(_THIS), [{k: one[k] for k in ("m_folder", "m_uid")} for one in which])
    elif what == "seen":
        connection.execute(_SEEN, which)
    else:
        blank = [{**_row(one["m_folder"], one["m_uid"], _PLAIN, {}), "flagged": True} for one in which]
        connection.execute(rows.insert(connection, marks).on_conflict_do_nothing(), blank)
        connection.execute(_FLAGGED, which)


_PLAIN = sources.Mark()


def _stamp(column: sa.ColumnElement[float]) -> Any:
    """Only one that another folder's mail can be told by is compared with it."""
    return sa.case((marks.c.fingerprint != "", sa.bindparam("m_now")), else_=column)


_SEEN = (
    sa.update(marks)
    .where(_THIS, marks.c.seen.is_(sa.false()))
    .values(seen=True, seen_changed=_stamp(marks.c.seen_changed))
)
_FLAGGED = (
    sa.update(marks)
    .where(_THIS, marks.c.flagged.is_(sa.false()))
    .values(flagged=True, flag_changed=_stamp(marks.c.flag_changed))
)


def purge(connection: sa.Connection, *, now: float) -> int:
    """Forgets what has no head and is marked as any other, once no other folder tells of how it became so."""
    old = (marks.c.seen_changed < now - _LATE_S) & (marks.c.flag_changed < now - _LATE_S)
    plain = marks.c.seen.is_(sa.true()) & marks.c.flagged.is_(sa.false()) & marks.c.head.is_(None)
    return connection.execute(sa.delete(marks).where(plain, old)).rowcount
