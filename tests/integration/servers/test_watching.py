"""Watching folders: the same on every server."""

from __future__ import annotations

import asyncio
import datetime
import threading
from collections.abc import Callable

import pytest
import structlog

from bridge import mail
from tests import servers, watching
from tests.integration.servers import compatibility
from tests.servers import mails
from tests.servers.imap_server import ImapServer
from tests.unit.rules import making


def made(server: ImapServer, folder: str) -> None:
    with server.client() as client:
        client.create_folder(folder)


async def deliver(server: ImapServer, count: int = 1, **where: str) -> None:
    await asyncio.to_thread(lambda: server.deliver(count=count, **where))


async def test_start_now_handles_nothing_old_and_what_is_pushed_comes(server: ImapServer) -> None:
    server.deliver(count=3)
    async with watching.Watching(watching.settings(server)) as watched:
        await watched.are("live")
        await servers.until(lambda: watched.batches, what="the first commit")
        assert [(batch.cursor.uid, batch.mails) for batch in watched.batches] == [(3, ())]
        await deliver(server, subject="fresh")
        await watched.have(1)
        assert watched.subjects == ["fresh"]
        assert watched.batches[-1].pushed is not None


async def test_start_all_handles_everything(server: ImapServer) -> None:
    server.deliver(count=3)
    async with watching.Watching(watching.settings(server, start="all")) as watched:
        await watched.have(3)
        assert watched.uids == [1, 2, 3]


async def test_start_unseen_handles_what_nobody_has_read_in_one_batch_and_passes_the_rest(server: ImapServer) -> None:
    server.deliver(count=4)
    with server.client(folder="INBOX") as client:
        client.add_flags([2, 4], [b"\\Seen"])
    async with watching.Watching(watching.settings(server, start="unseen")) as watched:
        await watched.have(2)
        assert watched.uids == [1, 3]
        assert [batch.cursor.uid for batch in watched.batches] == [4]


async def test_start_with_a_date_handles_what_arrived_since(server: ImapServer) -> None:
    with server.client() as client:
        for day in (1, 20):
            at = datetime.datetime(2026, 10, day, 12, tzinfo=datetime.UTC)
            client.append("INBOX", server.sample(subject=f"October {day}"), msg_time=at)
    async with watching.Watching(watching.settings(server, start=datetime.date(2026, 10, 10))) as watched:
        await watched.have(1)
        assert watched.subjects == ["October 20"]
        assert watched.batches[-1].cursor.uid == 2
        assert watched.mails[0].received == datetime.datetime(2026, 10, 20, 12, tzinfo=datetime.UTC)


async def test_watching_marks_nothing(server: ImapServer) -> None:
    server.deliver(count=2)
    async with watching.Watching(watching.settings(server, start="all"), wants=lambda _: {"1": 100_000}) as watched:
        await watched.have(2)
    with server.client(folder="INBOX") as client:
        assert client.search("UNSEEN") == [1, 2]


async def test_a_source_opened_again_goes_on_behind_the_committed_cursor(server: ImapServer) -> None:
    memory = watching.Memory()
    async with watching.Watching(watching.settings(server), memory=memory) as watched:
        await watched.are("live")
        await deliver(server, 2)
        await watched.have(2)
    server.deliver(count=3)
    async with watching.Watching(watching.settings(server), memory=memory) as again:
        await again.have(3)
        assert again.uids == [3, 4, 5]


async def test_a_burst_is_fetched_without_loss_or_repeat_and_in_order(server: ImapServer) -> None:
    async with watching.Watching(watching.settings(server)) as watched:
        await watched.are("live")
        senders = [threading.Thread(target=server.deliver, kwargs={"count": 50}) for _ in range(4)]
        for sender in senders:
            sender.start()
        await watched.have(200, 60)
        for sender in senders:
            await asyncio.to_thread(sender.join)
        assert watched.uids == list(range(1, 201))


async def test_several_folders_of_several_users_are_watched_side_by_side(server: ImapServer) -> None:
    alarms = server.called("Alarms")
    made(server, alarms)
    one = watching.settings(server, folders=["INBOX", alarms])
    bob = server.fresh()
    other = watching.settings(server, user=bob)
    async with watching.Watching(one) as ada, watching.Watching(other) as his:
        for watched, folder in ((ada, "INBOX"), (ada, alarms), (his, "INBOX")):
            await watched.are("live", folder)
        with server.client() as client:
            client.append(alarms, server.sample(subject="to the folder"))
        await deliver(server, to=bob, subject="for bob")
        await ada.have(1)
        await his.have(1)
        assert [(each.place.folder, each.subject) for each in ada.mails] == [(alarms, "to the folder")]
        assert his.subjects == ["for bob"]


async def test_a_missing_folder_is_named_with_those_that_exist_and_the_others_go_on(server: ImapServer) -> None:
    there, missing = server.called("Übung & Rest"), server.called("Alarms")
    made(server, there)
    mailbox = watching.settings(server, folders=["INBOX", missing, there])
    async with watching.Watching(mailbox) as watched:
        state = await watched.are("retrying", missing)
        assert state.reason == f"there is no folder '{missing}'; the mailbox has: INBOX, {there}"
        await watched.are("live", "INBOX")
        await watched.are("live", there)
        made(server, missing)
        await watched.are("live", missing)


