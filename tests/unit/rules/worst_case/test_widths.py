"""How long what a regex finds can be."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bridge.rules import regex
from bridge.rules.worst_case import widths

E = widths.ENDLESS


@pytest.mark.parametrize(
    ("pattern", "group", "width"),
    [
        (r"\d{1,4}", 0, (1, 4, 16)),
        (r"[0-9]{1,4}", 0, (1, 4, 4)),
        (r"on|off", 0, (2, 3, 3)),
        (r"(?P<state>on|off)!", "state", (2, 3, 3)),
        (r"(?:on|off)", 0, (2, 3, 3)),
        (r"x(a|bcd)?(e{2})", 1, (1, 3, 3)),
        (r"x(a|bcd)?(e{2})", 2, (2, 2, 2)),
        (r"x(a|bcd)?(e{2})", 0, (3, 6, 6)),
        (r"\w+", 0, (1, E, E)),
        (r"a*", 0, (0, E, E)),
        (r"a{3,}", 0, (3, E, E)),
        (r"a{3}?", 0, (3, 3, 3)),
        (r"a??b+?", 0, (1, E, E)),
        (r"k", 0, (1, 1, 3)),  # and the sign of the kelvin
        (r"s", 0, (1, 1, 2)),  # and the long s
        (r"ü", 0, (1, 1, 4)),
        (r".", 0, (1, 1, 4)),
        (r"^a$\b\B\A\z", 0, (1, 1, 1)),
        (r"[^a]", 0, (1, 1, 4)),
        (r"[]a]x", 0, (2, 2, 2)),
        (r"[a\]]{2}", 0, (2, 2, 2)),
        (r"[a-]", 0, (1, 1, 1)),
        (r"[\w.]", 0, (1, 1, 4)),
        (r"[[:digit:]]", 0, (1, 1, 3)),
        (r"\Qa+b\E+", 0, (3, E, E)),
        (r"\x41\x{42}\103", 0, (3, 3, 3)),
        (r"\.\/\n", 0, (3, 3, 3)),
        (r"\pL", 0, (1, 1, 4)),
        (r"(?i)a(?s:b)(?-i)", 0, (2, 2, 2)),
        (r"((a)b){2}", 2, (1, 1, 1)),
        (r"{a}", 0, (3, 3, 3)),
        (r"(a|b|)", 1, (0, 1, 1)),
    ],
)
def test_the_width_of_a_group(pattern: str, group: str | int, width: tuple[int, int, int]) -> None:
    found = widths.groups(pattern)[group]
    assert (found.least, found.chars, found.octets) == width


@pytest.mark.parametrize("pattern", [r"[(?P<]>x]", r"[\Qa\E]", "(", "[", "[a-", r"[\d-z]"])
def test_what_is_not_understood_has_no_bound(pattern: str) -> None:
    assert widths.groups(pattern).get(0, widths.ANYTHING).is_endless


atoms = st.sampled_from([
    "a", "k", "S", "ü", "ſ", "1", "-", " ", ".", r"\d", r"\w", r"\s", r"\S", r"\W", r"\D", r"\.", r"\x41", r"\b", "^",
    "$", "[a-c]", "[^a]", r"[\w-]", "[k-m]", "[[:alpha:]]", "[]x]", "[A-Z0-9_]", "[à-ý]", r"\pL", r"\Qk+\E",
])  # fmt: skip
repeats = st.sampled_from(["", "", "", "?", "*", "+", "{2}", "{1,3}", "{2,}", "*?", "??", "{0,2}?"])
patterns = st.recursive(
    st.builds(lambda atom, repeat: atom + ("" if atom in ("^", "$", r"\b", r"\Qk+\E") else repeat), atoms, repeats),
    lambda inner: (
        st.builds(lambda one, repeat: f"({one}){repeat}", inner, repeats)
        | st.builds(lambda one, repeat: f"(?:{one}){repeat}", inner, repeats)
        | st.builds(lambda one, other: f"{one}|{other}", inner, inner)
        | st.builds(lambda one, other: one + other, inner, inner)
    ),
    max_leaves=6,
)
texts = st.text(st.sampled_from("abckKsS\u212aſüÜ1٣.- _x+A\n😀"), max_size=14)


@given(pattern=patterns, text=texts)
@example(pattern="(k|s)+", text="\u212aſ")
def test_nothing_that_is_found_is_shorter_or_longer(pattern: str, text: str) -> None:
    try:
        made = regex.Pattern(f"(?P<whole>{pattern})")
    except ValueError:
        assume(False)
    found = made.search(text)
    if found is None:
        return
    value = found.values["whole"]
    width = widths.groups(made.source)["whole"]
    assert width.least <= len(value.encode()) <= width.octets
    assert len(value) <= width.chars
    assert not widths.mask_of(value) & ~width.mask


@given(pattern=patterns, text=texts)
@example(pattern="(?:b|a)?", text="x")
@example(pattern="(?:x|(a))", text="x")
def test_a_group_that_a_match_is_without_is_optional(pattern: str, text: str) -> None:
    names = iter("tuvwxyz")
    named = re.sub(r"(?<!\\)\((?!\?)|(?<!\\)\(\?:", lambda _: f"(?P<{next(names)}>", pattern)
    try:
        made = regex.Pattern(named)
    except ValueError:
        assume(False)
    found = made.search(text)
    if found is not None:
        assert made.names - found.values.keys() <= widths.optional(made.source)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("(?P<a>x)", ""),
        ("(?P<a>x)+(?P<b>y){1,3}", ""),
        ("(?P<a>x)?(?P<b>y)*(?P<c>z){0,2}(?P<d>z)", "abc"),
        ("(?P<a>x)|(?P<b>y)", "ab"),
        ("(?:(?P<a>x(?P<b>y))|z)(?P<c>u)", "ab"),
        ("(?P<a>x?|y*)", ""),
        ("(?P<a>(?P<b>x)?y)", "b"),
    ],
)
def test_what_a_match_can_be_without(pattern: str, names: str) -> None:
    assert widths.optional(pattern) == set(names)


def test_widths_are_added_chosen_and_repeated() -> None:
    one, other = widths.exactly("aü"), widths.exactly("b")
    assert (one + other) == widths.Width(least=4, chars=3, octets=4, mask=one.mask | other.mask)
    assert (one | other) == widths.Width(least=1, chars=2, octets=3, mask=one.mask | other.mask)
    assert one.times(0, 0) == widths.NOTHING
    assert widths.ANYTHING.times(1, 3) == widths.Width(chars=E, octets=E, mask=widths.EVERY)
    assert widths.exactly("aaaa").within(2) == widths.Width(least=2, chars=2, octets=2, mask=other.mask >> 1)
