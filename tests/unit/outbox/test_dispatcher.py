"""Order, retries, expiry, resets and mail changes, as `bridge/outbox/__init__.py` promises them."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable

import pytest

from bridge import errors, outbox, testing
from bridge.delivery import Delivery
from bridge.outbox import database, queue
from bridge.outbox.store import Store
from bridge.rules import Change
from tests.unit.outbox.conftest import Bench

DAY_S = 86_400.0


def main(uid: int, target: str = "home/hall", **fields: object) -> Delivery:
    return testing.delivery(uid, target=target, **fields)


def reset_of(uid: int, after_s: float = 30.0, target: str = "home/hall") -> Delivery:
    return testing.delivery(uid, target=target, part="reset", payload=b"0", follows=main(uid).id, reset_after=after_s)


async def until(condition: Callable[[], bool]) -> None:
    """Polls; the test's subject runs between two looks."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.001)


async def test_deliveries_arrive_in_the_order_of_recording(bench: Bench) -> None:
    sink = testing.FlakySink(depth=8, pipelined=True)
    for uid in range(1, 60):
        await bench.record(main(uid))
    async with bench.dispatching(sink):
        await bench.until_ended(59)
    assert [main(uid).id for uid in range(1, 60)] == sink.ids
    assert await bench.states() == {"broker": {"delivered": 59}}


async def test_a_sink_that_is_not_pipelined_gets_one_delivery_a_lane(bench: Bench) -> None:
    sink = testing.FlakySink(depth=8)
    sink.release.clear()
    for uid, target in enumerate(["a", "a", "b", "b"], start=1):
        await bench.record(main(uid, target))
    async with bench.dispatching(sink):
        await until(lambda: len(sink.sent) == 2)
        assert [one.target for one in sink.sent] == ["a", "b"]
        sink.release.set()
        await bench.until_ended(4)


async def test_a_lane_waits_for_its_retry_and_the_others_go_on(bench: Bench) -> None:
    sink = testing.FlakySink()
    sink.fail("a", errors.Retryable("busy"))
    for uid, target in enumerate(["a", "a", "b"], start=1):
        await bench.record(main(uid, target))
    async with bench.dispatching(sink):
        await bench.until_ended(1)
        assert [bench.ended[0].delivery.target] == ["b"]
        await until(lambda: len(sink.sent) == 2)
        bench.clock.advance(5)
        await bench.until_ended(3)
    assert [1, 2] == [[main(1, "a").id, main(2, "a").id].index(e.delivery.id) + 1 for e in bench.ended[1:]]


async def test_a_retry_is_remembered_over_a_restart(bench: Bench, url: str) -> None:
    sink = testing.FlakySink()
    sink.fail("a", errors.Retryable("busy", retry_after_s=1000))
    await bench.record(main(1, "a"))
    await bench.record(main(2, "a"))
    async with bench.dispatching(sink):
        async with asyncio.timeout(20):
            while (await bench.store.waiting_lanes("broker")) == {}:
                await asyncio.sleep(0.001)
    again = testing.FlakySink()
    async with bench.dispatching(again):
        await bench.record(main(3, "b"))
        await bench.until_ended(1)
        assert again.ids == [main(3).id], "the second of lane a waits for the first"
        bench.clock.advance(1001)
        await bench.until_ended(3)
    assert again.ids == [main(3).id, main(1).id, main(2).id]


async def test_a_permanent_failure_is_dead_with_its_reason(bench: Bench) -> None:
    sink = testing.FlakySink()
    sink.fail("home/hall", errors.Permanent("no such thing", code="4.04"))
    await bench.record(main(1))
    async with bench.dispatching(sink):
        assert await bench.until_ended(1) == ["dead"]
    assert (bench.ended[0].reason, bench.ended[0].code) == ("no such thing", "4.04")


async def test_what_a_sink_should_not_raise_is_tried_again(bench: Bench) -> None:
    sink = testing.FlakySink()
    sink.fail("home/hall", ZeroDivisionError("a bug"))
    await bench.record(main(1))
    async with bench.dispatching(sink):
        await until(lambda: len(sink.sent) == 1)
        async with asyncio.timeout(20):
            while not await bench.store.waiting_lanes("broker"):
                await asyncio.sleep(0.001)
        bench.clock.advance(5)
        assert await bench.until_ended(1) == ["delivered"]


