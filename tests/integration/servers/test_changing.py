"""Changing mails: the same on every server, as far as it can do it."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from bridge import delivery, errors
from tests import watching
from tests.servers.imap_server import ImapServer

NUMBERS = itertools.count(1)


@pytest.fixture
def filled(server: ImapServer) -> ImapServer:
    """With five mails, and somebody who has looked at them."""
    server.deliver(count=5)
    assert search(server) == [1, 2, 3, 4, 5]
    return server


def search(server: ImapServer, criteria: str = "ALL", folder: str = "INBOX") -> list[int]:
    with server.client(folder=folder) as client:
        return list(client.search(criteria))


def made(server: ImapServer, folder: str) -> str:
    with server.client() as client:
        client.create_folder(folder)
    return folder


def change(server: ImapServer, uid: int, op: Any, argument: str = "", uidvalidity: int = 0) -> delivery.MailChange:
    with server.client() as client:
        valid = uidvalidity or int(client.select_folder("INBOX")[b"UIDVALIDITY"])
    return delivery.MailChange(
        id=str(next(NUMBERS)), mailbox="home", folder="INBOX", uidvalidity=valid, uid=uid, op=op, argument=argument
    )


async def carried_out(server: ImapServer, *changes: delivery.MailChange) -> list[Any]:
    async with watching.Watching(watching.settings(server)) as watched:
        return list(await watched.source.change(changes))


def ok(results: list[Any]) -> list[str]:
    assert all(isinstance(result, delivery.Receipt) for result in results), results
    return [result.code for result in results]


async def test_seen_and_flags_are_set_by_uid(filled: ImapServer) -> None:
    ok(await carried_out(filled, change(filled, 2, "seen"), change(filled, 4, "flag", "flagged")))
    assert search(filled, "SEEN") == [2]
    assert search(filled, "FLAGGED") == [4]


async def test_copies_land_in_the_folder_and_the_mail_stays(filled: ImapServer) -> None:
    copies = made(filled, filled.called("Copies"))
    ok(await carried_out(filled, change(filled, 1, "copy", copies), change(filled, 3, "copy", copies)))
    assert len(search(filled, folder=copies)) == 2
    assert search(filled) == [1, 2, 3, 4, 5]


async def test_moves_make_the_folder_and_take_the_mail_along_and_nobody_else_s(filled: ImapServer) -> None:
    done = filled.called("Übung", "Erledigt")
    with filled.client(folder="INBOX") as client:
        client.add_flags([5], [b"\\Deleted"])  # marked by somebody else, who may think again
    ok(await carried_out(filled, change(filled, 2, "move", done), change(filled, 3, "move", done)))
    assert search(filled) == [1, 4, 5]
    assert len(search(filled, folder=done)) == 2


async def test_the_receipt_says_where_the_mail_is_now(filled: ImapServer) -> None:
    box = made(filled, filled.called("Box"))
    codes = ok(await carried_out(filled, change(filled, 2, "copy", box), change(filled, 4, "move", box)))
    with filled.client() as client:
        anew = client.select_folder(box)[b"UIDVALIDITY"]
    assert codes == [f"copyuid {anew} 2 1", f"copyuid {anew} 4 2"]


async def test_deletes_take_this_mail_and_nobody_else_s(filled: ImapServer) -> None:
    with filled.client(folder="INBOX") as client:
        client.add_flags([5], [b"\\Deleted"])
    ok(await carried_out(filled, change(filled, 2, "delete")))
    assert search(filled) == [1, 3, 4, 5]


async def test_a_mail_that_is_gone_counts_as_done(filled: ImapServer) -> None:
    box = made(filled, filled.called("Box"))
    ops = [("seen", ""), ("flag", "flagged"), ("copy", box), ("move", box), ("delete", "")]
    ok(await carried_out(filled, *(change(filled, 77, op, argument) for op, argument in ops)))
    assert search(filled) == [1, 2, 3, 4, 5]
    assert search(filled, folder=box) == []


async def test_a_uidvalidity_that_has_changed_makes_it_permanent_and_touches_nothing(filled: ImapServer) -> None:
    (result,) = await carried_out(filled, change(filled, 2, "delete", uidvalidity=1))
    assert isinstance(result, errors.Permanent)
    assert "UIDVALIDITY" in str(result)
    assert search(filled) == [1, 2, 3, 4, 5]


async def test_a_mail_that_was_just_pushed_is_changed_and_watching_goes_on(server: ImapServer) -> None:
    done = server.called("Done")
    async with watching.Watching(watching.settings(server)) as watched:
        await watched.are("live")
        for number in (1, 2):
            await asyncio.to_thread(server.deliver, subject=f"number {number}")
            await watched.have(number)
            place = watched.mails[-1].place
            these = [
                delivery.MailChange(
                    id=f"{number} {op}",
                    mailbox="home",
                    folder="INBOX",
                    uidvalidity=place.uidvalidity,
                    uid=place.uid,
                    op=op,  # type: ignore[arg-type]
                    argument=argument,
                )
                for op, argument in (("seen", ""), ("move", done))
            ]
            ok(list(await watched.source.change(these)))
        assert watched.subjects == ["number 1", "number 2"]
    assert search(server) == []
    assert len(search(server, "SEEN", done)) == 2
