"""Writing down what became of deliveries, and everything that follows from it: resets, and the changes of a finished
mail.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from bridge import outbox
from bridge.mail import Place
from bridge.outbox import rows
from bridge.outbox.tables import deliveries, folders, mails
from bridge.rules import Change

MailKey = tuple[int, int, int]  # folder id, uidvalidity, uid
_ORDER = {"seen": 0, "flag": 0, "copy": 1, "move": 2, "delete": 2}
_LEAVING = frozenset({"move", "delete"})
NEVER_SENT = "what it resets was never sent"
_STAYS = "an earlier change of this mail was not made"
_IN_CHUNK = 400  # members of one IN list: SQLite's limit of variables is far, statements stay small


def settle(connection: sa.Connection, outcomes: Sequence[outbox.Outcome], *, now: float) -> outbox.Settled:
    """One transaction's worth: outcomes of deliveries that are no longer pending are ignored."""
    _write(connection, outcomes, now)
    ended = [outcome for outcome in outcomes if outcome.state in outbox.ENDED]
    sent = [outcome.delivery_id for outcome in ended if outcome.state == "delivered" or outcome.maybe_sent]
    sinks, dropped = _arm_resets(connection, sent, now)
    unsent = {outcome.delivery_id for outcome in ended} - set(sent)
    dropped |= _drop_resets(connection, sorted(unsent), now)
    sinks |= _arm_departures(connection, [outcome.delivery_id for outcome in ended], now)
    changes = finish_mails(connection, _mails_of(connection, [o.delivery_id for o in ended]), now=now)
    news = {**dict.fromkeys(sinks, outbox.News()), **rows.news(changes)}
    return outbox.Settled(news=news, dropped=frozenset(dropped))


def _write(connection: sa.Connection, outcomes: Sequence[outbox.Outcome], now: float) -> None:
    again = [
        {"d_id": o.delivery_id, "d_due": o.due, "d_code": o.code, "d_reason": o.reason}
        for o in outcomes
        if o.state == "pending"
    ]
    if again:
        connection.execute(_AGAIN, again)
    # A payload is erased when its delivery is settled; a dead one keeps it, to be sent by hand.
    dead = [_end(o, now) for o in outcomes if o.state == "dead"]
    if dead:
        connection.execute(_DEAD, dead)
    ended = [_end(o, now) for o in outcomes if o.state in outbox.ENDED and o.state != "dead"]
    if ended:
        connection.execute(_END, ended)


def _end(outcome: outbox.Outcome, now: float) -> dict[str, Any]:
    return {
        "d_id": outcome.delivery_id,
        "d_state": outcome.state,
        "d_code": outcome.code,
        "d_reason": outcome.reason,
        "d_ended": now,
        "d_tried": int(outcome.tried),
    }


_PENDING = (deliveries.c.id == sa.bindparam("d_id")) & (deliveries.c.state == "pending")
_AGAIN = (
    sa.update(deliveries)
    .where(_PENDING)
    .values(
        due=sa.bindparam("d_due"),
        attempts=deliveries.c.attempts + 1,
        code=sa.bindparam("d_code"),
        reason=sa.bindparam("d_reason"),
    )
)
_DEAD = (
    sa.update(deliveries)
    .where(_PENDING)
    .values(
        state=sa.bindparam("d_state"),
        attempts=deliveries.c.attempts + sa.bindparam("d_tried"),
        code=sa.bindparam("d_code"),
        reason=sa.bindparam("d_reason"),
        ended=sa.bindparam("d_ended"),
    )
)
_END = _DEAD.values(rows.ERASED)


def _arm_resets(connection: sa.Connection, delivered: Sequence[str], now: float) -> tuple[set[str], set[str]]:
    """The resets of acknowledged mains start to count; what they restart is dropped."""
    sinks: set[str] = set()
    dropped: set[str] = set()
    for reset in _resets(connection, delivered):
        connection.execute(
            sa.update(deliveries)
            .where(deliveries.c.seq == reset.seq)
            .values(state="pending", due=_reset_due(reset, now))
        )
        earlier = (
            (deliveries.c.sink == reset.sink)
            & (deliveries.c.state == "pending")
            & (deliveries.c.part == "reset")
            & (deliveries.c.rule == reset.rule)
            & (deliveries.c.target == reset.target)
            & (deliveries.c.seq < reset.seq)
        )
        dropped |= _drop(connection, earlier, "restarted by a newer firing", now)
        sinks.add(reset.sink)
    return sinks, dropped


