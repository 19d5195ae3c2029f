"""Writing down what became of deliveries, and everything that follows from it: resets, the changes of a finished mail,
and what is kept of how it is marked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from bridge import outbox
from bridge.mail import Place
from bridge.outbox import keys, marks, rows
from bridge.outbox.tables import deliveries, folders, mails
from bridge.rules import Change

_ORDER = {"seen": 0, "flag": 0, "copy": 1, "move": 2, "delete": 2}
_LEAVING = frozenset({"move", "delete"})
NEVER_SENT = "what it resets was never sent"
_STAYS = "an earlier change of this mail was not made"
_SHOWN = "shown"  # code of a change under way of which the server has told: from then on, it is told what comes after


def settle(connection: sa.Connection, outcomes: Sequence[outbox.Outcome], *, now: float) -> outbox.Settled:
    """One transaction's worth: outcomes of deliveries that are no longer pending are ignored."""
    changes = _changes_beside(
        connection, [outcome.delivery_id for outcome in outcomes if outcome.state in outbox.ENDED]
    )
    _write(connection, outcomes, now)
    ended = [outcome for outcome in outcomes if outcome.state in outbox.ENDED]
    sent = [outcome.delivery_id for outcome in ended if outcome.state == "delivered" or outcome.maybe_sent]
    sinks, dropped = _arm_resets(connection, sent, now)
    unsent = {outcome.delivery_id for outcome in ended} - set(sent)
    dropped |= _drop_resets(connection, sorted(unsent), now)
    if changes:
        sinks |= _after_changes(connection, changes, {o.delivery_id: o.state for o in ended}, now)
    planned = finish_mails(connection, _mails_of(connection, [o.delivery_id for o in ended]), now=now)
    news = rows.together(dict.fromkeys(sinks, outbox.News()), rows.news(planned))
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
    for some in keys.chunks(mains):
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


def _changes_beside(connection: sa.Connection, ids: Sequence[str]) -> list[Any]:
    """Those of these deliveries that are mail changes, with the other changes of their mails, as they stand now."""
    mine = deliveries.alias()
    columns = [deliveries.c[name] for name in ("id", "sink", "state", "code", "options")]
    query = sa.select(*keys.columns(deliveries), *columns).join(mine, keys.together(mine, deliveries))
    query = query.where(*(table.c.sink.like(outbox.CHANGES + "%") for table in (mine, deliveries)))
    found: dict[str, Any] = {}
    for some in keys.chunks(ids):
        found.update((row.id, row) for row in connection.execute(query.where(mine.c.id.in_(some))))
    return list(found.values())


def _after_changes(
    connection: sa.Connection, changes: Sequence[Any], states: Mapping[str, outbox.State], now: float
) -> set[str]:
    """What follows from changes that ended like that; returns the sinks that have something to do."""
    ended = {one.id: states[one.id] for one in changes if one.state == "pending" and one.id in states}
    made = [one for one in changes if ended.get(one.id) == "delivered" and one.code != _SHOWN]
    marks.made(connection, made, now=now)
    of_mail: dict[keys.MailKey, list[tuple[Any, str]]] = {}
    for one in changes:
        of_mail.setdefault(keys.of(one), []).append((one, ended.get(one.id, one.state)))
    return set().union(*(_arm_departure(connection, some, now) for some in of_mail.values()))


SHOWN = sa.update(deliveries).where(deliveries.c.id == sa.bindparam("d_id")).values(code=_SHOWN)
"""Of a change under way, when the server has told of what it does. Another try of it makes that untrue again."""


def forget_shown(connection: sa.Connection) -> None:
    """When a process begins: what was under way in another one is tried once more."""
    is_change = (deliveries.c.sink >= outbox.CHANGES) & (deliveries.c.sink < chr(ord(outbox.CHANGES) + 1))
    shown = is_change & (deliveries.c.state == "pending") & (deliveries.c.code == _SHOWN)
    connection.execute(sa.update(deliveries).where(shown).values(code=""))


