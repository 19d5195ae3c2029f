"""The text forms of ``when``."""

from __future__ import annotations

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.rules import regex, word_marks
from bridge.rules.text import Text, clip
from tests.unit.rules import odd

ADAPTER = pydantic.TypeAdapter(Text)


@pytest.mark.parametrize(
    ("written", "text", "held"),
    [
        ("motion", "Front MOTION!", True),
        ("motion at  hall", "Motion\n at\u00a0hall", True),
        ("straße", "STRASSE", True),
        ("caf\u00e9", "cafe\u0301", True),
        ("motion", "emotio n", False),
        ({"is": ""}, " ", True),
        ({"is": ""}, "a", False),
        ("/mot.on/", "MOTION", True),
        ("/mot.on/c", "MOTION", False),
        ("/a.b/", "a\nb", False),
        ("/a.b/s", "a\nb", True),
        ("/a.B/sc", "a\nb", False),
        ("/^b$/", "a\nb", False),
        ("/^b$/m", "a\nb", True),
        ("/etc/passwd", "see /etc/passwd", True),
        (["no", "/y.s/"], "YES", True),
        (["no", "nor"], "yes", False),
        ({"is": "Motion  at hall"}, "motion at Hall", True),
        ({"is": "motion"}, "motion at hall", False),
        ({"contains": "at"}, "motion at hall", True),
        ({"starts": "Motion"}, "motion at hall", True),
        ({"starts": "hall"}, "motion at hall", False),
        ({"ends": "hall"}, "motion at HALL ", True),
        ({"ends": "motion"}, "motion at hall", False),
        ({"glob": "motion * h?ll"}, "motion at hall", True),
        ({"glob": "motion"}, "motion at hall", False),
        ({"matches": r"\d+"}, "a 12", True),
        ({"matches": r"/\d+/"}, "a 12", True),
        ({"starts": "motion", "ends": "hall"}, "motion at hall", True),
        ({"starts": "motion", "ends": "door"}, "motion at hall", False),
        ({"contains": ["door", "hall"]}, "motion at hall", True),
    ],
)
def test_a_text_holds_for_what_it_says(written: object, text: str, held: bool) -> None:
    assert (ADAPTER.validate_python(written).find(text) is not None) is held


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"/at (?P<x>\w+)/", "at Küche!", "Küche"),
        (r"/(?P<x>\d+)/", "für ٣٤ Leute", "٣٤"),
        (r"/(?P<x>\bü\w*)/", "grün über", "über"),
        (r"/\b(?P<x>\w+)\b$/", "ä foo", "foo"),
        (r"/(?P<x>\bfoo\b \bbär\b)/", "xfoo foo bär foo bär", "foo bär"),
        (r"/(?P<x>x\b)/", "xü x", "x"),
        (r"/a(?P<x>\s+)b/", "a\u00a0\u2003b", "\u00a0\u2003"),
        (r"/(?P<x>[^\W\d_]+)/", "12_äb3", "äb"),
        (r"/\b(?P<x>[^\W\d_]+)\b/", "12_3 äb é", "äb"),
        (r"/\b(?P<x>[\s\S]+)b/", "é a\nb", "é a\n"),
        (r"/(?P<x>a{2,3})\b/", "éa aaaa aaa", "aaa"),
        (r"/\b(?P<x>\Qa.b\E)\b/", "é axb a.b", "a.b"),
        (r"/(?s:é(?P<x>.))b\b/", "é\nb", "\n"),
        (r"/(?P<x>[^-a]+)\b/", "-é-", "é"),
    ],
)
def test_classes_and_boundaries_are_unicode(pattern: str, text: str, found: str) -> None:
    values = ADAPTER.validate_python(pattern).find(text)
    assert values == {"x": found}


def test_a_boundary_is_not_inside_a_word_with_accents() -> None:
    assert ADAPTER.validate_python(r"/\bber\b/").find("über") is None
    assert ADAPTER.validate_python(r"/\bü/").find("grün") is None


def test_a_group_that_took_no_part_gives_no_value() -> None:
    assert ADAPTER.validate_python("/(?P<a>x)|(?P<b>y)/").find("y") == {"b": "y"}


