"""UIDs → mails, against a server that is a function."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping

import hypothesis
import pytest
from hypothesis import strategies

from bridge import mail
from bridge.sources.imap import asking, connection, contents, fetch, frames
from tests.servers import scripted_imap


def place(uid: int) -> mail.Place:
    return mail.Place(mailbox="home", folder="INBOX", uidvalidity=7, uid=uid)


def nothing(_: mail.Mail) -> Mapping[str, int]:
    return {}


def parsed(text: str) -> list[frames.Pieces]:
    buffer = frames.Frames()
    buffer.feed(text.encode())
    return list(iter(buffer.response, None))


class Server:
    """Has these mails; says NO to a command that asks for a bad one, and garbage about a garbled one."""

    def __init__(
        self, uids: set[int], *, bad: set[int] = frozenset(), garbled: set[int] = frozenset(), code: str = ""
    ) -> None:  # type: ignore[assignment]
        self.uids, self.bad, self.garbled, self.code = uids, bad, garbled, code
        self.withheld: set[int] = set()  # listed, and of which nothing comes
        self.commands: list[bytes] = []

    async def ask(self, *commands: bytes, idle: bool = False) -> list[connection.Answer]:
        return [self.answer(command) for command in commands]

    def answer(self, command: bytes) -> connection.Answer:
        self.commands.append(command)
        if command.startswith(b"UID SEARCH UID "):
            listed = " ".join(map(str, sorted(numbers(command.split()[3]) & (self.uids | self.withheld))))
            return connection.Answer(status="OK", text=b"done", untagged=parsed(f"* SEARCH {listed}\r\n"))
        asked = numbers(command.split()[2]) & self.uids
        if asked & self.bad:
            return connection.Answer(status="NO", text=f"{self.code} cannot read it".encode(), untagged=[])
        untagged = [pieces for uid in sorted(asked) for pieces in parsed(self.one(uid, command))]
        return connection.Answer(status="OK", text=b"done", untagged=untagged)

    def one(self, uid: int, command: bytes) -> str:
        if uid in self.garbled:
            return f"* {uid} FETCH (UID {uid} BODYSTRUCTURE ((\r\n"
        if wanted := re.findall(rb"BODY\.PEEK\[([0-9.]+)\]<0\.(\d+)>", command):
            parts = " ".join(f'BODY[{name.decode()}]<0> "{"x" * int(size)}"' for name, size in wanted)
            return f"* {uid} FETCH (UID {uid} {parts})\r\n"
        return scripted_imap.fetched(uid, uid)

    def fetcher(self) -> fetch.Fetcher:
        return fetch.Fetcher(self, place=place)  # type: ignore[arg-type]


def numbers(uid_set: bytes) -> set[int]:
    found: set[int] = set()
    for run in uid_set.decode().split(","):
        low, _, high = run.partition(":")
        found.update(range(int(low), (1000 if high == "*" else int(high or low)) + 1))
    return found


@hypothesis.given(strategies.sets(strategies.integers(1, 500), min_size=1))
def test_ranges_name_exactly_these_uids(uids: set[int]) -> None:
    assert numbers(asking.ranges(uids)) == uids


def test_ranges_compress_runs() -> None:
    assert asking.ranges([9, 3, 4, 5]) == b"3:5,9"


def test_search_dates_do_not_depend_on_the_locale() -> None:
    assert fetch.search_date(datetime.date(2026, 3, 1)) == b"01-Mar-2026"


async def test_uids_that_are_gone_are_neither_mails_nor_bad() -> None:
    found = await Server({1, 3}).fetcher().uids([1, 2, 3], wants=nothing)
    assert (sorted(found.mails), found.bad) == ([1, 3], {})


@pytest.mark.parametrize("withheld", [{2}, {1, 4}, {1, 2, 3, 4}])
async def test_a_mail_that_is_listed_and_of_which_nothing_comes_is_bad_and_not_gone(withheld: set[int]) -> None:
    server = Server({1, 2, 3, 4, 5} - withheld)
    server.withheld = withheld
    found = await server.fetcher().uids([1, 2, 3, 4, 5, 6], wants=nothing)
    assert set(found.bad) == withheld
    assert set(found.mails) == {1, 2, 3, 4, 5} - withheld


@pytest.mark.parametrize("bad", [{1}, {50}, {100}, {17, 18, 93}])
async def test_a_range_that_is_refused_is_halved_down_to_the_mails_to_blame(bad: set[int]) -> None:
    server = Server(set(range(1, 101)), bad=bad)
    fetcher = server.fetcher()
    await fetcher.uids([2], wants=nothing)  # the server has shown that it gives mails
    found = await fetcher.uids(range(1, 101), wants=nothing)
    assert set(found.bad) == bad
    assert set(found.mails) == set(range(1, 101)) - bad
    assert len(server.commands) <= 2 + 16 * len(bad)


async def test_an_answer_that_cannot_be_read_costs_its_own_mail_and_no_other() -> None:
    server = Server({1, 2, 3}, garbled={2})
    found = await server.fetcher().uids([1, 2, 3], wants=nothing)
    assert (sorted(found.mails), sorted(found.bad), len(server.commands)) == ([1, 3], [2], 1)


async def test_a_server_that_gives_nothing_at_all_does_not_speak_against_the_mails() -> None:
    with pytest.raises(asking.Withheld) as raised:
        await Server({1, 2}, bad={1, 2}).fetcher().uids([1, 2], wants=nothing)
    assert raised.value.uid == 1


async def test_a_refusal_for_now_does_not_speak_against_the_mail() -> None:
    fetcher = Server({1, 2}, bad={2}, code="[UNAVAILABLE]").fetcher()
    with pytest.raises(asking.Withheld):
        await fetcher.uids([1, 2], wants=nothing)


async def test_what_the_rules_want_is_fetched_for_alike_mails_in_one_command() -> None:
    server = Server({1, 2, 3})
    structure = '("TEXT" "PLAIN" NIL NIL NIL "7BIT" 5 1)("IMAGE" "JPEG" NIL NIL NIL "BASE64" 900000)'
    server.one = lambda uid, command: (  # type: ignore[method-assign]
        Server.one(server, uid, command)
        if b"PEEK[2]" in command
        else scripted_imap.fetched(uid, uid, structure=f'({structure} "MIXED")')
    )
    fetcher = server.fetcher()
    found = await fetcher.uids([1, 2, 3], wants=lambda each: {"2": 100} if each.place.uid != 2 else {})
    await fetcher.complete(found, [1, 2, 3])
    assert server.commands[1:] == [b"UID FETCH 1,3 (UID BODY.PEEK[2]<0.100>)"]
    assert [found.mails[uid].content.get("2") for uid in (1, 2, 3)] == [b"x" * 100, None, b"x" * 100]
    assert "2" not in found.mails[1].whole


async def test_what_is_in_hand_is_not_fetched_again() -> None:
    server = Server({1})
    await server.fetcher().uids([1], wants=lambda _: {"1": 5})
    assert len(server.commands) == 1


async def test_a_section_from_a_mail_cannot_put_a_command_into_the_stream() -> None:
    server = Server({1})
    await server.fetcher().uids([1], wants=lambda _: {"1]\r\nx LOGOUT\r\n": 5000})
    assert len(server.commands) == 1


async def test_a_bug_in_the_rules_costs_one_mail() -> None:
    def wants(each: mail.Mail) -> Mapping[str, int]:
        return {} if each.place.uid == 1 else {}["missing"]  # type: ignore[no-any-return]

    found = await Server({1, 2}).fetcher().uids([1, 2], wants=wants)
    assert (sorted(found.mails), found.bad) == ([1], {2: "it could not be read (KeyError)"})


def test_more_than_was_asked_for_is_cut() -> None:
    each = mail.Mail.from_bytes(b"Subject: x\r\n\r\nhello", place=place(1))
    assert contents.filled(each, {"1": b"y" * 50}, {"1": 10}).content["1"] == b"y" * 10
