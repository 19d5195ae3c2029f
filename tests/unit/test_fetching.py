"""Large files on their way in: fetched once everything else about a rule holds, kept, and tied to their deliveries."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bridge import errors, events, intake, outbox, plugins, sources, testing
from bridge.mail import Mail, structure
from bridge.outbox.store import Store
from bridge.rules import engine, settings
from tests.unit.rules import making

PIECES = (b"a" * 1_000, b"b" * 500)
RULE = {
    "name": "r",
    "when": {"subject": "x"},
    "extract": {"file": {"attachment": "*.zip", "type": "bytes"}},
    "then": [{"sink": "hook", "payload": "{{ file }}", "headers": {"X-Length": "{{ file | length }}"}}],
}


def mail(uid: int = 1) -> Mail:
    whole = making.carrying(("report.zip", "application/zip", b"x"))
    parts = tuple(dataclasses.replace(part, size=20_000_000 if part.name else part.size) for part in whole.parts)
    return dataclasses.replace(whole, place=testing.place(uid), body=structure.Anatomy(parts=parts))


class Scene:
    """A store, a source with files, and rules."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.told: list[events.Event] = []
        self.source = testing.ScriptedSource(files={"2": PIECES})

    async def take(self, *mails: Mail, rules: Sequence[dict[str, Any]] = (RULE,), most: int = 30_000_000) -> list[int]:
        """Handles a batch; the cursors that were committed."""
        return [uid async for uid in self.each_commit(*mails, rules=rules, most=most)]

    async def each_commit(
        self,
        *mails: Mail,
        rules: Sequence[dict[str, Any]] = (RULE,),
        most: int = 30_000_000,
        marks: sources.Marks | None = None,
    ) -> AsyncIterator[int]:
        kinds = {"hook": ("http", plugins.find("sinks", "http")), "broker": ("mqtt", plugins.find("sinks", "mqtt"))}
        rule_set = engine.compile_rules([settings.Rule.model_validate(rule) for rule in rules], sinks=kinds)
        book = intake.Rulebook(rule_set=rule_set, attachment_bytes=most)
        way_in = intake.Intake(
            self.source, self.store, in_force=lambda: book, onlooker=self.told.append, one_folder=True
        )
        batch: sources.Batch | None = sources.Batch(
            cursor=testing.cursor(mails[-1].place.uid), mails=mails, marks=marks
        )
        while batch is not None:
            batch = await way_in.handle(batch)
            cursor = await self.store.cursor("home", "INBOX")
            yield cursor.uid if cursor else 0

    async def queued(self, sink: str = "hook") -> list[outbox.Queued]:
        return list((await self.store.page(sink, after=0, limit=100, horizon=0)).deliveries)

    async def reasons(self) -> list[str]:
        query = "SELECT reason FROM deliveries WHERE state = 'dead'"
        return list(await self.store._do(lambda c: c.exec_driver_sql(query).scalars().all()))

    async def files(self) -> int:
        found = -1
        while found != (found := await self.store._do(_files)):
            await asyncio.sleep(0)
        return found


def _files(connection: Any) -> int:
    return int(connection.exec_driver_sql("SELECT count(*) FROM files").scalar_one())


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with Store(f"sqlite:///{tmp_path}/state.db") as store:
        yield Scene(store)


async def test_the_file_is_kept_before_its_mail_is_recorded_and_what_is_sent_knows_its_true_size(scene: Scene) -> None:
    await scene.take(mail())
    (queued,) = await scene.queued()
    file = queued.delivery.file
    assert file is not None
    assert (file.size, queued.delivery.options["headers"]) == (1_500, {"X-Length": 1_500})
    kept = [piece async for piece in scene.store.files.content(file).pieces()]
    assert kept == list(PIECES)
    assert scene.source.asked == [(1, "2")]


async def test_nothing_is_fetched_for_a_rule_that_does_not_match_otherwise(scene: Scene) -> None:
    others = [
        {**RULE, "name": "a", "when": {"subject": "else"}},
        {**RULE, "name": "b", "when": {"if": "{{ file | length > 99000000 }}"}},
        {**RULE, "name": "c", "then": [{"sink": "broker", "topic": "t", "payload": "{{ file }}"}]},
        {**RULE, "name": "d", "then": [{"sink": "broker", "topic": "t", "payload": "{{ file | length }}"}]},
    ]
    await scene.take(mail(), rules=others)
    assert scene.source.asked == []