@pytest.mark.parametrize(
    ("written", "place", "message"),
    [
        ("/(/", (), "RE2 refuses this regex: missing ): ("),
        ("/a(?=b)/", (), "RE2 has no lookahead or lookbehind: (?="),
        ("/(?<!a)b/", (), "RE2 has no lookahead or lookbehind: (?<!"),
        (r"/(a)\1/", (), r"RE2 has no backreferences: \1"),
        ("/a++/", (), "RE2 has no possessive or double repetition: ++"),
        ("/a/g", (), 'a regex has no flag "g"; there are s, m and c'),
        ("/(?P<é>a)/", (), '"é" is no name for a value; use letters, digits and _'),
        ("/a/i", (), 'a regex has no flag "i"; there are s, m and c (case is ignored without it)'),
        ({"contains": ""}, ("contains",), "an empty text holds for everything; leave the key out"),
        ("", (), "an empty text holds for everything; leave the key out"),
        (7, (), "write a text: a word, /regex/, a list of these, or a map (a number or true needs quotes)"),
        ([], (), "an empty list holds for nothing"),
        (["a", "/(/"], (1,), "RE2 refuses this regex: missing ): ("),
        ({"matches": "("}, ("matches",), "RE2 refuses this regex: missing ): ("),
        ({"contains": ["a", 3]}, ("contains", 1), "write a string (a number or true needs quotes)"),
        ({"contain": "a"}, ("contain",), 'unknown key; did you mean "contains"?'),
        ({"fresh": "a"}, ("fresh",), "unknown key"),
    ],
)
def test_what_is_no_text_gives_one_error_at_its_place(written: object, place: tuple[object, ...], message: str) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        ADAPTER.validate_python(written)
    (line,) = caught.value.errors()
    assert (line["loc"], line["msg"].removeprefix("Value error, ")) == (place, message)


@given(st.text())
def test_any_text_as_a_regex_is_a_pattern_or_a_value_error(source: str) -> None:
    try:
        pattern = regex.Pattern(source)
    except ValueError:
        return
    for text in ("", "plain", "grüße \u00a0 x", "\ud800", source):
        found = pattern.search(text)
        assert found is None or word_marks.MARK not in found.whole


@given(st.from_regex(r"[a-zéß\\bwdsWDS .\[\]()|*+?^$\-]{1,12}", fullmatch=True), st.text())
def test_any_pattern_meets_any_text(source: str, text: str) -> None:
    try:
        pattern = regex.Pattern(source)
    except ValueError:
        return
    pattern.search(text)


@given(st.text(alphabet="ab \n_1-", max_size=20))
def test_boundaries_mean_the_same_in_plain_and_in_marked_texts(text: str) -> None:
    pattern = regex.Pattern(r"\b[a-b]+\b.\b\w")
    plain, marked = pattern.search(text), pattern.search(text + " \u00e9")
    if plain is not None:
        assert marked is not None
        assert marked.whole == plain.whole


@given(st.text(), st.text())
def test_any_glob_is_a_pattern_or_a_value_error(source: str, text: str) -> None:
    try:
        regex.glob(source).fullmatch(text)
    except ValueError:
        assert "[" in source or source != regex.encodable(source)


@given(st.text())
def test_a_text_contains_itself(text: str) -> None:
    try:
        word = Text.parse({"contains": text})
    except ValueError:
        assert not text.strip() or not text.casefold().split()
        return
    assert word.find(f"before {text} after") is not None


@given(st.text())
def test_what_people_are_shown_is_short_and_printable(text: str) -> None:
    shown = clip(text)
    assert len(shown) <= 80
    assert all(char.isprintable() for char in shown)


@given(pattern=odd.patterns, text=st.text(st.characters(max_codepoint=127), max_size=12), flags=st.sampled_from("ismc"))
def test_an_ascii_text_is_told_the_same_by_the_program_for_any_text(pattern: str, text: str, flags: str) -> None:
    options = {"dot_all": flags == "s", "multi_line": flags == "m", "exact_case": flags == "c"}
    try:
        made = regex.Pattern(pattern, **options)
    except ValueError:
        return
    here, there = made.search(text), made._for_any_text(marked=False).search(text)
    assert (here and here._match.span()) == (there and there.span())


def test_the_program_for_any_text_is_compiled_when_a_text_asks_for_it() -> None:
    made = regex.Pattern(r"\w+ \bok")
    assert (made._unicode, made._marked) == (None, None)
    assert made.search("it is ok")
    assert (made._unicode, made._marked) == (None, None)
    assert made.search("Tür ok")
    assert made._marked is not None


@pytest.mark.parametrize("pattern", [r"\w{900}", r"(\w{30}){30}", r"[\w-]{900}", r"(\pL\w){800}", r"\b\w{380}"])
def test_a_regex_that_is_too_large_for_some_texts_is_refused_at_load(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern too large"):
        regex.Pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "capture", "first"), [("a(b)", True, "b"), ("a(b)", False, "ab"), ("(?P<x>a)(b)", False, "a")]
)
def test_groups_without_a_name_are_found_only_where_they_are_of_use(pattern: str, capture: bool, first: str) -> None:
    found = regex.Pattern(pattern, capture=capture).search("xab")
    assert found is not None
    assert found.first == first
