"""What is used up is used up where the mail is recorded: once a mail, in order, and over restarts."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import events, outbox, rules, sources, testing
from bridge.outbox.store import Store
from bridge.outbox.summaries import Summaries
from bridge.rules import Change, Claim, claims, ledger
from tests.unit.outbox.conftest import Bench

M = 60.0


def throttle(at: float, number: int = 2, within_s: float = M, *, rule: str = "rule", per: str = "") -> Claim:
    key = claims.key(rule, "throttle", per)
    return Claim(kind="throttle", rule=rule, key=key, number=number, within_s=within_s, at=at, shown=per)


def repeated(at: float, number: int = 3, within_s: float = 10 * M, *, rule: str = "rule", per: str = "") -> Claim:
    key = claims.key(rule, "repeated", per)
    return Claim(kind="repeated", rule=rule, key=key, number=number, within_s=within_s, at=at, shown=per)


def entry(
    uid: int, *claimed: Claim, rule: str = "rule", stop: bool = False, at: Any = None, more: Sequence[Any] = ()
) -> outbox.Entry:
    """A mail for which this rule matched, with one delivery, and more rules behind it."""
    place = at or testing.place(uid)
    sent = [testing.delivery(uid, rule=rule, id=f"{place.mailbox}/{rule}/{uid}", mailbox=place.mailbox)]
    firing = outbox.Firing(rule=rule, deliveries=sent, claims=claimed, stop=stop)
    return outbox.Entry(place=place, fingerprint="f", firings=[firing, *more])


async def record(store: Store, *entries: outbox.Entry) -> list[str]:
    """The fate of each entry's first firing."""
    last = entries[-1].place
    cursor = sources.Cursor(mailbox=last.mailbox, folder=last.folder, uidvalidity=last.uidvalidity, uid=last.uid)
    fates = await store.record(cursor, entries)
    return [fates[n][0] if n in fates else "fired" for n in range(len(entries))]


async def count(store: Store, sink: str = "broker") -> int:
    return sum((await store.counts()).get(sink, {}).values())


async def test_the_third_mail_within_ten_minutes_is_sent(bench: Bench) -> None:
    fates = [await record(bench.store, entry(uid, repeated(uid * M))) for uid in (1, 2, 3, 4)]
    assert fates == [["unmet"], ["unmet"], ["fired"], ["fired"]]
    assert await bench.states() == {"broker": {"pending": 2}}


async def test_what_a_throttle_suppresses_is_not_recorded(bench: Bench) -> None:
    fates = await record(bench.store, *(entry(uid, throttle(float(uid))) for uid in range(1, 41)))
    assert fates == ["fired"] * 2 + ["suppressed"] * 38
    assert await bench.states() == {"broker": {"pending": 2}}


async def test_mails_are_counted_in_the_order_of_their_uids(bench: Bench) -> None:
    assert await record(bench.store, *(entry(uid, throttle(0.0, 1)) for uid in (3, 1, 2))) == [
        "suppressed",
        "fired",
        "suppressed",
    ]


async def test_each_per_and_each_rule_is_counted_by_itself(bench: Bench) -> None:
    made = [
        entry(1, throttle(0.0, 1, per="a")),
        entry(2, throttle(0.0, 1, per="b")),
        entry(3, throttle(0.0, 1, rule="other", per="a"), rule="other"),
        entry(4, throttle(0.0, 1, per="a")),
    ]
    assert await record(bench.store, *made) == ["fired", "fired", "fired", "suppressed"]


@pytest.mark.parametrize("stop_after", [0, 1, 2, 3])
async def test_a_restart_changes_nothing(url: str, clock: testing.Clock, stop_after: int) -> None:
    start = clock()
    made = [
        entry(
            uid,
            repeated(start + uid, 2, rule="a"),
            rule="a",
            more=[
                outbox.Firing(rule="b", deliveries=[testing.delivery(uid, rule="b")], claims=[throttle(start + uid)])
            ],
        )
        for uid in range(1, 5)
    ]
    fates: list[tuple[str, ...]] = []
    for some in (made[:stop_after], made[stop_after:]):
        async with Store(url, clock=clock) as store:
            fates += [tuple((await store.record(Bench.cursor(one.place.uid), [one]))[0]) for one in some]
    assert fates == [("unmet", "fired"), ("fired", "fired"), ("fired", "suppressed"), ("fired", "suppressed")]


