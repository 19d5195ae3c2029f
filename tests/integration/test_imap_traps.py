"""What servers and networks do that loses mail elsewhere, octet for octet, plain and over TLS."""

from __future__ import annotations

import base64
import threading
from typing import Any

import pytest

from bridge import sources
from bridge.sources import imap
from bridge.sources import settings as settings_
from tests import servers, watching
from tests.servers import scripted_imap
from tests.servers.proxy import Proxy
from tests.servers.scripted_imap import Peer, Script, ScriptedImap, fetched


def settings(server: ScriptedImap, **changes: Any) -> settings_.Mailbox:
    secure = {"tls": "implicit", "ca_file": server.ca_file} if server.tls else {}
    return watching.settings(server, **secure, **changes)


@pytest.fixture(params=["plain", "tls"])
def serve(request: pytest.FixtureRequest) -> Any:
    """``serve(script, …)``: a scripted server, plain or with TLS."""
    return lambda *scripts: ScriptedImap(*scripts, tls=request.param == "tls")


def give(peer: Peer, tag: str, *mails: str, code: str = "") -> None:
    """Answers DONE, the UID FETCH and the IDLE behind it, as they leave in one write."""
    peer.expect("DONE")
    fetch = peer.expect(r"UID FETCH \d+:\*")
    again = peer.expect("IDLE")
    peer.send(f"{tag} OK idle ended\r\n" + "".join(mails) + f"{fetch} OK done\r\n+ idling\r\n")
    peer.idle_tag = again  # type: ignore[attr-defined]


async def test_exists_in_the_segment_that_begins_idle_is_heard(serve: Any) -> None:
    def script(peer: Peer) -> None:
        peer.open_folder(exists=1, uidnext=2)
        tag = peer.expect("IDLE")
        peer.send("+ idling\r\n* 2 EXISTS\r\n")
        give(peer, tag, fetched(2, 2))
        peer.wait_for_close()

    with serve(script) as server:
        async with watching.Watching(settings(server)) as watched:
            await watched.have(1)
            assert watched.uids == [2]
            assert server.connections == 1


async def test_a_closed_connection_is_noticed_at_once_and_made_anew(serve: Any) -> None:
    def dies(peer: Peer) -> None:
        peer.open_folder(exists=1, uidnext=2)
        peer.idle()
        peer.close()

    def lives(peer: Peer) -> None:
        peer.open_folder(exists=2, uidnext=3)
        search = peer.expect(r"UID SEARCH UID 2:\*")
        peer.send(f"* SEARCH 2\r\n{search} OK done\r\n")
        fetch = peer.expect("UID FETCH 2 ")
        peer.send(fetched(2, 2) + f"{fetch} OK done\r\n")
        peer.idle()
        peer.wait_for_close()

    with serve(dies, lives) as server:
        async with watching.Watching(settings(server)) as watched:
            await watched.have(1)
            assert watched.uids == [2]
            assert (await watched.are("live")).reason == ""


async def test_a_line_that_is_cut_into_segments_is_heard_whole(serve: Any) -> None:
    def script(peer: Peer) -> None:
        peer.open_folder(exists=1, uidnext=2)
        tag = peer.idle()
        peer.send("* ", "2 EX", "ISTS", "\r", "\n")
        give(peer, tag, fetched(2, 2))
        peer.wait_for_close()

    with serve(script) as server:
        async with watching.Watching(settings(server)) as watched:
            await watched.have(1)
            assert watched.uids == [2]
            assert server.connections == 1


async def test_bye_while_idle_is_the_end_of_the_connection_and_its_reason_is_shown(serve: Any) -> None:
    released = threading.Event()

    def says_bye(peer: Peer) -> None:
        peer.open_folder(exists=1, uidnext=2)
        peer.idle()
        peer.send("* BYE shutting down for a while\r\n")
        peer.wait_for_close()

    def waits(peer: Peer) -> None:
        released.wait(scripted_imap.TIMEOUT_S)
        peer.open_folder(exists=1, uidnext=2)
        peer.idle()
        peer.wait_for_close()

    with serve(says_bye, waits) as server:
        async with watching.Watching(settings(server)) as watched:
            assert "shutting down for a while" in (await watched.are("retrying")).reason
            released.set()
            await watched.are("live")


