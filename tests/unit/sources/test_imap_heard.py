"""What a server says in between of mails that are there already, and sets of UIDs."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge import errors
from bridge.sources.imap import frames, heard, news, response, uidset

UIDS = st.integers(1, 2**32 - 1)
NEAR = st.integers(1, 60)


def pieces(line: bytes) -> frames.Pieces:
    buffer = frames.Frames()
    buffer.feed(line + b"\r\n")
    found = buffer.response()
    assert found is not None
    return found


@given(st.sets(NEAR))
def test_a_set_has_the_uids_that_it_was_made_of(uids: set[int]) -> None:
    made = uidset.Uids.of(uids)
    assert list(made) == sorted(uids)
    assert len(made) == len(uids)
    assert bool(made) == bool(uids)
    assert {uid for uid in range(62) if uid in made} == uids


@given(st.lists(st.tuples(UIDS, UIDS), max_size=20))
def test_a_set_is_read_from_its_text_whatever_the_order_of_its_runs(runs: list[tuple[int, int]]) -> None:
    read = uidset.Uids.read(b",".join(b"%d:%d" % run for run in runs))
    assert all(end in read for run in runs for end in run)
    assert list(read.runs()) == list(uidset.Uids((min(run), max(run)) for run in runs).runs())


@given(st.binary(max_size=60))
@example(b"0:5")
@example(b"4294967296")
@example(b"1:*,7")
def test_any_octets_are_read_as_some_set(text: bytes) -> None:
    assert all(0 < low <= high <= response.MOST for low, high in uidset.Uids.read(text).runs())


@pytest.mark.parametrize(
    ("line", "now"),
    [
        (b"* 3 FETCH (UID 7 FLAGS (\\Seen \\Recent))", {7: heard.Now(frozenset({"\\seen"}))}),
        (b"* 3 FETCH (FLAGS () UID 7 MODSEQ (9))", {7: heard.Now(frozenset(), 9)}),
        (b"* 3 fetch (modseq (0) uid 7 flags ($Bill))", {7: heard.Now(frozenset({"$bill"}))}),
        (b'* 3 FETCH (UID 7 FLAGS (\\Seen) X-GM-LABELS ("FLAGS (a)" b))', {7: heard.Now(frozenset({"\\seen"}))}),
        (b"* 3 FETCH (UID 7 FLAGS (\\Seen) BODY[TEXT] {0}\r\n)", {}),
        (b"* 3 FETCH (UID 7 MODSEQ (9))", {}),
        (b'* 3 FETCH (UID 7 INTERNALDATE "02-Nov-2026 10:00:00 +0000")', {}),
    ],
)
def test_flags_are_heard_with_their_uid(line: bytes, now: dict[int, heard.Now]) -> None:
    changes = heard.Changes()
    changes.fetched(pieces(line), at=1.0)
    assert (changes.flags, changes.hint) == (now, False)


@pytest.mark.parametrize(
    "line", [b"* 3 FETCH (FLAGS (\\Seen))", b"* 3 FETCH (FLAGS (\\Seen) UID 0)", b"* 3 FETCH (FLAGS (("]
)
def test_flags_of_who_knows_which_mail_are_a_hint(line: bytes) -> None:
    changes = heard.Changes()
    try:
        changes.fetched(pieces(line), at=1.0)
    except errors.SourceError:
        return  # a UID that cannot be ends the connection
    assert (changes.flags, changes.hint, changes.expunged) == ({}, True, False)


@given(st.binary(max_size=200))
@example(b"UID 7 FLAGS (\\Seen) " * 400)
@example(b"FLAGS (" * 1000)
def test_whatever_a_fetch_says_is_heard_or_passed_over(octets: bytes) -> None:
    line = b"* 3 FETCH (" + octets.replace(b"\n", b"").replace(b"{", b"")
    with contextlib.suppress(errors.SourceError):
        heard.Changes().fetched([line], at=1.0)


def test_of_more_mails_than_are_kept_one_is_told_to_compare() -> None:
    changes = heard.Changes()
    for uid in range(1, heard.MOST + 2):
        changes.fetched([b"* %d FETCH (UID %d FLAGS (\\Seen) MODSEQ (%d))" % (uid, uid, uid)], at=1.0)
    assert (len(changes.flags), changes.full, changes.hint, changes.modseq) == (heard.MOST, True, True, heard.MOST + 1)
    assert len({id(now.flags) for now in changes.flags.values()}) == 1


@pytest.mark.parametrize(
    ("line", "left"),
    [
        (b"* VANISHED 3:5", 7),
        (b"* vanished 1,3:5", 6),
        (b"* VANISHED (EARLIER) 1:9", 10),
        (b"* VANISHED 1:4000000000", 0),
        (b"* VANISHED", 10),
        (b"* VANISHED 3:x", 10),
    ],
)
def test_vanished_makes_the_folder_smaller_by_what_went_now(line: bytes, left: int) -> None:
    told = news.News()
    told.changes = heard.Changes()
    told.tells(10, at=1.0)
    told.vanishes(line, at=2.0)
    assert told.exists == left


def test_exists_after_vanished_is_news_of_as_many_as_came() -> None:
    told = news.News()
    told.changes = heard.Changes()
    told.tells(10, at=1.0)
    told.looking()
    told.vanishes(b"* VANISHED 3:5", at=2.0)
    told.tells(9, at=3.0)
    assert (told.arrived, told.exists) == (2, 9)


def test_what_is_taken_is_not_there_any_more_and_what_is_put_back_is_older_than_what_came_since() -> None:
    told = news.News()
    told.changes = heard.Changes()
    for flags in (b"* 1 FETCH (UID 7 FLAGS ())", b"* 2 FETCH (UID 8 FLAGS ())", b"* 3 FETCH (UID 9 FLAGS ())"):
        told.marks([flags], at=1.0)
    taken = told.taken()
    assert set(taken.flags) == {7, 8, 9}
    assert not told.changes
    told.marks([b"* 2 FETCH (UID 8 FLAGS (\\Seen))"], at=2.0)
    told.put_back(taken, without={7})
    assert {uid: now.seen for uid, now in told.changes.flags.items()} == {8: True, 9: False}
    assert told.changes.at == 1.0
    assert told.woken


def test_the_answer_to_a_search_with_return_names_its_command() -> None:
    answers = [
        [b'* ESEARCH (TAG "m7") UID ALL 1:5,9'],
        [b"* ESEARCH (TAG m8) UID COUNT 3 ALL 2:4 MODSEQ 917"],
        [b'* esearch (tag "m9") uid all 4'],
        [b"* SEARCH 1 2"],
        [b"* ESEARCH UID ALL 1"],
    ]
    assert response.extended(answers) == {
        b"m7": {b"ALL": b"1:5,9"},
        b"m8": {b"COUNT": b"3", b"ALL": b"2:4", b"MODSEQ": b"917"},
        b"m9": {b"ALL": b"4"},
    }
    assert response.listed(answers) == 2
