"""Gmail, Exchange and broken servers, played as people met them: every mail comes once, and what is wrong is said."""

from __future__ import annotations

from typing import Any

import pytest
import structlog

from bridge import delivery
from bridge.sources import settings as settings_
from tests import servers, watching
from tests.servers import personalities
from tests.servers.personalities import BROKEN, Exchange, Gmail
from tests.servers.played import Account
from tests.servers.scripted_imap import ScriptedImap

SLOW = {"reconcile": "150ms"}  # for servers that do not tell


def settings(server: ScriptedImap, **changes: Any) -> settings_.Mailbox:
    return watching.settings(server, **{"timeout": "400ms", "retry_refused": "30s", **changes})


async def idling(account: Account, count: int = 1) -> None:
    await servers.until(lambda: account.idlers >= count, what="IDLE")


@pytest.mark.parametrize("kind", [Account, Gmail, Exchange, *BROKEN], ids=lambda kind: kind.__name__)
async def test_every_mail_comes_once_and_in_order_and_none_that_is_old(kind: type[Account]) -> None:
    account = kind()
    for number in (1, 2):
        account.arrive(f"old {number}")
    with account.served() as server, structlog.testing.capture_logs() as logs:
        async with watching.Watching(settings(server, **SLOW)) as watched:
            await watched.are("live")
            account.arrive("one")
            await watched.have(1)
            account.arrive("two")
            account.arrive("three")
            await watched.have(3)
            account.hang_up()
            account.arrive("four")
            await watched.have(4)
            await watched.are("live")
            assert watched.subjects == ["one", "two", "three", "four"]
            assert watched.lost == []
    assert [line for line in logs if "bridge itself" in str(line) or line["event"] == "watching a folder failed"] == []


async def test_gmail_that_has_no_connection_left_is_tried_again_soon_and_not_taken_for_a_wrong_password() -> None:
    account = Gmail(others=15)
    with account.served() as server:
        async with watching.Watching(settings(server)) as watched:
            assert "Too many simultaneous connections" in (await watched.are("retrying")).reason
            account.others = 3
            await watched.are("live")


async def test_more_folders_than_gmail_gives_connections_leave_the_others_alive() -> None:
    account = Gmail()
    folders = [f"Label {number}" for number in range(20)]
    with account.served() as server:
        async with watching.Watching(settings(server, folders=folders)) as watched:
            await servers.until(
                lambda: sorted(each.state for each in watched.source.states()) == ["live"] * 15 + ["retrying"] * 5,
                what="15 live",
            )
            reasons = {state.reason for state in watched.source.states() if state.state == "retrying"}
            assert all("Too many simultaneous connections" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("kind", "words"), [(Gmail, Gmail.expired), (Exchange, Exchange.token_expired), (Gmail, "* BYE System error\r\n")]
)
async def test_a_session_that_expires_is_made_anew_at_once_and_its_last_words_are_told(
    kind: type[Account], words: str
) -> None:
    account = kind()
    with account.served() as server, structlog.testing.capture_logs() as logs:
        async with watching.Watching(settings(server, **SLOW)) as watched:
            await idling(account)
            account.hang_up(words)
            account.arrive("meanwhile")
            await watched.have(1)
            await watched.are("live")
            assert watched.subjects == ["meanwhile"]
            assert account.logins == 2
    said = [line["reason"] for line in logs if line.get("state") == "retrying"]
    assert said == [f"the server says goodbye: {words[6:].strip()}"]


async def test_a_mail_that_exchange_tells_nobody_of_is_found_by_looking() -> None:
    account = Exchange()
    with account.served() as server:
        async with watching.Watching(settings(server, **SLOW)) as watched:
            await idling(account)
            account.arrive("not announced")
            await watched.have(1)
            assert watched.batches[-1].pushed is None
            assert account.logins == 1


async def test_exchange_that_is_authenticated_but_not_connected_is_told_and_tried_again() -> None:
    account = personalities.Unconnected()
    with account.served() as server:
        async with watching.Watching(settings(server)) as watched:
            await servers.until(lambda: account.logins > 2, what="several tries")
            assert "User is authenticated but not connected" in (await watched.are("retrying")).reason
            account.connected = True
            await watched.are("live")


async def test_a_whole_text_in_place_of_its_beginning_is_no_harm() -> None:
    account = personalities.WholeTexts()
    with account.served() as server:
        async with watching.Watching(settings(server, **SLOW), wants=lambda _: {"1": 15_000}) as watched:
            await idling(account)
            account.arrive("long", text="line of text\r\n" * 2_000)
            await watched.have(1)
            (each,) = watched.mails
            assert each.text.startswith("line of text\n")
            assert len(each.content["1"]) == 15_000


@pytest.mark.parametrize("structure", personalities.STRUCTURES)
async def test_an_odd_structure_costs_neither_its_mail_nor_the_next(structure: str) -> None:
    account = Exchange()
    with account.served() as server:
        async with watching.Watching(settings(server, **SLOW)) as watched:
            await idling(account)
            account.arrive("odd", structure=personalities.STRUCTURES[structure])
            account.arrive("next")
            await watched.have(2)
            assert watched.subjects == ["odd", "next"]
            assert isinstance(watched.mails[0].text, str)


@pytest.mark.parametrize("inconvertible", [{2}, {1, 3}, {1, 2, 3}])
async def test_a_mail_that_is_listed_and_not_given_is_told_of_as_lost(inconvertible: set[int]) -> None:
    account = personalities.Silent()
    account.inconvertible = frozenset(inconvertible)
    given = [uid for uid in (1, 2, 3, 4) if uid not in inconvertible]
    with account.served() as server:
        async with watching.Watching(settings(server, retry_min="1ms", retry_max="5ms", **SLOW)) as watched:
            await idling(account)
            with account.turn:
                for _ in range(4):
                    account.arrive()
                account.tell("* 4 EXISTS\r\n")
            await servers.until(lambda: watched.memory.cursors["home", "INBOX"].uid == 4, what="passed")
            assert watched.uids == given
            assert {each.place.uid for each in watched.lost} == inconvertible


async def test_changes_are_made_on_gmail_with_one_connection_more() -> None:
    account = Gmail()
    with account.served() as server:
        async with watching.Watching(settings(server)) as watched:
            await idling(account)
            account.arrive("one")
            account.arrive("two")
            await watched.have(2)
            changes = [
                delivery.MailChange(
                    id=op,
                    mailbox="home",
                    folder="INBOX",
                    uidvalidity=7,
                    uid=1,
                    op=op,
                    argument=argument,  # type: ignore[arg-type]
                )
                for op, argument in (("seen", ""), ("move", "Done"))
            ]
            results = await watched.source.change(changes)
            assert [getattr(result, "code", result) for result in results] == ["ok", "copyuid 9 1 1"]
            account.arrive("three")
            await watched.have(3)
            assert watched.subjects == ["one", "two", "three"]
