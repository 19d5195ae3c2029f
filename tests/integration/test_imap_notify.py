"""NOTIFY: the server sends new mails by itself, on a real server and on one that plays what can go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

import pytest

from bridge import mail, sources
from tests import watching
from tests.servers.dovecot import Dovecot
from tests.servers.scripted_imap import CAPABILITIES, Peer, ScriptedImap, fetched
from tests.watching import settings

WITH_NOTIFY = f"{CAPABILITIES} NOTIFY"


@pytest.fixture
def dovecot() -> Iterator[Dovecot]:
    with Dovecot() as server:
        yield server


async def test_a_push_costs_no_round_trip(dovecot: Dovecot) -> None:
    async with watching.Watching(settings(dovecot)) as watched:
        await watched.are("live")
        for count in (1, 2):
            before = (await watched.at_rest()).round_trips
            await asyncio.to_thread(dovecot.deliver, subject=f"mail {count}")
            await watched.have(count)
            assert watched.state().round_trips == before
        assert watched.subjects == ["mail 1", "mail 2"]
        assert watched.batches[-1].pushed is not None


async def test_what_a_rule_needs_beyond_that_costs_one(dovecot: Dovecot) -> None:
    def wants(each: mail.Mail) -> Mapping[str, int]:
        return {"1": 100_000}

    async with watching.Watching(settings(dovecot), wants=wants) as watched:
        await watched.are("live")
        for count in (1, 2):
            before = (await watched.at_rest()).round_trips
            await asyncio.to_thread(dovecot.deliver, dovecot.sample(text="word " * 10_000))
            await watched.have(count)
            assert watched.state().round_trips == before + 1
        assert len(watched.mails[1].content["1"]) > 49_000


async def test_a_burst_comes_once_and_in_order(dovecot: Dovecot) -> None:
    async with watching.Watching(settings(dovecot)) as watched:
        await watched.are("live")
        await asyncio.to_thread(dovecot.deliver, count=300)
        await watched.have(300)
        assert watched.uids == list(range(1, 301))


def known(uid: int) -> watching.Memory:
    memory = watching.Memory()
    memory.commit(sources.Batch(cursor=sources.Cursor(mailbox="home", folder="INBOX", uidvalidity=7, uid=uid)))
    return memory


def notified(peer: Peer, *, exists: int = 1) -> str:
    """From the greeting to IDLE, with NOTIFY."""
    peer.open_folder(exists=exists, uidnext=exists + 1, capabilities=WITH_NOTIFY)
    peer.ok(
        r"NOTIFY SET \(SELECTED \(MessageNew \(UID FLAGS .*BODY\.PEEK\[TEXT\]<0\.\d+>\) MessageExpunge FlagChange\)\)"
    )
    return peer.idle()


async def test_mails_that_are_pushed_are_handed_on_without_a_word() -> None:
    def pushes(peer: Peer) -> None:
        notified(peer)
        peer.send("* 2 EXISTS\r\n" + fetched(2, 2) + "* 3 EXISTS\r\n", fetched(3, 3))
        peer.wait_for_close()

    with ScriptedImap(pushes) as server:
        async with watching.Watching(settings(server), memory=known(1)) as watched:
            await watched.have(2)
            assert watched.uids == [2, 3]
        assert server.heard[-1].endswith("IDLE")


async def test_a_push_cut_anywhere_is_waited_for() -> None:
    def pushes(peer: Peer) -> None:
        notified(peer)
        push = "* 2 EXISTS\r\n" + fetched(2, 2)
        peer.send(*(push[at : at + 7] for at in range(0, len(push), 7)))
        peer.wait_for_close()

    with ScriptedImap(pushes) as server:
        async with watching.Watching(settings(server), memory=known(1)) as watched:
            await watched.have(1)
            assert watched.uids == [2]
        assert server.heard[-1].endswith("IDLE")


async def test_a_mail_that_is_announced_and_not_sent_is_asked_for() -> None:
    def announces(peer: Peer) -> None:
        idle = notified(peer)
        peer.send("* 2 EXISTS\r\n")
        peer.done(idle)
        peer.ok(r"UID FETCH 2:\* ", fetched(2, 2)[2:-2])
        peer.idle()
        peer.wait_for_close()

    with ScriptedImap(announces) as server:
        async with watching.Watching(settings(server), memory=known(1)) as watched:
            await watched.have(1)
            assert watched.uids == [2]


async def test_of_two_mails_that_are_announced_the_one_that_is_not_sent_is_not_passed() -> None:
    """UID 2 is announced and does not come; were the cursor moved to 3, it would never come."""

    def leaves_one_out(peer: Peer) -> None:
        idle = notified(peer)
        peer.send("* 2 EXISTS\r\n* 3 EXISTS\r\n" + fetched(3, 3))
        peer.done(idle)
        peer.ok(r"UID SEARCH UID 2:\*", "SEARCH 2 3")
        peer.ok("UID FETCH 2:3 ", fetched(2, 2)[2:-2], fetched(3, 3)[2:-2])
        peer.idle()
        peer.wait_for_close()

    with ScriptedImap(leaves_one_out) as server:
        async with watching.Watching(settings(server), memory=known(1)) as watched:
            await watched.have(2)
            assert watched.uids == [2, 3]


async def test_a_mail_that_is_pushed_while_idle_is_renewed_is_not_lost() -> None:
    def pushes_late(peer: Peer) -> None:
        idle = notified(peer)
        peer.expect("DONE")
        search = peer.expect("UID SEARCH")
        again = peer.expect("IDLE")
        peer.send(f"* 2 EXISTS\r\n{fetched(2, 2)}{idle} OK ended\r\n* SEARCH 1\r\n{search} OK\r\n+ idling\r\n")
        peer.expect("DONE")
        peer.send(f"{again} OK\r\n")
        while True:  # it may look in whatever way it likes
            line = peer.line()
            tag = line.partition(" ")[0]
            if "UID SEARCH" in line:
                peer.send("* SEARCH 2\r\n")
            if "UID FETCH" in line:
                peer.send(fetched(2, 2))
            peer.send("+ idling\r\n" if line.endswith("IDLE") else f"{tag} OK\r\n")

    with ScriptedImap(pushes_late) as server:
        async with watching.Watching(settings(server, idle_renew="100ms"), memory=known(1)) as watched:
            await watched.have(1)
            assert watched.uids == [2]


async def test_who_refuses_notify_is_asked_in_the_usual_way() -> None:
    def refuses(peer: Peer) -> None:
        peer.open_folder(exists=1, uidnext=2, capabilities=WITH_NOTIFY)
        peer.no("NOTIFY", "[CANNOT] not today")
        idle = peer.idle()
        peer.send("* 2 EXISTS\r\n")
        peer.done(idle)
        peer.ok(r"UID FETCH 2:\* ", fetched(2, 2)[2:-2])
        peer.idle()
        peer.wait_for_close()

    with ScriptedImap(refuses) as server:
        async with watching.Watching(settings(server), memory=known(1)) as watched:
            await watched.have(1)


async def test_a_server_that_gives_up_telling_is_connected_to_anew() -> None:
    def overflows(peer: Peer) -> None:
        notified(peer)
        peer.send("* OK [NOTIFICATIONOVERFLOW] too much\r\n")
        peer.wait_for_close()

    def goes_on(peer: Peer) -> None:
        notified(peer)
        peer.send("* 2 EXISTS\r\n" + fetched(2, 2))
        peer.wait_for_close()

    with ScriptedImap(overflows, goes_on) as server:
        async with watching.Watching(settings(server), memory=known(1)) as watched:
            await watched.have(1)
            assert server.connections == 2