async def test_two_deliveries_share_one_file(scene: Scene) -> None:
    await scene.take(mail(), rules=[RULE, {**RULE, "name": "other"}])
    kept = {queued.delivery.file for queued in await scene.queued()}
    assert (len(kept), scene.source.asked, await scene.files()) == (1, [(1, "2")], 1)


async def test_each_mail_with_a_file_has_a_commit_of_its_own_and_no_other_waits_for_it(scene: Scene) -> None:
    plain = dataclasses.replace(testing.mail(2), place=testing.place(2))
    assert await scene.take(mail(1), plain, mail(3), mail(4)) == [1, 2, 3, 4]
    assert [queued.delivery.file is not None for queued in await scene.queued()] == [True] * 3


async def test_events_and_a_renewed_folder_are_committed_as_a_whole(scene: Scene) -> None:
    seen = dataclasses.replace(mail(1), event="seen", occurrence=5)
    assert await scene.take(seen, mail(3)) == [3]


async def test_a_file_that_cannot_be_had_is_a_dead_delivery(scene: Scene) -> None:
    scene.source = testing.ScriptedSource(files={"2": [b"a", errors.MailError("the mail is gone")]})
    await scene.take(mail())
    assert await scene.reasons() == ["report.zip: the mail is gone"]
    assert await scene.files() == 0


async def test_a_fault_of_ours_costs_the_delivery_and_says_nothing_of_the_mail(scene: Scene) -> None:
    scene.source = testing.ScriptedSource(files={"2": [ValueError("the text of the mail")]})
    await scene.take(mail())
    (reason,) = await scene.reasons()
    assert reason.startswith("report.zip: ValueError at ")
    assert "text of the mail" not in reason


async def test_one_that_turns_out_to_be_too_large_counts_as_not_found(scene: Scene) -> None:
    small = dataclasses.replace(mail(), body=structure.Anatomy(parts=mail().parts))
    with_default = {**RULE, "name": "d"} | {"extract": {"file": {**RULE["extract"]["file"], "default": "none"}}}  # type: ignore[index]
    await scene.take(small, rules=[RULE, with_default], most=19_000_000)
    assert [queued.delivery.file.size for queued in await scene.queued() if queued.delivery.file] == [1_500] * 2
    scene.source = testing.ScriptedSource(files={"2": [b"x" * 1_000_000] * 20})
    await scene.take(mail(2), rules=[RULE, with_default], most=19_000_000)
    (last,) = [queued for queued in await scene.queued() if queued.delivery.payload]
    assert (last.delivery.rule, last.delivery.payload) == ("d", b"none")


async def test_what_a_throttle_suppresses_is_not_kept(scene: Scene) -> None:
    rule = {**RULE, "throttle": "1/1h"}
    await scene.take(mail(1), rules=[rule])
    await scene.take(mail(2), rules=[rule])
    assert (len(await scene.queued()), await scene.files()) == (1, 1)


async def test_a_mail_that_is_read_again_after_a_crash_is_recorded_once(scene: Scene) -> None:
    await scene.take(mail())
    await scene.take(mail())
    assert (len(await scene.queued()), await scene.files()) == (1, 1)


async def test_the_file_of_a_mail_to_which_something_happened_goes_out_like_that_of_a_new_one(scene: Scene) -> None:
    rule = {**RULE, "event": "flagged"}
    flagged = testing.happened("flagged", mail(1), occurrence=5)
    await scene.take(flagged, rules=[rule])
    assert [queued.delivery.file.size for queued in await scene.queued() if queued.delivery.file] == [1_500]


async def test_of_what_turns_out_to_be_no_news_no_file_is_kept(scene: Scene) -> None:
    read = testing.happened("seen", mail(1), occurrence=5)  # of which it is kept that it was read before
    await scene.take(read, rules=[{**RULE, "event": "seen"}])
    assert (await scene.queued(), await scene.files(), scene.source.asked) == ([], 0, [(1, "2")])


async def test_each_commit_of_a_batch_says_how_its_own_mails_are_marked(scene: Scene) -> None:
    marks = sources.Marks(uidvalidity=1, mails={n: sources.Mark(seen=False, flagged=n == 1) for n in (1, 2, 3)})
    commits = scene.each_commit(mail(1), mail(2), mail(3), marks=marks)
    known = [dict(await scene.store.marks("home", "INBOX")) async for _ in commits]
    assert [list(of) for of in known] == [[1], [1, 2], [1, 2, 3]]
    assert known[-1] == marks.mails
