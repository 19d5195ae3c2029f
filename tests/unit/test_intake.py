"""The way in: every batch is recorded before the next, whatever its mails and the store do."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from bridge import errors, events, outbox, rules, sources, testing
from bridge.intake import Intake, Rulebook
from bridge.mail import Mail, Place
from bridge.rules import claims


class Recorder:
    """Keeps what it is given; fails as it is told."""

    def __init__(self, *failures: Exception, known: Sequence[bool] = ()) -> None:
        self.failures = list(failures)
        self.known = list(known)
        self.fates: outbox.Fates = {}
        self.recorded: list[tuple[int, list[outbox.Entry]]] = []
        self.enough = asyncio.Event()

    async def handled(self, mails: Sequence[tuple[Place, str]]) -> list[bool]:
        return self.known

    async def record(
        self, position: sources.Cursor, entries: Sequence[outbox.Entry], *, marks: sources.Marks | None = None
    ) -> outbox.Fates:
        if self.failures:
            raise self.failures.pop(0)
        self.recorded.append((position.uid, list(entries)))
        self.enough.set()
        return self.fates


class Scripted:
    """Rules that say the same of every mail."""

    def __init__(self, *verdicts: rules.Verdict) -> None:
        self._verdicts = verdicts

    def wants(self, mail: Mail) -> dict[str, int]:
        return {}

    def evaluate(self, mail: Mail, moment: rules.Moment, *, explain: bool = False) -> list[rules.Verdict]:
        return list(self._verdicts)

    def heavy(self, mail: Mail) -> bool:
        return False


class Everything:
    """One rule that fires for every mail, and breaks on one."""

    def wants(self, mail: Mail) -> dict[str, int]:
        return {}

    def heavy(self, mail: Mail) -> bool:
        return mail.subject == "heavy"

    def evaluate(self, mail: Mail, moment: rules.Moment, *, explain: bool = False) -> list[rules.Verdict]:
        if mail.subject == "break":
            raise ZeroDivisionError("the text of the mail")
        return [rules.Verdict(rule="all", matched=True, deliveries=(testing.delivery(mail.place.uid),))]


def batch(*mails: Mail, renewed: bool = False) -> sources.Batch:
    cursor = sources.Cursor(mailbox="home", folder="INBOX", uidvalidity=1, uid=mails[-1].place.uid)
    return sources.Batch(cursor=cursor, mails=mails, renewed=renewed)


def intake(
    recorder: Recorder,
    *batches: sources.Batch,
    told: list[events.Event] | None = None,
    rule_set: Callable[[], rules.Rules] = Everything,
) -> Intake:
    seen: list[events.Event] = [] if told is None else told
    return Intake(
        testing.ScriptedSource(batches),
        recorder,
        in_force=lambda: Rulebook(rule_set=rule_set()),
        onlooker=seen.append,
        one_folder=True,
    )


async def test_a_batch_that_cannot_be_recorded_is_tried_again_before_the_next() -> None:
    clock = testing.Clock()
    recorder = Recorder(RuntimeError("once"), RuntimeError("twice"))
    task = asyncio.create_task(intake(recorder, batch(testing.mail(1)), batch(testing.mail(2))).run())
    async with asyncio.timeout(20):
        while len(recorder.recorded) < 2:
            clock.advance(5)
            await asyncio.sleep(0.001)
    task.cancel()
    assert [1, 2] == [uid for uid, _ in recorder.recorded]


async def test_a_closed_store_ends_the_intake() -> None:
    with pytest.raises(errors.StoreError):
        await intake(Recorder(errors.StoreError("closed")), batch(testing.mail(1))).run()


async def test_a_mail_that_breaks_the_rules_is_dead_without_its_text_and_the_others_go_on() -> None:
    recorder = Recorder()
    await intake(recorder).handle(batch(testing.mail(1), testing.mail(2, Subject="break"), testing.mail(3)))
    ((uid, entries),) = recorder.recorded
    assert uid == 3
    assert [len(entry.deliveries) for entry in entries] == [1, 0, 1]
    assert "ZeroDivisionError" in entries[1].dead
    assert "the text of the mail" not in entries[1].dead


class Slow(Everything):
    """Evaluates a heavy mail only when the event loop, which it must not hold, lets it."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.let = threading.Event()

    def evaluate(self, mail: Mail, moment: rules.Moment, *, explain: bool = False) -> list[rules.Verdict]:
        if self.heavy(mail):
            self.begun.set()
            if not self.let.wait(20):
                raise TimeoutError("it was evaluated in the event loop")
        return super().evaluate(mail, moment, explain=explain)


