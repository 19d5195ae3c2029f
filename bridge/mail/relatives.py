"""Which elements of a page stand how to which others.

Every list of elements is in the order of the document, and every answer takes as long as the lists are long.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable

from bridge.mail.page import Element, Page


def after(sign: str, left: list[Element], right: list[Element]) -> list[Element]:
    """Those of ``right`` that stand to one of ``left`` as the combinator says."""
    if sign == ">":
        places = set(map(_place, left))
        return [element for element in right if element.parent and element.parent.at in places]
    if sign == "+":
        places = set(map(_place, left))
        return [element for element in right if element.before and element.before.at in places]
    if sign == "~":
        first: dict[int, int] = {}
        for element in left:
            first.setdefault(_parent(element), element.at)
        return [element for element in right if first.get(_parent(element), element.at) < element.at]
    return inside(left, right)


def inside(outer: list[Element], inner: list[Element]) -> list[Element]:
    found, end, n = [], 0, 0
    for element in inner:
        while n < len(outer) and outer[n].at < element.at:
            end = max(end, outer[n].end)
            n += 1
        if element.at < end:
            found.append(element)
    return found


def before(sign: str, left: list[Element], right: list[Element]) -> list[Element]:
    """Those of ``left`` to which one of ``right`` stands as the combinator says."""
    if sign == ">":
        places = set(map(_parent, right))
        return [element for element in left if element.at in places]
    if sign == "+":
        places = {element.before.at for element in right if element.before}
        return [element for element in left if element.at in places]
    if sign == "~":
        last = {_parent(element): element.at for element in right}
        return [element for element in left if last.get(_parent(element), 0) > element.at]
    ats = list(map(_place, right))
    return [e for e in left if (n := bisect.bisect(ats, e.at)) < len(ats) and ats[n] < e.end]


def _place(element: Element) -> int:
    return element.at


def _parent(element: Element) -> int:
    return element.parent.at if element.parent else -1


def outside_of(found: list[Element], unwanted: list[Element]) -> list[Element]:
    places = set(map(_place, unwanted))
    return [element for element in found if element.at not in places]


def any_of(found: list[Element], wanted: Iterable[list[Element]]) -> list[Element]:
    places = {element.at for some in wanted for element in some}
    return [element for element in found if element.at in places]


def numbers(page: Page, *, by_type: bool, last: bool) -> list[int]:
    """Each element's number among its siblings, from 1."""
    counts: dict[tuple[int, str], int] = {}
    numbers = [0] * len(page.elements)
    for element in reversed(page.elements) if last else page.elements:
        key = _parent(element), element.tag if by_type else ""
        numbers[element.at] = counts[key] = counts.get(key, 0) + 1
    return numbers


def in_series(number: int, a: int, b: int) -> bool:
    steps = number - b
    return steps == 0 if a == 0 else steps % a == 0 and steps // a >= 0
