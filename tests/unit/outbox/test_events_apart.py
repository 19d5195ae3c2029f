"""What happens to a mail has plans and deliveries of its own, and makes no mail a known one."""

from __future__ import annotations

import dataclasses
import sqlite3
from pathlib import Path
from typing import Any

from bridge import outbox, testing
from bridge.delivery import delivery_id
from bridge.rules import Change, Claim, claims
from bridge.sources import Marks
from tests.unit.outbox.conftest import Bench

SEEN = (Change(op="seen"),)


def entry(event: str, occurrence: int, *changes: Change, uid: int = 1, **fields: Any) -> outbox.Entry:
    plan = outbox.Plan(rule="rule", after=changes) if changes else None
    id_ = delivery_id(uid, event, occurrence)
    firing = outbox.Firing(rule="rule", deliveries=[testing.delivery(uid, id=id_)], plan=plan, **fields)
    return outbox.Entry(place=testing.place(uid), event=event, occurrence=occurrence, firings=[firing])


async def record(bench: Bench, *entries: outbox.Entry) -> outbox.Fates:
    return await bench.store.record(bench.cursor(1), entries, marks=Marks(uidvalidity=1, at=1.0))


async def deliver(bench: Bench, event: str, occurrence: int) -> None:
    await bench.store.settle([outbox.Outcome(delivery_id=delivery_id(1, event, occurrence), state="delivered")])


async def changes(bench: Bench) -> int:
    return (await bench.states()).get("@home", {}).get("pending", 0)


async def test_each_event_of_a_mail_waits_for_its_own_deliveries(bench: Bench) -> None:
    await record(bench, entry("new", 0, *SEEN), entry("flagged", 1, *SEEN))
    await record(bench, entry("flagged", 2, *SEEN))
    for n, (event, occurrence) in enumerate((("flagged", 2), ("new", 0), ("flagged", 1))):
        assert await changes(bench) == n
        await deliver(bench, event, occurrence)
    assert await changes(bench) == 3


async def test_a_mail_leaves_when_the_other_changes_of_its_event_are_made(bench: Bench) -> None:
    move = Change(op="move", argument="Done")
    await record(bench, entry("new", 0, *SEEN), entry("flagged", 1, *SEEN, move))
    await deliver(bench, "flagged", 1)
    page = await bench.store.page("@home", after=0, limit=10, horizon=0)
    (seen,) = page.deliveries
    await bench.store.settle([outbox.Outcome(delivery_id=seen.delivery.id, state="delivered")])
    page = await bench.store.page("@home", after=0, limit=10, horizon=0)
    assert [one.delivery.options["op"] for one in page.deliveries] == ["move"]


async def test_an_event_makes_no_mail_known(bench: Bench) -> None:
    given = dataclasses.replace(entry("flagged", 1, *SEEN), fingerprint="f")
    await record(bench, given)
    assert await bench.store.handled([(testing.place(1, folder="Alarms"), "f")]) == [False]


async def test_what_an_event_claims_is_claimed_once(bench: Bench) -> None:
    claim = Claim(
        kind="throttle", rule="rule", key=claims.key("rule", "throttle", ""), number=2, within_s=60, at=bench.clock()
    )
    for event, occurrence, fate in (
        ("new", 0, "fired"),
        ("new", 0, "known"),
        ("asked", 1, "fired"),
        ("asked", 1, "known"),
        ("asked", 2, "suppressed"),
    ):
        assert await record(bench, entry(event, occurrence, claims=(claim,))) == {0: [fate]}


async def test_old_events_are_forgotten_and_mails_are_not(bench: Bench, tmp_path: Path) -> None:
    gone = outbox.Entry(place=testing.place(2), event="gone", occurrence=1)
    await record(bench, entry("new", 0), entry("flagged", 1, *SEEN), gone)
    bench.clock.advance(100)
    await bench.store.purge(keep_s=50)
    with sqlite3.connect(tmp_path / "state.db") as connection:
        left = connection.execute("SELECT uid, event FROM mails ORDER BY event").fetchall()
    connection.close()
    assert left == [(1, "flagged"), (1, "new")], "something is planned for the first yet"


async def test_an_event_that_cannot_be_recorded_is_dead_and_its_neighbours_are_not(bench: Bench) -> None:
    bad = outbox.Firing(rule="rule", deliveries=[testing.delivery(1, options={"topic": object()})])
    unsound = outbox.Entry(place=testing.place(1), event="flagged", occurrence=3, firings=[bad])
    await record(bench, unsound, entry("flagged", 4, uid=2))
    assert await bench.states() == {"broker": {"pending": 1}}