async def test_a_sink_that_is_away_gets_all_of_it_in_order_when_it_is_back(bench: Bench) -> None:
    sink = testing.FlakySink(depth=4, pipelined=True)
    sink.release.clear()
    for uid in range(1, 21):
        await bench.record(main(uid))
    async with bench.dispatching(sink):
        await until(lambda: len(sink.sent) == 4)
        sink.back.clear()
        sink.release.set()  # the four in flight come back unacknowledged
        await asyncio.sleep(0)
        bench.clock.advance(2)
        sink.back.set()
        sink.sent.clear()
        await bench.until_ended(20)
    assert [main(uid).id for uid in range(1, 21)] == sink.ids
    assert {event.state for event in bench.ended} == {"delivered"}


async def test_what_expires_while_it_waits_is_expired_and_never_sent(bench: Bench) -> None:
    sink = testing.FlakySink()
    sink.back.clear()
    await bench.record(main(1, expires=bench.clock() + 60))
    async with bench.dispatching(sink):
        await asyncio.sleep(0)
        bench.clock.advance(61)
        assert await bench.until_ended(1) == ["expired"]
        sink.back.set()
    assert sink.sent == []


async def test_the_sink_is_told_the_seconds_that_remain(bench: Bench) -> None:
    sink = testing.FlakySink()
    await bench.record(main(1, expires=bench.clock() + 60))
    bench.clock.advance(20)
    async with bench.dispatching(sink):
        await bench.until_ended(1)
    assert sink.expiries[0] == pytest.approx(40, abs=2)


async def test_a_sink_that_stays_away_ends_deliveries_after_retry_for(bench: Bench) -> None:
    sink = testing.FlakySink()
    sink.back.clear()
    await bench.record(main(1, retry_until=bench.clock() + DAY_S))
    async with bench.dispatching(sink):
        bench.clock.advance(DAY_S + 1)
        assert await bench.until_ended(1) == ["dead"]
    assert "given up" in bench.ended[0].reason


async def test_a_delayed_delivery_waits_and_blocks_nobody(bench: Bench) -> None:
    sink = testing.FlakySink()
    await bench.record(main(1, not_before=bench.clock() + 600))
    await bench.record(main(2))
    async with bench.dispatching(sink):
        await bench.until_ended(1)
        assert sink.ids == [main(2).id]
        bench.clock.advance(601)
        await bench.until_ended(2)
    assert sink.ids == [main(2).id, main(1).id]


async def test_a_reset_goes_out_after_the_acknowledgement_and_its_time(bench: Bench) -> None:
    sink = testing.FlakySink()
    await bench.record(main(1), reset_of(1))
    async with bench.dispatching(sink):
        await bench.until_ended(1)
        bench.clock.advance(29)
        await asyncio.sleep(0.01)
        assert len(sink.sent) == 1
        bench.clock.advance(2)
        await bench.until_ended(2)
    assert [one.payload for one in sink.sent] == [b"x", b"0"]


@pytest.mark.parametrize("ahead_s", [600, -600])
async def test_a_reset_at_a_time_of_its_own_goes_out_then_or_at_once(bench: Bench, ahead_s: float) -> None:
    sink = testing.FlakySink()
    sink.release.clear()
    reset = dataclasses.replace(reset_of(1), reset_after=None, reset_at=bench.clock() + ahead_s)
    await bench.record(main(1), reset)
    await bench.record(main(2, "other"))
    async with bench.dispatching(sink):
        await until(lambda: len(sink.sent) == 2)  # reading has gone past the reset
        sink.release.set()
        await bench.until_ended(2)
        if ahead_s > 0:
            bench.clock.advance(ahead_s - 5)
            await asyncio.sleep(0.01)
            assert len(sink.sent) == 2
            bench.clock.advance(6)
        await bench.until_ended(3)
    assert [one.payload for one in sink.sent] == [b"x", b"x", b"0"]


