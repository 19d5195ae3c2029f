"""What a mail has to show before a condition can hold: what the index over many rules is made of.

A ``Place`` is something that every mail has and that is looked at once for all rules: its subject, the addresses of
its From. An ``Anchor`` is a key that must be found there: a whole key of a ``Keys`` place (an address, a flag), or a
stretch of a ``Texts`` place. A condition tells its ``Needed``: an anchor, ``AllOf`` several (any of them will do to
find the rule by), or ``AnyOf`` several. ``NOTHING`` says that it may hold for any mail at all: it is looked at for
each.

What is told here must be certain: a rule whose anchor is not in a mail is not looked at.
"""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from bridge.mail import Mail
from bridge.rules import regex, word_marks

SHOWN_CHARS = 256  # of a stretch; the rest of it is the condition's own affair
_LEAST_IN_A_BODY = 3  # characters of a stretch that a body is searched for, and between two of its beginnings


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Somewhere in a mail. Two that read by the same function are one."""

    name: str
    in_text: bool = False  # has to be downloaded and decoded to be looked at


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Keys(Place):
    """Keys that a mail has or has not."""

    read: Callable[[Mail], Iterable[str]]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Texts(Place):
    """A text (several: a line each), that is folded (``text.fold``) before it is searched."""

    read: Callable[[Mail], str]


@dataclasses.dataclass(frozen=True, slots=True)
class Anchor:
    """A key at a place."""

    place: Keys | Texts
    key: str


@dataclasses.dataclass(frozen=True, slots=True)
class AllOf:
    """The mail shows every one of these."""

    members: tuple[Needed, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class AnyOf:
    """The mail shows at least one of these."""

    branches: tuple[Needed, ...]


Needed: TypeAlias = Anchor | AllOf | AnyOf
NOTHING = AllOf()


def all_of(members: Iterable[Needed]) -> Needed:
    """Every one of these; of those that need nothing there is nothing to say."""
    found = tuple(one for one in members if one != NOTHING)
    return found[0] if len(found) == 1 else AllOf(found)


def any_of(branches: Iterable[Needed]) -> Needed:
    """One of these; nothing where one of them needs nothing."""
    found = tuple(branches)
    if NOTHING in found:
        return NOTHING
    return found[0] if len(found) == 1 else AnyOf(found)


def leaves(needed: Needed) -> Iterator[Anchor]:
    """Every anchor in it."""
    if isinstance(needed, Anchor):
        yield needed
    else:
        for one in needed.members if isinstance(needed, AllOf) else needed.branches:
            yield from leaves(one)


def stretch(place: Texts, folded: str) -> Needed:
    """A stretch of a folded text, or nothing where it is none to search for: too short, or so uniform (``---``) that
    a hostile body could have it at every place.
    """
    key = folded[:SHOWN_CHARS]
    if not key or word_marks.MARK in key or regex.encodable(key) != key:
        return NOTHING
    if place.in_text and (len(key) < _LEAST_IN_A_BODY or any(key.startswith(key[n:]) for n in (1, 2))):
        return NOTHING
    return Anchor(place, key)


def foldings(text: str, fold: Callable[[str], str]) -> Iterator[str]:
    """The text as words are compared with it, and, where that is another, as regexes see it: they know nothing of ways
    to compose an accent, and see their own mark, and what is no UTF-8, as something else.
    """
    folded = fold(text)
    if folded.isascii() and text.isascii():
        yield folded
        return
    yield regex.encodable(folded)
    plain = regex.encodable(text).replace(word_marks.MARK, " ")
    if plain != text or not unicodedata.is_normalized("NFC", text):
        yield " ".join(plain.casefold().split())