async def test_a_mail_that_is_recorded_again_counts_once_and_adds_nothing(bench: Bench) -> None:
    behind = outbox.Firing(rule="behind", deliveries=[testing.delivery(1, rule="behind")])
    first = entry(1, repeated(0.0, 2), stop=True, more=[behind])
    again = entry(2, repeated(1.0, 2), stop=True)
    assert await record(bench.store, first) == ["unmet"]
    assert await record(bench.store, again) == ["fired"]
    assert await record(bench.store, first, again) == ["known", "known"]
    assert await record(bench.store, entry(3, repeated(2.0, 4))) == ["unmet"], "two have been counted, and this one"
    assert await bench.states() == {"broker": {"pending": 2}}


async def test_a_mail_that_is_twice_in_one_batch_counts_once(bench: Bench) -> None:
    assert await record(bench.store, entry(1, throttle(0.0)), entry(1, throttle(0.0)), entry(2, throttle(0.0))) == [
        "fired",
        "known",
        "fired",
    ]


async def test_what_is_rehearsed_uses_nothing_up(bench: Bench) -> None:
    unsound = testing.delivery(2, options={"topic": object()})
    bad = outbox.Entry(
        place=testing.place(2), firings=[outbox.Firing(rule="rule", deliveries=[unsound], claims=[throttle(0.0)])]
    )
    fates = await record(bench.store, entry(1, throttle(0.0)), bad, entry(3, throttle(0.0)), entry(4, throttle(0.0)))
    assert fates == ["fired", "fired", "fired", "suppressed"], "the mail that is dead claims nothing"
    assert await bench.states() == {"broker": {"pending": 2}}


async def test_a_rule_that_is_not_yet_repeated_stops_nothing_and_one_that_is_does(bench: Bench) -> None:
    def both(uid: int) -> outbox.Entry:
        behind = outbox.Firing(rule="behind", deliveries=[testing.delivery(uid, rule="behind", sink="lamp")])
        return entry(uid, repeated(0.0, 2), stop=True, more=[behind])

    await record(bench.store, both(1), both(2))
    assert await bench.states() == {"lamp": {"pending": 1}, "broker": {"pending": 1}}


async def changes(store: Store) -> list[int]:
    page = await store.page("@home", after=0, limit=100, horizon=0)
    return [one.delivery.options["uid"] for one in page.deliveries]


def with_plan(uid: int, *claimed: Claim) -> outbox.Entry:
    plan = outbox.Plan(rule="rule", after=(Change(op="seen"),))
    sent = [testing.delivery(uid)]
    return outbox.Entry(
        place=testing.place(uid), firings=[outbox.Firing(rule="rule", deliveries=sent, plan=plan, claims=claimed)]
    )


async def test_a_suppressed_mail_is_changed_at_once_and_an_unmet_one_never(bench: Bench) -> None:
    await record(bench.store, with_plan(1, throttle(0.0, 1)), with_plan(2, throttle(0.0, 1)))
    assert await changes(bench.store) == [2], "the first waits for its delivery"
    await record(bench.store, with_plan(3, repeated(0.0)))
    assert await changes(bench.store) == [2]


async def test_two_mailboxes_count_together(bench: Bench) -> None:
    def at(uid: int, mailbox: str) -> outbox.Entry:
        return entry(uid, throttle(0.0, 5), at=testing.place(uid, mailbox=mailbox))

    found = await asyncio.gather(
        *(
            record(bench.store, *(at(uid + n, box) for n in range(3)))
            for uid in range(0, 30, 3)
            for box in ("home", "work")
        )
    )
    assert sum(one == "fired" for some in found for one in some) == 5
    assert await count(bench.store) == 5


