"""CSS selectors over a page, each evaluated for the whole page at once, so that it costs the length of the page times
the length of the selector. (The engines that walk back from each element take seconds for ``:nth-child`` or ``:has``
among ten thousand siblings.)

Understood: types, ``*``, ``.class``, ``#id``, ``[attribute]`` with ``= ~= |= ^= $= *= !=`` and the flag ``i``, the four
combinators, lists with commas, ``:first-child :last-child :only-child`` and the same ``-of-type``, ``:nth-child()
:nth-last-child() :nth-of-type() :nth-last-of-type()``, ``:not() :is() :where() :has() :empty :root``.
"""

from __future__ import annotations

import abc
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cssselect
from cssselect import parser

from bridge.mail import relatives
from bridge.mail.page import Element, Page

SELECTOR_CHARS = 500
_TOKEN = re.compile(r"<[A-Z]+(?: ('[^']*'))? at \d+>")
_Predicate = Callable[[Element], bool]
_Test = Callable[[Page, list[Element]], list[Element]]  # thins out a list of elements, in the order of the document


class Selector:
    """A selector, made once."""

    def __init__(self, written: str) -> None:
        """
        Raises:
            ValueError: it is no selector, or asks for what has no meaning in a mail; the message says what.
        """
        self.written = written
        if len(written) > SELECTOR_CHARS:
            raise ValueError(f"is longer than {SELECTOR_CHARS} characters")
        try:
            found = cssselect.parse(written)
        except (parser.SelectorError, ValueError, RecursionError) as error:
            raise ValueError(f"no CSS selector: {_plain(str(error))}") from None
        if pseudo := [str(one.pseudo_element) for one in found if one.pseudo_element]:
            raise ValueError(f'"::{pseudo[0]}" selects no element')
        self._nodes = [_compiled(one.parsed_tree) for one in found]

    def first(self, page: Page) -> Element | None:
        """The first element of the page that it selects."""
        found = [selected[0] for node in self._nodes if (selected := node.select(page))]
        return min(found, key=lambda element: element.at, default=None)


def _plain(message: str) -> str:
    """``Expected selector, got <EOF at 3>``, for people."""
    return _TOKEN.sub(lambda token: token[1] or "the end", message)


class _Node(abc.ABC):
    """A part of a selector."""

    @abc.abstractmethod
    def select(self, page: Page) -> list[Element]:
        """All that it selects, in the order of the document."""


class _Compound(_Node):
    """``td.price:first-child``: what one element has to be."""

    def __init__(self, tag: str | None) -> None:
        self.tag = tag
        self.tests: list[_Test] = []

    def select(self, page: Page) -> list[Element]:
        found = [element for element in page.elements if self.tag is None or element.tag == self.tag]
        for test in self.tests:
            if not found:
                break
            found = test(page, found)
        return found


class _Combined(_Node):
    """``a > b``."""

    def __init__(self, left: _Node, sign: str, right: _Node) -> None:
        self._left, self._sign, self._right = left, sign, right

    def select(self, page: Page) -> list[Element]:
        return relatives.after(self._sign, self._left.select(page), self._right.select(page))


def _compiled(tree: Any) -> _Node:
    if isinstance(tree, parser.CombinedSelector):
        return _Combined(_compiled(tree.selector), tree.combinator, _compiled(tree.subselector))
    return _compound(tree)


def _compound(tree: Any) -> _Compound:
    if isinstance(tree, parser.Element):
        _no_namespace(tree.namespace)
        return _Compound(tree.element.lower() if tree.element else None)
    made = _compound(tree.selector)
    made.tests.append(_test(tree))
    return made


def _no_namespace(name: str | None) -> None:
    if name not in {None, "*"}:
        raise ValueError(f'a mail has no namespace "{name}"')


def _test(tree: Any) -> _Test:
    if isinstance(tree, parser.Negation):
        inner = _compiled(tree.subselector)
        return lambda page, found: relatives.outside_of(found, inner.select(page))
    if isinstance(tree, parser.Matching | parser.SpecificityAdjustment):
        inners = [_compiled(one) for one in tree.selector_list]
        return lambda page, found: relatives.any_of(found, [one.select(page) for one in inners])
    if isinstance(tree, parser.Relation):
        chains = [_chain(sign.value or " ", one.parsed_tree) for sign, one in tree.arguments]
        return lambda page, found: relatives.any_of(found, [_anchors(page, found, chain) for chain in chains])
    if isinstance(tree, parser.Function):
        return _counted(_countable(tree.name), _series(tree))
    if isinstance(tree, parser.Pseudo):
        return _pseudo(tree.ident)
    return _each(_predicate(tree))


