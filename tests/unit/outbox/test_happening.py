"""What happens to mails: told once, never of the bridge's own doing, and one act once for all folders that show it."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import outbox, sources, testing
from bridge.delivery import delivery_id
from bridge.outbox.store import Store
from bridge.rules import Change
from bridge.sources import Mark, Marks

SEEN, FLAGGED = Change(op="seen"), Change(op="flag", argument="\\Flagged")
UNREAD = Mark(seen=False)


class Box:
    """A mailbox's folders as a source tells of them to a real store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._occurrence = itertools.count(1)

    async def tell(
        self, *events: tuple[int, str], folder: str = "INBOX", uidvalidity: int = 1, **marks: Any
    ) -> list[bool]:
        """Whether each of these events has fired its rule."""
        position = sources.Cursor(mailbox="home", folder=folder, uidvalidity=uidvalidity, uid=9)
        entries = [self.entry(uid, event, folder=folder, uidvalidity=uidvalidity) for uid, event in events]
        told = Marks(**{"uidvalidity": uidvalidity, "at": self.store.clock(), **marks})
        fates = await self.store.record(position, entries, marks=told)
        return [n not in fates or fates[n] == ["fired"] for n in range(len(entries))]

    def entry(
        self,
        uid: int,
        event: str = "new",
        *changes: Change,
        folder: str = "INBOX",
        uidvalidity: int = 1,
        occurrence: int | None = None,
    ) -> outbox.Entry:
        """One rule that sends something, or, if there are changes, has only those to make."""
        nth = 0 if event == "new" else occurrence or next(self._occurrence)
        plan = outbox.Plan(rule="rule", after=changes) if changes else None
        id_ = delivery_id("home", folder, uidvalidity, uid, event, nth, "rule", 0, "main")
        sent = [] if changes else [testing.delivery(uid, id=id_, folder=folder)]
        firing = outbox.Firing(rule="rule", deliveries=sent, plan=plan)
        place = testing.place(uid, folder=folder, uidvalidity=uidvalidity)
        fingerprint = f"f{uid}" if event == "new" else ""
        return outbox.Entry(place=place, event=event, occurrence=nth, fingerprint=fingerprint, firings=[firing])

    async def keep(self, marks: Mapping[int, Mark], folder: str = "INBOX") -> None:
        await self.tell(folder=folder, mails=marks, whole=True)

    async def plan(self, uid: int, *changes: Change, folder: str = "INBOX") -> list[str]:
        """A mail arrives whose rule wants these changes; their ids, when they are under way."""
        before = set(await self.pending("@home"))
        await self.store.record(testing.cursor(9, folder=folder), [self.entry(uid, "new", *changes, folder=folder)])
        return [one for one in await self.pending("@home") if one not in before]

    async def pending(self, sink: str) -> list[str]:
        page = await self.store.page(sink, after=0, limit=1_000, horizon=0)
        return [queued.delivery.id for queued in page.deliveries]

    async def settle(self, *ids: str, state: outbox.State = "delivered") -> None:
        await self.store.settle([outbox.Outcome(delivery_id=one, state=state) for one in ids])

    async def mark(self, uid: int, folder: str = "INBOX") -> Mark | None:
        return (await self.store.marks("home", folder)).get(uid)


@pytest.fixture
async def box(bench: Any) -> Box:
    return Box(bench.store)


AFTER = {"flagged": Mark(seen=False, flagged=True), "seen": Mark(seen=True), "unflagged": UNREAD}


@pytest.mark.parametrize("event", ["flagged", "seen"])
async def test_what_happens_is_told_and_the_same_once_more_is_not(box: Box, event: str) -> None:
    await box.keep({1: UNREAD})
    assert await box.tell((1, event), mails={1: AFTER[event]}) == [True]
    assert await box.tell((1, event), mails={1: AFTER[event]}) == [False]


async def test_a_batch_that_comes_again_after_a_crash_tells_nothing_twice(url: str) -> None:
    told = Marks(uidvalidity=1, mails={1: AFTER["flagged"]}, gone=frozenset({2}))
    for fates in ({}, {0: ["known"], 1: ["known"]}):
        async with Store(url) as store:
            box = Box(store)
            if not fates:
                await box.keep({1: UNREAD, 2: UNREAD})
            entries = [box.entry(1, "flagged", occurrence=7), box.entry(2, "gone", occurrence=8)]
            assert await store.record(testing.cursor(9), entries, marks=told) == fates
            assert await store.counts() == {"broker": {"pending": 2}}


