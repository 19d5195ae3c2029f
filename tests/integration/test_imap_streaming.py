"""A file that is too large for memory, from the mail server: chunk by chunk, over a connection of its own."""

from __future__ import annotations

import base64
import contextlib
import itertools
import random
import re
import smtplib
from collections.abc import Callable, Iterator

import pytest

from bridge import errors
from bridge.mail import Place
from bridge.mail.part import Part
from bridge.sources.imap import streaming
from tests import watching
from tests.servers.dovecot import Dovecot
from tests.servers.scripted_imap import Peer, ScriptedImap
from tests.watching import settings

OCTETS = random.Random(1).randbytes(1_700_000)
RAW = base64.encodebytes(OCTETS).replace(b"\n", b"\r\n")
PLACE = Place(mailbox="home", folder="INBOX", uidvalidity=7, uid=5)
PART = Part(section="2", type="application/zip", name="a.zip", size=len(RAW), encoding="base64")
_FETCH = re.compile(r"(m\d+) UID FETCH 5 \(UID BODY\.PEEK\[2\]<(\d+)\.(\d+)>\)")


def watched(peer: Peer) -> None:
    """The folder's own connection, which is left alone."""
    peer.open_folder(exists=1, uidnext=6)
    peer.idle()
    peer.wait_for_close()


def asked(peer: Peer) -> Iterator[tuple[str, int, int]]:
    """Tag, origin and count of each chunk that is asked for."""
    while True:
        line = peer.line()
        match = _FETCH.fullmatch(line)
        assert match, line
        yield match[1], int(match[2]), int(match[3])


def chunk(origin: int, count: int, raw: bytes = RAW) -> bytes:
    octets = raw[origin : origin + count]
    return b"* 1 FETCH (UID 5 BODY[2]<%d> {%d}\r\n%b)\r\n" % (origin, len(octets), octets)


def giving(raw: bytes = RAW, *, uidvalidity: int = 7, most: int = 1_000) -> Callable[[Peer], None]:
    """Gives so many chunks, and then hangs up."""

    def script(peer: Peer) -> None:
        peer.open_folder(exists=1, uidnext=6, uidvalidity=uidvalidity)
        for n, (tag, origin, count) in enumerate(asked(peer)):
            if n >= most:
                return
            peer.send(chunk(origin, count, raw) + f"{tag} OK\r\n".encode())

    return script


async def streamed(server: ScriptedImap, part: Part = PART) -> bytes:
    async with watching.Watching(settings(server)) as watched_:
        await watched_.are("live")
        async with contextlib.aclosing(watched_.source.file(PLACE, part)) as pieces:
            return b"".join([piece async for piece in pieces])


