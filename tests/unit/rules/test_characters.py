"""Where a text can be cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.rules import characters, filters

SCIENTIST = "👩\u200d🔬"
ODD = 'a1"ü\u0301\u200d\ufe0f👩🔬🇩🇪🏽\u1100\u1161\u11a8\r\n\ud800'


@pytest.mark.parametrize(
    ("text", "chars", "kept"),
    [
        ("abc", 2, "ab"),
        ("abc", 9, "abc"),
        ("abc", 0, ""),
        ("abc", -1, ""),
        ("", 3, ""),
        ("e\u0301e\u0301", 3, "e\u0301"),
        ("e\u0301e\u0301", 1, ""),
        ("❤\ufe0fx", 1, ""),
        ("❤\ufe0fx", 2, "❤\ufe0f"),
        (f"a{SCIENTIST}b", 3, "a"),
        (f"a{SCIENTIST}b", 4, f"a{SCIENTIST}"),
        ("👍🏽👍", 1, ""),
        ("👍🏽👍", 2, "👍🏽"),
        ("🇩🇪🇫🇷", 1, ""),
        ("🇩🇪🇫🇷", 2, "🇩🇪"),
        ("🇩🇪🇫🇷", 3, "🇩🇪"),
        ("🏴\U000e0067\U000e007fx", 2, ""),
        ("\r\nx", 1, ""),
        ("\u1100\u1161\u11a8x", 2, ""),
        ("\u1100\u1161\u11a8x", 3, "\u1100\u1161\u11a8"),
        ("नि", 1, ""),
        ("a\u0301" + "\u0301" * 99, 80, "a\u0301" + "\u0301" * 78),  # too many to hold together
    ],
)
def test_what_people_see_as_a_character_stays_whole(text: str, chars: int, kept: str) -> None:
    assert characters.cut(text, chars) == kept


@pytest.mark.parametrize(
    ("text", "octets", "kept"),
    [("grüße", 4, "grü"), ("grüße", 3, "gr"), ("😀", 3, ""), ("a\ud800b", 2, "a?"), (SCIENTIST, 10, ""), ("x", 0, "")],
)
def test_octets_are_those_of_utf_8(text: str, octets: int, kept: str) -> None:
    assert characters.cut_octets(text, octets) == kept
    assert filters.octets(text, octets) == kept


@given(st.text(st.sampled_from(ODD)) | st.text(), st.integers(-2, 40))
def test_a_cut_is_a_beginning_of_the_text_and_no_longer_than_asked(text: str, chars: int) -> None:
    kept = characters.cut(text, chars)
    assert text.startswith(kept)
    assert len(kept) <= max(0, chars)
    assert len(kept) >= min(len(text), chars) - characters.CLUSTER


@given(st.text(st.sampled_from(ODD)) | st.text(), st.integers(0, 40))
def test_more_room_never_keeps_less(text: str, octets: int) -> None:
    less, more = characters.cut_octets(text, octets), characters.cut_octets(text, octets + 1)
    assert len(less.encode()) <= octets
    assert more.startswith(less)
