"""Whether what a source tells of a mail has happened, and is news.

An event is **true** if the mail was otherwise until now, as it is kept (``marks``): what is told twice, is told once.
It is the bridge's **own** if a change of this mail that does the same is under way (it may have been made, and not
settled yet), or was settled after the server told of it. What is settled is kept as made already. Where the same mail
is in another folder of its mailbox (a label of Gmail's, or a copy), what was told of it there is **one act** with what
is told of it here, if nothing has happened to it here since. That a mail is gone is told for each folder, and once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from bridge import outbox, sources
from bridge.outbox import keys, settling
from bridge.outbox import marks as marks_
from bridge.outbox.tables import deliveries, folders, mails, marks

EVENTS = frozenset({"flagged", "unflagged", "seen", "gone"})
_STAMPS = {"seen": "seen_changed", "flagged": "flag_changed", "unflagged": "flag_changed"}


@dataclasses.dataclass(kw_only=True, slots=True)
class _State:
    """A mail in one folder, as it is known at the moment."""

    where: keys.Place
    seen: bool = True
    flagged: bool = False
    fingerprint: str = ""
    changed: dict[str, float] = dataclasses.field(default_factory=dict)
    new: set[str] = dataclasses.field(default_factory=set)  # which of `changed` are to be kept

    def meets(self, event: str) -> bool:
        """Whether it is so already."""
        return self.seen if event == "seen" else self.flagged == (event == "flagged")

    def become(self, event: str) -> None:
        if event == "seen":
            self.seen = True
        else:
            self.flagged = event == "flagged"

    def stamp(self, event: str, at: float) -> None:
        self.changed[_STAMPS[event]] = at
        self.new.add(_STAMPS[event])

    def when(self, event: str) -> float:
        return self.changed.get(_STAMPS[event], 0.0)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Folder:
    """Where it happens, and the UIDVALIDITY of what is kept of it (None: nothing is)."""

    id: int
    mailbox: str
    marked: int | None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """What has come of a batch's events."""

    untrue: frozenset[int] = frozenset()  # numbers of the entries that count for nothing
    stamps: marks_.Stamps = dataclasses.field(default_factory=dict)


def judge(
    connection: sa.Connection,
    folder: Folder,
    entries: Sequence[outbox.Entry],
    told: sources.Marks | None,
    *,
    now: float,
) -> Judged:
    """Which events of a batch are none. To be called before its marks are written."""
    events = [(n, entry) for n, entry in enumerate(entries) if entry.event in EVENTS]
    if not events:
        return Judged()
    known = _read(connection, folder, [entry for _, entry in events], told, at=told.at if told and told.at else now)
    untrue = frozenset(n for n, entry in events if not known.is_news(entry, now))
    if known.shown:
        connection.execute(settling.SHOWN, [{"d_id": one} for one in sorted(known.shown)])
    stamps = {
        state.where[2]: {name: state.changed[name] for name in state.new}
        for state in known.states.values()
        if state.new
    }
    return Judged(untrue=untrue, stamps=stamps)


@dataclasses.dataclass(kw_only=True, slots=True)
class _Known:
    """What is known of the mails of a batch's events; goes along with what becomes of them."""

    folder: Folder
    states: Mapping[keys.Place, _State]
    copies: Mapping[str, Sequence[_State]]  # fingerprint → the same in other folders
    own: Mapping[keys.Place, Mapping[str, Sequence[Any]]]  # mail → event → changes of the bridge's that look like it
    gone: set[keys.Place]  # told already
    at: float  # when the server told
    shown: set[str] = dataclasses.field(default_factory=set)  # changes under way of which the server has told

    def is_news(self, entry: outbox.Entry, now: float) -> bool:
        where = _where(self.folder, entry)
        if entry.event == "gone":
            return self._is_gone(where)
        state = self.states[where]
        if state.meets(entry.event):
            return False
        state.become(entry.event)
        copies = self.copies.get(state.fingerprint, ())
        told = max((one.when(entry.event) for one in copies if one.meets(entry.event)), default=0.0)
        own = self._is_own(where, entry.event) or any(self._is_own(one.where, entry.event) for one in copies)
        one_act = told > state.when(entry.event)
        if state.fingerprint:
            state.stamp(entry.event, told if one_act else now)  # one act, one time
        return not own and not one_act

    def _is_gone(self, where: keys.Place) -> bool:
        """A UID never comes again; what the bridge has moved or deleted is gone for good."""
        if where in self.gone or self._changes(where, "gone"):
            return False
        self.gone.add(where)
        return True

    def _is_own(self, where: keys.Place, event: str) -> bool:
        """Two connections are read in any order: what was told before the answer to a change that has to do with it was
        written down may be from before it, or of it.
        """
        same = self._changes(where, event)
        under_way = [one.id for one in same if one.state == "pending"]
        if where in self.states:
            self.shown.update(under_way)
        about = [*same, *self._changes(where, "flagged")] if event == "unflagged" else same
        return bool(under_way) or any(one.state == "delivered" and one.ended >= self.at for one in about)

    def _changes(self, where: keys.Place, event: str) -> Sequence[Any]:
        return self.own.get(where, {}).get(event, ())