async def test_exists_inside_the_answer_to_another_command_is_no_lost_wake_up(serve: Any) -> None:
    """The mail arrives after the FETCH has been carried out, and is announced before its tagged line."""

    def script(peer: Peer) -> None:
        peer.open_folder(exists=1, uidnext=2)
        tag = peer.idle()
        peer.send("* 2 EXISTS\r\n")
        peer.expect("DONE")
        fetch = peer.expect(r"UID FETCH 2:\*")
        again = peer.expect("IDLE")
        peer.send(f"{tag} OK\r\n" + fetched(2, 2) + f"* 3 EXISTS\r\n{fetch} OK done\r\n+ idling\r\n")
        give(peer, again, fetched(3, 3))
        peer.wait_for_close()

    with serve(script) as server:
        async with watching.Watching(settings(server)) as watched:
            await watched.have(2)
            assert watched.uids == [2, 3]


async def test_exists_inside_the_answer_to_the_second_fetch_is_no_lost_wake_up() -> None:
    text = "x" * 9000

    def script(peer: Peer) -> None:
        peer.open_folder(exists=1, uidnext=2)
        tag = peer.idle()
        peer.send("* 2 EXISTS\r\n")
        shape = '("TEXT" "PLAIN" NIL NIL NIL "7BIT" 9000 1)'
        give(peer, tag, fetched(2, 2, structure=shape, text=text[:8192]))
        peer.expect("DONE")
        part = peer.expect(r"UID FETCH 2 \(UID BODY.PEEK\[1\]<0.20000>\)")
        again = peer.expect("IDLE")
        peer.send(
            f"{peer.idle_tag} OK\r\n* 2 FETCH (UID 2 BODY[1]<0> {{9000}}\r\n{text})\r\n"  # type: ignore[attr-defined]
            f"* 3 EXISTS\r\n{part} OK done\r\n+ idling\r\n"
        )
        give(peer, again, fetched(3, 3))
        peer.wait_for_close()

    def wants(each: Any) -> dict[str, int]:
        return {"1": 20_000} if each.place.uid == 2 else {}

    with ScriptedImap(script) as server:
        async with watching.Watching(settings(server), wants=wants) as watched:
            await watched.have(2)
            assert watched.uids == [2, 3]
            assert watched.mails[0].text == text


async def test_a_push_that_done_flushes_out_before_the_fetch_costs_no_second_look() -> None:
    def script(peer: Peer) -> None:
        peer.open_folder(exists=1, uidnext=2)
        tag = peer.idle()
        peer.send("* 2 EXISTS\r\n")
        peer.expect("DONE")
        fetch = peer.expect(r"UID FETCH 2:\*")
        peer.expect("IDLE")
        peer.send(f"* 3 EXISTS\r\n{tag} OK\r\n" + fetched(2, 2) + fetched(3, 3) + f"{fetch} OK done\r\n+ idling\r\n")
        peer.wait_for_close()

    with ScriptedImap(script) as server:
        async with watching.Watching(settings(server)) as watched:
            await watched.have(2)
    assert server.heard[-1].endswith(" IDLE")


async def test_a_mail_that_is_announced_before_a_fetch_that_does_not_bring_it_is_looked_for_again() -> None:
    def script(peer: Peer) -> None:
        peer.open_folder(exists=1, uidnext=2)
        tag = peer.idle()
        peer.send("* 2 EXISTS\r\n")
        peer.expect("DONE")
        fetch = peer.expect(r"UID FETCH 2:\*")
        again = peer.expect("IDLE")
        peer.send(f"{tag} OK\r\n* 3 EXISTS\r\n" + fetched(2, 2) + f"{fetch} OK done\r\n+ idling\r\n")
        give(peer, again, fetched(3, 3))
        peer.wait_for_close()

    with ScriptedImap(script) as server:
        async with watching.Watching(settings(server)) as watched:
            await watched.have(2)
            assert watched.uids == [2, 3]


