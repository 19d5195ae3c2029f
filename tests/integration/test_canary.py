"""A mailbox's canary on a real Dovecot, and on servers that are broken in one way each."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge import sources
from bridge.sources import canary
from tests import servers, watching
from tests.servers import played
from tests.servers.appending import Appending
from tests.servers.dovecot import Dovecot

OFTEN = {"every": "300ms", "late": "250ms"}
SOON_S = 8.0  # before the server that is played hangs up by itself
SELDOM = {"every": "1h", "late": "20s"}


@pytest.fixture
def dovecot(request: pytest.FixtureRequest) -> Iterator[Dovecot]:
    with Dovecot(**getattr(request, "param", {})) as server:
        yield server


@pytest.fixture
def seal(tmp_path: Path) -> canary.Seal:
    return canary.Seal(tmp_path / "state" / "key", bridge="house")


class Canaried(watching.Watching):
    """Watches with a canary; ``trips`` is what was told of it."""

    def __init__(self, server: Any, seal: canary.Seal | None, **settings: Any) -> None:
        self.trips: list[sources.RoundTrip] = []
        super().__init__(watching.settings(server, **settings), seal=seal, told=self.trips.append)

    async def flown(self, count: int = 1) -> sources.RoundTrip:
        await servers.until(lambda: len(self.trips) >= count, 20, what=f"{count} canaries")
        return self.trips[count - 1]


def uids(server: Dovecot, criteria: Any = "ALL") -> list[int]:
    with server.client(folder="INBOX") as client:
        return list(client.search(criteria))


async def is_empty(server: Dovecot) -> None:
    await servers.until(lambda: asyncio.to_thread(lambda: not uids(server)), 20, what="an empty folder")


async def test_it_is_seen_by_push_timed_and_deleted(dovecot: Dovecot, seal: canary.Seal) -> None:
    async with Canaried(dovecot, seal, canary=None) as watched:
        mine = watched.source.canary(seal, late_s=20, maker="run")
        await mine.until_live()
        trip = await mine.once()
        assert trip.failed == "", trip.reason
        assert trip.append_s is not None
        assert trip.push_s is not None
        assert trip.fetch_s is not None
        assert trip.total_s is not None
        assert trip.total_s >= trip.append_s + trip.push_s
        assert trip.left == ""
        await is_empty(dovecot)
        assert watched.mails == []
        await servers.until(lambda: watched.memory.cursors["home", "INBOX"].uid == 1, what="the cursor behind it")


async def test_again_and_again_and_nobody_else_hears_of_it(seal: canary.Seal) -> None:
    account = Appending()
    with account.served() as server:
        async with Canaried(server, seal, canary={"every": "4s", "late": "3900ms"}) as watched:
            await watched.flown()
            account.arrive("motion")
            await watched.flown(2)
            assert [trip.failed for trip in watched.trips] == ["", ""]
            assert [mail.place.uid for mail in watched.mails] == [2]
            state = watched.state()
            assert state.canary == watched.trips[-1]
            assert state.state == "live"
    assert [letter.uid for letter in account.letters] == [2]


class SlowSecondLogin(Appending):
    def login(self, session: played.Session, tag: str, command: str) -> None:
        if self.logins:
            time.sleep(0.5)
        super().login(session, tag, command)


async def test_making_a_connection_for_it_is_no_part_of_its_way(seal: canary.Seal) -> None:
    with SlowSecondLogin().served() as server:
        async with Canaried(server, seal, canary=None) as watched:
            mine = watched.source.canary(seal, late_s=20, maker="run")
            await mine.until_live()
            trip = await mine.once()
    assert trip.failed == "", trip.reason
    assert (trip.append_s or 0) < 0.4
    assert (trip.total_s or 0) < 0.4


async def test_it_disturbs_nobody(dovecot: Dovecot, seal: canary.Seal) -> None:
    """Seen from the start, plain, addressed to its mailbox, and told by machines from what a person writes."""
    account = {"user": "ada", "password": "secret"}
    async with watching.Watching(watching.settings(dovecot, **account)) as unaware:
        await unaware.are("live")
        async with Canaried(dovecot, seal, canary=None) as watched:
            mine = watched.source.canary(seal, late_s=20, maker="run")
            await mine.until_live()
            await mine.once()
            await unaware.have(1)
    (mail,) = unaware.mails
    assert mail.subject == "Mailwire canary"
    assert mail.flags - {"\\Recent"} == {"\\Seen"}
    assert mail.headers.first("Auto-Submitted") == "auto-generated"
    assert "may delete it" in mail.text


@pytest.mark.parametrize(
    "dovecot", [{"capability": "IMAP4rev1 IDLE UIDPLUS"}, {"capability": "IMAP4rev1"}], indirect=True
)
async def test_servers_that_can_do_less(dovecot: Dovecot, seal: canary.Seal) -> None:
    """No LITERAL+, no NOTIFY; then no IDLE and no UIDPLUS: the canary comes, and is marked if it cannot be deleted."""
    with dovecot.client(folder="INBOX") as client:
        client.append("INBOX", dovecot.sample())
        client.add_flags([1], [b"\\Deleted"])  # somebody else's, who may think again
    async with Canaried(dovecot, seal, canary=None) as watched:
        mine = watched.source.canary(seal, late_s=20, maker="run")
        await mine.until_live()
        trip = await mine.once()
    assert trip.failed == "", trip.reason
    poor = "UIDPLUS" not in dovecot._capability
    assert ("no UIDPLUS" in trip.left) is poor
    assert uids(dovecot, "DELETED") == ([1, 2] if poor else [1])


@pytest.mark.parametrize("dovecot", [{"quota": "*:bytes=100"}], indirect=True)
async def test_over_quota_is_told_as_such_and_the_folder_is_not_called_live(
    dovecot: Dovecot, seal: canary.Seal
) -> None:
    async with Canaried(dovecot, seal, canary=OFTEN) as watched:
        trip = await watched.flown()
        assert trip.failed == "append"
        assert trip.reason.startswith("the mailbox is over quota")
        state = await watched.are("retrying")
        assert "over quota" in state.reason
        await watched.flown(2)
        assert watched.state().round_trips == state.round_trips, "its connection is none the worse for it"


async def test_a_push_that_never_comes_is_noticed_and_the_connection_is_made_anew(seal: canary.Seal) -> None:
    account = Appending()
    account.tells = False
    with account.served() as server:
        async with Canaried(server, seal, canary=OFTEN) as watched:
            trip = await watched.flown()
            assert trip.failed == "push"
            assert "its push is dead" in trip.reason
            assert dataclasses.replace(watched.state().canary or trip, delete_s=None) == trip
            await watched.are("live", deadline_s=SOON_S)
            assert account.logins >= 3  # two of the folder's own, and one that appends
            account.tells = True
            await servers.until(lambda: watched.trips[-1].failed == "", 20, what="a canary that comes")
            assert watched.mails == []
        assert account.letters == []


async def test_what_arrived_while_the_push_was_dead_is_found(seal: canary.Seal) -> None:
    account = Appending()
    account.tells = False
    with account.served() as server:
        async with Canaried(server, seal, canary=SELDOM | {"late": "250ms"}) as watched:
            await watched.are("live")
            account.at_once = False
            account.arrive("motion")
            mine = watched.source.canary(seal, late_s=0.2, maker="run")
            await mine.once()
            await watched.have(1, SOON_S)
            assert len(watched.mails) == 1, "and the canary is no mail"


async def test_not_called_live_until_it_is_proven(seal: canary.Seal) -> None:
    account = Appending()
    account.refusal = "[OVERQUOTA] Mailbox has exceeded the limit"
    with account.served() as server:
        async with Canaried(server, seal, canary=OFTEN) as watched:
            await watched.flown()
            state = await watched.are("retrying")
            assert state.reason == (
                "no canary can be sent: the mailbox is over quota: no mail gets into it "
                "([OVERQUOTA] Mailbox has exceeded the limit)"
            )
            account.refusal = ""
            await watched.are("live")
            assert watched.state().reason == ""


async def test_a_refusal_leaves_mails_coming(seal: canary.Seal) -> None:
    account = Appending()
    account.refusal = "[NOPERM] read only"
    with account.served() as server:
        async with Canaried(server, seal, canary=OFTEN) as watched:
            await watched.flown(2)
            account.at_once = True
            account.arrive("motion")
            await watched.have(1)
            assert account.logins == 2, "no connection was made anew"
    assert "does not take a mail into 'INBOX'" in watched.trips[0].reason


def forged(genuine: bytes, seal: canary.Seal, user: str) -> Iterator[bytes]:
    """Mails whose header looks like a canary's, by people who do not have the key."""
    head = genuine.decode()
    field = next(line for line in head.splitlines() if line.startswith(canary.HEADER))
    name, bridge, maker, made, nonce, proof = field.split(" ")
    for words in (
        (bridge, maker, made, nonce, "0" * 32),
        (bridge, maker, made, nonce[::-1], proof),
        (bridge, "selftest", made, nonce, proof),
        (bridge, maker, "1", nonce, proof),
        ("other", maker, made, nonce, proof),
        (bridge, maker, made, nonce),
        ("x" * 5_000, maker, made, nonce, proof),
        (bridge, maker, made, nonce, proof, f"\r\n{field}"),
    ):
        yield head.replace(field, " ".join((name, *words))).encode()
    other = canary.Seal(seal._path.with_name("another"), bridge="house")
    yield other.mail(other.new("run"), user)
    yield seal.mail(seal.new("run"), "somebody.else")  # from a mailbox of the same bridge's


