"""HTML → a tree of its elements, in one pass over its tags.

The tree that the standard asks for can cost far more than the HTML is long (see html.py): formatting that is left open
is opened anew in each paragraph, and what stands wrong in a table is moved. So the tree is built here. It is strictly
nested: what is left open ends where its block ends, a stray end tag is passed over, nothing is moved. What well-made
HTML gives is the standard's tree, with the ``html``, ``head``, ``body``, ``tbody`` and ``tr`` that nobody wrote, and
with the end tags that nobody has to write (``p``, ``li``, ``dt``, ``td``, ``tr``, ``option``).

Depth, tags and attributes are limited; what comes after the last tag that is read is left out.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from html import unescape

from bridge.mail import html, limits, text

_TAG = re.compile(
    r"<!--.*?(?:-->|\Z)"
    rf"|<(script|style|title|textarea|template|iframe|noframes|noembed|xml)(?=[\s/>])({html.ATTRIBUTES})"
    r"(.*?)(?:</\1(?=[\s/>])[^>]*+>?|\Z)"
    rf"|<(/?)([a-z][^\s/>]*+)({html.ATTRIBUTES})"
    r"|<[!?/][^>]*+>?",
    re.DOTALL | re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]++)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>]++)))?""")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")

_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr")
)
_HEAD = frozenset(("base", "link", "meta", "script", "style", "title"))
_SHOWN = frozenset(("textarea",))  # raw text that people see
_CELLS = frozenset(("td", "th"))
_SECTIONS = frozenset(("tbody", "thead", "tfoot"))
_TABLE_PARTS = _CELLS | _SECTIONS | {"tr", "caption", "colgroup"}
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_CELL_WALLS = ("td", "th", "caption", "table")  # no end tag of what is outside counts inside
_BODY = 1  # its place among what is open
_BREAK = html.MARKS["/p"]
_BLOCK = "#block"  # the innermost block of any name

# A start tag → what it ends, unless one of the walls stands between.
_ENDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "li": (("li",), ("ul", "ol", "menu", "dir", *_CELL_WALLS)),
    "dt": (("dt", "dd"), ("dl", *_CELL_WALLS)),
    "dd": (("dt", "dd"), ("dl", *_CELL_WALLS)),
    "option": (("option",), ("select", "datalist")),
    "a": (("a",), (_BLOCK,)),
    "button": (("button",), _CELL_WALLS),
    "td": (("td", "th"), ("tr", "table")),
    "th": (("td", "th"), ("tr", "table")),
    "tr": (("tr", "caption", "colgroup"), ("table",)),
    **dict.fromkeys((*_SECTIONS, "caption", "colgroup"), ((*_SECTIONS, "caption", "colgroup"), ("table",))),
}
_PARENTS = {  # (element, where it stands) → what nobody wrote between them
    ("tr", "table"): ("tbody",),
    **dict.fromkeys([("td", "table"), ("th", "table")], ("tbody", "tr")),
    **{(cell, section): ("tr",) for cell in _CELLS for section in _SECTIONS},
}
_IN_P = _TABLE_PARTS | {"br", "a", "button", "option"}
_P_ENDS = (("p",), ("button", *_CELL_WALLS))


@dataclasses.dataclass(slots=True, eq=False)
class Element:
    """One element. ``page.elements[at:end]`` is it and all that is inside, in the order of the document."""

    tag: str  # lower case
    written: str  # its attributes, as they are written
    parent: Element | None
    before: Element | None  # the last of its parent's elements that stands before it
    at: int
    end: int
    start: int  # page.pieces[start:stop] is what people see of it
    stop: int
    last: Element | None = None  # of the elements in it
    raw: str = ""  # the inside of a script, style or template, which nobody sees
    _attributes: dict[str, str] | None = None

    @property
    def attributes(self) -> dict[str, str]:
        """Name in lower case → value."""
        if self._attributes is None:
            self._attributes = _attributes(self.written)
        return self._attributes


@dataclasses.dataclass(slots=True, eq=False)
class Page:
    """All elements in the order of the document; the first is ``html``."""

    elements: Sequence[Element]
    pieces: Sequence[str]  # of what people see, with html.py's marks between

    def text(self, element: Element, chars: int = limits.TEXT_CHARS) -> str:
        """What people see of it, as the mail's readable text has it: a line a block, a tab between cells."""
        return self.texts([element], chars)[0]

    def texts(self, elements: Iterable[Element], chars: int) -> list[str]:
        """The same for many, in one go; each from at most ``chars`` characters of HTML."""
        flats = [self._flat(element, chars) for element in elements]
        return [text.tidy(shown) for shown in html.shown(flats)] if flats else []

    def _flat(self, element: Element, chars: int) -> str:
        found: list[str] = []
        left = chars
        for n in range(element.start, element.stop):
            if left <= 0:
                break
            found.append(self.pieces[n][:left])
            left -= len(self.pieces[n])
        return "".join(found)

    def inside(self, element: Element) -> Sequence[Element]:
        return self.elements[element.at + 1 : element.end]


@functools.lru_cache(maxsize=2)  # the rules that look at one mail share its tree
def parse(source: str) -> Page:
    """Any text at all is a page."""
    build = _Builder()
    at = 0
    source = html.unmarked(_capped(source))
    for tag in _TAG.finditer(source):
        start, end = tag.span()
        if start > at:
            build.text(source[at:start])
        at = end
        raw, written, inner, slash, name, attributes = tag.groups()
        if slash:
            build.end_tag(name.lower())
        elif name:
            build.start_tag(name.lower(), attributes)
        elif raw:
            build.raw(raw.lower(), written, inner)
    build.text(source[at:])
    return build.done()


