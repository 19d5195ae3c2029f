"""IDLE is renewed without waking anybody, once the server has shown that it stands several commands at once. Nothing
that the answer holds besides is lost by it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bridge import sources
from bridge.sources import settings as settings_
from bridge.sources.imap import session
from tests import servers, watching
from tests.servers.scripted_imap import Peer, ScriptedImap, fetched

CUTS: dict[str, Callable[[str], Iterator[str]]] = {
    "whole": lambda text: iter([text]),
    "a line each": lambda text: iter(text.splitlines(keepends=True)),
    "an octet each": iter,
}


@pytest.fixture(params=["plain", "tls"])
def serve(request: pytest.FixtureRequest) -> Any:
    return lambda *scripts: ScriptedImap(*scripts, tls=request.param == "tls")


def settings(server: ScriptedImap, **changes: Any) -> settings_.Mailbox:
    secure = {"tls": "implicit", "ca_file": server.ca_file} if server.tls else {}
    return watching.settings(server, **{"idle_renew": "30ms", **secure, **changes})


def known(uid: int) -> watching.Memory:
    memory = watching.Memory()
    memory.cursors["home", "INBOX"] = sources.Cursor(mailbox="home", folder="INBOX", uidvalidity=7, uid=uid)
    return memory


class Renewals:
    """The server's side of them: the tags of what was asked last."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        peer.open_folder(exists=1, uidnext=2)
        self.idle = peer.idle()
        self.quiet()  # the first: the bridge does not know yet what this server stands

    def asked(self) -> None:
        self.done = self.idle
        self.peer.expect("DONE")
        self.search = self.peer.expect(r"UID SEARCH UID 2:\*")
        self.idle = self.peer.expect("IDLE")

    def told(self, form: str, cut: Callable[[str], Iterator[str]] = CUTS["whole"]) -> None:
        text = form.format(done=self.done, search=self.search, idle=self.idle)
        self.peer.send(*cut(text))

    def quiet(self, form: str = "", cut: Callable[[str], Iterator[str]] = CUTS["whole"]) -> None:
        self.asked()
        self.told(form or QUIET["usual"], cut)

    def fetched(self, uid: int) -> None:
        """Until mail is asked for, it renews or searches in whatever way it likes."""
        idle = self.idle
        while True:
            line = self.peer.line()
            tag = line.partition(" ")[0]
            if line == "DONE":
                self.peer.send(f"{idle} OK\r\n")
            elif line.endswith("IDLE"):
                idle = tag
                self.peer.send("+ idling\r\n")
            elif "UID FETCH" in line:
                self.peer.send(f"{fetched(uid, uid)}{tag} OK done\r\n")
            else:
                self.peer.send(f"* SEARCH {uid}\r\n{tag} OK done\r\n")


