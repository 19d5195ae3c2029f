"""Which elements of HTML nobody sees: preheaders, and what is there for another kind of screen.

They are found by their own ``style``, as mails have to write it; rules in a style sheet are not looked at.
"""

from __future__ import annotations

import re

_STYLE = re.compile(r"""style\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'>]++))""", re.IGNORECASE)
_ZERO = r"\s*+:\s*+0(?:\.0*)?(?:px|em|pt|%)?\s*+(?:;|!|\Z)"
_UNSEEN = re.compile(
    rf"display\s*+:\s*+none|visibility\s*+:\s*+hidden|(?<![\w-])(?:max-height|opacity){_ZERO}", re.IGNORECASE
)
_STYLE_CHARS = 2_000
_VOID = frozenset(("area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"))
_CELLS = frozenset(("td", "th", "/td", "/th", "tr", "/tr", "tbody", "/tbody", "/table"))
# Elements whose end tag may be left out: what ends them, and what has an inside of its own.
_OPEN_ENDED = {
    "td": (_CELLS, "table"),
    "th": (_CELLS, "table"),
    "tr": (_CELLS - {"td", "th", "/td", "/th"}, "table"),
    "li": (frozenset(("li", "/li", "/ul", "/ol")), "ul"),
}


def is_unseen(name: str, attributes: str) -> bool:
    """Whether an element that begins with this tag is shown to nobody."""
    if not name or name[0] == "/" or name in _VOID or attributes.endswith("/>"):
        return False
    style = _STYLE.search(attributes)
    return style is not None and _UNSEEN.search((style[1] or style[2] or style[3] or "")[:_STYLE_CHARS]) is not None


class Element:
    """An element that is not shown, until one of the tags behind it ends it."""

    __slots__ = ("_depth", "_ends", "_inner", "_is_paragraph")

    def __init__(self, name: str) -> None:
        self._ends, self._inner = _OPEN_ENDED.get(name, (frozenset((f"/{name}",)), name))
        self._is_paragraph = name == "p"
        self._depth = 0

    def ends(self, name: str, *, is_block: bool) -> bool:
        """Whether this tag ends it. One that stands around it and ends does too."""
        if self._is_paragraph:
            return is_block
        if self._depth == 0 and name in self._ends:
            return True
        if name == self._inner:
            self._depth += 1
        elif name == f"/{self._inner}" and self._depth:
            self._depth -= 1
        return False