def _capped(source: str) -> str:
    source = source[: limits.HTML_CHARS]
    pieces = source.split("<", limits.HTML_TAGS)
    return source[: -len(pieces[-1]) - 1] if len(pieces) > limits.HTML_TAGS else source


class _Builder:
    """What is open, innermost last. Where the innermost element of a name is, is looked up, so that no tag has to walk
    over what is open.
    """

    def __init__(self) -> None:
        self._elements: list[Element] = []
        self._pieces: list[str] = []
        self._open: list[Element] = []
        self._places: dict[str, list[int]] = defaultdict(list)  # name → where in _open
        self._in_head = True
        self._push("html", "")
        self._push("head", "")

    def done(self) -> Page:
        self._leave_head()
        self._close(0)
        return Page(self._elements, self._pieces)

    def text(self, shown: str) -> None:
        if self._in_head:
            if not shown or shown.isspace():
                return
            self._leave_head()
        self._pieces.append(html.lines_kept(shown) if self._places["pre"] else shown)

    def raw(self, name: str, written: str, inner: str) -> None:
        if name in _SHOWN:
            self._leave_head()
            at = len(self._pieces)
            self._pieces.append(inner)
            self._add(name, written).start = at
        else:
            if name not in _HEAD:
                self._leave_head()
            self._add(name, written).raw = inner

    def start_tag(self, name: str, written: str) -> None:
        if name in {"html", "head"}:
            return
        if self._in_head and name not in _HEAD:
            self._leave_head(written if name == "body" else "")
        if name == "body":
            return
        if name in html.MARKS or name in _ENDS:
            self._end_implied(name)
        if name in html.MARKS:
            self._pieces.append(html.MARKS[name])
        if name in _VOID or self._closes_itself(name, written):
            self._add(name, written)
        else:
            self._push(name, written)

    def end_tag(self, name: str) -> None:
        if name in _TABLE_PARTS:
            walls: tuple[str, ...] = ("table",)
        elif name in html.MARKS:
            walls = () if name == "table" else _CELL_WALLS
        else:
            walls = (_BLOCK,)
        self._close_within((name,), walls)

    def _leave_head(self, body: str = "") -> None:
        if self._in_head:
            self._in_head = False
            self._close(_BODY)
            self._push("body", body)

    def _end_implied(self, name: str) -> None:
        if name in _ENDS:
            self._close_within(*_ENDS[name])
        if self._places["p"] and name not in _IN_P:
            self._close_within(*_P_ENDS)
        top = self._open[-1].tag
        if name in _HEADINGS and top in _HEADINGS:
            self._close(len(self._open) - 1)
        for parent in _PARENTS.get((name, top), ()):
            self._push(parent, "")

    def _closes_itself(self, name: str, written: str) -> bool:
        """``<o:p/>``, and anything in a drawing; HTML's own elements do not."""
        foreign = ":" in name or name == "svg" or self._places["svg"] or self._places["math"]
        return bool(foreign) and written.endswith("/>")

    def _nearest(self, names: Iterable[str]) -> int:
        nearest = -1
        for name in names:
            if (places := self._places[name]) and places[-1] > nearest:
                nearest = places[-1]
        return nearest

    def _close_within(self, names: tuple[str, ...], walls: tuple[str, ...]) -> None:
        """Closes the innermost of these, unless a wall is further in."""
        place = self._nearest(names)
        if place > _BODY and place >= self._nearest(walls):
            self._close(place)

    def _close(self, down_to: int) -> None:
        while len(self._open) > down_to:
            element = self._open.pop()
            element.end = len(self._elements)
            element.stop = len(self._pieces)
            self._places[element.tag].pop()
            if element.tag in html.MARKS:
                self._places[_BLOCK].pop()
                if element.tag not in _CELLS:
                    self._pieces.append(_BREAK)

    def _push(self, name: str, written: str) -> None:
        element = self._add(name, written)
        if len(self._open) < limits.HTML_DEPTH:
            self._places[name].append(len(self._open))
            if name in html.MARKS:
                self._places[_BLOCK].append(len(self._open))
            self._open.append(element)

    def _add(self, name: str, written: str) -> Element:
        parent = self._open[-1] if self._open else None
        at, here = len(self._elements), len(self._pieces)
        element = Element(name, written, parent, parent and parent.last, at, at + 1, here, here)
        if parent is not None:
            parent.last = element
        self._elements.append(element)
        return element


def _attributes(written: str) -> dict[str, str]:
    found: dict[str, str] = {}
    if len(written) < 2:  # ">"
        return found
    for match in _first(_ATTRIBUTE.finditer(written[: limits.ATTRIBUTES_CHARS])):
        found.setdefault(match[1].lower(), decoded(match[2] or match[3] or match[4] or ""))
    return found


def _first(matches: Iterator[re.Match[str]]) -> Iterator[re.Match[str]]:
    return itertools.islice(matches, limits.ATTRIBUTES)


def decoded(value: str) -> str:
    """Entities → characters in an attribute, where one without its semicolon may be the parameter of an address."""
    return _ENTITY.sub(lambda entity: unescape(entity[0]), value) if "&" in value else value