@pytest.mark.parametrize("by_moment", [False, True])
async def test_a_reset_is_remembered_over_a_restart(url: str, clock: testing.Clock, by_moment: bool) -> None:
    sink = testing.FlakySink()
    reset = dataclasses.replace(reset_of(1), reset_at=clock() + 30) if by_moment else reset_of(1)
    async with Store(url, clock=clock) as store:
        bench = Bench(store, clock)
        await bench.record(main(1), reset)
        async with bench.dispatching(sink):
            await bench.until_ended(1)
    clock.advance(20)
    async with Store(url, clock=clock) as store:
        bench = Bench(store, clock)
        async with bench.dispatching(sink):
            await asyncio.sleep(0.01)
            assert len(sink.sent) == 1
            clock.advance(11)
            await bench.until_ended(1)
    assert [one.payload for one in sink.sent] == [b"x", b"0"]


async def test_a_delay_is_remembered_over_a_restart(url: str, clock: testing.Clock) -> None:
    sink = testing.FlakySink()
    async with Store(url, clock=clock) as store:
        await Bench(store, clock).record(main(1, not_before=clock() + 600, expires=clock() + 700))
    clock.advance(590)
    async with Store(url, clock=clock) as store:
        bench = Bench(store, clock)
        async with bench.dispatching(sink):
            await asyncio.sleep(0.01)
            assert sink.sent == []
            clock.advance(11)
            assert await bench.until_ended(1) == ["delivered"]


async def test_what_expired_while_the_bridge_was_stopped_is_never_sent(url: str, clock: testing.Clock) -> None:
    sink = testing.FlakySink()
    async with Store(url, clock=clock) as store:
        await Bench(store, clock).record(main(1, expires=clock() + 60))
    clock.advance(61)
    async with Store(url, clock=clock) as store:
        bench = Bench(store, clock)
        async with bench.dispatching(sink):
            assert await bench.until_ended(1) == ["expired"]
    assert sink.sent == []


async def test_the_next_firing_restarts_a_reset(bench: Bench) -> None:
    sink = testing.FlakySink()
    async with bench.dispatching(sink):
        await bench.record(main(1), reset_of(1))
        await bench.until_ended(1)
        bench.clock.advance(20)
        await bench.record(main(2), reset_of(2))
        await bench.until_ended(2)
        bench.clock.advance(20)
        await asyncio.sleep(0.01)
        assert len(sink.sent) == 2, "the first reset would have been due by now"
        bench.clock.advance(11)
        await bench.until_ended(3)
    assert [one.id for one in sink.sent] == [main(1).id, main(2).id, reset_of(2).id]
    assert (await bench.states())["broker"]["dropped"] == 1


async def test_a_reset_that_fell_due_during_an_outage_does_not_undo_a_newer_firing(bench: Bench) -> None:
    sink = testing.FlakySink(depth=8, pipelined=True)
    async with bench.dispatching(sink):
        await bench.record(main(1), reset_of(1))
        await bench.until_ended(1)
        sink.release.clear()
        await bench.record(main(2), reset_of(2))
        await until(lambda: len(sink.sent) == 2)
        bench.clock.advance(31)  # the first reset falls due while the second main is in flight
        await asyncio.sleep(0.01)
        sink.release.set()
        await bench.until_ended(2)
        bench.clock.advance(31)
        await bench.until_ended(3)
    assert [one.id for one in sink.sent] == [main(1).id, main(2).id, reset_of(2).id]


async def test_a_reset_falls_away_with_a_main_that_was_never_sent(bench: Bench) -> None:
    sink = testing.FlakySink()
    sink.fail("home/hall", errors.Permanent("no"))
    await bench.record(main(1), reset_of(1))
    async with bench.dispatching(sink):
        await bench.until_ended(1)
    assert await bench.states() == {"broker": {"dead": 1, "dropped": 1}}


def plan(rule: str = "rule", *, after: tuple[Change, ...] = (), failed: tuple[Change, ...] = ()) -> outbox.Plan:
    return outbox.Plan(rule=rule, after=after, failed=failed)


