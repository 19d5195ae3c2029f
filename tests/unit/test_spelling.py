"""Did you mean."""

from __future__ import annotations

import pytest

from bridge import spelling

WORDS = ("subject", "from", "to", "cc", "body", "header", "password", "password_file", "max_bytes", "sink", "as", "if")


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("subjct", "subject"),
        ("form", "from"),
        ("ot", "to"),
        ("fi", "if"),
        ("ccc", "cc"),
        ("Body", "body"),
        ("pass", "password"),
        ("pasword_file", "password_file"),
        ("max-bytes", "max_bytes"),
        ("snik", "sink"),
    ],
)
def test_a_slip_finds_the_word_that_was_meant(slip: str, meant: str) -> None:
    assert spelling.nearest(slip, WORDS) == meant


@pytest.mark.parametrize("word", ["", "x", "zebra", "temperature", "  "])
def test_what_is_like_nothing_finds_nothing(word: str) -> None:
    assert spelling.did_you_mean(word, WORDS) == ""


@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_found_with_a_letter_left_out_doubled_or_swapped(word: str) -> None:
    slips = {word[:n] + word[n + 1 :] for n in range(len(word))} | {
        word[:n] + word[n] + word[n:] for n in range(len(word))
    }
    slips |= {word[:n] + word[n + 1] + word[n] + word[n + 2 :] for n in range(len(word) - 1)}
    found = {slip: spelling.nearest(slip, WORDS) for slip in slips if len(slip) > 1 and slip not in WORDS}
    assert set(found.values()) == {word}
