"""Changing mails on a real Dovecot, as rich and as poor a server as there are."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from bridge import delivery, errors
from tests import servers, watching
from tests.servers.dovecot import Dovecot
from tests.servers.scripted_imap import Gone, Peer, Script, ScriptedImap

RICH = ""
NO_MOVE = "IMAP4rev1 IDLE UIDPLUS"
POOR = "IMAP4rev1 IDLE"
NUMBERS = itertools.count(1)


@pytest.fixture
def dovecot(request: pytest.FixtureRequest) -> Iterator[Dovecot]:
    with Dovecot(capability=getattr(request, "param", RICH)) as server:
        server.deliver(count=5)
        yield server


def uidvalidity(server: Dovecot, folder: str = "INBOX") -> int:
    with server.client() as client:
        return int(client.folder_status(folder, "UIDVALIDITY")[b"UIDVALIDITY"])


def change(server: Dovecot, uid: int, op: Any, argument: str = "", **values: Any) -> delivery.MailChange:
    return delivery.MailChange(
        id=str(next(NUMBERS)),
        mailbox="home",
        folder="INBOX",
        uidvalidity=values.get("uidvalidity") or uidvalidity(server),
        uid=uid,
        op=op,
        argument=argument,
    )


async def carried_out(server: Dovecot, *changes: delivery.MailChange) -> list[Any]:
    async with watching.Watching(watching.settings(server)) as watched:
        results = list(await watched.source.change(changes))
    receipts = [
        (each, result) for each, result in zip(changes, results, strict=True) if not isinstance(result, Exception)
    ]
    assert all(result.delivery_id == each.id for each, result in receipts)
    return results


def ok(results: list[Any]) -> list[str]:
    assert all(isinstance(result, delivery.Receipt) for result in results), results
    return [result.code for result in results]


def search(server: Dovecot, criteria: str = "ALL", folder: str = "INBOX") -> list[int]:
    with server.client("ada", folder=folder) as client:
        return list(client.search(criteria))


async def test_seen_and_flags_are_set_by_uid(dovecot: Dovecot) -> None:
    these = [change(dovecot, 2, "seen"), change(dovecot, 4, "seen"), change(dovecot, 4, "flag", "flagged")]
    ok(await carried_out(dovecot, *these, change(dovecot, 5, "flag", "$Label1")))
    assert search(dovecot, "SEEN") == [2, 4]
    assert search(dovecot, "FLAGGED") == [4]
    assert search(dovecot, "KEYWORD $Label1") == [5]


async def test_alike_changes_go_in_one_command(dovecot: Dovecot) -> None:
    seen = [change(dovecot, uid, "seen") for uid in (1, 2, 3, 5)]
    flagged = [change(dovecot, uid, "flag", "x") for uid in (1, 2, 3, 5)]
    async with watching.Watching(watching.settings(dovecot)) as watched:
        ok(list(await watched.source.change(seen)))
        commands = watched.source._commands
        assert commands is not None
        assert commands._connection is not None
        spent = commands._connection.round_trips
        ok(list(await watched.source.change(flagged)))
        assert commands._connection.round_trips - spent == 2  # and a look first


@pytest.mark.parametrize("op", ["seen", "copy", "move", "delete"])
async def test_a_mail_that_came_after_the_session_was_opened_is_changed_all_the_same(dovecot: Dovecot, op: str) -> None:
    """A session does not see it yet, and answers "OK" without doing anything."""
    async with watching.Watching(watching.settings(dovecot)) as watched:
        ok(list(await watched.source.change([change(dovecot, 1, "flag", "x")])))
        await watched.are("live")
        await asyncio.to_thread(dovecot.deliver)
        await watched.have(1)
        ok(list(await watched.source.change([change(dovecot, 6, op, "Box")])))
    wanted = {
        "seen": ("SEEN", "INBOX", 1),
        "copy": ("ALL", "Box", 1),
        "move": ("ALL", "Box", 1),
        "delete": ("UID 6", "INBOX", 0),
    }
    criteria, folder, count = wanted[op]
    assert len(search(dovecot, criteria, folder)) == count


@pytest.mark.parametrize("dovecot", [RICH, NO_MOVE, POOR], indirect=True)
async def test_copies_land_in_the_folder_and_the_mail_stays(dovecot: Dovecot) -> None:
    with dovecot.client() as client:
        client.create_folder("Copies")
    ok(await carried_out(dovecot, change(dovecot, 1, "copy", "Copies"), change(dovecot, 3, "copy", "Copies")))
    assert len(search(dovecot, folder="Copies")) == 2
    assert search(dovecot) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("dovecot", [RICH, NO_MOVE], indirect=True)
async def test_moves_take_the_mail_along_and_nobody_else_s(dovecot: Dovecot) -> None:
    with dovecot.client("ada", folder="INBOX") as client:
        client.add_flags([5], [b"\\Deleted"])  # marked by somebody else, who may think again
    ok(
        await carried_out(
            dovecot, change(dovecot, 2, "move", "Übung/Erledigt"), change(dovecot, 3, "move", "Übung/Erledigt")
        )
    )
    assert search(dovecot) == [1, 4, 5]
    assert len(search(dovecot, folder="Übung/Erledigt")) == 2


@pytest.mark.parametrize("dovecot", [RICH, NO_MOVE], indirect=True)
async def test_deletes_take_this_mail_and_nobody_else_s(dovecot: Dovecot) -> None:
    with dovecot.client("ada", folder="INBOX") as client:
        client.add_flags([5], [b"\\Deleted"])
    ok(await carried_out(dovecot, change(dovecot, 2, "delete")))
    assert search(dovecot) == [1, 3, 4, 5]


@pytest.mark.parametrize("dovecot", [POOR], indirect=True)
async def test_without_uidplus_mails_are_only_marked_and_the_receipt_says_so(dovecot: Dovecot) -> None:
    with dovecot.client() as client:
        client.create_folder("Done")
    codes = ok(await carried_out(dovecot, change(dovecot, 2, "delete"), change(dovecot, 3, "move", "Done")))
    assert all("only marked \\Deleted" in code for code in codes)
    assert search(dovecot) == [1, 2, 3, 4, 5]
    assert search(dovecot, "DELETED") == [2, 3]
    assert len(search(dovecot, folder="Done")) == 1


@pytest.mark.parametrize("op", ["seen", "flag", "copy", "move", "delete"])
@pytest.mark.parametrize("dovecot", [RICH, NO_MOVE], indirect=True)
async def test_a_mail_that_is_gone_counts_as_done(dovecot: Dovecot, op: str) -> None:
    argument = {"flag": "x", "copy": "Box", "move": "Box"}.get(op, "")
    ok(await carried_out(dovecot, change(dovecot, 77, op, argument)))
    assert search(dovecot) == [1, 2, 3, 4, 5]


async def test_a_uidvalidity_that_has_changed_makes_it_permanent_and_touches_nothing(dovecot: Dovecot) -> None:
    (result,) = await carried_out(dovecot, change(dovecot, 2, "delete", uidvalidity=1))
    assert isinstance(result, errors.Permanent)
    assert "UIDVALIDITY" in str(result)
    assert search(dovecot) == [1, 2, 3, 4, 5]


async def test_a_folder_that_is_gone_makes_it_permanent_and_names_those_that_exist(dovecot: Dovecot) -> None:
    lost = delivery.MailChange(id="x", mailbox="home", folder="Gone", uidvalidity=1, uid=1, op="seen")
    (result,) = await carried_out(dovecot, lost)
    assert isinstance(result, errors.Permanent)
    assert "the mailbox has: INBOX" in str(result)


async def test_a_target_that_cannot_be_made_is_permanent_and_names_the_folders_that_exist(dovecot: Dovecot) -> None:
    (result,) = await carried_out(dovecot, change(dovecot, 2, "move", "bad//name"))
    assert isinstance(result, errors.Permanent)
    assert "the mailbox has: INBOX" in str(result)
    assert search(dovecot) == [1, 2, 3, 4, 5]


async def test_one_that_cannot_be_done_does_not_stop_the_others(dovecot: Dovecot) -> None:
    these = [
        change(dovecot, 1, "seen"),
        change(dovecot, 1, "flag", "not a flag"),
        change(dovecot, 2, "seen"),
    ]
    results = await carried_out(dovecot, *these)
    assert [type(result) for result in results] == [delivery.Receipt, errors.Permanent, delivery.Receipt]
    assert search(dovecot, "SEEN") == [1, 2]


async def test_a_full_mailbox_is_permanent_with_the_server_s_own_words() -> None:
    with Dovecot(quota="*:storage=2kB") as server:
        server.deliver(count=3)
        (result,) = await carried_out(server, change(server, 1, "copy", "Box"))
        while isinstance(result, delivery.Receipt):
            (result,) = await carried_out(server, change(server, 1, "copy", "Box"))
        assert isinstance(result, errors.Permanent)
        assert "uota" in str(result)


async def test_a_server_that_is_away_makes_it_retryable_and_later_it_is_done(
    dovecot: Dovecot,
) -> None:
    async with watching.Watching(watching.settings(dovecot)) as watched:
        first = change(dovecot, 1, "seen")
        ok(list(await watched.source.change([first])))
        await asyncio.to_thread(dovecot.stop)
        (result,) = await watched.source.change([first])
        assert isinstance(result, errors.Retryable)
        await asyncio.to_thread(dovecot.start)
        ok(list(await watched.source.change([first])))


async def test_changes_made_while_watching_fire_nothing_and_watching_goes_on(dovecot: Dovecot) -> None:
    async with watching.Watching(watching.settings(dovecot)) as watched:
        await watched.are("live")
        ok(list(await watched.source.change([change(dovecot, 1, "seen"), change(dovecot, 2, "delete")])))
        await asyncio.to_thread(dovecot.deliver, subject="after")
        await watched.have(1)
        assert watched.subjects == ["after"]
        await servers.until(lambda: watched.state().state == "live", what="live")


@pytest.mark.parametrize("dovecot", [RICH, NO_MOVE], indirect=True)
@pytest.mark.parametrize("op", ["copy", "move"])
async def test_the_receipt_says_where_the_mail_is_now(dovecot: Dovecot, op: str) -> None:
    with dovecot.client() as client:
        client.create_folder("Box")
    codes = ok(await carried_out(dovecot, change(dovecot, 2, op, "Box"), change(dovecot, 4, op, "Box")))
    anew = uidvalidity(dovecot, "Box")
    assert codes == [f"copyuid {anew} 2 1", f"copyuid {anew} 4 2"]


@pytest.mark.parametrize("dovecot", [RICH, NO_MOVE, POOR], indirect=True)
@pytest.mark.parametrize("op", ["copy", "move"])
@pytest.mark.parametrize("folder", ["INBOX", "inbox"])
async def test_into_its_own_folder_a_mail_need_not_be_brought(dovecot: Dovecot, op: str, folder: str) -> None:
    assert ok(await carried_out(dovecot, change(dovecot, 2, op, folder))) == ["ok, it is there"]
    assert search(dovecot) == [1, 2, 3, 4, 5]
    assert search(dovecot, "DELETED") == []


async def test_a_mail_whose_copy_was_not_made_is_neither_moved_nor_deleted(dovecot: Dovecot) -> None:
    these = [change(dovecot, 1, "copy", "bad//name"), change(dovecot, 1, "delete"), change(dovecot, 2, "delete")]
    results = await carried_out(dovecot, *these)
    assert [type(result) for result in results] == [errors.Permanent, errors.Retryable, delivery.Receipt]
    assert "an earlier change of this mail was not made" in str(results[1])
    assert search(dovecot) == [1, 3, 4, 5]


async def test_a_burst_takes_a_few_commands_and_its_results_are_in_order(dovecot: Dovecot) -> None:
    dovecot.deliver(count=95)
    valid = uidvalidity(dovecot)
    burst = [
        change(dovecot, uid, op, argument, uidvalidity=valid)
        for uid in range(1, 101)
        for op, argument in (("seen", ""), ("copy", "Copies"), ("move", "Done"))
    ]
    async with watching.Watching(watching.settings(dovecot)) as watched:
        ok(list(await watched.source.change([change(dovecot, 1, "flag", "x", uidvalidity=valid)])))
        commands = watched.source._commands
        assert commands is not None
        assert commands._connection is not None
        spent = commands._connection.round_trips
        results = await watched.source.change(burst)
        ok(list(results))
        assert [result.delivery_id for result in results if isinstance(result, delivery.Receipt)] == [
            each.id for each in burst
        ]
        assert commands._connection.round_trips - spent <= 12
    assert (len(search(dovecot, "SEEN", "Copies")), len(search(dovecot, "SEEN", "Done"))) == (100, 100)


def half(*answers: str | None) -> Script:
    """A server without MOVE; each STORE gets the next of these answers, and None closes the connection."""
    left = list(answers)

    def script(peer: Peer) -> None:
        peer.log_in("IMAP4rev1 IDLE UIDPLUS")
        idle = ""
        while True:
            tag, _, command = peer.line().partition(" ")
            if command.startswith(("SELECT", "EXAMINE")):
                peer.send(f"* 0 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 1] x\r\n{tag} OK\r\n")
            elif command == "IDLE":
                idle = tag
                peer.send("+ idling\r\n")
            elif tag == "DONE":
                peer.send(f"{idle} OK\r\n")
            elif command.startswith("UID STORE"):
                if (answer := left.pop(0) if left else "OK") is None:
                    peer.close()
                    raise Gone
                peer.send(f"{tag} {answer}\r\n")
            else:
                peer.send(f"{tag} OK\r\n")

    return script


def moves(*uids: int) -> list[delivery.MailChange]:
    return [
        delivery.MailChange(
            id=f"move {uid}", mailbox="home", folder="INBOX", uidvalidity=7, uid=uid, op="move", argument="Box"
        )
        for uid in uids
    ]


def copies(server: ScriptedImap) -> list[str]:
    return [line.partition(" ")[2] for line in server.heard if "UID COPY" in line]


@pytest.mark.parametrize("refusal", ["NO [NOPERM] no t right", "NO not now", "BAD what"])
async def test_a_move_whose_second_half_is_refused_is_permanent_and_copies_once(refusal: str) -> None:
    with ScriptedImap(half(refusal)) as server:
        async with watching.Watching(watching.settings(server)) as watched:
            results = await watched.source.change(moves(1, 2, 3))
            assert [type(result) for result in results] == [errors.Permanent] * 3
            assert "copied to 'Box', but still here as well" in str(results[0])
            ok(list(await watched.source.change(moves(1, 2, 3))))  # retried by hand
    assert copies(server) == ['UID COPY 1:3 "Box"']


async def test_a_move_that_lost_its_connection_half_way_goes_on_there() -> None:
    with ScriptedImap(half(None)) as server:
        async with watching.Watching(watching.settings(server)) as watched:
            results = await watched.source.change(moves(1, 2))
            assert [type(result) for result in results] == [errors.Retryable] * 2
            ok(list(await watched.source.change(moves(1, 2, 3))))
    assert copies(server) == ['UID COPY 1:2 "Box"', 'UID COPY 3 "Box"']