async def test_the_last_mail_that_a_range_always_brings_does_not_fire_again() -> None:
    """``n:*`` has the last mail in it, however low its UID."""

    def script(peer: Peer) -> None:
        peer.open_folder(exists=1, uidnext=2)
        tag = peer.idle()
        peer.send("* 1 EXISTS\r\n")  # nothing new, though it says so
        give(peer, tag, fetched(1, 1))
        peer.send("* 2 EXISTS\r\n")
        give(peer, peer.idle_tag, fetched(2, 2))  # type: ignore[attr-defined]
        peer.wait_for_close()

    with ScriptedImap(script) as server:
        async with watching.Watching(settings(server)) as watched:
            await watched.have(1)
            assert watched.uids == [2]


async def test_a_silent_connection_is_given_up_when_idle_is_renewed() -> None:
    def falls_silent(peer: Peer) -> None:
        peer.open_folder(exists=0, uidnext=1)
        peer.idle()
        peer.wait_for_close()

    def lives(peer: Peer) -> None:
        peer.open_folder(exists=1, uidnext=2)
        search = peer.expect("UID SEARCH")
        peer.send(f"* SEARCH 1\r\n{search} OK done\r\n")
        fetch = peer.expect("UID FETCH")
        peer.send(fetched(1, 1) + f"{fetch} OK done\r\n")
        peer.idle()
        peer.wait_for_close()

    with ScriptedImap(falls_silent, lives) as server:
        async with watching.Watching(settings(server, idle_renew="100ms", timeout="200ms")) as watched:
            await watched.have(1)


async def test_mail_that_was_never_announced_is_found_by_looking() -> None:
    def script(peer: Peer) -> None:
        peer.open_folder(exists=0, uidnext=1)
        tag = peer.idle()
        peer.expect("DONE")
        search = peer.expect(r"UID SEARCH UID 1:\*")
        again = peer.expect("IDLE")
        peer.send(f"{tag} OK\r\n* SEARCH 1\r\n{search} OK done\r\n+ idling\r\n")
        peer.expect("DONE")
        fetch = peer.expect("UID FETCH 1 ")
        peer.send(f"{again} OK\r\n" + fetched(1, 1) + f"{fetch} OK done\r\n")
        peer.wait_for_close()

    with ScriptedImap(script) as server:
        async with watching.Watching(settings(server, reconcile="100ms")) as watched:
            await watched.have(1)
            assert watched.batches[-1].pushed is None


async def test_a_server_without_idle_is_polled() -> None:
    def script(peer: Peer) -> None:
        peer.open_folder(exists=0, uidnext=1, capabilities="IMAP4rev1")
        peer.ok("NOOP")
        peer.ok(r"UID SEARCH UID 1:\*", "SEARCH")
        peer.ok("NOOP", "1 EXISTS")
        fetch = peer.expect("UID FETCH")
        peer.send(fetched(1, 1) + f"{fetch} OK done\r\n")
        peer.wait_for_close()

    with ScriptedImap(script) as server:
        async with watching.Watching(settings(server)) as watched:
            await watched.have(1)


async def test_a_server_that_refuses_idle_after_all_is_polled() -> None:
    def script(peer: Peer) -> None:
        peer.open_folder(exists=0, uidnext=1)
        peer.no("IDLE", "not today")
        peer.ok("NOOP", "1 EXISTS")
        fetch = peer.expect("UID FETCH")
        peer.send(fetched(1, 1) + f"{fetch} OK done\r\n")
        peer.wait_for_close()

    with ScriptedImap(script) as server:
        async with watching.Watching(settings(server)) as watched:
            await watched.have(1)