async def test_a_heavy_mail_is_evaluated_beside_the_event_loop_and_the_next_ones_wait_for_it() -> None:
    recorder, slow = Recorder(), Slow()
    given = batch(testing.mail(1), testing.mail(2, Subject="heavy"), testing.mail(3))
    task = asyncio.create_task(intake(recorder, rule_set=lambda: slow).handle(given))
    async with asyncio.timeout(20):
        while not slow.begun.is_set():
            await asyncio.sleep(0)
        assert not recorder.recorded
        slow.let.set()
        await task
    ((_, entries),) = recorder.recorded
    assert [1, 2, 3] == [entry.place.uid for entry in entries]
    assert [1, 1, 1] == [len(entry.deliveries) for entry in entries]


async def test_a_heavy_mail_that_breaks_the_rules_is_dead_all_the_same() -> None:
    class Broken(Everything):
        def heavy(self, mail: Mail) -> bool:
            return True

    recorder = Recorder()
    await intake(recorder, rule_set=Broken).handle(batch(testing.mail(1, Subject="break")))
    assert "ZeroDivisionError" in recorder.recorded[0][1][0].dead


async def test_a_mail_that_was_handled_before_fires_nothing() -> None:
    recorder = Recorder(known=[True, False])
    await intake(recorder).handle(batch(testing.mail(1), testing.mail(2), renewed=True))
    assert [0, 1] == [len(entry.deliveries) for entry in recorder.recorded[0][1]]


async def test_a_batch_is_judged_by_the_rules_that_it_was_fetched_for_and_by_those_in_force_if_it_does_not_say() -> (
    None
):
    class Nothing(Everything):
        def evaluate(self, mail: Mail, moment: rules.Moment, *, explain: bool = False) -> list[rules.Verdict]:
            return []

    recorder = Recorder()
    way_in = intake(recorder)
    await way_in.handle(dataclasses.replace(batch(testing.mail(1)), wants=Rulebook(rule_set=Nothing())))
    await way_in.handle(batch(testing.mail(2)))
    assert [0, 1] == [len(entries[0].deliveries) for _, entries in recorder.recorded]


async def test_a_lost_mail_is_recorded_as_dead_and_told() -> None:
    recorder, told = Recorder(), list[events.Event]()
    lost = sources.Lost(place=testing.place(1), reason="cannot be fetched")
    given = dataclasses.replace(batch(testing.mail(2)), lost=(lost,))
    await intake(recorder, told=told).handle(given)
    assert recorder.recorded[0][1][0].dead == "cannot be fetched"
    assert isinstance(told[0], events.MailLost)


CLAIM = rules.Claim(kind="repeated", rule="counted", key="k", number=3, within_s=60.0, at=0.0)
COUNTED = rules.Verdict(
    rule="counted",
    matched=True,
    stopped=True,
    deliveries=(testing.delivery(1, rule="counted", dead="does not fit"),),
    encodings=("text",),
    after=(rules.Change(op="seen"),),
    claims=(CLAIM,),
)


async def test_what_a_rule_claims_is_recorded_with_what_comes_of_it() -> None:
    recorder = Recorder()
    await intake(recorder, rule_set=lambda: Scripted(COUNTED)).handle(batch(testing.mail(1)))
    ((_, (entry,)),) = recorder.recorded
    plan = outbox.Plan(rule="counted", after=COUNTED.after)
    assert entry.firings == (
        outbox.Firing(rule="counted", deliveries=COUNTED.deliveries, plan=plan, claims=(CLAIM,), stop=True),
    )


@pytest.mark.parametrize(
    ("fates", "fired", "told_dead"),
    [
        (("fired", "stopped"), [("counted", False)], 1),
        (("suppressed", "stopped"), [("counted", True)], 0),
        (("unmet", "fired"), [("behind", False)], 0),
        (("known", "known"), [], 0),
    ],
)
async def test_only_what_fired_is_told(
    fates: tuple[claims.Fate, ...], fired: list[tuple[str, bool]], told_dead: int
) -> None:
    recorder, told = Recorder(), list[events.Event]()
    behind = rules.Verdict(rule="behind", matched=True)
    lost = sources.Lost(place=testing.place(1), reason="cannot be fetched")
    given = dataclasses.replace(batch(testing.mail(2), testing.mail(3)), lost=(lost,))
    recorder.fates = {2: fates}
    await intake(recorder, told=told, rule_set=lambda: Scripted(COUNTED, behind)).handle(given)
    first, second = (event for event in told if isinstance(event, events.MailHandled))
    assert [one.rule for one in first.verdicts] == ["counted", "behind"], "of this one the store has said nothing"
    assert [(one.rule, one.suppressed) for one in second.verdicts] == fired
    assert sum(isinstance(event, events.DeliveryEnded) for event in told) == 1 + told_dead


