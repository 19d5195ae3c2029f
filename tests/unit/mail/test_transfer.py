"""Transfer encodings undone as the octets come: the same as in one piece, however they are cut."""

from __future__ import annotations

import base64
import itertools
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mail import transfer

ENCODINGS = ("base64", "quoted-printable", "8bit", "7bit", "x-unknown")
_LETTERS = st.sampled_from(
    [b"=", b"\r", b"\n", b"\r\n", b"A", b"f", b"9", b"g", b"+", b"/", b"_", b" ", b"\0", b"\xff"]
)
_RAW = st.lists(_LETTERS, max_size=60).map(b"".join)


def undone(pieces: list[bytes], encoding: str) -> bytes:
    undoing = transfer.undoing(encoding)
    return b"".join([*map(undoing.feed, pieces), undoing.finish()])


def cut(raw: bytes, at: list[int]) -> list[bytes]:
    places = sorted({0, len(raw), *(place % (len(raw) + 1) for place in at)})
    return [raw[start:end] for start, end in itertools.pairwise(places)]


@given(raw=_RAW, at=st.lists(st.integers(0, 100), max_size=10), encoding=st.sampled_from(ENCODINGS))
def test_it_is_the_same_as_in_one_piece(raw: bytes, at: list[int], encoding: str) -> None:
    assert undone(cut(raw, at), encoding) == transfer.decode(raw, encoding)


@given(raw=_RAW, at=st.lists(st.integers(0, 200), max_size=10), lead=st.sampled_from([b"x", b"=", b"=\r", b"=4"]))
def test_it_is_the_same_in_a_line_without_an_end(raw: bytes, at: list[int], lead: bytes) -> None:
    long = b"a" * 70_000 + lead + raw
    pieces = [long[:70_000], *cut(long[70_000:], at)]
    assert undone(pieces, "quoted-printable") == transfer.decode(long, "quoted-printable")


@pytest.mark.parametrize("filler", [b"a", b"=", b"==", b"=\r", b"A\x00", b"=4"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_is_held_back_is_bounded(filler: bytes, encoding: str) -> None:
    undoing, held, came = transfer.undoing(encoding), 0, 0
    for _ in range(40):
        undoing.feed(filler * 10_000)
        came += len(filler) * 10_000
        held = max(held, sum(len(v) for v in vars(undoing).values() if isinstance(v, bytes)))
    assert held <= 65_536 < came


def test_real_encoders_are_undone() -> None:
    octets = bytes(range(256)) * 300
    for encoding, raw in (("base64", base64.encodebytes(octets)), ("quoted-printable", quopri.encodestring(octets))):
        assert undone([raw[at : at + 1_000] for at in range(0, len(raw), 1_000)], encoding) == octets
