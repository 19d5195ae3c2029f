"""What a regex or a glob cannot do without."""

from __future__ import annotations

import sys

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from bridge.rules import anchors, literals, regex, text
from tests.unit.rules import odd, showing

SUBJECT = anchors.Texts(name="subject", read=lambda mail: mail.subject)
BODY = anchors.Texts(name="body", read=lambda mail: mail.text, in_text=True)


def told(needed: anchors.Needed) -> object:
    """Plain: a text; a list for all of these; a tuple for any of these."""
    if isinstance(needed, anchors.AllOf):
        return [told(one) for one in needed.members]
    if isinstance(needed, anchors.AnyOf):
        return tuple(told(one) for one in needed.branches)
    return needed.key


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("motion", "motion"),
        ("Motion AT", "motion at"),
        (r"motion at (?P<place>\w+)", "motion at"),
        (r"temp=([-\d.]+) in hall", ["temp=", "in hall"]),
        (r"^\bfoo\b$", "foo"),
        ("fo+bar", ["fo", "bar"]),
        ("fo?bar", ["f", "bar"]),
        ("fo*", "f"),
        ("fo{2}x", ["fo", "x"]),
        ("fo{0,2}x", ["f", "x"]),
        ("fo{2,}?x", ["fo", "x"]),
        ("o{,2}x", "o{,2}x"),
        ("fire|smoke", ("fire", "smoke")),
        ("fire|", []),
        ("fire|.*", []),
        ("on (fire|smoke)", ["on", ("fire", "smoke")]),
        ("on (fire|smoke)?", "on"),
        ("on (?:fire)+", ["on", "fire"]),
        ("a(b(c|d)e|f)g", ["a", "g", (["b", "e", ("c", "d")], "f")]),
        ("a[bc]d", ["a", "d"]),
        ("a[]b]d", ["a", "d"]),
        ("a[^]b]d", ["a", "d"]),
        (r"a[\]b]d", ["a", "d"]),
        ("a[[:alpha:]]d", ["a", "d"]),
        (r"a\.b\/c", "a.b/c"),
        (r"a\x41b", ["a", "b"]),
        (r"a\x{41}b", ["a", "b"]),
        (r"a\pLb", ["a", "b"]),
        (r"a\p{Greek}b", ["a", "b"]),
        (r"a\101b", ["a", "b"]),
        (r"a\Q.b\Ec", ["a", "c"]),
        (r"a\nb", ["a", "b"]),
        ("a  b", "a b"),
        (" a ", "a"),
        ("caf\u00e9s", ["caf", "s"]),
        ("(?i)abc", "abc"),
        ("(?-i:abc)", "abc"),
        ("(?P<x>abc)", "abc"),
        ("(?<x>abc)", "abc"),
        ("(" * 60 + "a" + ")" * 60, []),
        ("", []),
        (r"\d+", []),
    ],
)
def test_a_regex_needs(pattern: str, expected: object) -> None:
    regex.Pattern(pattern)
    assert told(literals.needed(SUBJECT, pattern)) == expected


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("report*", "report"),
        ("*report ? of*", ["report", "of"]),
        ("a[bc]d", ["a", "d"]),
        ("a[]]d", ["a", "d"]),
        ("a[b", "a[b"),
        ("*", []),
        ("caf\u00e9s", ["caf", "s"]),
    ],
)
def test_a_glob_needs(glob: str, expected: object) -> None:
    assert told(literals.of_glob(SUBJECT, glob)) == expected


@pytest.mark.parametrize("uniform", ["ab", "---", "ababab", "\ufdd0abc"])
def test_what_a_hostile_body_could_have_everywhere_is_not_searched_for_in_one(uniform: str) -> None:
    assert anchors.stretch(BODY, uniform) == anchors.NOTHING


def test_a_stretch_is_long_enough_to_tell_and_no_longer() -> None:
    assert told(anchors.stretch(BODY, "abc")) == "abc"
    assert told(anchors.stretch(SUBJECT, "ab")) == "ab"
    assert told(anchors.stretch(BODY, "abc" * 1000)) == ("abc" * 1000)[: anchors.SHOWN_CHARS]


def test_what_the_regex_engine_takes_for_an_ascii_letter_is_folded_to_it() -> None:
    everything = "".join(chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF)
    for code in range(128):
        same = re2.findall(f"(?i){re2.escape(chr(code))}", everything)
        assert {char.casefold() for char in same} == {chr(code).casefold()}


@given(pattern=odd.patterns, around=st.tuples(odd.texts, odd.texts), flags=st.sampled_from(["", "s", "m", "c"]))
def test_what_a_regex_finds_shows_what_it_needs(pattern: str, around: tuple[str, str], flags: str) -> None:
    try:
        made = text.Regex(f"/{pattern}/{flags}")
    except ValueError:
        return
    for subject in (pattern.join(around), "".join(around), "ak1".join(around)):
        if made.find(subject) is not None:
            assert showing.text_shows(subject, made.must_show(SUBJECT))


@given(form=odd.forms, subject=odd.texts)
def test_a_text_that_holds_shows_what_it_needs(form: object, subject: str) -> None:
    try:
        made = text.Text.parse(form)
    except ValueError:
        return
    for read in (subject, subject + subject, f"a{form}b{subject}"):
        if made.find(read) is not None:
            assert showing.text_shows(read, made.must_show(SUBJECT))