def throws_away(peer: Peer) -> None:
    """A server that drops what it has read beyond DONE."""
    peer.open_folder(exists=1, uidnext=2)
    tag = peer.idle()
    peer.send("* 2 EXISTS\r\n")
    peer.expect("DONE")
    peer.send(f"{tag} OK\r\n")
    peer.wait_for_close()


def misunderstands(peer: Peer) -> None:
    peer.open_folder(exists=1, uidnext=2)
    tag = peer.idle()
    peer.send("* 2 EXISTS\r\n")
    peer.expect("DONE")
    fetch, again = peer.expect("UID FETCH"), peer.expect("IDLE")
    peer.send(f"{tag} OK\r\n{fetch} BAD one thing at a time\r\n{again} BAD one thing at a time\r\n")
    peer.wait_for_close()


@pytest.mark.parametrize("first", [throws_away, misunderstands])
async def test_a_server_that_does_not_stand_several_commands_gets_them_one_by_one(first: Script) -> None:
    def lives(peer: Peer) -> None:
        peer.open_folder(exists=2, uidnext=3)
        peer.ok(r"UID SEARCH UID 2:\*", "SEARCH 2")
        fetch = peer.expect("UID FETCH 2 ")
        peer.send(fetched(2, 2) + f"{fetch} OK done\r\n")
        tag = peer.idle()
        peer.send("* 3 EXISTS\r\n")
        peer.done(tag)  # and nothing behind it before this is answered
        fetch = peer.expect("UID FETCH")
        peer.send(fetched(3, 3) + f"{fetch} OK done\r\n")
        peer.idle()
        peer.wait_for_close()

    with ScriptedImap(first, lives) as server:
        async with watching.Watching(settings(server, timeout="300ms")) as watched:
            await watched.have(2)
            assert watched.uids == [2, 3]
            assert server.connections == 2


async def test_a_mail_over_which_the_connection_breaks_is_found_and_passed() -> None:
    bad = 3
    last = 5

    def breaks(peer: Peer) -> None:
        peer.open_folder(exists=last, uidnext=last + 1)
        while True:
            tag, _, command = peer.line().partition(" ")
            if command.startswith("UID SEARCH"):
                low = int(command.split()[3].split(":")[0])
                peer.send(f"* SEARCH {' '.join(map(str, range(low, last + 1)))}\r\n{tag} OK done\r\n")
            elif command.startswith("UID FETCH"):
                low, _, high = command.split()[2].partition(":")
                asked = range(int(low), int(high or low) + 1)
                if bad in asked:
                    peer.send(f"* {bad} FETCH (UID {bad} BODY[HEADER]<0> {{9999}}\r\nhalf a ma")
                    return
                peer.send("".join(fetched(uid, uid) for uid in asked) + f"{tag} OK done\r\n")
            else:
                peer.send("+ idling\r\n")

    with ScriptedImap(breaks) as server:
        mailbox = settings(server, start="all", retry_min="1ms", retry_max="5ms")
        async with watching.Watching(mailbox) as watched:
            await watched.have(last - 1)
            assert watched.uids == [1, 2, 4, 5]
            assert [each.place.uid for each in watched.lost] == [bad]
            assert watched.memory.cursors["home", "INBOX"].uid == last


async def test_without_uidnext_the_last_uid_is_looked_for() -> None:
    def script(peer: Peer) -> None:
        peer.open_folder(exists=3, uidnext=None)
        peer.ok("SELECT", "3 EXISTS", "OK [UIDVALIDITY 7] valid")
        peer.ok(r"UID SEARCH UID \*", "SEARCH")
        peer.ok(r"UID SEARCH 3:\*", "SEARCH 41")
        peer.ok(r"UID SEARCH UID 42:\*", "SEARCH 41")
        peer.idle()
        peer.wait_for_close()

    with ScriptedImap(script) as server:
        async with watching.Watching(settings(server)) as watched:
            await watched.are("live")
            await servers.until(lambda: watched.batches, what="the first batch")
            assert [batch.cursor.uid for batch in watched.batches] == [41]