def _reset_due(reset: Any, now: float) -> float:
    """Never before now: what is due in the past is not looked for again."""
    return float(now + (reset.reset_after or 0.0) if reset.reset_at is None else max(now, reset.reset_at))


def _drop_resets(connection: sa.Connection, failed: Sequence[str], now: float) -> set[str]:
    dropped: set[str] = set()
    for reset in _resets(connection, failed):
        dropped |= _drop(connection, deliveries.c.seq == reset.seq, NEVER_SENT, now, keep=True)
    return dropped


def _resets(connection: sa.Connection, mains: Sequence[str]) -> list[Any]:
    columns = [deliveries.c[name] for name in ("seq", "sink", "rule", "target", "reset_after", "reset_at")]
    found: list[Any] = []
    for some in chunks(mains):
        query = sa.select(*columns).where(deliveries.c.follows.in_(some), deliveries.c.state == "held")
        found += connection.execute(query.order_by(deliveries.c.seq))
    return found


def _drop(
    connection: sa.Connection, which: sa.ColumnElement[bool], reason: str, now: float, *, keep: bool = False
) -> set[str]:
    """``keep`` leaves the payload: the main may be retried by hand, and its reset comes back with it."""
    values: dict[str, Any] = {"state": "dropped", "reason": reason, "ended": now} | ({} if keep else rows.ERASED)
    statement = sa.update(deliveries).where(which).values(values)
    return set(connection.execute(statement.returning(deliveries.c.id)).scalars())


def _arm_departures(connection: sa.Connection, ids: Sequence[str], now: float) -> set[str]:
    """A mail goes away only when all that had to be done to it before is done; else it stays where it is."""
    of_mail = (deliveries.c.folder_id, deliveries.c.uidvalidity, deliveries.c.uid)
    is_change = deliveries.c.sink.like(outbox.CHANGES + "%")
    changes: dict[MailKey, list[Any]] = {}
    for some in chunks(ids):
        mine = sa.select(*of_mail).where(deliveries.c.id.in_(some), is_change)
        query = sa.select(*of_mail, deliveries.c.id, deliveries.c.sink, deliveries.c.state)
        for row in connection.execute(query.where(sa.tuple_(*of_mail).in_(mine), is_change)):
            changes.setdefault((row.folder_id, row.uidvalidity, row.uid), []).append(row)
    return set().union(*(_arm_departure(connection, one, now) for one in changes.values()))


def _arm_departure(connection: sa.Connection, changes: Sequence[Any], now: float) -> set[str]:
    waiting = [change for change in changes if change.state == "held"]
    before = {change.state for change in changes if change.state != "held"}
    if not waiting or "pending" in before:
        return set()
    which = deliveries.c.id.in_([change.id for change in waiting])
    if before - {"delivered"}:
        _drop(connection, which, _STAYS, now)
        return set()
    connection.execute(sa.update(deliveries).where(which).values(state="pending"))
    return {change.sink for change in waiting}


def _mails_of(connection: sa.Connection, ids: Sequence[str]) -> list[MailKey]:
    """Those of the deliveries' mails that still have something planned."""
    keys: set[MailKey] = set()
    for some in chunks(ids):
        query = (
            sa.select(mails.c.folder_id, mails.c.uidvalidity, mails.c.uid)
            .join(
                deliveries,
                (deliveries.c.folder_id == mails.c.folder_id)
                & (deliveries.c.uidvalidity == mails.c.uidvalidity)
                & (deliveries.c.uid == mails.c.uid),
            )
            .where(deliveries.c.id.in_(some), mails.c.plans.is_not(None))
        )
        keys.update((row[0], row[1], row[2]) for row in connection.execute(query))
    return sorted(keys)