async def test_a_burst_reads_and_writes_each_key_once(bench: Bench) -> None:
    statements: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *rest: object) -> None:
        statements.append(statement)

    sa.event.listen(bench.store._engine, "before_cursor_execute", note)
    await record(bench.store, *(entry(uid, throttle(float(uid), 1_000, 10.0)) for uid in range(1, 10_001)))
    assert sum("tallies" in one and one.startswith("SELECT") for one in statements) == 1
    assert sum("tallies" in one and one.startswith("INSERT") for one in statements) == 1


async def test_mails_that_claim_nothing_ask_for_no_tallies(bench: Bench) -> None:
    statements: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *rest: object) -> None:
        statements.append(statement)

    sa.event.listen(bench.store._engine, "before_cursor_execute", note)
    await record(bench.store, *(entry(uid) for uid in range(1, 10)))
    assert not [one for one in statements if "tallies" in one]


# Summaries.


class Telling:
    """Summaries of a store, told."""

    def __init__(self, store: Store) -> None:
        self.told: list[events.Event] = []
        self._task = asyncio.create_task(Summaries(store, onlooker=self.told.append).run())

    async def until(self, count: int) -> list[events.Event]:
        async with asyncio.timeout(20):
            while len(self.told) < count:
                await asyncio.sleep(0.001)
        return self.told

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


async def quiet() -> None:
    """Lets what is due happen."""
    for _ in range(20):
        await asyncio.sleep(0.001)


async def test_what_was_suppressed_is_told_once_when_the_span_is_over(bench: Bench) -> None:
    telling = Telling(bench.store)
    now = bench.clock()
    await record(bench.store, *(entry(uid, throttle(now, 5, per="hall")) for uid in range(1, 43)))
    bench.clock.advance(50)
    await quiet()
    assert telling.told == []
    bench.clock.advance(11)
    assert await telling.until(1) == [events.Suppressed(rule="rule", per="hall", count=37, since=now)]
    bench.clock.advance(1_000)
    await quiet()
    assert len(telling.told) == 1
    await telling.stop()


async def test_a_burst_that_goes_on_is_told_of_once_a_span(bench: Bench) -> None:
    telling = Telling(bench.store)
    uid = 0
    for span in range(3):
        for _ in range(4):
            uid += 1
            await record(bench.store, entry(uid, throttle(bench.clock(), 1)))
        bench.clock.advance(61)
        await telling.until(span + 1)
    await telling.stop()
    assert [one.count for one in telling.told if isinstance(one, events.Suppressed)] == [3, 3, 3]


async def test_a_summary_outlives_a_restart(url: str, clock: testing.Clock) -> None:
    async with Store(url, clock=clock) as store:
        telling = Telling(store)
        await record(store, *(entry(uid, throttle(clock(), 1)) for uid in (1, 2, 3)))
        await quiet()
        await telling.stop()
        assert telling.told == []
    clock.advance(61)
    for expected in (1, 1):
        async with Store(url, clock=clock) as store:
            again = Telling(store)
            telling.told += await again.until(1) if not telling.told else []
            await quiet()
            await again.stop()
        assert [one.count for one in telling.told if isinstance(one, events.Suppressed)] == [2] * expected