async def test_of_a_mail_of_which_nothing_is_kept_only_what_can_be_is_believed(box: Box) -> None:
    await box.keep({})
    events = [(1, "seen"), (2, "unflagged"), (3, "flagged"), (4, "gone")]
    assert await box.tell(*events) == [False, False, True, True]


async def test_a_mail_goes_once(box: Box) -> None:
    await box.keep({1: UNREAD})
    assert await box.tell((1, "gone"), gone=frozenset({1})) == [True]
    assert await box.tell((1, "gone"), (2, "gone"), gone=frozenset({1, 2})) == [False, True]
    assert await box.tell((1, "gone"), uidvalidity=2) == [True], "another mail"


async def test_what_happens_within_one_batch_is_told_in_order(box: Box) -> None:
    await box.keep({1: UNREAD})
    events = [(1, "flagged"), (1, "flagged"), (1, "unflagged"), (1, "flagged")]
    assert await box.tell(*events, mails={1: AFTER["flagged"]}) == [True, False, True, True]


async def test_what_was_kept_under_another_uidvalidity_says_nothing(box: Box) -> None:
    await box.keep({1: AFTER["flagged"]})
    assert await box.tell((1, "flagged"), uidvalidity=2, mails={1: AFTER["flagged"]}) == [True]


OWN = [(SEEN, "seen"), (Change(op="flag", argument="\\seen"), "seen"), (FLAGGED, "flagged")]


@pytest.mark.parametrize(("change", "event"), OWN)
async def test_a_change_of_the_bridges_own_is_no_news_before_it_is_settled_nor_after(
    box: Box, change: Change, event: str
) -> None:
    await box.keep({1: UNREAD, 2: UNREAD})
    first, second = [(await box.plan(uid, change))[0] for uid in (1, 2)]
    assert await box.tell((1, event), mails={1: AFTER[event]}) == [False]
    await box.settle(first, second)
    assert await box.tell((2, event), mails={2: AFTER[event]}) == [False]
    assert await box.mark(2) == (Mark(flagged=True, seen=False) if event == "flagged" else None)


@pytest.mark.parametrize("is_told_first", [True, False])
@pytest.mark.parametrize(("change", "event"), OWN)
async def test_what_the_bridge_did_once_somebody_else_may_do_again(
    box: Box, bench: Any, change: Change, event: str, is_told_first: bool
) -> None:
    await box.keep({1: UNREAD})
    (mine,) = await box.plan(1, change)
    if is_told_first:
        await box.tell((1, event), mails={1: AFTER[event]})
    await box.settle(mine)
    bench.clock.advance(1)
    undone = [(1, "unflagged")] if event == "flagged" else []
    assert await box.tell(*undone, mails={1: UNREAD}) == [True] * len(undone)
    assert await box.tell((1, event), mails={1: AFTER[event]}) == [True]


async def test_what_was_undone_before_it_was_settled_stays_undone(box: Box) -> None:
    await box.keep({1: UNREAD})
    (mine,) = await box.plan(1, SEEN)
    assert await box.tell((1, "seen"), mails={1: Mark()}) == [False], "its own"
    await box.tell(mails={1: UNREAD})
    await box.settle(mine)
    assert await box.tell((1, "seen"), mails={1: Mark()}) == [True], "somebody else's"


async def test_a_change_that_is_tried_again_is_its_own_once_more(box: Box) -> None:
    await box.keep({1: UNREAD})
    (mine,) = await box.plan(1, SEEN)
    await box.tell((1, "seen"), mails={1: Mark()})
    await box.tell(mails={1: UNREAD})
    await box.settle(mine, state="pending")
    await box.settle(mine)
    assert await box.tell((1, "seen"), mails={1: Mark()}) == [False]


async def test_a_change_that_is_tried_again_by_another_process_is_its_own_once_more(url: str) -> None:
    async with Store(url) as store:
        box = Box(store)
        await box.keep({1: UNREAD})
        (mine,) = await box.plan(1, SEEN)
        await box.tell((1, "seen"), mails={1: Mark()})
        await box.tell(mails={1: UNREAD})
    async with Store(url) as store:
        box = Box(store)
        await box.settle(mine)
        assert await box.tell((1, "seen"), mails={1: Mark()}) == [False]


@pytest.mark.parametrize("state", ["dead", "expired", "dropped"])
async def test_a_change_that_was_not_made_explains_nothing(box: Box, state: outbox.State) -> None:
    await box.keep({1: UNREAD})
    (mine,) = await box.plan(1, SEEN)
    await box.settle(mine, state=state)
    assert await box.tell((1, "seen"), mails={1: Mark()}) == [True]