async def test_a_wrong_password_is_refused_and_said_once(server: ImapServer) -> None:
    wrong = watching.settings(server, password="wr0ng")
    with structlog.testing.capture_logs() as logs:
        async with watching.Watching(wrong) as refused:
            assert "check user and password" in (await refused.are("refused")).reason
    said = [line for line in logs if line["event"] == "the mail server refuses the login"]
    assert [(line["log_level"], line["mailbox"], line["next_try_s"]) for line in said] == [("error", "home", 900.0)]
    assert "wr0ng" not in str(logs)


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_a_server_that_went_away_is_found_again_with_what_arrived(server: ImapServer, how: str) -> None:
    async with watching.Watching(watching.settings(server)) as watched:
        await watched.are("live")
        await deliver(server)
        await watched.have(1)
        await asyncio.to_thread(getattr(server, how))
        await watched.are("retrying")
        await asyncio.to_thread(server.start)
        await deliver(server, 3)
        await watched.have(4)
        assert watched.uids == [1, 2, 3, 4]
        await watched.are("live")


async def test_after_a_change_of_uidvalidity_only_what_arrived_since_the_last_commit_comes(server: ImapServer) -> None:
    now, box = datetime.datetime.now(datetime.UTC), server.called("Box")
    made(server, box)
    memory, mailbox = watching.Memory(), watching.settings(server, folders=[box])
    async with watching.Watching(mailbox, memory=memory) as watched:
        await watched.are("live", box)
        await servers.until(lambda: ("home", box) in memory.cursors, what="the first commit")
    old = memory.cursors["home", box]

    def anew() -> bool:
        """Courier and Cyrus take UIDVALIDITY from the second."""
        with server.client() as client:
            client.delete_folder(box)
            client.create_folder(box)
            return bool(client.select_folder(box)[b"UIDVALIDITY"] != old.uidvalidity)

    await servers.until(lambda: asyncio.to_thread(anew), what="another UIDVALIDITY")
    with server.client() as client:
        for hours in (30, 3, 0.5, 0):
            at = now - datetime.timedelta(hours=hours)
            client.append(box, server.sample(subject=f"{hours} h ago"), msg_time=at)
    async with watching.Watching(mailbox, memory=memory) as again:
        await again.have(2)
        assert again.subjects == ["0.5 h ago", "0 h ago"]
        (batch,) = again.batches
        assert batch.renewed
        assert (batch.cursor.uid, batch.cursor.uidvalidity != old.uidvalidity) == (4, True)
        with server.client() as client:
            client.append(box, server.sample(subject="later"))
        await again.have(3)
        assert not again.batches[-1].renewed


async def test_a_mail_with_a_large_attachment_costs_kilobytes(server: ImapServer) -> None:
    async with watching.Watching(watching.settings(server)) as watched:
        before = (await watched.are("live")).bytes_read
        await asyncio.to_thread(server.deliver, mails.carrying(8_000_000))
        await watched.have(1)
        assert watched.state().bytes_read - before < 40_000
        (each,) = watched.mails
        assert (each.text.strip(), [part.name for part in each.attachments]) == ("see below", ["hall.jpg", ""])


async def test_a_file_that_a_rule_reads_comes_whole_and_nothing_else_does(server: ImapServer) -> None:
    raw, octets = mails.carrying(300_000), 300_000
    extract = {"picture": {"attachment": "*.jpg"}, "inner": {"attachment": {"type": "message/rfc822"}}}
    rules = making.compiled(making.rule(extract=extract, when={"subject": "picture"}))
    whole = mail.Mail.from_bytes(raw.encode(), place=mail.Place(mailbox="home", folder="INBOX", uidvalidity=1, uid=1))
    async with watching.Watching(watching.settings(server, timeout="20s"), wants=rules.wants) as watched:
        before = (await watched.are("live")).bytes_read
        await asyncio.to_thread(server.deliver, raw)
        await asyncio.to_thread(server.deliver, raw.replace("Subject: picture", "Subject: other"))
        await watched.have(2)
        wanted, other = sorted(watched.mails, key=lambda each: each.subject, reverse=True)
        assert watched.state().bytes_read - before < octets + 50_000
        assert not {"2.2", "3"} & other.whole
        (verdict,) = rules.evaluate(wanted, making.moment())
        (expected,) = rules.evaluate(whole, making.moment())
        assert verdict.values["picture"] == expected.values["picture"]
        assert verdict.values["inner"].split() == expected.values["inner"].split()


async def test_one_push_costs_at_most_one_round_trip(
    server: ImapServer, record_property: Callable[[str, object], None]
) -> None:
    async with watching.Watching(watching.settings(server)) as watched:
        await watched.are("live")
        await deliver(server)
        await watched.have(1)
        before = (await watched.at_rest()).round_trips
        await deliver(server)
        await watched.have(2)
        spent = watched.state().round_trips - before
        assert spent <= 1
        record_property(compatibility.ROUND_TRIPS, spent)


async def test_idle_is_renewed_and_mail_still_comes(server: ImapServer) -> None:
    async with watching.Watching(watching.settings(server, idle_renew="50ms")) as watched:
        before = (await watched.are("live")).round_trips
        await servers.until(lambda: watched.state().round_trips > before + 5, what="renewals")
        await deliver(server, 2)
        await watched.have(2)
        assert watched.uids == [1, 2]
