"""What rules with ``event: count`` count, when their numbers are told, and what the clock does to them."""

from __future__ import annotations

import asyncio
import collections
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import counts, events, rules, sources, testing
from bridge.delivery import delivery_id
from bridge.intake import Intake, Rulebook
from bridge.mail import Mail
from bridge.outbox.dispatcher import Dispatcher
from bridge.outbox.store import Store

UNREAD = frozenset({"unread"})


def mail(uid: int, *flags: str, folder: str = "INBOX", subject: str = "x", message: int | None = None) -> Mail:
    head = f"Subject: {subject}\r\nMessage-ID: <{message or uid}@x>\r\n\r\n".encode()
    place = testing.place(uid, folder=folder)
    return Mail(
        place=place, head=head, size=100, flags=frozenset(flags), received=testing.RECEIVED, event="count", occurrence=1
    )


async def unread(one: Mail) -> counts.Judged:
    """By the rule that counts what is not seen; until a time that stands in the subject."""
    until = float(one.subject) if one.subject != "x" else None
    is_counted = "\\Seen" not in one.flags and (until is None or until > NOW[0])
    return counts.Judged(rules=UNREAD if is_counted else frozenset(), until=until if is_counted else None)


NOW = [1_000.0]


@pytest.fixture(autouse=True)
def now() -> list[float]:
    NOW[0] = 1_000.0
    return NOW


def make(*folders: str) -> counts.Counts:
    return counts.Counts("home", ["unread"], folders or ["INBOX"], clock=lambda: NOW[0])


async def told(numbers: counts.Counts) -> dict[str, int]:
    changed = numbers.changed()
    numbers.told(changed)
    return changed


async def take(numbers: counts.Counts, *mails: Mail, folder: str = "INBOX", **fields: Any) -> dict[str, int]:
    await numbers.take(folder, sources.Census(mails=mails, **fields), unread)
    return await told(numbers)


async def test_a_number_is_told_at_the_start_and_when_it_is_another() -> None:
    numbers = make()
    assert await take(numbers, mail(1), mail(2), mail(3, "\\Seen"), begins=True) == {"unread": 2}
    assert await take(numbers, mail(4)) == {"unread": 3}
    assert await take(numbers, mail(1, "\\Seen"), mail(5)) == {}, "one more, and one less"
    assert await take(numbers, mail(4), gone=frozenset({2, 9})) == {"unread": 2}
    assert await take(numbers, begins=True) == {"unread": 0}


async def test_none_is_a_number_at_the_start() -> None:
    assert await take(make(), begins=True) == {"unread": 0}


async def test_a_number_is_told_when_the_census_ends() -> None:
    numbers = make()
    assert await take(numbers, mail(1), begins=True, ends=False) == {}
    assert await take(numbers, mail(2), ends=False) == {}
    assert await take(numbers, mail(3)) == {"unread": 3}


async def test_a_folder_that_tells_anew_counts_as_before_until_it_has_ended() -> None:
    numbers = make("INBOX", "Alarms")
    await take(numbers, mail(1), mail(2), begins=True)
    assert await take(numbers, begins=True, folder="Alarms") == {"unread": 2}
    assert await take(numbers, mail(1), begins=True, ends=False) == {}
    assert await take(numbers, mail(7, folder="Alarms"), folder="Alarms") == {"unread": 3}
    assert await take(numbers, mail(1), begins=True, ends=False) == {}, "the connection was lost, and it begins again"
    assert await take(numbers) == {"unread": 2}


async def test_what_is_told_twice_counts_once() -> None:
    numbers = make()
    for _ in range(2):
        await numbers.take("INBOX", sources.Census(mails=(mail(1), mail(2)), begins=True), unread)
    assert await told(numbers) == {"unread": 2}


async def test_what_could_not_be_recorded_is_due_again() -> None:
    numbers = make()
    await numbers.take("INBOX", sources.Census(mails=(mail(1),), begins=True), unread)
    assert numbers.changed() == numbers.changed() == {"unread": 1}


async def test_a_number_waits_for_all_folders_but_not_for_ever() -> None:
    numbers = make("INBOX", "Alarms", "Refused")
    assert await take(numbers, mail(1), begins=True) == {}
    NOW[0] += 20
    assert await take(numbers, mail(2), folder="Alarms", begins=True) == {}
    assert numbers.next_time == NOW[0] + counts.PATIENCE_S
    NOW[0] += counts.PATIENCE_S
    assert await told(numbers) == {"unread": 2}
    assert numbers.next_time is None
    assert await take(numbers, mail(3), folder="Refused", begins=True) == {"unread": 3}


