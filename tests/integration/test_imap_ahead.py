"""Asking ahead: the next piece of a full folder is on its way while one is read, and whatever answer a mail comes in,
it is handled once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest

from bridge import mail
from tests import watching
from tests.servers.scripted_imap import CAPABILITIES, Peer, ScriptedImap, fetched
from tests.watching import settings

COUNT = 1_100
PIECES = (range(1, 251), range(251, 501), range(501, 751), range(751, 1001), range(1001, 1101))

Answers = Callable[[Peer, Sequence[str]], None]
"""Answers all fetches of a full folder, by their tags."""


def mails(uids: Sequence[int]) -> str:
    return "".join(fetched(uid, uid) for uid in uids)


def full(answers: Answers, *, notify: bool) -> Callable[[Peer], None]:
    """A folder of 1,100 mails; after the fetches nothing but IDLE may be asked for."""

    def script(peer: Peer) -> None:
        peer.open_folder(exists=COUNT, uidnext=COUNT + 1, capabilities=CAPABILITIES + " NOTIFY" * notify)
        if notify:
            peer.ok("NOTIFY SET")
        peer.ok(r"UID SEARCH UID 1:\*", "SEARCH " + " ".join(map(str, range(1, COUNT + 1))))
        tags = [peer.expect("NOOP"), peer.expect("NOOP")]
        peer.send("".join(f"{tag} OK\r\n" for tag in tags))
        answers(peer, [])
        peer.idle()
        peer.wait_for_close()

    return script


def one_after_the_other(peer: Peer, tags: Sequence[str]) -> None:
    for number, uids in enumerate(PIECES):
        while len(tags) < min(number + 2, len(PIECES)):
            asked = PIECES[len(tags)]
            tags = [*tags, peer.expect(f"UID FETCH {asked[0]}:{asked[-1]} ")]
        peer.send(mails(uids) + f"{tags[number]} OK\r\n")


def in_anothers_place(peer: Peer, tags: Sequence[str]) -> None:
    """As Dovecot does, which works on two commands at once: an answer brings the mails of the next one as well."""
    for number, uids in enumerate(PIECES):
        while len(tags) < min(number + 2, len(PIECES)):
            asked = PIECES[len(tags)]
            tags = [*tags, peer.expect(f"UID FETCH {asked[0]}:{asked[-1]} ")]
        ahead = PIECES[number + 1] if number % 2 == 0 and number + 1 < len(PIECES) else range(0)
        mine = uids if number % 2 == 0 else range(0)
        peer.send(mails(ahead) + mails(mine) + f"{tags[number]} OK\r\n")


@pytest.mark.parametrize("answers", [one_after_the_other, in_anothers_place])
@pytest.mark.parametrize("notify", [False, True])
async def test_the_next_piece_is_asked_for_before_the_first_is_answered(answers: Answers, notify: bool) -> None:
    with ScriptedImap(full(answers, notify=notify)) as server:
        async with watching.Watching(settings(server, start="all")) as watched:
            await watched.have(COUNT)
            await watched.are("live")
            assert watched.uids == list(range(1, COUNT + 1))
        fetches = [line for line in server.heard if "UID FETCH" in line]
        assert (len(fetches), server.connections) == (len(PIECES), 1)
        assert len([line for line in server.heard if "SEARCH" in line]) == 1


async def test_the_chunks_of_a_large_part_may_come_in_any_answer() -> None:
    chunk = 1024 * 1024
    octets = bytes(range(33, 123)) * (3 * chunk // 90)

    def wants(_: mail.Mail) -> Mapping[str, int]:
        return {"2": 4 * chunk}

    def script(peer: Peer) -> None:
        text = '("TEXT" "PLAIN" NIL NIL NIL "7BIT" 5 1)'
        structure = f'({text}("IMAGE" "JPEG" NIL NIL NIL "BASE64" {len(octets)}) "MIXED")'
        peer.open_folder(exists=1, uidnext=2)
        peer.ok(r"UID SEARCH UID 1:\*", "SEARCH 1")
        peer.ok("UID FETCH 1 ", fetched(1, 1, structure=structure)[2:-2])
        tags = [peer.expect(rf"UID FETCH 1 \(UID BODY.PEEK\[2\]<{at}\.") for at in range(0, len(octets), chunk)]
        for at, tag in ((0, ""), (2 * chunk, tags[0]), (chunk, tags[1])):
            part = octets[at : at + chunk]
            peer.send(b"* 1 FETCH (UID 1 BODY[2]<%d> {%d}\r\n%s)\r\n" % (at, len(part), part))
            peer.send(f"{tag} OK\r\n" * bool(tag))
        peer.send(f"{tags[2]} OK\r\n")
        peer.idle()
        peer.wait_for_close()

    with ScriptedImap(script) as server:
        async with watching.Watching(settings(server, start="all"), wants=wants) as watched:
            await watched.have(1)
            assert watched.mails[0].content["2"] == octets