async def changes(store: Store) -> list[tuple[str, str]]:
    page = await store.page("@home", after=0, limit=100, horizon=0)
    return [(one.delivery.options["op"], one.delivery.options["argument"]) for one in page.deliveries]


async def test_a_mail_is_changed_only_after_all_of_its_deliveries(bench: Bench) -> None:
    sink, slow = testing.FlakySink(), testing.FlakySink()
    slow.release.clear()
    await bench.record(main(1), main(1, "lamp", action=1, sink="lamp"), plans=(plan(after=(Change(op="seen"),)),))
    async with bench.dispatching(sink), bench.dispatching(slow, "lamp"):
        await bench.until_ended(1)
        assert await changes(bench.store) == []
        slow.release.set()
        await bench.until_ended(2)
    assert await changes(bench.store) == [("seen", "")]


async def test_a_failed_delivery_brings_failed_instead_of_after(bench: Bench) -> None:
    sink = testing.FlakySink()
    sink.fail("home/hall", errors.Permanent("no"))
    fate = plan(after=(Change(op="seen"),), failed=(Change(op="flag", argument="$Failed"),))
    await bench.record(main(1), plans=(fate,))
    async with bench.dispatching(sink):
        await bench.until_ended(1)
    assert await changes(bench.store) == [("flag", "$Failed")]


async def test_a_pending_reset_does_not_hold_the_changes(bench: Bench) -> None:
    await bench.record(main(1), reset_of(1), plans=(plan(after=(Change(op="seen"),)),))
    async with bench.dispatching(testing.FlakySink()):
        await bench.until_ended(1)
    assert await changes(bench.store) == [("seen", "")]


async def test_flags_go_first_then_copies_then_the_first_move_or_delete(bench: Bench) -> None:
    first = plan("a", after=(Change(op="move", argument="Done"), Change(op="seen")))
    second = plan("b", after=(Change(op="delete"), Change(op="copy", argument="Log"), Change(op="seen")))
    await bench.record(plans=(first, second))
    assert await changes(bench.store) == [("seen", ""), ("copy", "Log")]
    page = await bench.store.page("@home", after=0, limit=10, horizon=0)
    await bench.store.settle(
        [outbox.Outcome(delivery_id=one.delivery.id, state="delivered") for one in page.deliveries]
    )
    assert await changes(bench.store) == [("move", "Done")]


async def test_dead_deliveries_are_retried_by_hand_with_their_resets(bench: Bench, url: str) -> None:
    sink = testing.FlakySink()
    sink.fail("home/hall", errors.Permanent("no"))
    await bench.record(main(1), reset_of(1))
    async with bench.dispatching(sink):
        await bench.until_ended(1)
        with database.transaction(url) as connection:  # as the command does it, from another process
            assert queue.retry(connection, queue.Selection(ids=(main(1).id,)), now=bench.clock()) == 1
        assert await bench.until_ended(2) == ["dead", "delivered"]
        bench.clock.advance(31)
        assert await bench.until_ended(3) == ["dead", "delivered", "delivered"]
    assert [one.payload for one in sink.sent] == [b"x", b"x", b"0"]


async def test_an_admins_hand_on_one_sink_leaves_the_order_of_another_alone(bench: Bench, url: str) -> None:
    sink = testing.FlakySink()
    sink.fail("home/hall", errors.Retryable("busy", retry_after_s=1000))
    for uid in (1, 2):
        await bench.record(main(uid))
    await bench.record(main(3, "x", sink="other"))
    async with bench.dispatching(sink):
        async with asyncio.timeout(20):
            while not await bench.store.waiting_lanes("broker"):
                await asyncio.sleep(0.001)
        with database.transaction(url) as connection:
            queue.drop(connection, queue.Selection(sink="other"), now=bench.clock())
        bench.store._tell({"broker": outbox.News(foreign=True)})
        await bench.record(main(4, "other/target"))
        await bench.until_ended(1)
        assert sink.ids == [main(1).id, main(4).id]
        bench.clock.advance(1001)
        await bench.until_ended(3)
    assert sink.ids == [main(1).id, main(4).id, main(1).id, main(2).id]