async def test_nothing_is_waited_for_where_no_folder_has_told() -> None:
    assert make("INBOX", "Alarms").next_time is None


async def test_a_mail_under_two_labels_is_one() -> None:
    numbers = make("INBOX", "Alarms")
    await take(numbers, mail(1, message=7), mail(2, message=8), begins=True)
    there = [mail(5, folder="Alarms", message=7), mail(6, folder="Alarms", message=9)]
    assert await take(numbers, *there, folder="Alarms", begins=True) == {"unread": 3}
    assert await take(numbers, gone=frozenset({1})) == {}
    assert await take(numbers, mail(5, "\\Seen", folder="Alarms", message=7), folder="Alarms") == {"unread": 2}


async def test_two_mails_that_are_alike_in_one_folder_are_two() -> None:
    numbers = make("INBOX", "Alarms")
    await take(numbers, mail(1, message=7), mail(2, message=7), begins=True)
    assert await take(numbers, mail(5, folder="Alarms", message=7), folder="Alarms", begins=True) == {"unread": 2}


async def test_a_mail_that_counts_for_a_time_counts_until_then() -> None:
    numbers = make()
    assert await take(numbers, mail(1, subject="1060"), mail(2, subject="1120"), mail(3), begins=True) == {"unread": 3}
    assert numbers.next_time == 1_060
    NOW[0] = 1_060
    await numbers.look_again(unread)
    assert await told(numbers) == {"unread": 2}
    assert numbers.next_time == 1_120
    await take(numbers, gone=frozenset({2}))
    assert numbers.next_time is None


async def test_a_mail_that_is_to_be_judged_at_once_for_ever_is_judged_now_and_then() -> None:
    async def eager(_: Mail) -> counts.Judged:
        return counts.Judged(rules=UNREAD, until=NOW[0])

    numbers = make()
    await numbers.take("INBOX", sources.Census(mails=(mail(1),), begins=True), eager)
    assert numbers.next_time is not None
    assert numbers.next_time > NOW[0]


async def test_of_too_many_that_count_for_a_time_the_rest_counts_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "MOST_KEPT", 3)
    numbers = make()
    many = [mail(uid, subject="1060") for uid in range(1, 6)]
    assert await take(numbers, *many, begins=True) == {"unread": 5}
    NOW[0] = 1_060
    await numbers.look_again(unread)
    assert await told(numbers) == {"unread": 2}
    assert await take(numbers, *many, begins=True) == {"unread": 0}, "the folder tells anew"


def test_each_time_is_another() -> None:
    numbers = make()
    first, second = numbers.occurrence(), numbers.occurrence()
    NOW[0] -= 500
    assert first < second < numbers.occurrence()


TOLD = st.lists(
    st.tuples(
        st.sampled_from(["INBOX", "Alarms"]),
        st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=4),
        st.frozensets(st.integers(1, 4), max_size=2),
        st.booleans(),
    ),
    max_size=8,
)


@given(TOLD)
def test_a_number_is_what_counting_all_would_give(
    batches: list[tuple[str, list[tuple[int, bool]], frozenset[int], bool]],
) -> None:
    async def run() -> tuple[int, int]:
        numbers = make("INBOX", "Alarms")
        there: dict[str, dict[int, bool]] = {"INBOX": {}, "Alarms": {}}
        for folder in there:
            await take(numbers, folder=folder, begins=True)
        for folder, found, gone, begins in batches:
            some = [
                mail(uid, *([] if is_new else ["\\Seen"]), folder=folder, message=uid % 3 + 1) for uid, is_new in found
            ]
            await take(numbers, *some, folder=folder, gone=gone, begins=begins)
            there[folder] = {} if begins else there[folder]
            there[folder].update(dict(found))
            for uid in gone:
                there[folder].pop(uid, None)
        alike = collections.Counter[int]()
        for of_folder in there.values():
            alike |= collections.Counter(uid % 3 + 1 for uid, is_new in of_folder.items() if is_new)
        return numbers._numbers["unread"], alike.total()

    number, expected = asyncio.run(run())
    assert number == expected


# From a source to a sink.