async def test_a_change_of_uidvalidity_that_is_announced_opens_the_folder_anew() -> None:
    def before(peer: Peer) -> None:
        peer.open_folder(exists=0, uidnext=10, uidvalidity=7)
        peer.idle()
        peer.send("* OK [UIDVALIDITY 8] made anew\r\n")
        peer.wait_for_close()

    def after(peer: Peer) -> None:
        peer.open_folder(exists=0, uidnext=3, uidvalidity=8)
        peer.ok("UID SEARCH SINCE", "SEARCH")
        peer.idle()
        peer.wait_for_close()

    with ScriptedImap(before, after) as server:
        async with watching.Watching(settings(server)) as watched:
            await servers.until(lambda: len(watched.batches) == 2, what="a renewed batch")
            batch = watched.batches[1]
            assert (batch.renewed, batch.cursor.uidvalidity, batch.cursor.uid) == (True, 8, 2)


@pytest.mark.parametrize(
    "hostile",
    [
        b"\xff\x00 rubbish\r\n",
        b"* 1 FETCH (BODY[] {99999999999}\r\n",
        b"* 99999999999999999999999 EXISTS\r\n",
        b"* BYE\r\n",
        b"+ + +\r\n" * 100,
        b"x" * 1_100_000,
    ],
)
async def test_no_octets_from_a_server_end_the_watching(hostile: bytes) -> None:
    def says(peer: Peer) -> None:
        peer.open_folder(exists=0, uidnext=1)
        peer.idle()
        peer.send(hostile)
        peer.close()

    def lives(peer: Peer) -> None:
        peer.open_folder(exists=1, uidnext=2)
        peer.ok("UID SEARCH", "SEARCH 1")
        fetch = peer.expect("UID FETCH")
        peer.send(fetched(1, 1) + f"{fetch} OK done\r\n")
        peer.idle()
        peer.wait_for_close()

    with ScriptedImap(says, lives) as server:
        async with watching.Watching(settings(server)) as watched:
            await watched.have(1)


async def test_a_server_that_allows_no_login_on_this_connection_is_told_of_plainly() -> None:
    def script(peer: Peer) -> None:
        peer.send("* OK ready\r\n")
        peer.ok("CAPABILITY", "CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED")
        peer.wait_for_close()

    with ScriptedImap(script) as server:
        async with watching.Watching(settings(server)) as watched:
            state = await watched.are("refused")
            assert "LOGINDISABLED" in state.reason
            assert "starttls" in state.reason
    assert not any("secret" in line for line in server.heard)


async def test_a_password_that_login_cannot_carry_goes_by_authenticate() -> None:
    def script(peer: Peer) -> None:
        peer.send("* OK ready\r\n")
        peer.ok("CAPABILITY", "CAPABILITY IMAP4rev1 IDLE AUTH=PLAIN")
        tag = peer.expect("AUTHENTICATE PLAIN")
        peer.send("+ \r\n")
        assert peer.line() == "AGFkYQDDpA=="  # \0ada\0ä
        peer.send(f"{tag} OK\r\n")
        peer.ok("CAPABILITY", "CAPABILITY IMAP4rev1 IDLE")
        peer.ok("EXAMINE", "0 EXISTS", "OK [UIDVALIDITY 1]", "OK [UIDNEXT 1]")
        peer.idle()
        peer.wait_for_close()

    with ScriptedImap(script) as server:
        async with watching.Watching(settings(server, password="ä")) as watched:
            await watched.are("live")