async def test_a_far_end_that_asks_for_no_wait_at_all_gets_a_second(bench: Bench) -> None:
    sink = testing.FlakySink()
    sink.fail("home/hall", errors.Retryable("busy", retry_after_s=0))
    await bench.record(main(1))
    async with bench.dispatching(sink):
        async with asyncio.timeout(20):
            while not await bench.store.waiting_lanes("broker"):
                await asyncio.sleep(0.001)
        assert len(sink.sent) == 1
        bench.clock.advance(2)
        assert await bench.until_ended(1) == ["delivered"]


async def test_a_reset_comes_after_a_main_that_may_have_arrived(bench: Bench) -> None:
    sink = testing.FlakySink()
    sink.fail("home/hall", errors.Retryable("no answer", retry_after_s=1000))
    await bench.record(main(1, expires=bench.clock() + 60), reset_of(1))
    async with bench.dispatching(sink):
        async with asyncio.timeout(20):
            while not await bench.store.waiting_lanes("broker"):
                await asyncio.sleep(0.001)
        bench.clock.advance(61)
        assert await bench.until_ended(1) == ["expired"]
        bench.clock.advance(31)
        assert await bench.until_ended(2) == ["expired", "delivered"]
    assert [one.payload for one in sink.sent] == [b"x", b"0"]


async def test_what_waits_behind_a_delivery_that_expired_is_sent_at_once(bench: Bench) -> None:
    sink = testing.FlakySink()
    sink.fail("home/hall", errors.Retryable("busy", retry_after_s=100_000))
    await bench.record(main(1, expires=bench.clock() + 60))
    await bench.record(main(2))
    async with bench.dispatching(sink):
        async with asyncio.timeout(20):
            while not await bench.store.waiting_lanes("broker"):
                await asyncio.sleep(0.001)
        bench.clock.advance(61)
        assert await bench.until_ended(2) == ["expired", "delivered"]


async def test_a_clock_that_is_set_back_keeps_no_reset_waiting(bench: Bench) -> None:
    sink = testing.FlakySink()
    async with bench.dispatching(sink):
        await bench.record(main(1))
        await bench.until_ended(1)  # reading began at the start when it was an hour later
        bench.clock.set(-3_600)
        await bench.record(main(2), reset_of(2))
        await bench.record(main(3, "other"))  # reading has gone past the reset
        await bench.until_ended(3)
        bench.clock.set(-3_600 + 31)
        await bench.record(main(4, "other"))  # wakes the dispatcher, which cannot see a wall clock move
        await bench.until_ended(5)
    assert b"0" in [one.payload for one in sink.sent]


async def test_a_reason_that_no_text_can_hold_takes_nothing_down(bench: Bench) -> None:
    sink = testing.FlakySink()
    sink.fail("home/hall", errors.Permanent("no \udcff"))
    await bench.record(main(1))
    await bench.record(main(2, "other"))
    async with bench.dispatching(sink):
        assert sorted(await bench.until_ended(2)) == ["dead", "delivered"]


async def test_a_sink_that_gives_a_delivery_up_is_asked_again(bench: Bench) -> None:
    sink = testing.FlakySink()
    sink.fail("home/hall", asyncio.CancelledError())  # type: ignore[arg-type]
    await bench.record(main(1))
    async with bench.dispatching(sink):
        async with asyncio.timeout(20):
            while not await bench.store.waiting_lanes("broker"):
                await asyncio.sleep(0.001)
        bench.clock.advance(5)
        assert await bench.until_ended(1) == ["delivered"]


async def test_one_target_that_refuses_does_not_stop_the_others(bench: Bench) -> None:
    sink = testing.FlakySink(depth=1)
    await bench.record(main(1, "good/1"))
    sink.fail("bad", errors.Refused("401"))
    await bench.record(main(2, "bad"))
    await bench.record(main(3, "good/2"))
    async with bench.dispatching(sink):
        await bench.until_ended(2)
    assert [event.delivery.target for event in bench.ended] == ["good/1", "good/2"]