QUIET = {
    "usual": "{done} OK Idle completed (0.1 secs).\r\n* SEARCH\r\n{search} OK done\r\n+ idling\r\n",
    "the last mail is in n:*": "{done} OK\r\n* SEARCH 1\r\n{search} OK done\r\n+ \r\n",
    "a blank behind SEARCH": "{done} OK\r\n* SEARCH \r\n{search} OK done\r\n+\r\n",
    "no SEARCH": "{done} OK\r\n{search} OK done\r\n+ idling\r\n",
}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
@pytest.mark.parametrize("form", QUIET.values(), ids=QUIET)
async def test_where_nothing_is_new_nobody_is_woken_and_mail_still_comes(
    serve: Any, form: str, cut: Callable[[str], Iterator[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def script(peer: Peer) -> None:
        renewals = Renewals(peer)
        for _ in range(5):
            renewals.quiet(form, cut)
        peer.send("* 2 EXISTS\r\n")
        renewals.fetched(2)

    searches = []
    search = session.Session.search

    async def counted(self: session.Session, criteria: bytes, *, idle: bool = False) -> list[int]:
        searches.append(criteria)
        return await search(self, criteria, idle=idle)

    monkeypatch.setattr(session.Session, "search", counted)
    with serve(script) as server:
        async with watching.Watching(settings(server), memory=known(1)) as watched:
            await watched.have(1)
            assert watched.uids == [2]
            assert len(searches) <= 2  # the first renewal, and the last: its answer may end in EXISTS


LOUD = {
    "found by looking": "{done} OK\r\n* SEARCH 2\r\n{search} OK done\r\n+ idling\r\n",
    "found among others": "{done} OK\r\n* SEARCH 1 2\r\n{search} OK done\r\n+ idling\r\n",
    "told of before DONE ends": "* 2 EXISTS\r\n{done} OK\r\n* SEARCH 1\r\n{search} OK done\r\n+ idling\r\n",
    "told of in the search": "{done} OK\r\n* SEARCH 1\r\n* 2 EXISTS\r\n{search} OK done\r\n+ idling\r\n",
    "told of before IDLE": "{done} OK\r\n* SEARCH 1\r\n{search} OK done\r\n* 2 EXISTS\r\n+ idling\r\n",
    "told of behind it": "{done} OK\r\n* SEARCH 1\r\n{search} OK done\r\n+ idling\r\n* 2 EXISTS\r\n",
}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
@pytest.mark.parametrize("form", LOUD.values(), ids=LOUD)
async def test_mail_that_the_answer_tells_of_is_fetched(
    serve: Any, form: str, cut: Callable[[str], Iterator[str]]
) -> None:
    def script(peer: Peer) -> None:
        renewals = Renewals(peer)
        for _ in range(2):
            renewals.quiet()
        renewals.asked()
        renewals.told(form, cut)
        renewals.fetched(2)

    with serve(script) as server:
        async with watching.Watching(settings(server), memory=known(1)) as watched:
            await watched.have(1)
            assert watched.uids == [2]


ENDS = {
    "refused": ("{done} OK\r\n{search} NO not now\r\n+ idling\r\n", "refuses to search"),
    "goodbye": ("{done} OK\r\n* BYE going down\r\n", "goodbye: going down"),
    "goodbye in IDLE": ("{done} OK\r\n* SEARCH\r\n{search} OK\r\n+ idling\r\n* BYE going down\r\n", "goodbye"),
    "no UID": ("{done} OK\r\n* SEARCH 0\r\n{search} OK done\r\n+ idling\r\n", "gives UID 0"),
    "out of turn": ("{done} OK\r\n* SEARCH\r\n{done} OK done\r\n+ idling\r\n", "out of turn"),
    "IDLE ended": ("{done} OK\r\n* SEARCH\r\n{search} OK\r\n+ idling\r\n{idle} OK ended\r\n", "ended IDLE"),
    "UIDVALIDITY": ("{done} OK\r\n* OK [UIDVALIDITY 8] new\r\n{search} OK\r\n+ idling\r\n", "UIDVALIDITY changed"),
    "silent at once": ("", "no answer within"),
    "silent in between": ("{done} OK\r\n* SEARCH\r\n", "no answer within"),
    "never in IDLE": ("{done} OK\r\n* SEARCH\r\n{search} OK done\r\n", "no answer within"),
}


@pytest.mark.parametrize(("form", "reason"), ENDS.values(), ids=ENDS)
async def test_what_ends_the_connection_says_why(serve: Any, form: str, reason: str) -> None:
    def script(peer: Peer) -> None:
        renewals = Renewals(peer)
        renewals.quiet()
        renewals.asked()
        renewals.told(form)
        peer.wait_for_close()

    with serve(script) as server:
        changes = {"timeout": "300ms", "retry_min": "20s", "retry_max": "20s"}
        async with watching.Watching(settings(server, **changes), memory=known(1)) as watched:
            assert reason in (await watched.are("retrying")).reason


async def test_a_server_that_closes_in_the_answer_is_connected_to_anew(serve: Any) -> None:
    def closes(peer: Peer) -> None:
        renewals = Renewals(peer)
        renewals.asked()
        renewals.told("{done} OK\r\n* SEARCH\r\n")
        peer.close()

    def lives(peer: Peer) -> None:
        peer.open_folder(exists=1, uidnext=2)
        peer.idle()
        peer.wait_for_close()

    with serve(closes, lives) as server:
        async with watching.Watching(settings(server, idle_renew="1s"), memory=known(1)) as watched:
            state = await watched.are("retrying")
            assert "closed the connection" in state.reason
            await watched.are("live")


async def test_a_server_that_refuses_idle_when_it_is_renewed_is_polled(serve: Any) -> None:
    def script(peer: Peer) -> None:
        renewals = Renewals(peer)
        renewals.asked()
        renewals.told("{done} OK\r\n* SEARCH\r\n{search} OK done\r\n{idle} NO not today\r\n")
        peer.ok("NOOP", "2 EXISTS")
        renewals.fetched(2)

    with serve(script) as server:
        async with watching.Watching(settings(server), memory=known(1)) as watched:
            await watched.have(1)


async def test_mail_that_comes_long_after_idle_began_is_fetched_at_once(serve: Any) -> None:
    quiet = threading.Event()

    def script(peer: Peer) -> None:
        peer.open_folder(exists=1, uidnext=2)
        tag = peer.idle()
        quiet.wait(20)
        peer.send("* OK Still here\r\n", "* 2 EXISTS\r\n")
        peer.expect("DONE")
        fetch = peer.expect(r"UID FETCH 2:\*")
        peer.expect("IDLE")
        peer.send(f"{tag} OK\r\n{fetched(2, 2)}{fetch} OK done\r\n+ idling\r\n")
        peer.wait_for_close()

    with serve(script) as server:
        async with watching.Watching(settings(server, idle_renew="1h"), memory=known(1)) as watched:
            await servers.until(lambda: watched.source._watchers[0]._connection is not None, what="a connection")
            await servers.until(lambda: watched.source._watchers[0]._connection.idling, what="IDLE")
            for _ in range(20):
                await asyncio.sleep(0)  # by now it waits
            quiet.set()
            await watched.have(1)


@pytest.mark.parametrize(("idle_renew", "reconcile"), [("30ms", "1h"), ("1h", "30ms")])
async def test_whichever_is_due_first_renews_and_looks(idle_renew: str, reconcile: str) -> None:
    with ScriptedImap(lambda peer: Renewals(peer).fetched(1)) as server:
        async with watching.Watching(
            settings(server, idle_renew=idle_renew, reconcile=reconcile), memory=known(1)
        ) as watched:
            before = (await watched.are("live")).round_trips
            await servers.until(lambda: watched.state().round_trips > before + 5, what="renewals")