def _where(folder: Folder, entry: outbox.Entry) -> keys.Place:
    return folder.id, entry.place.uidvalidity, entry.place.uid


def _read(
    connection: sa.Connection, folder: Folder, events: Sequence[outbox.Entry], told: sources.Marks | None, *, at: float
) -> _Known:
    marked = [entry for entry in events if entry.event != "gone"]
    states = {_where(folder, entry): _State(where=_where(folder, entry)) for entry in marked}
    _fill(connection, folder, states, told)
    copies = _copies(connection, folder, {state.fingerprint for state in states.values()} - {""})
    gone = {_where(folder, entry) for entry in events if entry.event == "gone"}
    there = {one.where for some in copies.values() for one in some}
    return _Known(
        folder=folder,
        states=states,
        copies=copies,
        own=_own(connection, folder, states.keys() | gone | there),
        gone=set(_known_gone(connection, gone)),
        at=at,
    )


_COLUMNS = [marks.c[name] for name in ("uid", "seen", "flagged", "fingerprint", "seen_changed", "flag_changed")]


def _fill(
    connection: sa.Connection, folder: Folder, states: Mapping[keys.Place, _State], told: sources.Marks | None
) -> None:
    """With what is kept of them, and what they are known by."""
    query = sa.select(*_COLUMNS).where(marks.c.folder_id == folder.id)
    here = sorted(uid for _, uidvalidity, uid in states if uidvalidity == folder.marked)
    for some in keys.chunks(here):
        for row in connection.execute(query.where(marks.c.uid.in_(some))):
            _set(states[folder.id, folder.marked or 0, row.uid], row)
    for where, state in states.items():
        mark = told.mails.get(where[2]) if told is not None and told.uidvalidity == where[1] else None
        if mark is not None and mark.fingerprint:
            state.fingerprint = mark.fingerprint


def _set(state: _State, row: Any) -> None:
    state.seen, state.flagged, state.fingerprint = row.seen, row.flagged, row.fingerprint
    state.changed = {"seen_changed": row.seen_changed, "flag_changed": row.flag_changed}


def _copies(connection: sa.Connection, folder: Folder, fingerprints: Collection[str]) -> dict[str, list[_State]]:
    """The same mails in other folders of the mailbox."""
    query = (
        sa.select(*_COLUMNS, marks.c.folder_id, folders.c.marked_uidvalidity)
        .join(folders, folders.c.id == marks.c.folder_id)
        .where(folders.c.mailbox == folder.mailbox, folders.c.id != folder.id)
    )
    found: dict[str, list[_State]] = {}
    for some in keys.chunks(sorted(fingerprints)):
        for row in connection.execute(query.where(marks.c.fingerprint.in_(some), marks.c.fingerprint != "")):
            state = _State(where=(row.folder_id, row.marked_uidvalidity, row.uid))
            _set(state, row)
            found.setdefault(row.fingerprint, []).append(state)
    return found


def _own(
    connection: sa.Connection, folder: Folder, where: Collection[keys.Place]
) -> dict[keys.Place, dict[str, list[Any]]]:
    """The changes of these mails that are under way, or made."""
    query = sa.select(
        *keys.columns(deliveries), *(deliveries.c[name] for name in ("id", "state", "ended", "options"))
    ).where(deliveries.c.sink == outbox.CHANGES + folder.mailbox, deliveries.c.state.in_(("pending", "delivered")))
    found: dict[keys.Place, dict[str, list[Any]]] = {}
    for of_these in keys.these(deliveries, where):
        for row in connection.execute(query.where(of_these)):
            if (event := marks_.effect(row.options)) is not None:
                found.setdefault((row[0], row[1], row[2]), {}).setdefault(event, []).append(row)
    return found


def _known_gone(connection: sa.Connection, where: Collection[keys.Place]) -> Iterator[keys.Place]:
    query = sa.select(mails.c.folder_id, mails.c.uidvalidity, mails.c.uid).where(mails.c.event == "gone")
    for of_these in keys.these(mails, where):
        for row in connection.execute(query.where(of_these)):
            yield row[0], row[1], row[2]
