"""A newer count takes the place of older ones: whoever was away gets one number."""

from __future__ import annotations

import asyncio

from bridge import outbox, sources, testing
from bridge.delivery import Delivery, delivery_id
from tests.unit.outbox.conftest import Bench


def counted(number: int, *, rule: str = "unread", target: str = "home/unread", reset: bool = False) -> outbox.Entry:
    fields = {"rule": rule, "folder": "", "payload": b"%d" % number, "target": target}
    main = testing.delivery(number, id=delivery_id(rule, target, number), **fields)
    after = Delivery(
        id=delivery_id(rule, target, number, "reset"),
        sink="broker",
        target=target,
        payload=b"0",
        rule=rule,
        mailbox="home",
        part="reset",
        reset_after=1.0,
        follows=main.id,
    )
    firing = outbox.Firing(rule=rule, deliveries=[main, after] if reset else [main])
    place = testing.place(number, folder="", uidvalidity=0)
    return outbox.Entry(place=place, event="count", occurrence=number, firings=[firing])


async def record(bench: Bench, *entries: outbox.Entry) -> None:
    await bench.store.record(bench.cursor(1), entries)


async def payloads(bench: Bench) -> list[bytes]:
    page = await bench.store.page("broker", after=0, limit=1_000, horizon=0)
    return [one.delivery.payload for one in page.deliveries]


async def test_a_sink_that_was_away_gets_one_number(bench: Bench) -> None:
    sink = testing.FlakySink()
    sink.back.clear()
    async with bench.dispatching(sink):
        for number in range(1, 501):
            await record(bench, counted(number))
        assert await payloads(bench) == [b"500"]
        sink.back.set()
        await bench.until_ended(1)
    assert [one.payload for one in sink.sent] == [b"500"]
    assert await bench.states() == {"broker": {"delivered": 1, "dropped": 499}}


async def test_what_a_dispatcher_has_read_is_not_sent_when_it_is_superseded(bench: Bench) -> None:
    sink = testing.FlakySink(depth=1)
    sink.release.clear()
    async with bench.dispatching(sink):
        await record(bench, counted(1, target="another"))
        await sink.arrived.wait()
        for number in range(2, 9):
            await record(bench, counted(number))
        sink.release.set()
        await bench.until_ended(2)
    assert [one.payload for one in sink.sent] == [b"1", b"8"]


async def test_each_rule_and_each_target_has_its_number(bench: Bench) -> None:
    await record(bench, counted(1), counted(2, rule="other"), counted(3, target="there"))
    await record(bench, counted(4))
    assert await payloads(bench) == [b"2", b"3", b"4"]


async def test_another_mailboxes_number_is_another(bench: Bench) -> None:
    await record(bench, counted(1))
    work = outbox.Entry(place=testing.place(2, mailbox="work", folder=""), event="count", occurrence=2)
    firing = outbox.Firing(rule="unread", deliveries=[testing.delivery(2, rule="unread", target="home/unread")])
    cursor = sources.Cursor(mailbox="work", folder="INBOX", uidvalidity=1, uid=1)
    await bench.store.record(cursor, [outbox.Entry(**{**_fields(work), "firings": [firing]})])
    assert len(await payloads(bench)) == 2


def _fields(entry: outbox.Entry) -> dict[str, object]:
    return {"place": entry.place, "event": entry.event, "occurrence": entry.occurrence}


async def test_a_number_that_was_tried_may_have_arrived_and_is_left(bench: Bench) -> None:
    await record(bench, counted(1))
    await bench.store.settle([outbox.Outcome(delivery_id=delivery_id("unread", "home/unread", 1), state="pending")])
    await record(bench, counted(2))
    await record(bench, counted(3))
    assert await payloads(bench) == [b"1", b"3"]


async def test_a_superseded_number_takes_its_reset_with_it(bench: Bench) -> None:
    await record(bench, counted(1, reset=True))
    await record(bench, counted(2, reset=True))
    assert await bench.states() == {"broker": {"pending": 1, "held": 1, "dropped": 2}}


async def test_a_number_that_is_recorded_once_more_is_not_superseded_by_itself(bench: Bench) -> None:
    for _ in range(2):
        await record(bench, counted(1), counted(1))
    assert await payloads(bench) == [b"1"]


async def test_mails_are_not_superseded(bench: Bench) -> None:
    await bench.record(testing.delivery(1))
    await bench.record(testing.delivery(2))
    await record(bench, counted(3, rule="rule", target="home/hall"))
    assert len(await payloads(bench)) == 3


async def test_the_numbers_of_a_mailbox_have_a_folder_of_their_own_that_is_no_cursor_of_another(bench: Bench) -> None:
    await record(bench, counted(7))
    found = await asyncio.gather(*(bench.store.cursor("home", folder) for folder in ("INBOX", "")))
    assert [one and one.uid for one in found] == [1, 0]
