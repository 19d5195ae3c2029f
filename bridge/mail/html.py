"""HTML → the text that people see, in one pass over its tags.

The tags are read here and not by a tree builder, since the tree that the standard asks for can cost far more than the
HTML is long: 40 kB of unclosed formatting, repeated in each paragraph, took selectolax 1.3 s and 700 MB; a tag with
30,000 attributes 1.3 s; 50,000 nested divs 2 s. What is left when the tags are gone is flat, and selectolax decodes its
entities in linear time.
"""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Iterable, Iterator

from selectolax.lexbor import LexborHTMLParser

from bridge.mail import hiding, invisible, limits

_BREAK, _ROW, _CELL, _LINK = "\x1e", "\x1c", "\x1f", "\x1d"
_CITE, _UNCITE = "\x16", "\x17"
_CITES = re.compile(f"([{_CITE}{_UNCITE}])")
_BREAK_OR_BLANK = f"{_BREAK} "
_EMOJI_CHARS = 8
_OURS = re.compile("[\0\x16\x17\x1c-\x1f]")
_OURS_AS_ENTITIES = re.compile(r"&#(?:0*+(?:2[2389]|3[01])(?![0-9])|[xX]0*+1[67c-fC-F](?![0-9a-fA-F]));?")

# Every alternative keeps what it took, to the end if need be, so that nothing is read twice. A tag with more attributes
# than anybody writes ends at the next bracket, in quotes or not.
ATTRIBUTES = r"""(?:[^>=]++|=\s*+(?:"[^"]*+"|'[^']*+')?){0,200}[^>]*+>?"""
_TAG = re.compile(
    r"<!--.*?(?:-->|\Z)"
    rf"|<(script|style|title|template|iframe|noframes|xml)(?=[\s/>]){ATTRIBUTES}.*?(?:</\1[^>]*+>?|\Z)"
    rf"|<(/?[a-z][^\s/>]*+)({ATTRIBUTES})"
    r"|<[!?/][^>]*+>?",
    re.DOTALL | re.IGNORECASE,
)
_BLOCKS = re.findall(
    r"\w+",
    "address article aside blockquote body br caption center dd details dialog dir div dl dt fieldset figcaption figure"
    " footer form h1 h2 h3 h4 h5 h6 header hr legend li main menu nav ol option p pre section summary table tbody tfoot"
    " thead tr ul",
)
# What stands in flat text for a tag (`td`, `/p`): for a block's the end of a line. What is inside a line has none.
MARKS = {
    **{f"{slash}{name}": _BREAK for name in _BLOCKS for slash in ("", "/")},
    **{f"{slash}{name}": _ROW for name in ("table", "tr") for slash in ("", "/")},
    "td": _CELL,
    "th": _CELL,
}
_INLINE = re.findall(r"[\w:]+", "a abbr b big center cite code em font i o:p s small span strong sub sup u")
# Tags without attributes, as nearly all end tags are: they need no second look.
_PLAIN = {
    **{f"{slash}{name}": "" for name in _INLINE for slash in ("", "/")},
    **{name: mark for name, mark in MARKS.items() if not name.endswith("blockquote")},
}
_PLAIN |= {name.upper(): mark for name, mark in _PLAIN.items()}
_PRE = re.compile(r"<pre(?=[\s>]).*?(?:</pre|\Z)", re.DOTALL | re.IGNORECASE)
_HREF = re.compile(r"""href\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'>]++))""", re.IGNORECASE)
_ALT = re.compile(r"""alt\s*+=\s*+(?:"([^"]{1,40}+)"|'([^']{1,40}+)')""", re.IGNORECASE)
_QUOTES = re.compile(r"cite|quote", re.IGNORECASE)
_WEB = ("http://", "https://")
_BLANKS = re.compile(r"[ \t\r\n\f\v\xa0\u2000-\u200a\u202f\u205f\u2800\u3000]+")
_LINKS = 50
_LINK_CHARS = 2_000


def to_text(source: str, *, cited: bool = False) -> str:
    """A line for each block and each table row, a tab between the cells of a row. Where the links lead, if the text
    does not say so, stands at the end behind a blank line, one a line: in the text it would tear sentences apart.

    ``cited``: lines of what mail programs quote begin with ``> ``, as in plain text, and there are no links.
    """
    marked, targets = _read(source[: limits.HTML_CHARS])
    if cited:
        return "\n".join(_cited(marked))
    text = _lined(marked)
    found = [link for link in targets if link.startswith(_WEB) and len(link) <= _LINK_CHARS and link not in text]
    return "\n".join([text, "", *found]) if found else text


