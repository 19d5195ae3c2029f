"""HTML → the text that people see, in one pass over its tags.

The tags are read here and not by a tree builder, since the tree that the standard asks for can cost far more than the
HTML is long: 40 kB of unclosed formatting, repeated in each paragraph, took selectolax 1.3 s and 700 MB; a tag with
30,000 attributes 1.3 s; 50,000 nested divs 2 s. What is left when the tags are gone is flat, and selectolax decodes its
entities in linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from selectolax.lexbor import LexborHTMLParser

from bridge.mail import limits

_BREAK, _CELL, _LINK = "\x1e", "\x1f", "\x1d"
_OURS = re.compile("[\0\x1d-\x1f]")
_OURS_AS_ENTITIES = re.compile(r"&#(?:0*+(?:29|3[01])(?![0-9])|[xX]0*+1[d-fD-F](?![0-9a-fA-F]));?")

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
MARKS = {**{f"{slash}{name}": _BREAK for name in _BLOCKS for slash in ("", "/")}, "td": _CELL, "th": _CELL}
_PRE = re.compile(r"<pre(?=[\s>]).*?(?:</pre|\Z)", re.DOTALL | re.IGNORECASE)
_HREF = re.compile(r"""href\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'>]++))""", re.IGNORECASE)
_WEB = ("http://", "https://")
_BLANKS = re.compile(r"[ \t\r\n\f\v\xa0]+")
_LINKS = 50
_LINK_CHARS = 2_000


def to_text(source: str) -> str:
    """A line for each block and each table row, a tab between the cells of a row. Where the links lead, if the text
    does not say so, stands at the end behind a blank line, one a line: in the text it would tear sentences apart.
    """
    source = unmarked(source[: limits.HTML_CHARS])
    links: dict[str, None] = {}

    def mark(tag: re.Match[str]) -> str:
        name = (tag[2] or "").lower()
        if name == "a" and len(links) < _LINKS and (href := _HREF.search(tag[3])):
            links[(href[1] or href[2] or href[3] or "").strip()] = None
        return MARKS.get(name, "")

    flat = _TAG.sub(mark, _PRE.sub(lambda block: lines_kept(block[0]), source))
    shown, *targets = _decoded(_LINK.join([flat, *links])).split(_LINK)
    text = _lined(shown)
    found = [link for link in targets if link.startswith(_WEB) and len(link) <= _LINK_CHARS and link not in text]
    return "\n".join([text, "", *found]) if found else text


def unmarked(source: str) -> str:
    """HTML without the characters that are our marks."""
    return _OURS.sub(" ", source)


def lines_kept(shown: str) -> str:
    """Text whose line ends are seen."""
    return shown.replace("\n", _BREAK)


def shown(flats: Iterable[str]) -> list[str]:
    """Flat texts, marks for tags and all → what people see of each."""
    joined = _LINK.join(flats)
    return [_lined(flat) for flat in _decoded(joined).split(_LINK)]


def _lined(decoded: str) -> str:
    return "\n".join(filter(None, map(_line, _BLANKS.sub(" ", decoded).split(_BREAK))))


def _decoded(flat: str) -> str:
    """Entities → characters."""
    if "&" not in flat:
        return flat
    flat = _OURS_AS_ENTITIES.sub(" ", flat)
    body = LexborHTMLParser("<body>\x1d" + flat.replace("<", "&lt;")).body
    return body.text()[1:] if body else flat


def _line(row: str) -> str:
    return "\t".join([cell.strip() for cell in row.split(_CELL)]).strip() if _CELL in row else row.strip()