async def test_it_comes_in_chunks_of_which_the_next_are_asked_for_meanwhile() -> None:
    def script(peer: Peer) -> None:
        peer.open_folder(exists=1, uidnext=6)
        chunks = asked(peer)
        before_any_answer = [next(chunks), next(chunks), next(chunks)]
        for tag, origin, count in itertools.chain(before_any_answer, chunks):
            peer.send(chunk(origin, count) + f"{tag} OK\r\n".encode())

    with ScriptedImap(watched, script) as server:
        assert await streamed(server) == OCTETS
    fetches = [line for line in server.heard if "BODY.PEEK[2]" in line]
    assert len(fetches) == -(-len(RAW) // 524_288)


async def test_the_chunks_may_come_in_any_answer() -> None:
    """As Dovecot does, which works on several commands at once."""

    def script(peer: Peer) -> None:
        peer.open_folder(exists=1, uidnext=6)
        chunks = asked(peer)
        (one, *at_one), (two, *at_two), (three, *at_three) = next(chunks), next(chunks), next(chunks)
        peer.send(chunk(*at_two) + chunk(*at_one) + f"{one} OK\r\n{two} OK\r\n".encode())
        peer.send(chunk(*at_three) + f"{three} OK\r\n".encode())
        for tag, origin, count in chunks:
            peer.send(chunk(origin, count) + f"{tag} OK\r\n".encode())

    with ScriptedImap(watched, script) as server:
        assert await streamed(server) == OCTETS


async def test_a_connection_that_is_cut_in_the_middle_goes_on_where_it_was() -> None:
    with ScriptedImap(watched, giving(most=2), giving(most=1), giving()) as server:
        assert await streamed(server) == OCTETS
        assert server.connections == 4
    origins = [int(match[2]) for line in server.heard if (match := _FETCH.fullmatch(line))]
    assert origins.count(0) == 1, "what had come is not asked for again"


@pytest.mark.parametrize("told", [1, len(RAW) // 2, len(RAW) - 1, len(RAW) + 1, 3 * len(RAW)])
async def test_the_size_that_the_server_tells_is_not_believed(told: int) -> None:
    part = Part(section="2", name="a.zip", size=told, encoding="base64")
    with ScriptedImap(watched, giving()) as server:
        assert await streamed(server, part) == OCTETS


@pytest.mark.parametrize("raw", [b"", b"=", RAW[:-3], RAW[:600_001] + b"=\r\n" + RAW[600_001:], b"\0\xff" + RAW])
async def test_broken_base64_is_undone_as_in_one_piece(raw: bytes) -> None:
    from bridge.mail import transfer

    with ScriptedImap(watched, giving(raw)) as server:
        assert await streamed(server) == transfer.base64(raw)


async def test_a_mail_that_is_gone_is_said_to_be_at_the_beginning_and_in_the_middle() -> None:
    def gone(peer: Peer, after: int = 0) -> None:
        peer.open_folder(exists=0, uidnext=6)
        for n, (tag, origin, count) in enumerate(asked(peer)):
            peer.send((chunk(origin, count) if n < after else b"") + f"{tag} OK nothing\r\n".encode())

    for script in (gone, lambda peer: gone(peer, 1)):
        with ScriptedImap(watched, script) as server, pytest.raises(errors.MailError, match="the mail is gone"):
            await streamed(server)


async def test_a_folder_that_was_made_anew_has_another_mail_there() -> None:
    with ScriptedImap(watched, giving(uidvalidity=8)) as server, pytest.raises(errors.MailError, match="made anew"):
        await streamed(server)


def refusing(peer: Peer) -> None:
    peer.open_folder(exists=1, uidnext=6)
    for tag, _, _ in asked(peer):
        peer.send(f"{tag} NO it is damaged\r\n")


@pytest.mark.parametrize(("script", "reason"), [(refusing, "it is damaged"), (giving(most=0), "(closed|gone)")])
async def test_a_server_that_never_gives_it_is_given_up_after_some_tries(
    script: Callable[[Peer], None], reason: str
) -> None:
    with ScriptedImap(watched, script) as server:
        with pytest.raises(errors.MailError, match=f"the server does not give it: .*{reason}"):
            await streamed(server)
        assert server.connections == 1 + streaming._STRIKES


async def test_a_server_that_refuses_for_a_while_costs_nothing() -> None:
    with ScriptedImap(watched, refusing, giving(most=0), giving()) as server:
        assert await streamed(server) == OCTETS


async def test_an_outage_however_long_costs_nothing() -> None:
    def away(peer: Peer) -> None:
        peer.close()

    with ScriptedImap(watched, giving(most=1), *[away] * (streaming._STRIKES + 2), giving()) as server:
        assert await streamed(server) == OCTETS


async def test_whoever_wants_no_more_of_it_closes_the_connection() -> None:
    with ScriptedImap(watched, giving()) as server:
        async with watching.Watching(settings(server)) as watched_:
            await watched_.are("live")
            async with contextlib.aclosing(watched_.source.file(PLACE, PART)) as pieces:
                assert len(await anext(pieces)) > 300_000
            state = watched_.state()
            assert (state.state, server.connections) == ("live", 2)


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit"])
async def test_from_dovecot(encoding: str) -> None:
    octets = OCTETS.translate(bytes(32 + n % 90 for n in range(256))) if encoding != "base64" else OCTETS
    lines = b"\r\n".join(octets[at : at + 70] for at in range(0, len(octets), 70))
    raw = RAW if encoding == "base64" else lines.replace(b"=", b"=3D" if encoding == "quoted-printable" else b"=")
    wanted = OCTETS if encoding == "base64" else lines
    with Dovecot() as dovecot:
        head = (
            b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n"
        )
        kind = f"--b\r\nContent-Type: application/zip; name=a.zip\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
        with smtplib.LMTP("127.0.0.1", dovecot.lmtp_port) as lmtp:
            lmtp.sendmail("a@b.example", ["ada"], head + kind.encode() + raw + b"\r\n--b--\r\n")
        async with watching.Watching(settings(dovecot, start="all")) as watched_:
            await watched_.have(1)
            (mail,) = watched_.mails
            part = mail.attachments[0]
            async with contextlib.aclosing(watched_.source.file(mail.place, part)) as pieces:
                got = b"".join([piece async for piece in pieces])
        assert got.rstrip(b"\r\n") == wanted