async def test_a_stop_does_not_lose_a_summary_that_was_taken(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    taken, go_on = asyncio.Event(), asyncio.Event()
    take = bench.store.take_reports

    async def slowly() -> list[events.Suppressed]:
        found = await take()
        taken.set()
        await go_on.wait()
        return found

    monkeypatch.setattr(bench.store, "take_reports", slowly)
    await record(bench.store, *(entry(uid, throttle(bench.clock() - 100, 1)) for uid in (1, 2)))
    telling = Telling(bench.store)
    await taken.wait()
    stopping = asyncio.create_task(telling.stop())
    await quiet()
    go_on.set()
    await stopping
    assert len(telling.told) == 1


async def test_what_is_over_is_forgotten_but_not_what_has_to_be_told(bench: Bench) -> None:
    now = bench.clock()
    await record(bench.store, entry(1, repeated(now)), entry(2, throttle(now, per="b")))
    await record(bench.store, *(entry(uid, throttle(now, per="b")) for uid in (3, 4)))

    def kept(connection: sa.Connection) -> set[tuple[str, str]]:
        return {(row.kind, row.shown) for row in connection.execute(sa.text("SELECT kind, shown FROM tallies"))}

    bench.clock.advance(3_600)
    await bench.store.purge(keep_s=1)
    assert len(await bench.store._do(kept)) == 2, "mails are recorded later than they arrived"
    bench.clock.advance(2 * 86_400)
    await bench.store.purge(keep_s=1)
    assert await bench.store._do(kept) == {("throttle", "b")}
    assert [one.count for one in await bench.store.take_reports()] == [1]
    await bench.store.purge(keep_s=1)
    assert await bench.store._do(kept) == set()


async def test_tallies_that_are_over_go_when_others_are_written(bench: Bench) -> None:
    await record(bench.store, entry(1, throttle(bench.clock(), per="old")))
    bench.clock.advance(3 * 86_400)
    await record(bench.store, entry(2, throttle(bench.clock(), per="new")))
    shown = await bench.store._do(lambda c: [row[0] for row in c.execute(sa.text("SELECT shown FROM tallies"))])
    assert shown == ["new"]


# The store and the ledger.


def claimed(at: int) -> st.SearchStrategy[tuple[Claim, ...]]:
    return st.builds(
        lambda kinds, number, within, per: tuple(
            (repeated if kind == "repeated" else throttle)(float(at), max(number, 2), float(within), per=per)
            for kind in kinds
        ),
        st.sampled_from([(), ("repeated",), ("throttle",), ("repeated", "throttle")]),
        st.integers(1, 3),
        st.integers(1, 20),
        st.sampled_from(["a", "b"]),
    )


@st.composite
def batches(draw: st.DrawFn) -> list[list[list[tuple[tuple[Claim, ...], bool]]]]:
    """Batches of mails, each with the claims and the stop of its rules."""
    at = 0

    def mail() -> list[tuple[tuple[Claim, ...], bool]]:
        nonlocal at
        at += draw(st.integers(-2, 8))
        return [(draw(claimed(at)), draw(st.booleans())) for _ in range(draw(st.integers(1, 3)))]

    return [[mail() for _ in range(draw(st.integers(1, 4)))] for _ in range(draw(st.integers(1, 4)))]


def verdicts(firings: Sequence[tuple[tuple[Claim, ...], bool]]) -> list[rules.Verdict]:
    return [
        rules.Verdict(rule=str(n), matched=True, stopped=stop, claims=claims)
        for n, (claims, stop) in enumerate(firings)
    ]


@settings(deadline=None, max_examples=30)
@given(batches())
def test_the_store_and_the_ledger_agree(given_batches: list[list[list[tuple[tuple[Claim, ...], bool]]]]) -> None:
    async def stored() -> list[list[tuple[str, bool]]]:
        found = []
        uid = 0
        for some in given_batches:
            async with Store(f"sqlite:///{folder}/state.db") as store:
                entries = []
                for firings in some:
                    uid += 1
                    fired = [
                        outbox.Firing(rule=one.rule, claims=one.claims, stop=one.stopped) for one in verdicts(firings)
                    ]
                    entries.append(outbox.Entry(place=testing.place(uid), firings=fired))
                fates = await store.record(Bench.cursor(uid), entries)
                for n, firings in enumerate(some):
                    whole = fates.get(n, ["fired"] * len(firings))
                    made = verdicts(firings)
                    if n in fates:
                        made = ledger.settled(made, whole)
                    found.append([(one.rule, one.suppressed) for one in made])
        return found

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        counted = ledger.Ledger()
        expected = [
            [(one.rule, one.suppressed) for one in counted.settle(verdicts(firings))]
            for some in given_batches
            for firings in some
        ]
        found = asyncio.run(stored())
    for one, other, firings in zip(found, expected, (f for some in given_batches for f in some), strict=True):
        assert one == other or not any(claims for claims, _ in firings)