async def test_a_forged_canary_is_a_mail_like_any_other_and_is_never_deleted(
    dovecot: Dovecot, seal: canary.Seal
) -> None:
    mails = list(forged(seal.mail(seal.new("run"), "ada"), seal, "ada"))
    async with Canaried(dovecot, seal, canary=None) as watched:
        mine = watched.source.canary(seal, late_s=20, maker="run")
        await mine.until_live()
        for mail in mails:
            await asyncio.to_thread(dovecot.deliver, mail)
        await watched.have(len(mails))
        await mine.once()  # and looks for what was left behind
    assert len(watched.mails) == len(mails)
    assert len(uids(dovecot)) == len(mails)


async def test_what_a_crash_left_behind_is_deleted_at_the_first_canary(dovecot: Dovecot, seal: canary.Seal) -> None:
    def left(seal: canary.Seal, maker: canary.Maker, age_s: float = 0) -> bytes:
        token = seal.new(maker)
        return seal.mail(dataclasses.replace(token, made=token.made - int(1000 * age_s)), "ada")

    neighbour = canary.Seal(seal._path, bridge="cellar")  # shares the state's folder
    with dovecot.client() as client:
        client.append("INBOX", dovecot.sample())
        client.append("INBOX", left(seal, "run"))  # 2
        client.append("INBOX", left(seal, "selftest", age_s=3600))  # 3
        client.append("INBOX", left(seal, "selftest"))  # 4: it may be running
        client.append("INBOX", left(neighbour, "run", age_s=3600))  # 5: not this bridge's
    seal = canary.Seal(seal._path, bridge="house")  # another process
    async with Canaried(dovecot, seal, canary=None, start="all") as watched:
        mine = watched.source.canary(seal, late_s=20, maker="run")
        await mine.until_live()
        trip = await mine.once()
        assert trip.failed == ""
        assert uids(dovecot) == [1, 4, 5]
        assert [mail.place.uid for mail in watched.mails] == [1], "and none of them is a mail"


