"""What happens to mails that are there already: the same on every server, whatever it offers for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from bridge import sources
from tests import servers, watching
from tests.servers.imap_server import ImapServer

WATCH = sources.Watch(events=frozenset({"flagged", "unflagged", "seen", "gone"}), remembers=lambda _: True)
UNSEEN = sources.Watch(searches=frozenset({sources.Search(flags=frozenset({"!\\Seen"}))}))


async def by_somebody_else(server: ImapServer, change: Callable[[Any], object]) -> None:
    def work() -> None:
        with server.client(folder="INBOX") as client:
            change(client)

    await asyncio.to_thread(work)


async def test_what_others_do_to_mails_is_told_as_it_happens(server: ImapServer) -> None:
    server.deliver(count=4)
    async with watching.Watching(watching.settings(server), watch=WATCH) as watched:
        await watched.are("live")
        await by_somebody_else(server, lambda client: client.add_flags([2], [b"\\Flagged"]))
        await watched.tell(("flagged", 2))
        await by_somebody_else(server, lambda client: client.add_flags([3], [b"\\Seen"]))
        await watched.tell(("flagged", 2), ("seen", 3))
        await by_somebody_else(server, lambda client: client.remove_flags([2], [b"\\Flagged"]))
        await watched.tell(("flagged", 2), ("seen", 3), ("unflagged", 2))
        assert [each.place.uid for each in watched.mails] == [2, 3, 2]
        assert all(each.subject.startswith("mail ") for each in watched.mails)


async def test_a_mail_that_is_gone_is_told_from_its_remembered_header(server: ImapServer) -> None:
    async with watching.Watching(watching.settings(server), watch=WATCH) as watched:
        await watched.are("live")
        await asyncio.to_thread(lambda: server.deliver(count=4))
        await watched.have(4)
        subjects = {each.place.uid: each.subject for each in watched.mails}
        await by_somebody_else(server, lambda client: (client.delete_messages([2, 3]), client.expunge()))
        await watched.tell(("gone", 2), ("gone", 3))
        assert [each.subject for each in watched.mails[4:]] == [subjects[2], subjects[3]]
        await asyncio.to_thread(lambda: server.deliver(subject="after it"))
        await watched.have(7)
        assert watched.subjects[-1] == "after it"


async def test_what_happened_while_away_is_told_once(server: ImapServer) -> None:
    memory = watching.Memory()
    async with watching.Watching(watching.settings(server), memory=memory, watch=WATCH) as watched:
        await watched.are("live")
        await asyncio.to_thread(lambda: server.deliver(count=6))
        await watched.have(6)
    with server.client(folder="INBOX") as client:
        client.add_flags([1, 2, 3], [b"\\Flagged"])
        client.remove_flags([2], [b"\\Flagged"])
        client.add_flags([4], [b"\\Seen"])
        client.delete_messages([5])
        client.expunge()
    server.deliver(subject="new")
    async with watching.Watching(watching.settings(server), memory=memory, watch=WATCH) as again:
        await servers.until(lambda: len(again.mails) >= 5)
        assert sorted(again.told) == [("flagged", 1), ("flagged", 3), ("gone", 5), ("seen", 4)]
        assert [each.subject for each in again.mails if each.event == "new"] == ["new"]
    async with watching.Watching(watching.settings(server), memory=memory, watch=WATCH) as third:
        await third.are("live")
        await by_somebody_else(server, lambda client: client.add_flags([6], [b"\\Flagged"]))
        await third.tell(("flagged", 6))


async def test_mails_are_counted_as_they_come_change_and_go(server: ImapServer) -> None:
    server.deliver(count=4)
    with server.client(folder="INBOX") as client:
        client.add_flags([1], [b"\\Seen"])
    async with watching.Watching(watching.settings(server), watch=UNSEEN) as watched:
        await servers.until(lambda: watched.counted("\\Seen") == {2, 3, 4})
        await asyncio.to_thread(server.deliver)
        await servers.until(lambda: watched.counted("\\Seen") == {2, 3, 4, 5})
        await by_somebody_else(server, lambda client: client.add_flags([2], [b"\\Seen"]))
        await servers.until(lambda: watched.counted("\\Seen") == {3, 4, 5})
        await by_somebody_else(server, lambda client: (client.delete_messages([3]), client.expunge()))
        await servers.until(lambda: watched.counted("\\Seen") == {4, 5})
        await by_somebody_else(server, lambda client: client.remove_flags([1], [b"\\Seen"]))
        await servers.until(lambda: watched.counted("\\Seen") == {1, 4, 5})


async def test_how_many_are_unseen_and_how_many_there_are_is_known(server: ImapServer) -> None:
    server.deliver(count=3)
    with server.client(folder="INBOX") as client:
        client.add_flags([1], [b"\\Seen"])
    async with watching.Watching(watching.settings(server)) as watched:
        await servers.until(lambda: (watched.state().unseen, watched.state().total) == (2, 3))