def _each(predicate: _Predicate) -> _Test:
    """What looks at each element for itself."""

    def test(_: Page, found: list[Element]) -> list[Element]:
        return list(filter(predicate, found))

    return test


def _chain(sign: str, tree: Any) -> list[tuple[str, _Node]]:
    """``> b c`` → [(">", b), (" ", c)]."""
    if isinstance(tree, parser.CombinedSelector):
        return [*_chain(sign, tree.selector), (tree.combinator, _compiled(tree.subselector))]
    return [(sign, _compiled(tree))]


def _anchors(page: Page, found: list[Element], chain: Sequence[tuple[str, _Node]]) -> list[Element]:
    """Those of which ``:has`` holds: looked at from the far end."""
    *_, (sign, node) = chain
    right = node.select(page)
    for before, one in reversed(chain[:-1]):
        right = relatives.before(sign, one.select(page), right)
        sign = before
    return relatives.before(sign, found, right)


def _predicate(tree: Any) -> _Predicate:
    if isinstance(tree, parser.Class):
        return _word("class", tree.class_name)
    if isinstance(tree, parser.Hash):
        return lambda element: element.attributes.get("id") == tree.id
    _no_namespace(tree.namespace)
    name, value = tree.attrib.lower(), tree.value.value if tree.value else ""
    if tree.operator == "~=" and tree.flag != "i":
        return _word(name, value)
    if tree.operator == "exists":
        return lambda element: name in element.attributes
    compare = _COMPARISONS[tree.operator]
    if tree.flag == "i":
        wanted = value.lower()
        return lambda e: (has := e.attributes.get(name)) is not None and compare(has.lower(), wanted)
    if tree.operator == "!=":
        return lambda element: element.attributes.get(name) != value
    return lambda e: (has := e.attributes.get(name)) is not None and compare(has, value)


def _word(name: str, wanted: str) -> _Predicate:
    def has_it(element: Element) -> bool:
        written = element.written
        if wanted not in written and "&" not in written:  # most elements: their attributes need not be parsed
            return False
        return wanted in element.attributes.get(name, "").split()

    return has_it


_COMPARISONS: Mapping[str, Callable[[str, str], bool]] = {
    "=": lambda has, wanted: has == wanted,
    "!=": lambda has, wanted: has != wanted,
    "~=": lambda has, wanted: wanted in has.split(),
    "|=": lambda has, wanted: has == wanted or has.startswith(wanted + "-"),
    "^=": lambda has, wanted: bool(wanted) and has.startswith(wanted),
    "$=": lambda has, wanted: bool(wanted) and has.endswith(wanted),
    "*=": lambda has, wanted: bool(wanted) and wanted in has,
}


def _series(tree: Any) -> tuple[int, int]:
    try:
        a, b = parser.parse_series(tree.arguments)
    except ValueError:
        raise ValueError(f":{tree.name}() takes a number, even, odd or 2n+1") from None
    return a, b


_COUNTED = ("nth-child", "nth-last-child", "nth-of-type", "nth-last-of-type")


def _countable(name: str) -> str:
    if name not in _COUNTED:
        raise ValueError(f'":{name}()" is not understood; there are :{"(), :".join(_COUNTED)}(), :not(), :is(), :has()')
    return name


def _counted(name: str, series: tuple[int, int]) -> _Test:
    by_type, last = name.endswith("type"), "last" in name
    return lambda page, found: _at(page, found, series, by_type=by_type, last=last)


def _at(page: Page, found: list[Element], series: tuple[int, int], *, by_type: bool, last: bool) -> list[Element]:
    """Those whose number among their siblings is in the series ``an+b``."""
    a, b = series
    numbers = relatives.numbers(page, by_type=by_type, last=last)
    return [element for element in found if relatives.in_series(numbers[element.at], a, b)]


def _pseudo(name: str) -> _Test:
    first, _, kind = name.partition("-")
    if first in {"first", "last", "only"} and kind in {"child", "of-type"}:
        sides = [f"nth-{kind}"] * (first != "last") + [f"nth-last-{kind}"] * (first != "first")
        tests = [_counted(side, (0, 1)) for side in sides]
        return lambda page, found: tests[-1](page, tests[0](page, found))
    if name == "root":
        return _each(lambda element: element.at == 0)
    if name == "empty":
        return lambda page, found: [e for e in found if e.last is None and not "".join(page.pieces[e.start : e.stop])]
    raise ValueError(f'":{name}" has no meaning in a mail')
