r"""Marks at both ends of every run of word characters: what ``\b`` means in a text that is not ASCII."""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator

_BEYOND = "\U00010000"  # the first character beyond the basic plane
MARK = "\ufdd0"  # a noncharacter: it is taken out of a text before marks are put in


@functools.cache
def _combining() -> frozenset[str]:
    """Every mark that belongs to the letter before it, and so to its word."""
    planes = (*range(0x300, 0x20000), *range(0xE0100, 0xE01F0))
    return frozenset(chr(code) for code in planes if unicodedata.category(chr(code))[0] == "M")


@functools.lru_cache(maxsize=8)
def words(beyond: str = "") -> re.Pattern[str]:
    """Runs of word characters. A single class cannot backtrack, so that the standard library's ``re`` is safe, and it
    is faster; but it looks through what is beyond the basic plane range by range, for every character. So of the marks
    beyond it only those stand in the class that the text has: hardly ever any.
    """
    near = (char for char in _combining() if char < _BEYOND)
    return re.compile(rf"([\w{''.join(_ranges(sorted(map(ord, (*near, *beyond)))))}]+)")


def _ranges(codes: Iterable[int]) -> Iterator[str]:
    """Ascending code points as ranges of a class."""
    for _, run in itertools.groupby(enumerate(codes), lambda pair: pair[1] - pair[0]):
        members = [chr(code) for _, code in run]
        yield f"{members[0]}-{members[-1]}"


@functools.lru_cache(maxsize=2)  # one subject, one body: the rules after the first need not do it again
def put(text: str) -> str:
    far = _combining().intersection(text) if max(text, default="") >= _BEYOND else ()
    runs = words("".join(sorted(one for one in far if one >= _BEYOND)))
    return MARK.join(runs.split(text.replace(MARK, " ")))  # the words, and what is between them, in turn


def taken_out(text: str) -> str:
    return text.replace(MARK, "")
