"""Flags, EXPUNGE and VANISHED in odd forms and places, octet for octet."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from bridge import sources
from bridge.sources import imap
from tests import servers, watching
from tests.servers.scripted_imap import CAPABILITIES, Peer, ScriptedImap, fetched
from tests.watching import settings

EVENTS = frozenset({"flagged", "unflagged", "seen", "gone"})
WATCH = sources.Watch(events=EVENTS, remembers=lambda _: True)
QRESYNC = f"{CAPABILITIES} ENABLE ESEARCH CONDSTORE QRESYNC"
HEAD = b"From: a@b.example\r\nSubject: remembered\r\n\r\n"
SEEN = sources.Mark()
UNSEEN = sources.Mark(seen=False)


def known(uid: int, *, modseq: int | None = 10, **marks: sources.Mark) -> watching.Memory:
    """All up to this UID are handled, and these marks kept: ``u2=UNSEEN``."""
    memory = watching.Memory()
    kept = {int(name[1:]): mark for name, mark in marks.items()}
    memory.commit(
        sources.Batch(
            cursor=sources.Cursor(mailbox="home", folder="INBOX", uidvalidity=7, uid=uid),
            marks=sources.Marks(uidvalidity=7, modseq=modseq, at=1000.0, mails=kept, whole=True),
        )
    )
    return memory


def opened(peer: Peer, *, exists: int = 3, modseq: str = "OK [HIGHESTMODSEQ 10] ok", caps: str = QRESYNC) -> None:
    peer.log_in(caps)
    if "QRESYNC" in caps:
        peer.ok("ENABLE QRESYNC", "ENABLED QRESYNC")
    peer.ok(
        r"EXAMINE \"INBOX\" \(CONDSTORE\)" if "CONDSTORE" in caps else r"EXAMINE \"INBOX\"$",
        f"{exists} EXISTS",
        "OK [UIDVALIDITY 7] valid",
        f"OK [UIDNEXT {exists + 1}] next",
        modseq,
    )


def gives(peer: Peer, idle: str, *mails: str) -> str:
    """Answers the fetch of these after DONE, and begins IDLE again."""
    peer.done(idle)
    tag = peer.expect("UID FETCH [0-9:,]+ .*BODYSTRUCTURE")
    peer.send("".join(mails) + f"{tag} OK done\r\n")
    return peer.idle()


def flagged(seq: int, uid: int, flags: str) -> str:
    """A mail with these flags as the answer to the first fetch."""
    return fetched(seq, uid).replace("FLAGS ()", f"FLAGS ({flags})", 1)


@pytest.mark.parametrize(
    "push",
    [
        ["* 2 FETCH (UID 2 FLAGS (\\Flagged) MODSEQ (12))\r\n"],
        ["* 2 FETCH (MODSEQ (12) FLAGS (\\flagged $Odd) UID 2)\r\n"],
        list("* 2 FETCH (UID 2 FLAGS (\\Flagged) MODSEQ (12))\r\n"),
        ["* 2 FETCH (UID 2 X-GM-LABELS ({3}\r\na)", "() FLAGS (\\Flagged) MODSEQ (12))\r\n"],
        ['* 2 FETCH (UID 2 X-GM-LABELS ("UID 1 FLAGS (\\\\Seen)") FLAGS (\\Flagged) MODSEQ (12))\r\n'],
    ],
    ids=["plain", "another order", "octet by octet", "a literal", "a string like flags"],
)
async def test_flags_that_are_pushed_with_a_uid_cost_the_fetch_of_that_mail(push: list[str]) -> None:
    def script(peer: Peer) -> None:
        opened(peer)
        idle = peer.idle()
        peer.send(*push)
        gives(peer, idle, flagged(2, 2, "\\Flagged \\Seen"))
        peer.wait_for_close()

    with ScriptedImap(script) as server:
        async with watching.Watching(settings(server), memory=known(3, u1=UNSEEN), watch=WATCH) as watched:
            await watched.tell(("flagged", 2))
            assert watched.mails[0].occurrence == 12
            assert watched.memory.kept["home", "INBOX"][1] == UNSEEN
            assert server.connections == 1


async def test_a_mail_that_was_unflagged_again_by_the_time_it_is_fetched_is_told_as_it_ended_up() -> None:
    def script(peer: Peer) -> None:
        opened(peer)
        idle = peer.idle()
        peer.send("* 2 FETCH (UID 2 FLAGS (\\Flagged) MODSEQ (12))\r\n")
        idle = gives(peer, idle, flagged(2, 2, ""))
        peer.send("* 3 FETCH (UID 3 FLAGS (\\Flagged \\Seen) MODSEQ (14))\r\n")
        gives(peer, idle, flagged(3, 3, "\\Flagged \\Seen"))
        peer.wait_for_close()

    with ScriptedImap(script) as server:
        memory = known(3)
        async with watching.Watching(settings(server), memory=memory, watch=WATCH) as watched:
            await watched.tell(("flagged", 3))
            assert not memory.kept["home", "INBOX"][2].flagged


async def test_vanished_takes_the_place_of_expunge_also_where_mails_are_counted() -> None:
    """Two of four go, one comes: the EXISTS of three is news of one mail."""

    def script(peer: Peer) -> None:
        opened(peer, exists=4)
        idle = peer.idle()
        peer.send("* VANISHED 1:2\r\n* VANISHED (EARLIER) 900:4000000000\r\n* 3 EXISTS\r\n")
        peer.expect("DONE")
        tag, again = peer.expect(r"UID FETCH 5:\* "), peer.expect("IDLE")
        peer.send(f"{idle} OK\r\n{fetched(3, 5)}{tag} OK\r\n+ idling\r\n")
        peer.expect("DONE")
        peer.send(f"{again} OK\r\n")
        peer.wait_for_close()

    kept = sources.Mark(head=HEAD, size=50, received=5000.0)
    with ScriptedImap(script) as server:
        async with watching.Watching(settings(server), memory=known(4, u2=kept), watch=WATCH) as watched:
            await watched.have(2)
            assert [(each.event, each.place.uid, each.subject) for each in watched.mails] == [
                ("new", 5, "mail 5"),
                ("gone", 2, "remembered"),
            ]
            assert watched.state().total == 3
            assert set(watched.memory.kept["home", "INBOX"]) == {5}


async def test_what_the_server_never_tells_of_is_found_when_it_is_time_to_look() -> None:
    """Every time, and not only the first: there is a quicker way to renew IDLE where nobody asks for flags."""

    def script(peer: Peer) -> None:
        opened(peer)
        idle = peer.idle()
        for told in ("", "", "* 2 FETCH (UID 2 FLAGS (\\Flagged) MODSEQ (12))\r\n"):
            peer.done(idle)
            tag = peer.expect(r"UID SEARCH UID 4:\*")
            peer.send(f"* SEARCH\r\n{tag} OK\r\n")
            idle = peer.idle()
            peer.done(idle)
            tag = peer.expect(r"UID FETCH 1:3 \(FLAGS\) \(CHANGEDSINCE 10 VANISHED\)")
            peer.send(f"{told}{tag} OK\r\n")
            if not told:
                idle = peer.idle()
        tag = peer.expect("UID FETCH 2 .*BODYSTRUCTURE")
        peer.send(flagged(2, 2, "\\Flagged \\Seen") + f"{tag} OK done\r\n")
        peer.idle()
        peer.wait_for_close()

    with ScriptedImap(script) as server:
        mailbox = settings(server, reconcile="300ms")
        async with watching.Watching(mailbox, memory=known(3), watch=WATCH) as watched:
            await watched.tell(("flagged", 2))
            assert server.connections == 1


async def test_what_is_gone_and_was_not_remembered_is_no_event_but_its_mark_goes() -> None:
    def script(peer: Peer) -> None:
        opened(peer)
        peer.idle()
        peer.send("* VANISHED 2,3\r\n")
        peer.wait_for_close()

    memory = known(3, u2=UNSEEN, u3=sources.Mark(head=HEAD))
    with ScriptedImap(script) as server:
        async with watching.Watching(settings(server), memory=memory, watch=WATCH) as watched:
            await watched.tell(("gone", 3))
            assert memory.kept["home", "INBOX"] == {}


async def test_with_the_modseq_that_is_kept_nothing_is_asked_after_a_reconnect() -> None:
    def script(peer: Peer) -> None:
        opened(peer)
        peer.idle()
        peer.wait_for_close()

    with ScriptedImap(script) as server:
        async with watching.Watching(settings(server), memory=known(3), watch=WATCH) as watched:
            await watched.are("live")
            await servers.until(lambda: server.heard and server.heard[-1].endswith("IDLE"))


async def test_changes_while_away_are_asked_for_by_modseq_and_happened_when_they_can_have_at_the_earliest() -> None:
    def script(peer: Peer) -> None:
        opened(peer, modseq="OK [HIGHESTMODSEQ 20] ok")
        peer.ok(
            r"UID FETCH 1:3 \(FLAGS\) \(CHANGEDSINCE 10 VANISHED\)",
            "VANISHED (EARLIER) 1",
            "2 FETCH (UID 3 FLAGS (\\Flagged \\Seen) MODSEQ (20))",
        )
        tag = peer.expect("UID FETCH 3 ")
        peer.send(flagged(2, 3, "\\Flagged \\Seen") + f"{tag} OK done\r\n")
        peer.idle()
        peer.wait_for_close()

    memory = known(3, u1=sources.Mark(head=HEAD))
    with ScriptedImap(script) as server:
        async with watching.Watching(settings(server), memory=memory, watch=WATCH) as watched:
            await watched.tell(("flagged", 3), ("gone", 1))
            assert [each.happened for each in watched.mails] == [1000.0, 1000.0]
            assert watched.mails[0].occurrence == 20
            await servers.until(lambda: memory.cursors["home", "INBOX"].marked.modseq == 20)  # type: ignore[union-attr]


SEARCHED = (r"UID SEARCH RETURN \(ALL\) UID 1:3 UNSEEN", r"UID SEARCH RETURN \(ALL\) UID 1:3 FLAGGED")


@pytest.mark.parametrize(
    "modseq",
    ["OK [HIGHESTMODSEQ 9] lower", "OK [NOMODSEQ] none", "OK [HIGHESTMODSEQ 0] none", "OK nothing of it"],
)
async def test_where_the_modseq_is_lost_or_reset_it_is_searched(modseq: str) -> None:
    def script(peer: Peer) -> None:
        opened(peer, modseq=modseq)
        unseen, flags = (peer.expect(each) for each in SEARCHED)
        peer.send(  # each answer says itself which one it is
            f'* ESEARCH (TAG "{flags}") UID ALL 3\r\n* ESEARCH (TAG "{unseen}") UID ALL 1:2\r\n'
            f"{unseen} OK\r\n{flags} OK\r\n"
        )
        there = peer.expect(r"UID SEARCH RETURN \(ALL\) UID 1$")
        peer.send(f'* ESEARCH (TAG "{there}") UID ALL 1\r\n{there} OK\r\n')
        tag = peer.expect("UID FETCH 3 ")
        peer.send(flagged(3, 3, "\\Flagged \\Seen") + f"{tag} OK done\r\n")
        peer.idle()
        peer.wait_for_close()

    memory = known(3, u1=UNSEEN)
    with ScriptedImap(script) as server:
        async with watching.Watching(settings(server), memory=memory, watch=WATCH) as watched:
            await watched.tell(("flagged", 3))
            await servers.until(lambda: memory.cursors["home", "INBOX"].marked.modseq in (9, None))  # type: ignore[union-attr]
            assert {uid: mark.seen for uid, mark in memory.kept["home", "INBOX"].items()} == {
                1: False,
                2: False,
                3: True,
            }


async def test_a_flood_of_hints_is_compared_once() -> None:
    """Sequence numbers say nothing of which mails they are; EXPUNGE and EXISTS are mixed among them."""

    def script(peer: Peer) -> None:
        opened(peer, modseq="OK nothing", caps=CAPABILITIES, exists=3)
        for criteria in ("UNSEEN", "FLAGGED"):
            peer.ok(f"UID SEARCH UID 1:3 {criteria}", "SEARCH")
        peer.ok("UID SEARCH UID 1", "SEARCH 1")
        idle = peer.idle()
        peer.send("* 2 FETCH (FLAGS (\\Flagged))\r\n" * 500 + "* 1 EXPUNGE\r\n")
        peer.done(idle)
        for criteria, found in (("UNSEEN", ""), ("FLAGGED", " 2 3")):
            peer.ok(f"UID SEARCH UID 1:3 {criteria}", f"SEARCH{found}")
        peer.ok("UID SEARCH UID 1", "SEARCH")
        tag = peer.expect("UID FETCH 2:3 ")
        peer.send(flagged(1, 2, "\\Flagged") + flagged(2, 3, "\\Flagged") + f"{tag} OK done\r\n")
        peer.idle()
        peer.wait_for_close()

    memory = known(3, modseq=None, u1=sources.Mark(head=HEAD))
    with ScriptedImap(script) as server:
        async with watching.Watching(settings(server), memory=memory, watch=WATCH) as watched:
            await watched.tell(("flagged", 2), ("flagged", 3), ("gone", 1))
            assert len([line for line in server.heard if "FLAGGED" in line]) == 2


async def test_without_condstore_mails_that_are_kept_and_far_apart_are_asked_for_in_one_short_command() -> None:
    def script(peer: Peer) -> None:
        opened(peer, modseq="OK nothing", caps=CAPABILITIES, exists=9000)
        for criteria in ("UNSEEN", "FLAGGED"):
            peer.ok(f"UID SEARCH UID 1:9000 {criteria}", "SEARCH")
        peer.ok("UID SEARCH UID 1:8999$", "SEARCH " + " ".join(map(str, range(1, 8999, 2))))
        peer.idle()
        peer.wait_for_close()

    memory = known(9000, modseq=None, **{f"u{uid}": sources.Mark(head=HEAD) for uid in range(1, 9000, 2)})
    with ScriptedImap(script) as server:
        async with watching.Watching(settings(server), memory=memory, watch=WATCH) as watched:
            await watched.tell(("gone", 8999))


async def test_notify_that_cannot_tell_of_flags_is_done_without() -> None:
    caps = f"{QRESYNC} NOTIFY"

    def script(peer: Peer) -> None:
        opened(peer, caps=caps)
        peer.no(r"NOTIFY SET .*MessageExpunge FlagChange\)\)", "[BADEVENT (MessageNew)] no FlagChange here")
        idle = peer.idle()
        peer.send("* 2 FETCH (UID 2 FLAGS (\\Flagged) MODSEQ (12))\r\n")
        gives(peer, idle, flagged(2, 2, "\\Flagged"))
        peer.wait_for_close()

    with ScriptedImap(script) as server:
        async with watching.Watching(settings(server), memory=known(3), watch=WATCH) as watched:
            await watched.tell(("flagged", 2))


async def test_without_a_watch_nothing_is_asked_for_it() -> None:
    def script(peer: Peer) -> None:
        peer.open_folder(exists=3, uidnext=4, capabilities=QRESYNC)
        idle = peer.idle()
        peer.send("* 2 FETCH (UID 2 FLAGS (\\Flagged))\r\n* 1 EXPUNGE\r\n* 3 EXISTS\r\n")
        peer.expect("DONE")
        tag = peer.expect(r"UID FETCH 4:\* ")
        peer.expect("IDLE")
        peer.send(f"{idle} OK\r\n{fetched(3, 4)}{tag} OK\r\n+ idling\r\n")
        peer.wait_for_close()

    with ScriptedImap(script) as server:
        memory = watching.Memory()
        memory.commit(sources.Batch(cursor=sources.Cursor(mailbox="home", folder="INBOX", uidvalidity=7, uid=3)))
        async with watching.Watching(settings(server), memory=memory) as watched:
            await watched.have(1)
            assert watched.batches[0].marks is None
            assert watched.batches[0].census is None
            assert not any("ENABLE" in line or "CONDSTORE" in line for line in server.heard)


async def test_nothing_is_compared_before_what_was_told_is_committed() -> None:
    """Else what comes second would be compared with what was so before the first, and the first be told again."""
    pushed: list[float] = []

    def script(peer: Peer) -> None:
        opened(peer)
        idle = peer.idle()
        peer.send("* 2 FETCH (UID 2 FLAGS (\\Flagged) MODSEQ (12))\r\n")
        idle = gives(peer, idle, flagged(2, 2, "\\Flagged"))
        pushed.append(time.monotonic())
        peer.send("* 2 FETCH (UID 2 FLAGS (\\Flagged \\Seen) MODSEQ (13))\r\n")
        gives(peer, idle, flagged(2, 2, "\\Flagged \\Seen"))
        peer.wait_for_close()

    memory = known(3, u2=UNSEEN)
    told: list[tuple[str, int]] = []
    with ScriptedImap(script) as server:
        source = imap.ImapSource("home", settings(server), memory=memory, wants=watching.nothing, watch=WATCH)
        async with source, contextlib.aclosing(source.batches()) as batches:
            async for batch in batches:
                if batch.mails and not told:  # its commit takes until the next is heard, and a while longer
                    await servers.until(lambda: pushed and source._watchers[0]._connection._wire.read_at > pushed[0])
                    for _ in range(50):
                        await asyncio.sleep(0)
                memory.commit(batch)
                told += [(each.event, each.place.uid) for each in batch.mails]
                if len(told) > 1:
                    break
    assert told == [("flagged", 2), ("seen", 2)]


# Counting


async def test_the_unseen_are_counted_with_the_first_idle_and_again_a_while_after_a_change() -> None:
    def script(peer: Peer) -> None:
        peer.counts = False
        peer.open_folder(exists=3, uidnext=4, capabilities=f"{CAPABILITIES} ESEARCH")
        tag = peer.expect(r"UID SEARCH RETURN \(COUNT\) UNSEEN$")
        idle = peer.expect("IDLE")
        peer.send(f'* ESEARCH (TAG "{tag}") UID COUNT 2\r\n{tag} OK\r\n+ idling\r\n')
        peer.send("* 2 FETCH (FLAGS (\\Seen))\r\n* 3 FETCH (FLAGS ())\r\n")
        peer.expect("DONE")
        tag = peer.expect(r"UID SEARCH RETURN \(COUNT\) UNSEEN$")
        peer.expect("IDLE")
        peer.send(f'{idle} OK\r\n* ESEARCH (TAG "{tag}") UID COUNT 1\r\n{tag} OK\r\n+ idling\r\n')
        peer.wait_for_close()

    with ScriptedImap(script) as server:
        async with watching.Watching(settings(server), memory=known(3)) as watched:
            await servers.until(lambda: watched.state().unseen == 2)
            assert watched.state().total == 3
            await servers.until(lambda: watched.state().unseen == 1)


async def test_without_esearch_the_unseen_are_listed_and_a_server_that_refuses_is_not_asked_again() -> None:
    def lists(peer: Peer) -> None:
        peer.counts = False
        peer.open_folder(exists=3, uidnext=4)
        tag = peer.expect("SEARCH UNSEEN$")
        peer.expect("IDLE")
        peer.send(f"* SEARCH 1 3\r\n{tag} OK\r\n+ idling\r\n")
        peer.wait_for_close()

    def refuses(peer: Peer) -> None:
        peer.counts = False
        peer.open_folder(exists=3, uidnext=4)
        tag = peer.expect("SEARCH UNSEEN$")
        idle = peer.expect("IDLE")
        peer.send(f"{tag} BAD what?\r\n+ idling\r\n* 2 FETCH (FLAGS ())\r\n* 4 EXISTS\r\n")
        peer.expect("DONE")
        tag = peer.expect(r"UID FETCH 4:\* ")
        peer.expect("IDLE")
        peer.send(f"{idle} OK\r\n{fetched(4, 4)}{tag} OK\r\n+ idling\r\n")
        peer.wait_for_close()

    with ScriptedImap(lists) as server:
        async with watching.Watching(settings(server), memory=known(3)) as watched:
            await servers.until(lambda: watched.state().unseen == 2)
    with ScriptedImap(refuses) as server:
        async with watching.Watching(settings(server), memory=known(3)) as watched:
            await watched.have(1)
            assert watched.state().unseen is None
            assert server.connections == 1


async def test_what_may_be_counted_is_searched_for_in_one_write_and_told_in_one_census() -> None:
    searches = {
        sources.Search(flags=frozenset({"!\\Seen"})),
        sources.Search(flags=frozenset({"\\Flagged", "$Bill"})),
        sources.Search(flags=frozenset({"$Bill", "\\Flagged"})),
    }
    watch = sources.Watch(searches=frozenset(searches))

    def script(peer: Peer) -> None:
        opened(peer, caps=CAPABILITIES + " ESEARCH ENABLE QRESYNC CONDSTORE")
        one = peer.expect(r"UID SEARCH RETURN \(ALL\) UID 1:3 KEYWORD \$Bill FLAGGED$")
        two = peer.expect(r"UID SEARCH RETURN \(ALL\) UID 1:3 UNSEEN$")
        peer.send(f'* ESEARCH (TAG "{one}") UID ALL 1\r\n* ESEARCH (TAG "{two}") UID\r\n{one} OK\r\n{two} OK\r\n')
        tag = peer.expect("UID FETCH 1 ")
        peer.send(flagged(1, 1, "\\Flagged $Bill") + f"{tag} OK\r\n")
        idle = peer.idle()
        # The first is out of all of them: nothing to fetch. In one segment, so that they are heard together
        peer.send("* 1 FETCH (UID 1 FLAGS (\\Seen $Bill))\r\n* 2 FETCH (UID 2 FLAGS ())\r\n")
        gives(peer, idle, flagged(2, 2, ""))
        peer.wait_for_close()

    with ScriptedImap(script) as server:
        async with watching.Watching(settings(server), memory=known(3), watch=watch) as watched:
            await servers.until(lambda: len(censuses(watched)) >= 4)
            told = [
                ([each.place.uid for each in one.mails], set(one.gone), one.begins, one.ends)
                for one in censuses(watched)
            ]
            assert told == [
                ([], set(), True, False),
                ([1], set(), False, True),
                ([], {1}, False, False),
                ([2], set(), False, True),
            ]


async def test_a_search_that_the_server_refuses_is_done_by_looking_at_all() -> None:
    watch = sources.Watch(searches=frozenset({sources.Search(flags=frozenset({"$Odd"}))}))

    def script(peer: Peer) -> None:
        opened(peer, modseq="OK nothing", caps=CAPABILITIES, exists=1)
        peer.no("UID SEARCH UID 1:1 KEYWORD", "[BADCHARSET] no keywords here")
        tag = peer.expect("UID FETCH 1 ")
        peer.send(fetched(1, 1) + f"{tag} OK\r\n")
        peer.idle()
        peer.wait_for_close()

    with ScriptedImap(script) as server:
        async with watching.Watching(settings(server), memory=known(1), watch=watch) as watched:
            await servers.until(lambda: censuses(watched) and censuses(watched)[-1].ends)
            assert [each.place.uid for one in censuses(watched) for each in one.mails] == [1]


def censuses(watched: watching.Watching) -> list[sources.Census]:
    return [batch.census for batch in watched.batches if batch.census is not None]
