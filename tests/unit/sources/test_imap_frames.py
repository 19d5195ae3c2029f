"""Octets → responses."""

from __future__ import annotations

import contextlib
import itertools

import hypothesis
import pytest
from hypothesis import strategies

from bridge import errors
from bridge.sources.imap import frames

STREAM = (
    b"* OK ready\r\n* 2 EXISTS\r\n"
    b"* 1 FETCH (UID 1 BODY[TEXT] {12}\r\nline\r\n{3}\r\nx BODY[1] {0}\r\n)\r\n"
    b"+ idling\r\nm1 OK {curly} done\r\n"
)
RESPONSES = [
    [b"* OK ready"],
    [b"* 2 EXISTS"],
    [b"* 1 FETCH (UID 1 BODY[TEXT] {12}", b"line\r\n{3}\r\nx", b" BODY[1] {0}", b"", b")"],
    [b"+ idling"],
    [b"m1 OK {curly} done"],
]


def responses(buffer: frames.Frames) -> list[frames.Pieces]:
    return list(iter(buffer.response, None))


@hypothesis.given(strategies.lists(strategies.integers(0, len(STREAM))))
def test_responses_are_the_same_however_the_stream_is_cut(cuts: list[int]) -> None:
    buffer, found = frames.Frames(), []
    edges = sorted({0, *cuts, len(STREAM)})
    for low, high in itertools.pairwise(edges):
        buffer.feed(STREAM[low:high])
        found += responses(buffer)
    assert found == RESPONSES
    assert len(buffer) == 0


@hypothesis.given(strategies.binary())
def test_any_octets_are_taken(octets: bytes) -> None:
    buffer = frames.Frames()
    buffer.feed(octets)
    with contextlib.suppress(errors.Disconnected):
        responses(buffer)


def test_an_endless_line_ends_the_connection_instead_of_the_memory() -> None:
    buffer = frames.Frames()
    buffer.feed(b"x" * (frames.LINE_BYTES + 1))
    with pytest.raises(errors.Disconnected, match="endless"):
        buffer.response()


def test_a_literal_that_is_too_large_is_not_waited_for() -> None:
    buffer = frames.Frames()
    buffer.feed(b"* 1 FETCH (BODY[] {99999999999}\r\n")
    with pytest.raises(errors.Disconnected, match="99999999999"):
        buffer.response()


def test_a_search_may_find_hundreds_of_thousands_of_mails() -> None:
    found = frames.Frames()
    line = b"* SEARCH " + b" ".join(b"%d" % uid for uid in range(1, 400_001)) + b"\r\n"
    for start in range(0, len(line), 65_536):
        found.feed(line[start : start + 65_536])
        if start + 65_536 < len(line):
            assert found.response() is None
    assert found.response() == [line[:-2]]
