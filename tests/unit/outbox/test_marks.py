"""How mails are marked: kept with the batch that tells of it, as long as it says something."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from bridge import outbox, sources, testing
from bridge.outbox import marks
from bridge.outbox.store import Store
from bridge.sources import Mark, Marked, Marks
from tests.unit.outbox.conftest import Bench

UNREAD, FLAGGED = Mark(seen=False), Mark(flagged=True)
HEAD = b"Subject: x\r\n" * 100


async def keep(store: Store, folder: str = "INBOX", **fields: Any) -> None:
    told = Marks(**{"uidvalidity": 1, "modseq": 7, "at": 5.0, **fields})
    await store.record(testing.cursor(1, folder=folder), [], marks=told)


async def test_without_marks_a_folder_has_none(bench: Bench) -> None:
    await bench.store.record(bench.cursor(1), [])
    found = await bench.store.cursor("home", "INBOX")
    assert found is not None
    assert found.marked is None
    assert await bench.store.marks("home", "INBOX") == {}


async def test_marks_and_where_they_are_known_to_outlive_a_restart(url: str) -> None:
    async with Store(url) as store:
        await keep(store, mails={1: UNREAD, 2: FLAGGED, 3: Mark()})
        await store.record(testing.cursor(2), [])
    async with Store(url) as store:
        found = await store.cursor("home", "INBOX")
        assert found is not None
        assert (found.uid, found.marked) == (2, Marked(uidvalidity=1, modseq=7, at=5.0))
        assert await store.marks("home", "INBOX") == {1: UNREAD, 2: FLAGGED}
        assert await store.marks("home", "INBOX", [2, 3]) == {2: FLAGGED}
        assert await store.marks("home", "Alarms") == {}


async def test_a_server_without_modseq_is_known_by_the_time_alone(bench: Bench) -> None:
    await keep(bench.store, modseq=None)
    found = await bench.store.cursor("home", "INBOX")
    assert found is not None
    assert found.marked == Marked(uidvalidity=1, modseq=None, at=5.0)


async def test_what_is_told_takes_the_place_of_what_was_told_before(bench: Bench) -> None:
    await keep(bench.store, mails={1: UNREAD, 2: FLAGGED, 3: UNREAD})
    await keep(bench.store, mails={1: FLAGGED, 2: Mark()}, gone=frozenset({3}))
    assert await bench.store.marks("home", "INBOX") == {1: FLAGGED}


async def test_all_of_a_folder_takes_the_place_of_all(bench: Bench) -> None:
    await keep(bench.store, mails={1: UNREAD, 2: UNREAD})
    await keep(bench.store, "Alarms", mails={1: UNREAD})
    await keep(bench.store, mails={2: FLAGGED}, whole=True)
    assert await bench.store.marks("home", "INBOX") == {2: FLAGGED}
    assert await bench.store.marks("home", "Alarms") == {1: UNREAD}


async def test_another_uidvalidity_is_another_folder(bench: Bench) -> None:
    await keep(bench.store, mails={1: UNREAD})
    await keep(bench.store, mails={2: UNREAD}, uidvalidity=2)
    assert await bench.store.marks("home", "INBOX") == {2: UNREAD}


async def test_what_no_rule_asks_for_is_forgotten(bench: Bench) -> None:
    await keep(bench.store, mails={1: UNREAD})
    await keep(bench.store, dropped=True)
    found = await bench.store.cursor("home", "INBOX")
    assert found is not None
    assert found.marked is None
    assert await bench.store.marks("home", "INBOX") == {}


async def test_a_mail_is_remembered_with_its_head_whatever_becomes_of_its_flags(bench: Bench) -> None:
    what: dict[str, Any] = {"size": 10, "received": 3.0, "fingerprint": "f"}
    await keep(bench.store, mails={1: Mark(seen=False, head=HEAD, **what), 2: UNREAD})
    for told in (FLAGGED, Mark()):
        await keep(bench.store, mails={1: told, 2: told})
    assert await bench.store.remembered("home", "INBOX", [1, 2]) == {1: Mark(head=HEAD, **what)}
    assert await bench.store.marks("home", "INBOX") == {1: Mark(**what)}


async def test_a_mail_that_is_told_of_with_all_others_keeps_its_head(bench: Bench) -> None:
    await keep(bench.store, mails={1: Mark(seen=False, head=HEAD), 2: Mark(head=HEAD)})
    await keep(bench.store, mails={1: UNREAD}, whole=True)
    assert set(await bench.store.remembered("home", "INBOX", [1, 2])) == {1}


@given(st.binary(max_size=20_000))
def test_a_head_is_kept_as_it_is_but_for_what_is_too_long(head: bytes) -> None:
    kept = marks.packed(head)
    assert marks.unpacked(kept) == head[: marks.HEAD_OCTETS]
    assert len(kept) <= min(len(head), marks.HEAD_OCTETS) + 1


async def test_a_head_that_repeats_itself_is_kept_small() -> None:
    assert len(marks.packed(HEAD)) < len(HEAD) / 10


async def test_many_marks_are_read_whole(bench: Bench) -> None:
    await keep(bench.store, mails=dict.fromkeys(range(1, 1_201), UNREAD))
    assert len(await bench.store.marks("home", "INBOX", range(1, 1_101))) == 1_100
    assert len(await bench.store.marks("home", "INBOX")) == 1_200


async def test_what_another_folder_can_tell_of_no_more_is_forgotten(bench: Bench) -> None:
    await keep(bench.store, mails={1: Mark(seen=False, fingerprint="f"), 2: Mark(seen=False, head=HEAD)})
    seen = [outbox.Entry(place=testing.place(uid), event="seen", occurrence=1) for uid in (1, 2)]
    await bench.store.record(bench.cursor(1), seen, marks=Marks(uidvalidity=1, at=1.0, mails={1: Mark(), 2: Mark()}))
    for later_s, left in ((3_600, {1, 2}), (86_400, {2})):
        bench.clock.advance(later_s)
        await bench.store.purge(keep_s=30 * 86_400)
        assert set(await bench.store.marks("home", "INBOX")) == left


@pytest.mark.parametrize("entries", [0, 3])
async def test_a_batch_without_events_and_marks_asks_for_nothing_of_this(
    bench: Bench, statements: list[str], entries: int
) -> None:
    new = [outbox.Entry(place=testing.place(uid), fingerprint="f") for uid in range(1, entries + 1)]
    await bench.store.record(bench.cursor(3), new)
    assert not [one for one in statements if "marks" in one or "event = 'gone'" in one]
    beside = ("PRAGMA", "SELECT files.id")  # what the store asks at its start
    assert len([one for one in statements if not one.startswith(beside)]) <= 3


@pytest.fixture
def statements(bench: Bench) -> list[str]:
    said: list[str] = []
    sa.event.listen(bench.store._engine, "before_cursor_execute", lambda *a: said.append(a[2]))
    return said


async def test_memory_is_what_sources_ask_for(bench: Bench) -> None:
    memory: sources.Memory = bench.store
    assert await memory.marks("home", "INBOX") == {}
