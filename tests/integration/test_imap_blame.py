"""What counts against a mail, and what does not: a provider's and a network's bad days."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from bridge import sources
from bridge.sources import imap
from tests import servers, watching
from tests.servers.scripted_imap import Gone, Peer, Script, ScriptedImap, fetched

Refuse = Callable[[Peer, str, str], bool]
"""``refuse(peer, tag, command)``: whether it dealt with this FETCH in its own way."""


def serving(uids: range, refuse: Refuse) -> Script:
    def script(peer: Peer) -> None:
        peer.open_folder(exists=len(uids), uidnext=uids.stop)
        idle = ""
        while True:
            tag, _, command = peer.line().partition(" ")
            if tag == "DONE":
                peer.send(f"{idle} OK\r\n")
            elif command == "IDLE":
                idle = tag
                peer.send("+ idling\r\n")
            elif match := re.match(r"UID SEARCH UID (\d+):\*", command):
                found = [uid for uid in uids if uid >= min(int(match[1]), uids[-1])]
                peer.send(f"* SEARCH {' '.join(map(str, found))}\r\n{tag} OK\r\n")
            elif command.startswith("UID FETCH"):
                if not refuse(peer, tag, command):
                    peer.send("".join(fetched(uid, uid) for uid in asked(command)) + f"{tag} OK\r\n")
            else:
                peer.send(f"{tag} OK\r\n")

    return script


def asked(command: str) -> range:
    low, _, high = command.split()[2].partition(":")
    return range(int(low), int(high or low) + 1)


def cut(peer: Peer, _tag: str) -> None:
    peer.close()
    raise Gone


def no(peer: Peer, tag: str) -> None:
    peer.send(f"{tag} NO the disk is on strike\r\n")


def for_now(peer: Peer, tag: str) -> None:
    peer.send(f"{tag} NO [UNAVAILABLE] the disk is on strike\r\n")


class Outage:
    """Refuses so many FETCHes, of whatever mail."""

    def __init__(self, count: int, how: Callable[[Peer, str], None]) -> None:
        self.left = count
        self.how = how

    def __call__(self, peer: Peer, tag: str, _command: str) -> bool:
        self.left -= 1
        if self.left >= 0:
            self.how(peer, tag)
        return self.left >= 0


def known(uid: int, *, careful: bool = False) -> watching.Memory:
    """The folder has been handled up to this UID."""
    memory = watching.Memory(careful=careful)
    memory.commit(sources.Batch(cursor=sources.Cursor(mailbox="home", folder="INBOX", uidvalidity=7, uid=uid)))
    return memory


def impatient(server: ScriptedImap, **changes: Any) -> Any:
    return watching.settings(server, retry_min="1ms", retry_max="5ms", **changes)


@pytest.mark.parametrize("how", [cut, no, for_now])
@pytest.mark.parametrize("handled", [0, 1, 3])
async def test_an_outage_of_the_provider_makes_no_mail_dead(how: Callable[[Peer, str], None], handled: int) -> None:
    with ScriptedImap(serving(range(1, 5), Outage(40, how))) as server:
        async with watching.Watching(impatient(server), memory=known(handled)) as watched:
            await watched.have(4 - handled)
            assert watched.uids == list(range(handled + 1, 5))
            assert watched.lost == []


async def test_a_mail_alone_in_its_folder_is_not_dead_while_not_even_its_header_is_given() -> None:
    outage = Outage(20, cut)

    def refuse(peer: Peer, tag: str, command: str) -> bool:
        if outage.left > 0 and "BODY.PEEK[TEXT]" not in command:
            no(peer, tag)
            return True
        return outage(peer, tag, command)

    with ScriptedImap(serving(range(1, 2), refuse)) as server:
        async with watching.Watching(impatient(server), memory=known(0)) as watched:
            await watched.have(1)
            assert watched.lost == []


@pytest.mark.parametrize("uids", [range(1, 2), range(1, 4)])
@pytest.mark.parametrize("how", [cut, no, for_now])
async def test_a_mail_that_the_server_never_gives_is_lost_once_it_has_shown_that_it_gives_others_or_its_header(
    uids: range, how: Callable[[Peer, str], None]
) -> None:
    def refuse(peer: Peer, tag: str, command: str) -> bool:
        if 1 not in asked(command) or ("BODY.PEEK[TEXT]" not in command and len(uids) == 1):
            return False
        how(peer, tag)
        return True

    with ScriptedImap(serving(uids, refuse)) as server:
        async with watching.Watching(impatient(server), memory=known(0)) as watched:
            await servers.until(lambda: watched.memory.cursors["home", "INBOX"].uid == uids[-1], what="passed")
            assert watched.uids == list(uids[1:])
            assert [each.place.uid for each in watched.lost] == [1]


@pytest.mark.parametrize("how", [no, for_now])
async def test_a_part_that_is_refused_for_a_while_makes_no_mail_dead(how: Callable[[Peer, str], None]) -> None:
    refused = Outage(2, how)

    def refuse(peer: Peer, tag: str, command: str) -> bool:
        if "BODY.PEEK[1]" not in command:
            shape = '("TEXT" "PLAIN" NIL NIL NIL "7BIT" 9000 1)'
            peer.send(fetched(1, 1, structure=shape, text="x" * 8192) + f"{tag} OK\r\n")
        elif not refused(peer, tag, command):
            peer.send(f'* 1 FETCH (UID 1 BODY[1]<0> "part")\r\n{tag} OK\r\n')
        return True

    with ScriptedImap(serving(range(1, 2), refuse)) as server:
        async with watching.Watching(impatient(server), memory=known(0), wants=lambda _: {"1": 9000}) as watched:
            await watched.have(1)
            assert watched.lost == []
            assert watched.mails[0].content["1"] == b"part"


async def test_connections_that_are_cut_while_mails_go_one_by_one_do_not_count_as_ends_of_the_process() -> None:
    memory = known(0, careful=True)
    with ScriptedImap(serving(range(1, 3), Outage(9, cut))) as server:
        async with watching.Watching(impatient(server), memory=memory) as watched:
            await servers.until(lambda: server.connections >= 4, what="reconnects")
            assert max(memory.attempts.values()) == 1
            await watched.have(2)
            assert watched.lost == []


async def test_a_batch_whose_consumer_failed_comes_again_and_first() -> None:
    with ScriptedImap(serving(range(1, 4), lambda *_: False)) as server:
        watched = watching.Watching(impatient(server), memory=known(0, careful=True))
        async with watched.source as source:
            for _ in range(3):
                batches = source.batches()
                assert [each.place.uid for each in (await anext(batches)).mails] == [1]
                await batches.aclose()  # type: ignore[attr-defined]
            batches = source.batches()
            assert [(await anext(batches)).mails[0].place.uid for _ in range(3)] == [1, 2, 3]
            await batches.aclose()  # type: ignore[attr-defined]


async def test_a_consumer_that_commits_nothing_does_not_make_the_other_mailboxes_deaf(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(imap.watcher.folder_, "COMMIT_S", 0.05)
    with ScriptedImap(serving(range(1, 4), lambda *_: False)) as server:
        stuck = watching.Watching(impatient(server), memory=known(0, careful=True))
        async with stuck.source as source:
            await anext(source.batches())
            async with watching.Watching(impatient(server), memory=known(0, careful=True), hub=source._hub) as watched:
                await watched.have(3)