async def test_a_server_that_accepts_no_login_for_now_is_tried_again_soon() -> None:
    def busy(peer: Peer) -> None:
        peer.send("* OK ready\r\n")
        peer.ok("CAPABILITY", "CAPABILITY IMAP4rev1 IDLE")
        peer.no("LOGIN", "[UNAVAILABLE] try later")
        peer.wait_for_close()

    def lives(peer: Peer) -> None:
        peer.open_folder()
        peer.idle()
        peer.wait_for_close()

    with ScriptedImap(busy, lives) as server:
        async with watching.Watching(settings(server)) as watched:
            await watched.are("live")


def repeats(peer: Peer) -> None:
    """A server that answers with what it was sent."""
    peer.send("* OK ready\r\n")
    peer.ok("CAPABILITY", "CAPABILITY IMAP4rev1 IDLE AUTH=PLAIN")
    tag, _, said = peer.line().partition(" ")
    if said == "AUTHENTICATE PLAIN":
        peer.send("+ \r\n")
        said = peer.line()
    peer.send(f"{tag} NO cannot read {said}\r\n")
    peer.wait_for_close()


@pytest.mark.parametrize("password", ["secret", 'ge"he\\im', "geheim-ß", "a long one " + "x" * 400])
async def test_a_password_that_the_server_repeats_is_not_shown(password: str) -> None:
    quoted = password.replace("\\", "\\\\").replace('"', '\\"')
    forms = [password, quoted, base64.b64encode(f"\0ada\0{password}".encode()).decode()]
    with ScriptedImap(repeats) as server:
        async with watching.Watching(settings(server, password=password)) as watched:
            reason = (await watched.are("refused")).reason
    assert "cannot read" in reason
    assert [form for form in forms if form[:12] in reason] == []


async def test_what_is_said_before_tls_begins_is_not_believed() -> None:
    """A man in the middle puts a response behind STARTTLS's, to be read as if it had come protected."""

    def script(peer: Peer) -> None:
        peer.send("* OK ready\r\n")
        peer.ok("CAPABILITY", "CAPABILITY IMAP4rev1 STARTTLS")
        tag = peer.expect("STARTTLS")
        peer.send(f"{tag} OK begin\r\n* CAPABILITY IMAP4rev1 EVIL\r\n")
        peer.wait_for_close()

    with ScriptedImap(script) as server:
        async with watching.Watching(settings(server, tls="starttls")) as watched:
            assert "before TLS" in (await watched.are("retrying")).reason


async def test_starttls_that_is_not_offered_is_not_done_without() -> None:
    def script(peer: Peer) -> None:
        peer.send("* OK ready\r\n")
        peer.ok("CAPABILITY", "CAPABILITY IMAP4rev1 IDLE")
        peer.wait_for_close()

    with ScriptedImap(script) as server:
        async with watching.Watching(settings(server, tls="starttls")) as watched:
            assert "no STARTTLS" in (await watched.are("retrying")).reason
    assert not any("LOGIN" in line for line in server.heard)


@pytest.mark.parametrize(
    "wrong", [{"uidvalidity": 2**32}, {"uidvalidity": 10**19}, {"uidnext": 2**32 + 1}, {"uidvalidity": 0}]
)
async def test_a_uidvalidity_or_uidnext_that_cannot_be_is_told_and_tried_again(wrong: dict[str, int]) -> None:
    def script(peer: Peer) -> None:
        peer.open_folder(**wrong)  # type: ignore[arg-type]
        peer.wait_for_close()

    def mended(peer: Peer) -> None:
        peer.open_folder()
        peer.idle()
        peer.wait_for_close()

    with ScriptedImap(script, script, script, mended) as server:
        async with watching.Watching(settings(server, retry_min="200ms")) as watched:
            assert "UID" in (await watched.are("retrying")).reason
            assert "error in the bridge" not in watched.state().reason
            await watched.are("live")