def test_copies_of_a_mail_without_message_id_and_date_have_one_fingerprint() -> None:
    here = testing.mail(1, Message_ID="")
    there = testing.mail(9, Message_ID="", at=testing.place(9, folder="Processed"))
    assert here.fingerprint == there.fingerprint
    assert here.fingerprint != testing.mail(2, Message_ID="", Subject="another").fingerprint


async def test_what_is_recorded_is_not_kept_while_the_source_is_idle() -> None:
    """Ten thousand mailboxes would keep ten thousand mails."""
    recorder = Recorder()
    kept: list[weakref.ref[object]] = []

    class Forgetful(testing.ScriptedSource):
        async def batches(self) -> AsyncIterator[sources.Batch]:
            wants = lambda _mail: {}  # noqa: E731 -- what is in a batch, and can be referred to weakly
            kept.append(weakref.ref(wants))
            yield dataclasses.replace(batch(testing.mail(1)), wants=wants)
            del wants
            idle.set()
            await asyncio.Event().wait()

    idle = asyncio.Event()
    way_in = Intake(
        Forgetful(),
        recorder,
        in_force=lambda: Rulebook(rule_set=Everything()),
        onlooker=lambda _: None,
        one_folder=True,
    )
    running = asyncio.create_task(way_in.run())
    await idle.wait()
    assert [one() for one in kept] == [None]
    running.cancel()
    await asyncio.wait([running])


# What happens to mails later.


class Marking(Recorder):
    """Keeps the marks as well."""

    def __init__(self, *, known: Sequence[bool] = ()) -> None:
        super().__init__(known=known)
        self.marks: list[sources.Marks | None] = []
        self.asked: list[tuple[Place, str]] = []

    async def handled(self, mails: Sequence[tuple[Place, str]]) -> list[bool]:
        self.asked.extend(mails)
        return self.known

    async def record(
        self, position: sources.Cursor, entries: Sequence[outbox.Entry], *, marks: sources.Marks | None = None
    ) -> outbox.Fates:
        self.marks.append(marks)
        return await super().record(position, entries)


async def test_what_happens_to_a_mail_is_judged_like_a_new_one_and_recorded_with_its_marks() -> None:
    recorder, told = Marking(known=[True]), list[events.Event]()
    flagged = testing.happened("flagged", testing.mail(1), occurrence=7)
    marks = sources.Marks(uidvalidity=1, mails={1: sources.Mark(flagged=True)})
    await intake(recorder, told=told).handle(
        dataclasses.replace(batch(flagged, testing.mail(2), renewed=True), marks=marks)
    )
    ((_, (first, second)),) = recorder.recorded
    assert recorder.marks == [marks]
    assert [(one.event, one.occurrence, len(one.deliveries)) for one in (first, second)] == [
        ("flagged", 7, 1),
        ("new", 0, 0),
    ]
    assert [place.uid for place, _ in recorder.asked] == [2], "only a new mail can have been handled before"
    assert first.fingerprint == ""
    assert second.fingerprint


async def test_an_event_on_which_rules_break_is_dead_and_its_mail_is_not() -> None:
    recorder = Marking()
    await intake(recorder).handle(batch(testing.happened("seen", testing.mail(1, Subject="break"), occurrence=3)))
    ((_, (entry,)),) = recorder.recorded
    assert (entry.event, entry.occurrence) == ("seen", 3)
    assert "ZeroDivisionError" in entry.dead


@pytest.mark.parametrize("fates", [["known"], []])
async def test_what_has_not_happened_is_not_told(fates: list[claims.Fate]) -> None:
    recorder, told = Marking(), list[events.Event]()
    recorder.fates = {0: fates}
    given = batch(testing.happened("flagged", testing.mail(1)), testing.happened("seen", testing.mail(2)))
    rule_set = Everything if fates else Scripted
    await intake(recorder, told=told, rule_set=rule_set).handle(given)
    assert [event.mail.event for event in told if isinstance(event, events.MailHandled)] == ["seen"]