class Unread:
    """A rule set of one rule, which counts what is unread, for a time if its subject says so."""

    def wants(self, _: Mail) -> dict[str, int]:
        return {}

    def heavy(self, one: Mail) -> bool:
        return one.subject == "heavy"

    def evaluate(self, _mail: Mail, _moment: rules.Moment, *, explain: bool = False) -> list[rules.Verdict]:
        return []

    def watched(self, _mailbox: str, _now: float) -> sources.Watch:
        return sources.Watch()

    def counted_by(self, one: Mail, moment: rules.Moment) -> frozenset[str]:
        is_over = one.subject.isdigit() and self.counts_until(one, moment) is None
        return frozenset() if is_over or "\\Seen" in one.flags else UNREAD

    def counts_until(self, one: Mail, moment: rules.Moment) -> float | None:
        return float(one.subject) if one.subject.isdigit() and float(one.subject) > moment.now else None

    def count(self, rule: str, number: int, blank: Mail, moment: rules.Moment) -> rules.Verdict:
        place = blank.place
        id_ = delivery_id(
            place.mailbox, place.folder, place.uidvalidity, place.uid, blank.event, blank.occurrence, rule
        )
        sent = testing.delivery(place.uid, id=id_, rule=rule, folder=place.folder, payload=b"%d" % number)
        return rules.Verdict(rule=rule, matched=True, deliveries=(sent,))


class Bridge:
    """A scripted source, the intake, a store and a sink."""

    def __init__(self, store: Store, clock: testing.Clock, *folders: str) -> None:
        self.clock = clock
        self.sink = testing.FlakySink()
        self.told: list[events.Event] = []
        self.ended = asyncio.Event()
        numbers = counts.Counts("home", ["unread"], folders, clock=clock)
        book = Rulebook(rule_set=Unread(), clock=clock)
        self.intake = Intake(
            testing.ScriptedSource(),
            store,
            in_force=lambda: book,
            onlooker=self.told.append,
            one_folder=len(folders) == 1,
            numbers=numbers,
        )
        self.dispatcher = Dispatcher("broker", self.sink, store, onlooker=lambda _: self.ended.set())

    async def census(self, *mails: Mail, folder: str = "INBOX", **fields: Any) -> None:
        census = sources.Census(mails=mails, **fields)
        await self.intake.handle(sources.Batch(cursor=testing.cursor(1, folder=folder), census=census))

    async def until_sent(self, number: int) -> list[bytes]:
        async with asyncio.timeout(20):
            while len(self.sink.sent) < number:
                self.ended.clear()
                await self.ended.wait()
        return [one.payload for one in self.sink.sent]


@pytest.fixture
async def bridge() -> AsyncIterator[Callable[..., Bridge]]:
    clock = testing.Clock()
    tasks: list[asyncio.Task[None]] = []
    made: list[Bridge] = []
    with tempfile.TemporaryDirectory() as folder:
        async with Store(f"sqlite:///{Path(folder)}/state.db", clock=clock) as store:

            def make_one(*folders: str) -> Bridge:
                made.append(Bridge(store, clock, *(folders or ("INBOX",))))
                tasks.append(asyncio.create_task(made[-1].dispatcher.run()))
                return made[-1]

            yield make_one
            for one in made:
                running = asyncio.create_task(one.intake.run())
                await asyncio.sleep(0)
                running.cancel()
                await asyncio.wait([running])
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)


async def test_numbers_go_from_the_source_to_the_sink(bridge: Callable[..., Bridge]) -> None:
    one = bridge()
    await one.census(mail(1), mail(2, subject="heavy"), begins=True)
    assert await one.until_sent(1) == [b"2"]
    await one.census(mail(2, "\\Seen"))
    assert await one.until_sent(2) == [b"2", b"1"]
    assert [event.mail.event for event in one.told if isinstance(event, events.MailHandled)] == ["count", "count"]
    assert {sent.lane for sent in one.sink.sent} == {one.sink.sent[0].lane}


async def test_the_clock_alone_changes_a_number(bridge: Callable[..., Bridge]) -> None:
    one = bridge()
    until = int(one.clock()) + 3_600
    await one.census(mail(1, subject=str(until)), mail(2), begins=True)
    assert await one.until_sent(1) == [b"2"]
    one.clock.advance(3_601)
    assert await one.until_sent(2) == [b"2", b"1"]


async def test_a_folder_that_does_not_tell_is_not_waited_for(bridge: Callable[..., Bridge]) -> None:
    one = bridge("INBOX", "Refused")
    await one.census(mail(1), begins=True)
    one.clock.advance(counts.PATIENCE_S + 1)
    assert await one.until_sent(1) == [b"1"]


async def test_an_intake_that_ends_leaves_no_timer(bridge: Callable[..., Bridge]) -> None:
    one = bridge("INBOX", "Refused")
    await one.census(mail(1), begins=True)
    running = asyncio.create_task(one.intake.run())
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])
    one.clock.advance(counts.PATIENCE_S + 1)
    for _ in range(10):
        await asyncio.sleep(0)
    assert one.told == []