class Renewed:
    """A folder of two mails whose UIDVALIDITY has changed; ``dates`` are the answers to what asks for INTERNALDATE."""

    def __init__(self, *dates: str) -> None:
        self.dates = list(dates)

    def __call__(self, peer: Peer) -> None:
        peer.open_folder(exists=2, uidnext=3, uidvalidity=8)
        peer.ok("UID SEARCH SINCE", "SEARCH 1 2")
        tag = peer.expect(r"UID FETCH 1:2 \(UID INTERNALDATE\)")
        answer = self.dates.pop(0)
        peer.send(f"{answer}\r\n".replace("TAG", tag))
        if "TAG NO" in answer:
            peer.wait_for_close()
        tag = peer.expect("UID FETCH")
        peer.send(fetched(1, 1) + fetched(2, 2) + f"{tag} OK\r\n")
        peer.idle()
        peer.wait_for_close()


@pytest.mark.parametrize(
    "dates",
    [
        ["TAG NO [UNAVAILABLE] later", "* 1 FETCH (UID 1 INTERNALDATE NIL)\r\nTAG OK"],
        ["* 1 FETCH (UID 1 INTERNALDATE ((\r\nTAG OK"],
        ["TAG OK"],
    ],
)
async def test_after_a_change_of_uidvalidity_no_mail_is_skipped_because_its_date_is_not_told(dates: list[str]) -> None:
    memory = watching.Memory()
    memory.commit(sources.Batch(cursor=sources.Cursor(mailbox="home", folder="INBOX", uidvalidity=7, uid=1)))
    with ScriptedImap(Renewed(*dates)) as server:
        async with watching.Watching(settings(server), memory=memory) as watched:
            await watched.have(2)
            assert watched.uids == [1, 2]


async def test_half_a_million_mails_may_be_found() -> None:
    last = 500_000

    def opens(peer: Peer) -> None:
        peer.open_folder(exists=last, uidnext=1_000_001 + last)
        tag = peer.expect(r"UID SEARCH UID 1000001:\*")
        peer.send("* SEARCH " + " ".join(map(str, range(1_000_001, 1_000_001 + last))) + f"\r\n{tag} OK\r\n")
        first, second = peer.expect("NOOP"), peer.expect("NOOP")  # whether it stands several at once
        peer.send(f"{first} OK\r\n{second} OK\r\n")
        tag = peer.expect("UID FETCH 1000001:1000250 ")
        peer.expect("UID FETCH 1000251:1000500 ")  # on its way before the first is answered
        peer.send("".join(fetched(uid, uid) for uid in range(1_000_001, 1_000_251)) + f"{tag} OK\r\n")
        peer.wait_for_close()

    memory = watching.Memory()
    memory.commit(sources.Batch(cursor=sources.Cursor(mailbox="home", folder="INBOX", uidvalidity=7, uid=1_000_000)))
    with ScriptedImap(opens) as server:
        async with watching.Watching(settings(server), memory=memory) as watched:
            await watched.have(250)
            assert server.connections == 1


async def test_a_host_that_was_away_for_long_does_not_make_the_next_cut_a_long_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What could not be reached says nothing of a connection that ended: the wait after that is one of the first."""
    asked: list[int] = []

    def wait_s(failures: int, **_: float) -> float:
        asked.append(failures)
        return 0.0

    monkeypatch.setattr(imap.watcher.backoff, "wait_s", wait_s)

    def opens(peer: Peer) -> None:
        peer.open_folder()
        peer.idle()
        peer.wait_for_close()

    with ScriptedImap(opens) as server, Proxy(server.port) as proxy:
        async with watching.Watching(settings(server, port=proxy.port, retry_max="20ms")) as watched:
            await watched.are("live")
            proxy.refuse()
            proxy.cut()
            await servers.until(lambda: "nothing listens there" in watched.state().reason, what="an outage")
            for _ in range(2):  # as long as others wait for the host in vain
                await watched.source._hub.outages.wait(("127.0.0.1", proxy.port), most_s=1.0)
            proxy.listen_again()
            await watched.are("live")
            proxy.cut()
            await servers.until(lambda: server.connections == 3, what="another connection")
    assert asked == [1, 2]
