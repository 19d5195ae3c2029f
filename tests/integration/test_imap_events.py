"""What happens to mails that are there already, on a real Dovecot: with NOTIFY and without, with QRESYNC, with
CONDSTORE alone, and with neither.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from bridge import delivery, mail, sources
from tests import servers, watching
from tests.servers.dovecot import Dovecot
from tests.watching import settings

EVENTS = frozenset({"flagged", "unflagged", "seen", "gone"})
WATCH = sources.Watch(events=EVENTS, remembers=lambda _: True)
PLAIN = "IMAP4rev1 SASL-IR LITERAL+ IDLE UIDPLUS MOVE"
CAPABILITIES = {
    "all": "",
    "no NOTIFY": f"{PLAIN} ENABLE ESEARCH CONDSTORE QRESYNC",
    "CONDSTORE alone": f"{PLAIN} ESEARCH CONDSTORE",
    "NOTIFY alone": f"{PLAIN} NOTIFY",
    "nothing": PLAIN,
}


@pytest.fixture(params=CAPABILITIES.values(), ids=CAPABILITIES)
def dovecot(request: pytest.FixtureRequest) -> Iterator[Dovecot]:
    with Dovecot(capability=request.param) as server:
        yield server


@pytest.fixture
def best() -> Iterator[Dovecot]:
    with Dovecot() as server:
        yield server


async def by_somebody_else(server: Dovecot, change: Callable[[Any], object]) -> None:
    def work() -> None:
        with server.client(folder="INBOX") as client:
            change(client)

    await asyncio.to_thread(work)


async def test_what_others_do_to_mails_is_told_as_it_happens(dovecot: Dovecot) -> None:
    dovecot.deliver(count=5)
    began = time.time()
    async with watching.Watching(settings(dovecot), watch=WATCH) as watched:
        await watched.are("live")
        await by_somebody_else(dovecot, lambda c: c.add_flags([2], [b"\\Flagged"]))
        await watched.tell(("flagged", 2))
        await by_somebody_else(dovecot, lambda c: c.add_flags([3], [b"\\Seen"]))
        await watched.tell(("flagged", 2), ("seen", 3))
        await by_somebody_else(dovecot, lambda c: c.remove_flags([2], [b"\\Flagged"]))
        await watched.tell(("flagged", 2), ("seen", 3), ("unflagged", 2))
        told = watched.mails
        assert [each.subject for each in told] == ["mail 2", "mail 3", "mail 2"]
        assert "\\Flagged" in told[0].flags
        assert "\\Flagged" not in told[2].flags
        assert "\\Seen" in told[1].flags
        assert all(began <= (each.happened or 0) <= time.time() for each in told)
        assert len({each.occurrence for each in told} - {0}) == 3
        assert {batch.cursor.uid for batch in watched.batches} == {5}


async def test_a_mail_that_is_gone_is_told_from_its_remembered_header(dovecot: Dovecot) -> None:
    async with watching.Watching(settings(dovecot), watch=WATCH) as watched:
        await watched.are("live")
        await asyncio.to_thread(dovecot.deliver, count=4)
        await watched.have(4)
        await by_somebody_else(dovecot, lambda c: (c.delete_messages([2, 3]), c.expunge()))
        await watched.tell(("gone", 2), ("gone", 3))
        assert [each.subject for each in watched.mails[4:]] == ["mail 2", "mail 3"]
        assert set(watched.memory.kept["home", "INBOX"]) == {1, 4}
        await asyncio.to_thread(dovecot.deliver, subject="after it")
        await watched.have(7)
        assert watched.subjects[-1] == "after it"


async def test_what_happened_while_away_is_told_once_and_as_no_later_than_it_can_have_been(dovecot: Dovecot) -> None:
    memory = watching.Memory()
    async with watching.Watching(settings(dovecot), memory=memory, watch=WATCH) as watched:
        await watched.are("live")
        await asyncio.to_thread(dovecot.deliver, count=6)
        await watched.have(6)
    left = time.time()
    with dovecot.client(folder="INBOX") as client:
        client.add_flags([1, 2, 3], [b"\\Flagged"])
        client.remove_flags([2], [b"\\Flagged"])
        client.add_flags([4], [b"\\Seen"])
        client.delete_messages([5])
        client.expunge()
    dovecot.deliver(subject="new")
    async with watching.Watching(settings(dovecot), memory=memory, watch=WATCH) as again:
        await servers.until(lambda: len(again.mails) >= 5)
        assert sorted(again.told) == [("flagged", 1), ("flagged", 3), ("gone", 5), ("seen", 4)]
        assert [each.subject for each in again.mails if each.event == "new"] == ["new"]
        assert all(each.happened is not None and each.happened <= left for each in again.mails if each.event != "new")
    async with watching.Watching(settings(dovecot), memory=memory, watch=WATCH) as third:
        await third.are("live")
        await by_somebody_else(dovecot, lambda c: c.add_flags([6], [b"\\Flagged"]))
        await third.tell(("flagged", 6))


async def test_what_was_so_before_the_rules_asked_is_not_told(dovecot: Dovecot) -> None:
    dovecot.deliver(count=3)
    with dovecot.client(folder="INBOX") as client:
        client.add_flags([1], [b"\\Flagged"])
        client.add_flags([2], [b"\\Seen"])
    async with watching.Watching(settings(dovecot), watch=WATCH) as watched:
        await watched.are("live")
        await by_somebody_else(dovecot, lambda c: c.remove_flags([1], [b"\\Flagged"]))
        await watched.tell(("unflagged", 1))
        marks = next(batch.marks for batch in watched.batches if batch.marks)
        assert marks.whole
        assert {uid: (mark.seen, mark.flagged) for uid, mark in marks.mails.items()} == {
            1: (False, True),
            3: (False, False),
        }


async def test_a_flood_that_no_rule_asks_for_fetches_nothing_and_moves_the_marks(dovecot: Dovecot) -> None:
    dovecot.fill("ada", 2_000)
    watch = sources.Watch(events=frozenset({"flagged"}))
    async with watching.Watching(settings(dovecot), watch=watch) as watched:
        await watched.are("live", deadline_s=60)
        await by_somebody_else(dovecot, lambda c: c.add_flags("1:*", [b"\\Seen"], silent=True))
        kept = watched.memory.kept["home", "INBOX"]
        await servers.until(lambda: all(mark.seen for mark in kept.values()), 60)
        assert watched.mails == []
        assert watched.state().bytes_read < 400_000


async def test_mails_are_counted_as_they_come_change_and_go(dovecot: Dovecot) -> None:
    dovecot.deliver(count=5)
    with dovecot.client(folder="INBOX") as client:
        client.add_flags([1], [b"\\Seen"])
    watch = sources.Watch(searches=frozenset({sources.Search(flags=frozenset({"!\\Seen"}))}))
    async with watching.Watching(settings(dovecot), watch=watch) as watched:
        await servers.until(lambda: watched.counted("\\Seen") == {2, 3, 4, 5})
        await asyncio.to_thread(dovecot.deliver)
        await servers.until(lambda: watched.counted("\\Seen") == {2, 3, 4, 5, 6})
        await by_somebody_else(dovecot, lambda c: c.add_flags([2], [b"\\Seen"]))
        await servers.until(lambda: watched.counted("\\Seen") == {3, 4, 5, 6})
        await by_somebody_else(dovecot, lambda c: (c.delete_messages([3]), c.expunge()))
        await servers.until(lambda: watched.counted("\\Seen") == {4, 5, 6})
        await by_somebody_else(dovecot, lambda c: c.remove_flags([1], [b"\\Seen"]))
        await servers.until(lambda: watched.counted("\\Seen") == {1, 4, 5, 6})
        assert [batch.census.begins for batch in watched.batches if batch.census].count(True) == 1


async def test_marks_that_no_rule_asks_for_any_more_are_dropped(best: Dovecot) -> None:
    memory = watching.Memory()
    async with watching.Watching(settings(best), memory=memory, watch=WATCH) as watched:
        await watched.are("live")
        await servers.until(lambda: memory.cursors["home", "INBOX"].marked is not None)
    async with watching.Watching(settings(best), memory=memory) as watched:
        await servers.until(lambda: memory.cursors["home", "INBOX"].marked is None)
        await watched.are("live")
        assert [batch.marks.dropped for batch in watched.batches if batch.marks] == [True]


async def test_a_change_that_is_pushed_costs_the_fetch_of_its_mail_and_what_the_rules_want_of_it(best: Dovecot) -> None:
    def wants(each: mail.Mail) -> Mapping[str, int]:
        return {"1": 50_000} if each.event == "flagged" else {}

    best.deliver(best.sample(text="word " * 5_000))
    async with watching.Watching(settings(best), watch=WATCH, wants=wants) as watched:
        await watched.are("live")
        await servers.until(lambda: watched.state().unseen == 1)
        before = watched.state().round_trips
        await by_somebody_else(best, lambda c: c.add_flags([1], [b"\\Flagged"]))
        await watched.tell(("flagged", 1))
        assert watched.state().round_trips <= before + 3  # the mail, the part, and IDLE again
        assert len(watched.mails[0].content["1"]) > 24_000
        assert watched.batches[-1].wants is wants
        assert watched.batches[-1].pushed is not None


async def test_what_the_bridge_itself_does_is_seen_like_anybody_s(best: Dovecot) -> None:
    best.deliver()
    async with watching.Watching(settings(best), watch=WATCH) as watched:
        await watched.are("live")
        uidvalidity = watched.batches[0].cursor.uidvalidity
        flag = delivery.MailChange(
            id="x", mailbox="home", folder="INBOX", uidvalidity=uidvalidity, uid=1, op="flag", argument="flagged"
        )
        await watched.source.change([flag])
        await watched.tell(("flagged", 1))


async def test_unseen_and_total_are_counted(dovecot: Dovecot) -> None:
    dovecot.deliver(count=3)
    async with watching.Watching(settings(dovecot)) as watched:
        await servers.until(lambda: (watched.state().unseen, watched.state().total) == (3, 3))


async def test_a_census_is_not_repeated_after_a_reconnect_but_what_changed_is_told(dovecot: Dovecot) -> None:
    dovecot.deliver(count=4)
    watch = sources.Watch(searches=frozenset({sources.Search(flags=frozenset({"!\\Seen"}))}))
    async with watching.Watching(settings(dovecot), watch=watch) as watched:
        await servers.until(lambda: watched.counted("\\Seen") == {1, 2, 3, 4})
        await asyncio.to_thread(dovecot.stop)
        await watched.are("retrying")
        await asyncio.to_thread(dovecot.start)
        await by_somebody_else(dovecot, lambda c: c.add_flags([2], [b"\\Seen"]))
        await asyncio.to_thread(dovecot.deliver)
        await servers.until(lambda: watched.counted("\\Seen") == {1, 3, 4, 5})
        assert [batch.census.begins for batch in watched.batches if batch.census].count(True) == 1


async def test_a_mail_that_may_count_is_told_again_when_any_of_its_flags_changes(dovecot: Dovecot) -> None:
    dovecot.deliver(count=2)
    watch = sources.Watch(searches=frozenset({sources.Search(flags=frozenset({"!\\Seen"}))}))
    async with watching.Watching(settings(dovecot), watch=watch) as watched:
        await servers.until(lambda: watched.counted("\\Seen") == {1, 2})
        await by_somebody_else(dovecot, lambda c: c.add_flags([2], [b"$Late"]))
        await servers.until(lambda: _counted_with("$Late", watched) == {2})


def _counted_with(flag: str, watched: watching.Watching) -> set[int]:
    found = (mail for batch in watched.batches if batch.census for mail in batch.census.mails)
    return {mail.place.uid for mail in found if flag in mail.flags}


async def test_with_notify_the_unseen_are_counted_again_when_flags_change(best: Dovecot) -> None:
    """Without a rule that asks for flags, too: the server tells of them."""
    best.deliver(count=3)
    async with watching.Watching(settings(best)) as watched:
        await servers.until(lambda: watched.state().unseen == 3)
        await by_somebody_else(best, lambda c: c.add_flags([1, 2], [b"\\Seen"]))
        await servers.until(lambda: watched.state().unseen == 1)


async def test_a_change_of_uidvalidity_begins_anew_and_tells_of_nothing(best: Dovecot) -> None:
    memory = watching.Memory()
    watch = sources.Watch(events=EVENTS, searches=frozenset({sources.Search(flags=frozenset({"!\\Seen"}))}))
    with best.client() as client:
        client.create_folder("Box")
        client.append("Box", best.sample(), flags=[b"\\Flagged"])
    async with watching.Watching(settings(best, folders=["Box"]), memory=memory, watch=watch) as watched:
        await servers.until(lambda: watched.counted("\\Seen") == {1})
    old = memory.cursors["home", "Box"].uidvalidity
    with best.client() as client:
        client.delete_folder("Box")
        client.create_folder("Box")
        for _ in range(2):
            client.append("Box", best.sample(), flags=[b"\\Flagged"])
    async with watching.Watching(settings(best, folders=["Box"]), memory=memory, watch=watch) as again:
        await servers.until(lambda: again.counted("\\Seen") == {1, 2})
        marked = memory.cursors["home", "Box"].marked
        assert marked is not None
        assert marked.uidvalidity == memory.cursors["home", "Box"].uidvalidity != old
        assert again.told == []
        assert {uid: mark.flagged for uid, mark in memory.kept["home", "Box"].items()} == {1: True, 2: True}
