"""The way in: every batch is recorded before the next, whatever its mails and the store do."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections.abc import Callable, Sequence

import pytest

from bridge import errors, events, outbox, rules, sources, testing
from bridge.intake import Intake
from bridge.mail import Mail, Place


class Recorder:
    """Keeps what it is given; fails as it is told."""

    def __init__(self, *failures: Exception, known: Sequence[bool] = ()) -> None:
        self.failures = list(failures)
        self.known = list(known)
        self.recorded: list[tuple[int, list[outbox.Entry]]] = []
        self.enough = asyncio.Event()

    async def handled(self, mails: Sequence[tuple[Place, str]]) -> list[bool]:
        return self.known

    async def record(self, position: sources.Cursor, entries: Sequence[outbox.Entry]) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.recorded.append((position.uid, list(entries)))
        self.enough.set()


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
        rule_set=rule_set,
        moment=lambda: rules.Moment(now=0.0),
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


async def test_a_lost_mail_is_recorded_as_dead_and_told() -> None:
    recorder, told = Recorder(), list[events.Event]()
    lost = sources.Lost(place=testing.place(1), reason="cannot be fetched")
    given = dataclasses.replace(batch(testing.mail(2)), lost=(lost,))
    await intake(recorder, told=told).handle(given)
    assert recorder.recorded[0][1][0].dead == "cannot be fetched"
    assert isinstance(told[0], events.MailLost)


def test_copies_of_a_mail_without_message_id_and_date_have_one_fingerprint() -> None:
    here = testing.mail(1, Message_ID="")
    there = testing.mail(9, Message_ID="", at=testing.place(9, folder="Processed"))
    assert here.fingerprint == there.fingerprint
    assert here.fingerprint != testing.mail(2, Message_ID="", Subject="another").fingerprint