@pytest.mark.parametrize("change", [Change(op="move", argument="Done"), Change(op="delete")])
@pytest.mark.parametrize("is_settled", [True, False])
async def test_a_mail_that_the_bridge_takes_away_is_not_gone(box: Box, change: Change, is_settled: bool) -> None:
    await box.keep({1: UNREAD, 2: UNREAD})
    (mine,) = await box.plan(1, change)
    if is_settled:
        await box.settle(mine)
        assert await box.mark(1) is None
    assert await box.tell((1, "gone"), (2, "gone"), gone=frozenset({1, 2})) == [False, True]


async def test_a_mailbox_whose_marks_are_not_kept_gets_none_by_its_own_changes(box: Box) -> None:
    await box.settle(*await box.plan(1, FLAGGED))
    assert await box.mark(1) is None


# One mail in two folders.

BOTH = {"fingerprint": "same"}


async def keep_both(box: Box, **fields: Any) -> None:
    for folder, uid in (("INBOX", 1), ("Alarms", 5)):
        await box.keep({uid: Mark(**{"seen": False, **fields, **BOTH})}, folder)


async def both(box: Box, event: str, *, first: str = "INBOX") -> list[bool]:
    """One act, as both folders tell of it."""
    uids = {"INBOX": 1, "Alarms": 5}
    found = []
    for folder in (first, *(uids.keys() - {first})):
        found += await box.tell((uids[folder], event), folder=folder, mails={uids[folder]: AFTER[event]})
    return found


async def test_one_act_that_shows_in_two_folders_is_told_once_and_again_when_it_is_done_again(
    box: Box, bench: Any
) -> None:
    await keep_both(box)
    for event, first in (("flagged", "INBOX"), ("unflagged", "INBOX"), ("flagged", "Alarms"), ("unflagged", "INBOX")):
        assert await both(box, event, first=first) == [True, False]
        bench.clock.advance(1)
    mark = await box.mark(5, "Alarms")
    assert mark is not None
    assert not mark.flagged


async def test_a_copy_that_is_marked_by_itself_is_told(box: Box, bench: Any) -> None:
    await keep_both(box)
    await both(box, "flagged")
    bench.clock.advance(1)
    assert await box.tell((5, "unflagged"), folder="Alarms", mails={5: UNREAD}) == [True]
    bench.clock.advance(1)
    assert await box.tell((5, "flagged"), folder="Alarms", mails={5: AFTER["flagged"]}) == [True]


async def test_a_copy_that_was_flagged_since_before_is_no_act(box: Box) -> None:
    await box.keep({1: Mark(flagged=True, **BOTH)})
    await box.keep({5: Mark(seen=False, **BOTH)}, "Alarms")
    assert await box.tell((5, "flagged"), folder="Alarms", mails={5: AFTER["flagged"]}) == [True]


async def test_reading_and_flagging_a_mail_are_two_acts_in_any_order_of_telling(box: Box) -> None:
    await keep_both(box)
    read = Mark(seen=True, flagged=True)
    assert await box.tell((1, "seen"), mails={1: Mark()}) == [True]
    assert await box.tell((1, "flagged"), mails={1: read}) == [True]
    assert await box.tell((5, "seen"), folder="Alarms", mails={5: Mark()}) == [False]
    assert await box.tell((5, "flagged"), folder="Alarms", mails={5: read}) == [False]


async def test_a_mail_that_is_nothing_but_seen_is_known_by_what_the_source_tells_of_it(box: Box) -> None:
    for folder in ("INBOX", "Alarms"):
        await box.keep({}, folder)
    marked = Mark(flagged=True, fingerprint="same")
    assert await box.tell((1, "flagged"), mails={1: marked}) == [True]
    assert await box.tell((5, "flagged"), folder="Alarms", mails={5: marked}) == [False]


async def test_another_mailbox_is_another(box: Box) -> None:
    await box.keep({1: Mark(seen=False, **BOTH)})
    await box.tell((1, "flagged"), mails={1: AFTER["flagged"]})
    position = sources.Cursor(mailbox="work", folder="INBOX", uidvalidity=1, uid=1)
    entry = outbox.Entry(place=testing.place(1, mailbox="work"), event="flagged", occurrence=1)
    told = Marks(uidvalidity=1, mails={1: Mark(flagged=True, **BOTH)})
    assert await box.store.record(position, [entry], marks=told) == {}