async def test_a_stop_in_the_middle_leaves_none_behind(dovecot: Dovecot, seal: canary.Seal) -> None:
    """Dovecot takes half a second to tell of it."""
    async with Canaried(dovecot, seal, canary=None) as watched:
        mine = watched.source.canary(seal, late_s=20, maker="run")
        await mine.until_live()
        flying = asyncio.create_task(mine.once())
        await servers.until(lambda: mine._flight is not None, what="a canary on its way")
        flying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await flying
        assert uids(dovecot) == []


async def test_the_key_is_ours_alone(dovecot: Dovecot, seal: canary.Seal) -> None:
    async with Canaried(dovecot, seal, canary=None) as watched:
        await watched.are("live")
        assert not seal._path.exists(), "no key before there is a canary"
        mine = watched.source.canary(seal, late_s=20, maker="run")
        await mine.once()
    assert stat.S_IMODE(seal._path.stat().st_mode) == 0o600
    assert [path.name for path in seal._path.parent.iterdir()] == ["key"]


async def test_a_mailbox_without_one_has_no_task_for_it(dovecot: Dovecot, seal: canary.Seal) -> None:
    before = asyncio.all_tasks()
    async with Canaried(dovecot, seal) as watched:
        await watched.are("live")
        assert sorted(task.get_name() for task in asyncio.all_tasks() - before if "home" in task.get_name()) == [
            "watch home/INBOX"
        ]