def _arm_departure(connection: sa.Connection, changes: Sequence[tuple[Any, str]], now: float) -> set[str]:
    """A mail goes away only when all that had to be done to it before is done; else it stays where it is."""
    waiting = [change for change, state in changes if state == "held"]
    before = {state for _, state in changes if state != "held"}
    if not waiting or "pending" in before:
        return set()
    which = deliveries.c.id.in_([change.id for change in waiting])
    if before - {"delivered"}:
        _drop(connection, which, _STAYS, now)
        return set()
    connection.execute(sa.update(deliveries).where(which).values(state="pending"))
    return {change.sink for change in waiting}


def _mails_of(connection: sa.Connection, ids: Sequence[str]) -> list[keys.MailKey]:
    """Those of the deliveries' mails that still have something planned."""
    found: set[keys.MailKey] = set()
    query = sa.select(*keys.columns(mails)).join(deliveries, keys.together(mails, deliveries))
    for some in keys.chunks(ids):
        planned = query.where(deliveries.c.id.in_(some), mails.c.plans.is_not(None))
        found.update(map(keys.of, connection.execute(planned)))
    return sorted(found)


def finish_mails(connection: sa.Connection, which: Sequence[keys.MailKey], *, now: float) -> list[dict[str, Any]]:
    """Queues the changes of those mails whose deliveries (resets and changes apart) have all ended; returns the new
    rows.
    """
    new: list[dict[str, Any]] = []
    done: list[dict[str, Any]] = []
    for some in keys.chunks(which):
        states = _states(connection, some)
        for row in _plans(connection, some):
            rules = states.get(keys.of(row), {})
            if any(state not in outbox.ENDED for of_rule in rules.values() for state in of_rule):
                continue
            chosen = _chosen(row.plans, rules)
            made = [_change(change, row, now) for change in chosen]
            if len(made) > 1 and chosen[-1].op in _LEAVING:
                made[-1]["state"] = "held"  # until the others are made
            new += made
            done.append({f"m_{name}": value for name, value in zip(keys.NAMES, keys.of(row), strict=True)})
    if done:
        connection.execute(_FINISHED, done)
    if new:
        connection.execute(rows.insert(connection, deliveries).on_conflict_do_nothing(), new)
    return new


_FINISHED = (
    sa.update(mails).where(*(mails.c[name] == sa.bindparam(f"m_{name}") for name in keys.NAMES)).values(plans=None)
)


def _change(change: Change, row: Any, now: float) -> dict[str, Any]:
    place = Place(mailbox=row.mailbox, folder=row.folder, uidvalidity=row.uidvalidity, uid=row.uid)
    return rows.from_change(
        change, place=place, event=row.event, occurrence=row.occurrence, folder_id=row.folder_id, now=now
    )


def _states(connection: sa.Connection, which: Sequence[keys.MailKey]) -> Mapping[keys.MailKey, dict[str, list[str]]]:
    """Mail → rule → the states of its main deliveries; those of its other events are in it too."""
    found: dict[keys.MailKey, dict[str, list[str]]] = {}
    query = sa.select(*keys.columns(deliveries), deliveries.c.rule, deliveries.c.state).where(
        deliveries.c.part == "main", deliveries.c.sink.not_like(outbox.CHANGES + "%")
    )
    for of_these in keys.these(deliveries, which):
        for row in connection.execute(query.where(of_these)):
            found.setdefault(keys.of(row), {}).setdefault(row.rule, []).append(row.state)
    return found


def _plans(connection: sa.Connection, which: Sequence[keys.MailKey]) -> list[Any]:
    wanted = set(which)
    query = (
        sa.select(*keys.columns(mails), mails.c.plans, folders.c.mailbox, folders.c.folder)
        .join(folders, folders.c.id == mails.c.folder_id)
        .where(mails.c.plans.is_not(None))
        .order_by(*keys.columns(mails))
    )
    found = (row for of_these in keys.these(mails, which) for row in connection.execute(query.where(of_these)))
    return [row for row in found if keys.of(row) in wanted]


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