async def test_a_mail_goes_from_each_folder(box: Box) -> None:
    await keep_both(box)
    assert await box.tell((1, "gone"), gone=frozenset({1})) == [True]
    assert await box.tell((5, "gone"), folder="Alarms", gone=frozenset({5})) == [True]


@pytest.mark.parametrize("is_settled", [True, False])
async def test_what_the_bridge_does_to_one_is_no_news_of_the_other(box: Box, is_settled: bool) -> None:
    await keep_both(box)
    (mine,) = await box.plan(1, SEEN)
    if is_settled:
        await box.settle(mine)
    assert await box.tell((5, "seen"), folder="Alarms", mails={5: Mark()}) == [False]


# Any order of all of it.

STEPS = st.lists(
    st.sampled_from(["own seen", "own flag", "settle", "read", "unread", "flag", "unflag", "push"]), max_size=14
)
FLAG_OF = {"seen": "seen", "unseen": "seen", "flagged": "flagged", "unflagged": "flagged"}


class Ticks:
    """A clock of which each look is ten seconds later: everything has a time of its own."""

    def __init__(self) -> None:
        self._now = 1e9

    def __call__(self) -> float:
        self._now += 10
        return self._now


@dataclasses.dataclass(kw_only=True)
class Push:
    mark: Mark
    event: str
    at: float
    who: str  # who did it: bridge or user; "" if that cannot be told from outside


class World:
    """A server with one mail, its user, the bridge that changes it, and pushes that are late but in order, as a source
    sees them that looks at the store first.
    """

    def __init__(self, box: Box, clock: Ticks) -> None:
        self.box = box
        self.clock = clock
        self.is_so = {"seen": False, "flagged": False}
        self.pushes: list[Push] = []
        self.under_way: dict[str, str] = {}  # flag → id
        self.occurrences = itertools.count(1)
        self.wrong: list[str] = []

    async def step(self, step: str) -> None:
        if step.startswith("own"):
            await self.own("seen" if step == "own seen" else "flagged")
        elif step == "settle":
            await self.box.settle(*self.under_way.values())
            self.under_way.clear()
        elif step == "push":
            await self.push()
        else:
            event = {"read": "seen", "unread": "unseen", "flag": "flagged", "unflag": "unflagged"}[step]
            self.change(event, "" if FLAG_OF[event] in self.under_way else "user")

    async def own(self, flag: str) -> None:
        if flag in self.under_way or self.is_so[flag]:
            return
        change = SEEN if flag == "seen" else FLAGGED
        asked = self.box.entry(1, "asked", change, occurrence=next(self.occurrences))
        await self.box.store.record(testing.cursor(9), [asked])
        (self.under_way[flag],) = set(await self.box.pending("@home")) - set(self.under_way.values())
        for push in self.pushes:
            if FLAG_OF[push.event] == flag and push.who == "user":
                push.who = ""  # it will be told while the bridge does the same, or has done it
        self.change(flag, "bridge")

    def change(self, event: str, who: str) -> None:
        flag, wanted = FLAG_OF[event], not event.startswith("un")
        if self.is_so[flag] != wanted:
            self.is_so[flag] = wanted
            self.pushes.append(Push(mark=Mark(**self.is_so), event=event, at=self.clock(), who=who))

    async def push(self) -> None:
        if not self.pushes:
            return
        push = self.pushes.pop(0)
        kept = (await self.box.store.marks("home", "INBOX")).get(1, Mark())
        found = {push.event} - {"unseen"}
        if kept.flagged != push.mark.flagged:
            found.add("flagged" if push.mark.flagged else "unflagged")
        if push.mark.seen and not kept.seen:
            found.add("seen")
        events = sorted(found)
        fired = await self.box.tell(*((1, event) for event in events), mails={1: push.mark}, at=push.at)
        for event, has_fired in zip(events, fired, strict=True):
            if has_fired and (event != push.event or push.who == "bridge"):
                self.wrong.append(f"{event} was told, and {push.who} did {push.event}")
            if not has_fired and event == push.event and push.who == "user":
                self.wrong.append(f"{event} of the user's was lost")


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_no_own_change_is_told_and_no_other_is_lost(steps: list[str]) -> None:
    async def run() -> list[str]:
        clock = Ticks()
        with tempfile.TemporaryDirectory() as folder:
            async with Store(f"sqlite:///{Path(folder)}/state.db", clock=clock) as store:
                world = World(Box(store), clock)
                await world.box.keep({1: UNREAD})
                for step in [*steps, "settle", *["push"] * len(steps)]:
                    await world.step(step)
                return world.wrong

    assert asyncio.run(run()) == []
