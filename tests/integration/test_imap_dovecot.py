"""Watching a real Dovecot: what the tests of every server (``servers``) leave over."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import threading
import time
from collections.abc import Iterator, Mapping

import pytest
import structlog

from bridge import mail, sources
from tests import servers, watching
from tests.servers import mails
from tests.servers.dovecot import Dovecot
from tests.unit.rules import making


@pytest.fixture
def dovecot() -> Iterator[Dovecot]:
    with Dovecot() as server:
        yield server


def made(server: Dovecot, folder: str, user: str = "ada") -> None:
    with server.client(user) as client:
        client.create_folder(folder)


async def deliver(server: Dovecot, count: int = 1, **where: str) -> None:
    await asyncio.to_thread(lambda: server.deliver(count=count, **where))


async def test_watching_marks_nothing(dovecot: Dovecot) -> None:
    dovecot.deliver(count=2)
    async with watching.Watching(watching.settings(dovecot, start="all"), wants=lambda _: {"1": 100_000}) as watched:
        await watched.have(2)
    with dovecot.client("ada", folder="INBOX") as client:
        assert client.search("UNSEEN") == [1, 2]
        assert client.search("RECENT") == [1, 2]


async def test_what_was_not_committed_is_seen_again(dovecot: Dovecot) -> None:
    class Forgetful(watching.Memory):
        def commit(self, batch: sources.Batch) -> None:
            if not batch.mails:
                super().commit(batch)

    memory = Forgetful()
    for _ in range(2):
        async with watching.Watching(watching.settings(dovecot, start="all"), memory=memory) as watched:
            if not memory.cursors:
                await watched.are("live")
                await deliver(dovecot)
            await watched.have(1)
            assert watched.uids == [1]


async def test_a_full_folder_is_fetched_in_pieces_in_order(dovecot: Dovecot) -> None:
    dovecot.fill("ada", 1_200)
    async with watching.Watching(watching.settings(dovecot, start="all")) as watched:
        await watched.have(1_200, 60)
        assert watched.uids == list(range(1, 1_201))
        assert [len(batch.mails) for batch in watched.batches] == [0, 250, 250, 250, 250, 200]
        assert all(batch.cursor.uid == batch.mails[-1].place.uid for batch in watched.batches[1:])


async def test_who_does_not_take_batches_holds_up_the_source_and_not_its_memory(dovecot: Dovecot) -> None:
    dovecot.fill("ada", 3_000)
    watched = watching.Watching(watching.settings(dovecot, start="all"))
    async with watched.source as source:
        batches = source.batches()
        await anext(batches)
        await servers.until(lambda: source.states()[0].bytes_read > 100_000, what="the first mails")
        before = -1
        while before != (before := source.states()[0].bytes_read):
            await asyncio.sleep(0.2)  # until it stands still, if it ever does
        assert before < 1_000_000  # a third of it would be more
        await batches.aclose()


async def test_an_idle_mailbox_costs_no_thread(dovecot: Dovecot) -> None:
    folders = [f"F{number}" for number in range(30)]
    before = threading.active_count()
    with dovecot.client() as client:
        for folder in folders:
            client.create_folder(folder)
    async with watching.Watching(watching.settings(dovecot, folders=folders)) as watched:
        for folder in folders:
            await watched.are("live", folder)
        assert threading.active_count() <= before + 4  # those that look up names, whatever the number of folders
        with dovecot.client() as client:
            for folder in folders:
                client.append(folder, dovecot.sample())
        await watched.have(30)


async def test_a_folder_with_a_name_beyond_ascii_is_watched(dovecot: Dovecot) -> None:
    made(dovecot, "Übung & Rest")
    async with watching.Watching(watching.settings(dovecot, folders=["Übung & Rest"])) as watched:
        await watched.are("live", "Übung & Rest")


async def test_a_wrong_password_is_tried_once_said_once_and_hurts_nobody_else(dovecot: Dovecot) -> None:
    made(dovecot, "Alarms")
    wrong = watching.settings(dovecot, password="wr0ng", folders=["INBOX", "Alarms"])
    with structlog.testing.capture_logs() as logs:
        async with watching.Watching(wrong) as refused, watching.Watching(watching.settings(dovecot)) as other:
            assert "check user and password" in (await refused.are("refused", "INBOX")).reason
            await refused.are("refused", "Alarms")
            await other.are("live")
            await deliver(dovecot)
            await other.have(1)
    said = [line for line in logs if line["event"] == "the mail server refuses the login"]
    assert [(line["log_level"], line["mailbox"], line["next_try_s"]) for line in said] == [("error", "home", 900.0)]
    assert "wr0ng" not in str(logs)
    assert dovecot.log().count("auth failed, 1 attempts") == 1


async def test_a_password_with_quotes_and_backslashes_logs_in() -> None:
    password = 'a "quoted\\" one'
    with Dovecot(users={"ada": password}) as server:
        async with watching.Watching(watching.settings(server, password=password)) as watched:
            await watched.are("live")


async def test_a_source_opens_before_its_server_is_up() -> None:
    server = Dovecot()
    try:
        async with watching.Watching(watching.settings(server)) as watched:
            assert "cannot be reached" in (await watched.are("retrying")).reason
            await asyncio.to_thread(server.start)
            await watched.are("live")
    finally:
        server.close()


async def test_a_server_without_idle_is_polled() -> None:
    with Dovecot(capability="IMAP4rev1 UIDPLUS") as server:
        async with watching.Watching(watching.settings(server)) as watched:
            await watched.are("live")
            await deliver(server, 2)
            await watched.have(2)
            assert watched.uids == [1, 2]


def remade(server: Dovecot, folder: str, mails: list[tuple[str, datetime.datetime]]) -> None:
    """Deletes a folder and makes it again: another UIDVALIDITY."""
    with server.client() as client:
        client.delete_folder(folder)
        client.create_folder(folder)
        for subject, at in mails:
            client.append(folder, server.sample(subject=subject), msg_time=at)


async def test_mails_of_a_folder_that_was_made_anew_are_waited_out_in_full(dovecot: Dovecot) -> None:
    """The bridge was away for two days: what arrived meanwhile still fires."""
    made(dovecot, "Box")
    memory = watching.Memory(clock=lambda: time.time() - 2 * 86_400)
    mailbox = watching.settings(dovecot, folders=["Box"])
    async with watching.Watching(mailbox, memory=memory) as watched:
        await watched.are("live", "Box")
    at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    remade(dovecot, "Box", [(f"mail {number}", at) for number in range(300)])
    async with watching.Watching(mailbox, memory=memory) as again:
        await again.have(300)
        assert [len(batch.mails) for batch in again.batches] == [300]


ATTACHMENT = (
    "From: a@b.example\r\nSubject: large\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=xx\r\n\r\n"
    "--xx\r\nContent-Type: text/plain\r\n\r\nsee below\r\n"
    "--xx\r\nContent-Type: image/jpeg; name=hall.jpg\r\nContent-Transfer-Encoding: base64\r\n"
    "Content-Disposition: attachment; filename=hall.jpg\r\n\r\n" + ("QUJDRA" * 12 + "\r\n") * 110_000 + "--xx--\r\n"
)


async def test_the_part_that_a_rule_wants_is_fetched_and_no_more_of_it(dovecot: Dovecot) -> None:
    async with watching.Watching(watching.settings(dovecot), wants=lambda _: {"2": 20_000}) as watched:
        before = (await watched.are("live")).bytes_read
        await asyncio.to_thread(dovecot.deliver, ATTACHMENT)
        await watched.have(1)
        (each,) = watched.mails
        assert len(each.content["2"]) == 20_000
        assert each.content["2"].startswith(b"QUJDRAQUJDRA")
        assert "2" not in each.whole
        assert watched.state().bytes_read - before < 50_000


async def test_what_the_rules_want_may_change_while_the_source_is_open(dovecot: Dovecot) -> None:
    async with watching.Watching(watching.settings(dovecot)) as watched:
        await watched.are("live")
        await deliver(dovecot)
        await watched.have(1)
        watched.source.wants = lambda _: {"1": 100_000}
        await asyncio.to_thread(dovecot.deliver, dovecot.sample(text="long " * 4_000))
        await watched.have(2)
        assert len(watched.mails[1].text) >= 19_000


@pytest.mark.parametrize(("start", "sizes"), [("all", [0, 250, 250, 100]), ("unseen", [600])])
async def test_a_batch_says_what_its_mails_were_fetched_with(dovecot: Dovecot, start: str, sizes: list[int]) -> None:
    asked: dict[int, str] = {}

    def first(each: mail.Mail) -> Mapping[str, int]:
        watched.source.wants = then
        asked[each.place.uid] = "first"
        return {}

    def then(each: mail.Mail) -> Mapping[str, int]:
        asked[each.place.uid] = "then"
        return {}

    dovecot.fill("ada", 600)
    async with watching.Watching(watching.settings(dovecot, start=start), wants=first) as watched:
        await watched.have(600)
    assert sizes == [len(batch.mails) for batch in watched.batches]
    fetched = [batch for batch in watched.batches if batch.mails]
    assert [first, *[then] * (len(fetched) - 1)] == [batch.wants for batch in fetched]
    for batch in fetched:
        assert {asked[each.place.uid] for each in batch.mails} == {"first" if batch.wants == first else "then"}


async def test_one_push_costs_one_round_trip(dovecot: Dovecot) -> None:
    async with watching.Watching(watching.settings(dovecot)) as watched:
        await watched.are("live")
        for count in (1, 2):
            before = (await watched.at_rest()).round_trips
            await deliver(dovecot)
            await watched.have(count)
            assert watched.state().round_trips - before <= 1


async def test_idle_is_renewed_and_mail_still_comes(dovecot: Dovecot) -> None:
    async with watching.Watching(watching.settings(dovecot, idle_renew="50ms")) as watched:
        before = (await watched.are("live")).round_trips
        await servers.until(lambda: watched.state().round_trips > before + 5, what="renewals")
        await deliver(dovecot, 2)
        await watched.have(2)
        assert watched.uids == [1, 2]
        assert dovecot.log().count("Login: user=<ada>") == 1


async def test_after_an_unclean_stop_mails_come_one_by_one_and_the_third_time_is_the_last(dovecot: Dovecot) -> None:
    dovecot.deliver(count=4)
    memory = watching.Memory(careful=True)
    with dovecot.client("ada", folder="INBOX") as client:
        uidvalidity = client.folder_status("INBOX", "UIDVALIDITY")[b"UIDVALIDITY"]
    poison = mail.Place(mailbox="home", folder="INBOX", uidvalidity=uidvalidity, uid=3)
    memory.attempts[poison] = 2
    async with watching.Watching(watching.settings(dovecot, start="all"), memory=memory) as watched:
        await watched.have(3)
        assert watched.uids == [1, 2, 4]
        assert [dataclasses.astuple(each) for each in watched.lost] == [
            (dataclasses.astuple(poison), "it took the bridge down three times")
        ]
        assert max(len(batch.mails) for batch in watched.batches) == 1
        memory.is_careful = False
        await deliver(dovecot, 3)
        await watched.have(6)


async def test_while_careful_the_next_mail_waits_for_the_commit_of_the_one_before(dovecot: Dovecot) -> None:
    dovecot.deliver(count=3)
    memory = watching.Memory(careful=True)
    watched = watching.Watching(watching.settings(dovecot, start="all"), memory=memory)
    async with watched.source as source:
        batches = source.batches()
        for uid in (None, 1, 2, 3):
            batch = await anext(batches)
            assert [each.place.uid for each in batch.mails] == ([uid] if uid else [])
            assert [place.uid for place in memory.attempts] == ([uid] if uid else [])
            memory.commit(batch)
        await batches.aclose()


async def test_a_folder_is_live_when_the_first_commit_is_made(dovecot: Dovecot) -> None:
    """Before it, a crash would make the next start the first sight."""
    async with watching.Watching(watching.settings(dovecot)).source as source:
        batches = source.batches()
        await anext(batches)
        assert source.states()[0].state == "connecting"
        committed = asyncio.ensure_future(anext(batches))  # asking for the next is the commit
        await servers.until(lambda: source.states()[0].state == "live")
        committed.cancel()


async def test_closing_ends_batches_and_connections_while_idle(dovecot: Dovecot) -> None:
    watched = watching.Watching(watching.settings(dovecot))
    async with watched.source as source:
        batches: list[sources.Batch] = []
        taken = asyncio.create_task(_take(source, batches))
        await servers.until(lambda: source.states()[0].state == "live" and batches, what="live")
    await asyncio.wait_for(taken, 5)
    assert len(batches) == 1
    await servers.until(
        lambda: "imap(ada)" in dovecot.log() and "Disconnected" in dovecot.log().partition("imap(ada)")[2],
        what="the server sees the end",
    )


async def _take(source: sources.Source, batches: list[sources.Batch]) -> None:
    async for batch in source.batches():
        batches.append(batch)  # noqa: PERF401 - they are looked at before it ends


@pytest.mark.parametrize("octets", [100_000, 8_000_000])
async def test_a_file_that_a_rule_reads_comes_whole_and_nothing_else_does(dovecot: Dovecot, octets: int) -> None:
    extract = {"picture": {"attachment": "*.jpg"}, "inner": {"attachment": {"type": "message/rfc822"}}}
    rules = making.compiled(making.rule(extract=extract, when={"subject": "picture"}))
    whole = mail.Mail.from_bytes(
        mails.carrying(octets).encode(), place=mail.Place(mailbox="home", folder="INBOX", uidvalidity=1, uid=1)
    )
    async with watching.Watching(watching.settings(dovecot, timeout="20s"), wants=rules.wants) as watched:
        before = (await watched.are("live")).bytes_read
        await asyncio.to_thread(dovecot.deliver, mails.carrying(octets))
        await asyncio.to_thread(dovecot.deliver, mails.carrying(octets).replace("Subject: picture", "Subject: other"))
        await watched.have(2)
        wanted, other = watched.mails
        assert watched.state().bytes_read - before < octets + 50_000
        assert not {"2.2", "3"} & other.whole
        (verdict,) = rules.evaluate(wanted, making.moment())
        (expected,) = rules.evaluate(whole, making.moment())
        assert verdict.values == expected.values
        assert len(verdict.values["picture"]) > octets * 0.7
        assert verdict.values["inner"] == b"Subject: inner\r\n\r\ninside"
