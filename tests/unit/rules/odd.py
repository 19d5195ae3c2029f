"""Texts, and what rules ask of them, in which letters are not what they seem: ß, ſ, the Kelvin sign, loose accents,
İ, soft hyphens, every kind of blank, the mark that regexes put into texts.
"""

from __future__ import annotations

from typing import Any

import re2
from hypothesis import strategies as st

PIECES = (
    *("a", "A", "k", "\u212a", "s", "\u017f", "ss", "\u00df", "\u1e9e", "i", "\u0130", "\u0131", "e", "\u00e9"),
    *("\u0301", "\u0338", "<", "\u212b", "\ufb01", "fi", "1", "!", "-", "?", "*", "[", "\u00ad", "\u200b", "\ufdd0"),
    *(" ", "  ", "\t", "\u00a0", "\u2028", "\x1f", "\uac00", "\u11a8", "\u03c3", "\u03c2", "\U0001f600"),
)
words = st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join)
texts = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
_plain = words.map(re2.escape)
_atoms = st.one_of(
    _plain,
    st.sampled_from(
        [r"\w", r"\d", r"\s", r"\b", r"\W", ".", "^", "$", "[a-k]", "[^]a]", r"[\w-]", r"\pL", r"\x41", "(?i)"]
    ),
    words.map(lambda word: rf"\Q{word}\E"),
)


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    repeats = st.sampled_from(["", "?", "*", "+", "{0,2}", "{1,2}", "{2}", "+?", "??"])
    groups = st.tuples(st.sampled_from(["(?:", "(", "(?i:", "(?-i:"]), inner, repeats).map(
        lambda g: f"{g[0]}{g[1]}){g[2]}"
    )
    return st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map("|".join),
        groups,
        st.tuples(_plain, repeats).map("".join),
    )


patterns = st.recursive(_atoms, _grown, max_leaves=6)
regexes = st.tuples(patterns, st.sampled_from(["", "s", "c", "m"])).map(lambda made: f"/{made[0]}/{made[1]}")
forms = st.one_of(
    words,
    regexes,
    st.lists(st.one_of(words, regexes), min_size=1, max_size=2),
    st.dictionaries(st.sampled_from(["is", "contains", "starts", "ends", "glob"]), words, min_size=1, max_size=2),
    st.tuples(words, words).map(lambda two: {"glob": f"{two[0]}*{two[1]}"}),
)
addresses: st.SearchStrategy[Any] = st.one_of(
    st.tuples(words, words).map("@".join),
    words,
    words.map("*@{}".format),
    st.tuples(words, words).map(lambda two: f"{two[0]}*@{two[1]}"),
    words.map("{}*".format),
    forms.map(lambda form: {"name": form}),
)