@functools.lru_cache(maxsize=1)  # one mail's, which may be asked for in both forms
def _read(source: str) -> tuple[str, tuple[str, ...]]:
    """(the text, with our marks in it; where the links lead)"""
    walk = _Walk()
    flat = walk.flat(_TAG.split(_PRE.sub(lambda block: lines_kept(block[0]), unmarked(source))))
    text, *targets = _decoded(_LINK.join([flat, *walk.links])).split(_LINK)
    return _plain(text), tuple(targets)


class _Walk:
    """What each tag becomes in the text."""

    def __init__(self) -> None:
        self.links: dict[str, None] = {}
        self._hidden: hiding.Element | None = None
        self._cites: list[bool] = []  # of the blockquotes that are open

    def flat(self, pieces: list[str | None]) -> str:
        """``pieces``: a text, and for each tag the groups of ``_TAG`` and the text behind it."""
        out = [pieces[0] or ""]
        for name, attributes, text in zip(pieces[2::4], pieces[3::4], pieces[4::4], strict=True):
            if self._hidden is None:
                if attributes == ">" and (mark := _PLAIN.get(name or "")) is not None:
                    out += (mark, text or "")
                    continue
                out.append(self._tag((name or "").lower(), attributes or ""))
            elif self._hidden.ends(lower := (name or "").lower(), is_block=lower in MARKS):
                self._hidden = None
                out.append(self._tag(lower, attributes or ""))
            if self._hidden is None:
                out.append(text or "")
        return "".join(out)

    def _tag(self, name: str, attributes: str) -> str:
        if "=" in attributes and hiding.is_unseen(name, attributes):
            self._hidden = hiding.Element(name)
            return MARKS.get(name, "")
        return self._mark(name, attributes)

    def _mark(self, name: str, attributes: str) -> str:
        if name == "a" and len(self.links) < _LINKS and (href := _HREF.search(attributes)):
            self.links[(href[1] or href[2] or href[3] or "").strip()] = None
        elif name == "img":
            return _picture(attributes)
        elif name == "blockquote":
            self._cites.append(_QUOTES.search(attributes) is not None)
            return _BREAK + _CITE * self._cites[-1]
        elif name == "/blockquote":
            return _BREAK + _UNCITE * (bool(self._cites) and self._cites.pop())
        return MARKS.get(name, "")


def _picture(attributes: str) -> str:
    """A picture that stands for a character, such as an emoji."""
    alt = _ALT.search(attributes)
    shown = html.unescape(alt[1] or alt[2]) if alt else ""
    return shown if len(shown) <= _EMOJI_CHARS and not shown.isascii() and not any(map(str.isalnum, shown)) else ""


def unmarked(source: str) -> str:
    """HTML without the characters that are our marks."""
    return _OURS.sub(" ", source)


def lines_kept(shown: str) -> str:
    """Text whose line ends are seen."""
    return shown.replace("\n", _BREAK)


def shown(flats: Iterable[str]) -> list[str]:
    """Flat texts, marks for tags and all → what people see of each."""
    joined = _LINK.join(flats)
    return [_lined(_plain(flat)) for flat in _decoded(joined).split(_LINK)]


def _plain(decoded: str) -> str:
    """Without what cannot be seen, and with one blank for many."""
    return _BLANKS.sub(" ", invisible.drop(decoded))


def _lined(marked: str) -> str:
    return "\n".join(filter(None, map(_line, _rows(_CITES.sub("", marked)))))


def _decoded(flat: str) -> str:
    """Entities → characters."""
    if "&" not in flat:
        return flat
    flat = _OURS_AS_ENTITIES.sub(" ", flat)
    body = LexborHTMLParser("<body>\x1d" + flat.replace("<", "&lt;")).body
    return body.text()[1:] if body else flat


def _rows(text: str) -> Iterator[str]:
    """The lines. Between two cells of a row there is no other break, and one in a cell's beginning or end is none."""
    for row in text.split(_ROW):
        cells = (cell.strip(_BREAK_OR_BLANK) for cell in row.split(_CELL)) if _CELL in row else [row]
        yield from _CELL.join(cells).split(_BREAK)


def _cited(text: str) -> Iterator[str]:
    """The lines, those within a quote with its sign."""
    depth = 0
    for piece in _CITES.split(text):
        if piece in (_CITE, _UNCITE):
            depth = max(depth + (1 if piece == _CITE else -1), 0)
        else:
            lines = filter(None, map(_line, _rows(piece)))
            yield from (f"> {line}" if depth else line for line in lines)


def _line(row: str) -> str:
    return "\t".join([cell.strip() for cell in row.split(_CELL)]).strip() if _CELL in row else row.strip()