def finish_mails(connection: sa.Connection, keys: Sequence[MailKey], *, now: float) -> list[dict[str, Any]]:
    """Queues the changes of those mails whose deliveries (resets and changes apart) have all ended; returns the new
    rows.
    """
    new: list[dict[str, Any]] = []
    done: list[dict[str, int]] = []
    for some in chunks(keys):
        states = _states(connection, some)
        for row in connection.execute(_plans(some)):
            key: MailKey = (row.folder_id, row.uidvalidity, row.uid)
            rules = states.get(key, {})
            if any(state not in outbox.ENDED for of_rule in rules.values() for state in of_rule):
                continue
            place = Place(mailbox=row.mailbox, folder=row.folder, uidvalidity=row.uidvalidity, uid=row.uid)
            chosen = _chosen(row.plans, rules)
            made = [rows.from_change(change, place=place, folder_id=row.folder_id, now=now) for change in chosen]
            if len(made) > 1 and chosen[-1].op in _LEAVING:
                made[-1]["state"] = "held"  # until the others are made
            new += made
            done.append({"m_folder": key[0], "m_validity": key[1], "m_uid": key[2]})
    if done:
        connection.execute(_FINISHED, done)
    if new:
        connection.execute(rows.insert(connection, deliveries).on_conflict_do_nothing(), new)
    return new


_FINISHED = (
    sa.update(mails)
    .where(
        mails.c.folder_id == sa.bindparam("m_folder"),
        mails.c.uidvalidity == sa.bindparam("m_validity"),
        mails.c.uid == sa.bindparam("m_uid"),
    )
    .values(plans=None)
)


def _states(connection: sa.Connection, keys: Sequence[MailKey]) -> Mapping[MailKey, dict[str, list[str]]]:
    """Mail → rule → the states of its main deliveries."""
    found: dict[MailKey, dict[str, list[str]]] = {}
    query = sa.select(
        deliveries.c.folder_id, deliveries.c.uidvalidity, deliveries.c.uid, deliveries.c.rule, deliveries.c.state
    ).where(
        sa.tuple_(deliveries.c.folder_id, deliveries.c.uidvalidity, deliveries.c.uid).in_(keys),
        deliveries.c.part == "main",
        deliveries.c.sink.not_like(outbox.CHANGES + "%"),
    )
    for folder_id, uidvalidity, uid, rule, state in connection.execute(query):
        found.setdefault((folder_id, uidvalidity, uid), {}).setdefault(rule, []).append(state)
    return found


def _plans(keys: Sequence[MailKey]) -> sa.Select[Any]:
    return (
        sa.select(
            mails.c.folder_id, mails.c.uidvalidity, mails.c.uid, mails.c.plans, folders.c.mailbox, folders.c.folder
        )
        .join(folders, folders.c.id == mails.c.folder_id)
        .where(sa.tuple_(mails.c.folder_id, mails.c.uidvalidity, mails.c.uid).in_(keys), mails.c.plans.is_not(None))
        .order_by(mails.c.folder_id, mails.c.uidvalidity, mails.c.uid)
    )


def _chosen(plans: Iterable[Mapping[str, Any]], rules: Mapping[str, Sequence[str]]) -> list[Change]:
    """Flags first, then copies, then the first rule's move or delete: a mail can only go away once."""
    wanted: list[Change] = []
    for plan in plans:
        states = rules.get(plan["rule"], ())
        if any(state in ("dead", "expired") for state in states):
            wanted += [Change(op=op, argument=argument) for op, argument in plan["failed"]]
        elif all(state == "delivered" for state in states):
            wanted += [Change(op=op, argument=argument) for op, argument in plan["after"]]
    unique = sorted(dict.fromkeys(wanted), key=lambda change: _ORDER[change.op])
    staying = [change for change in unique if change.op not in _LEAVING]
    leaving = [change for change in unique if change.op in _LEAVING]
    return staying + leaving[:1]


def plan_json(plan: outbox.Plan) -> dict[str, Any]:
    return {
        "rule": plan.rule,
        "after": [[change.op, change.argument] for change in plan.after],
        "failed": [[change.op, change.argument] for change in plan.failed],
    }


def chunks(items: Sequence[Any], size: int = _IN_CHUNK) -> Iterable[Sequence[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))
