"""What a server answered → values."""

from __future__ import annotations

import contextlib
import datetime

import hypothesis
import pytest
from hypothesis import strategies

from bridge import errors
from bridge.sources.imap import response

FETCHED = [
    b'* 12 FETCH (UID 5 FLAGS (\\Seen $Label1) INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 44827 '
    b'BODYSTRUCTURE (("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 1152 23)("TEXT" "x\\"y" NIL NIL {3}',
    b"a)b",
    b' "BASE64" 4554 73) "MIXED") BODY[HEADER]<0> {4}',
    b"a: b",
    b" BODY[TEXT]<0> NIL)",
]


def test_one_mail_of_a_fetch_becomes_its_items() -> None:
    assert response.fetched(FETCHED) == {
        b"UID": 5,
        b"FLAGS": (b"\\Seen", b"$Label1"),
        b"INTERNALDATE": b"17-Jul-1996 02:44:25 -0700",
        b"RFC822.SIZE": 44827,
        b"BODYSTRUCTURE": (
            (b"TEXT", b"PLAIN", (b"CHARSET", b"us-ascii"), None, None, b"7BIT", 1152, 23),
            (b"TEXT", b'x"y', None, None, b"a)b", b"BASE64", 4554, 73),
            b"MIXED",
        ),
        b"BODY[HEADER]": b"a: b",
        b"BODY[TEXT]": None,
    }


@pytest.mark.parametrize("line", [b"* 3 EXISTS", b"* SEARCH 1 2", b"* OK [UIDNEXT 3] FETCH (", b"* FETCH (UID 1)"])
def test_what_is_no_fetch_is_none(line: bytes) -> None:
    assert response.fetched([line]) is None


@pytest.mark.parametrize(
    "pieces",
    [
        [b"* 1 FETCH (UID 1"],
        [b"* 1 FETCH (UID 1))"],
        [b'* 1 FETCH (UID "1)'],
        [b"* 1 FETCH (UID)"],
        [b"* 1 FETCH (UID 1 BODY[TEXT] {3}"],
        [b"* 1 FETCH (UID 1 BODY[TEXT)"],
        [b"* 1 FETCH ((UID) 1)"],
        [b"* 1 FETCH (UID " + b"(" * 100_000],
        [b"* 1 FETCH (UID 1 " + b"{" * 100],
    ],
)
def test_what_is_malformed_is_said_to_be(pieces: list[bytes]) -> None:
    with pytest.raises(errors.MailError):
        response.fetched(pieces)


@hypothesis.given(strategies.lists(strategies.binary(max_size=40), min_size=1, max_size=5))
def test_nothing_but_mail_error_comes_of_any_octets(pieces: list[bytes]) -> None:
    with contextlib.suppress(errors.MailError):
        response.fetched([b"* 1 FETCH (" + pieces[0], *pieces[1:]])


@pytest.mark.parametrize("start", [b'"' + b"\\" * 9, b"[", b"a[", b"(", b" ", b"{", b"a"])
def test_reading_a_large_hostile_answer_ends(start: bytes) -> None:
    """Each would take a reader that goes over it again and again for hours."""
    with contextlib.suppress(errors.MailError):
        response.values([start * 400_000])


def test_the_uid_of_an_unreadable_answer_is_found() -> None:
    assert response.uid_of([b'* 1 FETCH (FLAGS () UID 77 BODYSTRUCTURE ("']) == 77
    assert response.uid_of([b"* 1 FETCH (FLAGS ("]) is None


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([b"* SEARCH 3 1 2"], [1, 2, 3]),
        ([b"* SEARCH"], []),
        ([b"* search 5 ", b"* SEARCH 4"], [4, 5]),
        ([b"* SEARCH 4 (MODSEQ 917162500)"], [4]),
        ([b"* 4 EXISTS"], []),
    ],
)
def test_uids_of_a_search(lines: list[bytes], expected: list[int]) -> None:
    assert response.uids([[line] for line in lines]) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"[TRYCREATE] no such folder", (b"TRYCREATE", b"")),
        (b"[uidvalidity 3857529045] ok", (b"UIDVALIDITY", b"3857529045")),
        (b"[COPYUID 38505 304,319:320 3956:3958] Done", (b"COPYUID", b"38505 304,319:320 3956:3958")),
        (b"done", (b"", b"")),
        (b"[broken", (b"", b"")),
    ],
)
def test_response_codes(text: bytes, code: tuple[bytes, bytes]) -> None:
    assert response.code(text) == code


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"17-Jul-1996 02:44:25 -0700", "1996-07-17T02:44:25-07:00"),
        (b" 2-nov-2026 10:00:00 +0530", "2026-11-02T10:00:00+05:30"),
        (b"31-Feb-2026 10:00:00 +0000", None),
        (b"01-Foo-2026 10:00:00 +0000", None),
        (b"01-Nov-2026 10:00:00 +9900", None),
        (b"yesterday", None),
        (None, None),
    ],
)
def test_internal_dates(text: bytes | None, expected: str | None) -> None:
    assert response.internal_date(text) == (datetime.datetime.fromisoformat(expected) if expected else None)


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        (b"8 3 17", {3: "copyuid 8 3 17"}),
        (b"8 3:4,9 17,20:19", {3: "copyuid 8 3 17", 4: "copyuid 8 4 19", 9: "copyuid 8 9 20"}),
        (b"8 3:4 17", {}),
        (b"8 1:4294967295 1:4294967295", {}),
        (b"8 1:2:3 1", {}),
        (b"", {}),
    ],
)
def test_where_copies_are(argument: bytes, expected: dict[int, str]) -> None:
    assert response.copied(argument) == expected


@pytest.mark.parametrize("text", ["0", "4294967296", "9" * 18, "9" * 30, "9" * 5001])
def test_a_uid_that_cannot_be_is_a_fault_of_the_server(text: str) -> None:
    with pytest.raises(errors.SourceError, match="the server gives UID"):
        response.uids([[f"* SEARCH 1 {text} 2".encode()]])
    with pytest.raises(errors.SourceError, match="the server gives UID"):
        response.fetched([f"* 1 FETCH (UID {text} FLAGS ())".encode()])
    assert response.uid_of([f"* 1 FETCH (UID {text} ((".encode()]) is None


def test_the_largest_uid_there_can_be_is_one() -> None:
    assert response.uids([[b"* SEARCH 4294967295"]]) == [4294967295]