async def test_a_mail_is_not_moved_before_it_is_copied_nor_at_all_if_that_fails(bench: Bench) -> None:
    fate = plan(after=(Change(op="copy", argument="Log"), Change(op="delete")))
    await bench.record(plans=(fate,))
    assert await changes(bench.store) == [("copy", "Log")]
    page = await bench.store.page("@home", after=0, limit=1, horizon=0)
    copy = page.deliveries[0].delivery.id
    await bench.store.settle([outbox.Outcome(delivery_id=copy, state="dead", reason="no such folder")])
    assert await changes(bench.store) == []
    assert await bench.states() == {"@home": {"dead": 1, "dropped": 1}}


async def test_dropping_by_hand_drops_the_reset_too(bench: Bench) -> None:
    await bench.record(main(1), reset_of(1))
    dropped = await bench.store._do(lambda c: queue.drop(c, queue.Selection(sink="broker"), now=bench.clock()))
    assert dropped == 2
    assert await bench.states() == {"broker": {"dropped": 2}}


async def test_a_payload_is_erased_when_its_delivery_is_settled(bench: Bench) -> None:
    await bench.record(main(1, payload=b"secret"))
    async with bench.dispatching(testing.FlakySink()):
        await bench.until_ended(1)
    found = await bench.store._do(lambda c: queue.select(c, queue.Selection(everything=True), states=["delivered"]))
    assert [one.delivery.payload for one in found] == [b""]


async def test_many_waiting_deliveries_of_a_blocked_lane_do_not_starve_the_others(bench: Bench) -> None:
    sink = testing.FlakySink(depth=2)
    sink.fail("slow", errors.Retryable("busy", retry_after_s=1000))
    for uid in range(1, 1200):
        await bench.record(main(uid, "slow"))
    await bench.record(main(1200, "quick"))
    async with bench.dispatching(sink):
        await bench.until_ended(1)
    assert bench.ended[0].delivery.target == "quick"


async def test_draining_waits_for_what_is_in_flight_and_takes_no_more(bench: Bench) -> None:
    sink = testing.FlakySink(depth=1)
    sink.release.clear()
    for uid in range(1, 4):
        await bench.record(main(uid))
    async with bench.dispatching(sink) as dispatcher:
        await until(lambda: len(sink.sent) == 1)
        draining = asyncio.create_task(dispatcher.drain(60))
        await bench.record(main(4))  # news: the dispatcher must not spin on what it may not take
        await asyncio.sleep(0)
        sink.release.set()
        async with asyncio.timeout(20):
            await draining
    assert len(sink.sent) == 1
    assert await bench.states() == {"broker": {"delivered": 1, "pending": 3}}


async def test_draining_gives_up_at_its_deadline(bench: Bench) -> None:
    sink = testing.FlakySink()
    sink.release.clear()
    await bench.record(main(1))
    async with bench.dispatching(sink) as dispatcher:
        await until(lambda: len(sink.sent) == 1)
        draining = asyncio.create_task(dispatcher.drain(60))
        await asyncio.sleep(0)
        bench.clock.advance(61)
        async with asyncio.timeout(20):
            await draining
    assert await bench.states() == {"broker": {"pending": 1}}


async def test_a_delivery_that_could_not_be_made_brings_failed(bench: Bench) -> None:
    fate = plan(after=(Change(op="seen"),), failed=(Change(op="flag", argument="$Failed"),))
    await bench.record(main(1, dead="temp is missing"), plans=(fate,))
    assert await changes(bench.store) == [("flag", "$Failed")]


async def test_a_sink_that_goes_while_it_is_waited_for_is_tried_again_when_it_is_back(bench: Bench) -> None:
    """What was in flight comes back only when the next delivery waits for the sink already; no mail may be needed to
    wake both.
    """
    sink = testing.FlakySink(pipelined=True)
    sink.release.clear()
    async with bench.dispatching(sink) as dispatcher:
        await bench.record(main(1, "a"))
        await sink.arrived.wait()
        sink.back.clear()
        await bench.record(main(2, "b"))
        await bench.store.pending("broker")  # the sender has heard of it, and waits
        sink.release.set()
        await until(lambda: not dispatcher._sent)
        sink.back.set()
        bench.clock.advance(5)
        assert await bench.until_ended(2) == ["delivered", "delivered"]
