"""HTML → a tree: what well-made HTML means, and whatever arrives."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser, LexborNode

from bridge.mail import data, limits, page, tables
from bridge.mail.page import Element


def shape(source: str) -> str:
    """``body(p(b) ul(li li))``: what is in the body."""
    found = page.parse(source)
    body = next(element for element in found.elements if element.tag == "body")
    return " ".join(_shape(child) for child in children(body, found))


def children(element: Element, of: page.Page) -> list[Element]:
    return [inner for inner in of.inside(element) if inner.parent is element]


def _shape(element: Element) -> str:
    inner = [_shape(child) for child in _children(element)]
    return f"{element.tag}({' '.join(inner)})" if inner else element.tag


def _children(element: Element) -> list[Element]:
    found, child = [], element.last
    while child is not None:
        found.append(child)
        child = child.before
    return found[::-1]


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("", ""),
        ("text", ""),
        ("<p>a<p>b", "p p"),
        ("<p>a<div>b</div>c", "p div"),
        ("<p>a<br>b<b>c</b></p>", "p(br b)"),
        ("<ul><li>a<li>b<ul><li>c</ul><li>d</ul>", "ul(li li(ul(li)) li)"),
        ("<dl><dt>a<dd>b<dt>c<dd>d</dl>", "dl(dt dd dt dd)"),
        ("<table><tr><td>a<td>b<tr><th>c</table>", "table(tbody(tr(td td) tr(th)))"),
        ("<table><td>a<tbody><tr><td>b</table>", "table(tbody(tr(td)) tbody(tr(td)))"),
        ("<table><thead><tr><td>a<tbody><tr><td>b</table>c", "table(thead(tr(td)) tbody(tr(td)))"),
        ("<table><tr><td><table><tr><td>a</table>b<td>c</table>", "table(tbody(tr(td(table(tbody(tr(td)))) td)))"),
        ("<table><tr><td><p>a</td><td>b</table>", "table(tbody(tr(td(p) td)))"),
        ("<div><table><tr><td>a</div>b<td>c</table></div>", "div(table(tbody(tr(td td))))"),
        ("<a href=x>a<a href=y>b</a>", "a a"),
        ("<b>a<i>b</b>c</i>", "b(i)"),
        ("<b><p>a</b>b</p>c", "b(p)"),
        ("<h1>a<h2>b</h2>", "h1 h2"),
        ("<select><option>a<option>b</select>", "select(option option)"),
        ("</p></td></nonsense>x<i>", "i"),
        ("<div/>a<o:p/><svg><path/><path/></svg>", "div(o:p svg(path path))"),
        ("<p>a<script>if (1 <b> 2) {}</script><i>b</i>", "p(script i)"),
        ("<!-- <p> --><i>a</i><![endif]--><?xml?>", "i"),
        ("<DIV><SPAN>a</sPaN></DIV>", "div(span)"),
        ("<template><p>a</template><i>b", "template i"),
        ("<script>never ended <b>", ""),
    ],
)
def test_html_is_nested_as_it_is_meant(source: str, wanted: str) -> None:
    assert shape(source) == wanted


def test_head_and_body_are_there_whether_or_not_they_are_written() -> None:
    for source in ("<title>t</title><p>a", "<html><head><title>t</title></head><body class=x><p>a</body></html>"):
        assert [element.tag for element in page.parse(source).elements] == ["html", "head", "title", "body", "p"]
    assert page.parse("<body class=x>").elements[-1].attributes == {"class": "x"}


@pytest.mark.parametrize(
    ("tag", "attributes"),
    [
        ('<a href="https://x.org/?a=1&amp;b=2&copy=3">', {"href": "https://x.org/?a=1&b=2&copy=3"}),
        ("<a HREF=x Class='a b' hidden>", {"href": "x", "class": "a b", "hidden": ""}),
        ("<a title=\"a > b\" id = '1'>", {"title": "a > b", "id": "1"}),
        ("<a id=1 id=2>", {"id": "1"}),
        ('<a title="&euro;&#8364;&#x20AC;&nope;&#99999999;">', {"title": "€€€&nope;&#99999999;"}),
        ("<a>", {}),
        ("<a/>", {}),
        ('<a id="never closed', {"id": '"never'}),
    ],
)
def test_attributes_are_read(tag: str, attributes: dict[str, str]) -> None:
    found = page.parse(tag + "x").elements[-1].attributes
    assert {name: found.get(name) for name in attributes} == attributes
    assert attributes or not found


def test_text_is_what_people_see_of_an_element() -> None:
    found = page.parse(
        "<div>a &amp; b<script>no</script><style>no</style><p>so&shy;ft&nbsp;<b>x</b>y"
        "<table><tr><td>1<td>2</table></div>z"
    )
    div = next(element for element in found.elements if element.tag == "div")
    assert found.text(div) == "a & b\nsoft xy\n1\t2"
    assert found.text(div, 7) == "a &"


def test_marks_written_as_entities_are_no_marks() -> None:
    found = page.parse("<p>a&#29;b&#<b>30;</b>&#x1F;&#0031;c</p><p>d</p>")
    paragraphs = [element for element in found.elements if element.tag == "p"]
    assert found.texts(paragraphs, 100) == ["a b c", "d"]


HOSTILE = [
    "<div>" * 50_000,
    "".join(f"<b a={n}>" for n in range(3_000)) + "<p>x" * 20_000,
    "<table><b a=1>" * 300 + "<tr></tr>x" * 20_000,
    "<table><tr><td>" * 20_000,
    "<b " + "a=1 " * 60_000 + ">",
    '<a ="' * 50_000,
    "<" * 260_000,
    "<!--" * 60_000,
    "<script>" * 30_000,
    "<table>" + "<tr><td colspan=50 rowspan=500>x" * 8_000,
    '<b itemscope itemprop="a b c">' * 6_000,
    "<svg>" + "<path/>" * 30_000,
]


def bounded(source: str) -> page.Page:
    """A page within its limits, nested without a gap."""
    found = page.parse(source)
    assert len(found.elements) <= 3 * limits.HTML_TAGS + 3
    for n, element in enumerate(found.elements):
        parent = element.parent
        assert element.at == n < element.end <= len(found.elements)
        assert 0 <= element.start <= element.stop <= len(found.pieces)
        assert len(element.attributes) <= limits.ATTRIBUTES
        assert parent is None or parent.at < n < element.end <= parent.end
    assert max(map(depth, found.elements)) <= limits.HTML_DEPTH
    return found


def depth(element: Element) -> int:
    deep, parent = 0, element.parent
    while parent is not None:
        deep, parent = deep + 1, parent.parent
    return deep


@pytest.mark.parametrize("source", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_html_is_a_tree_within_limits(source: str) -> None:
    bounded(source)


_PIECES = st.sampled_from(
    [
        *(
            "<p>",
            "</p>",
            "<table>",
            "</table>",
            "<tr>",
            "<td>",
            "<th colspan=3>",
            "</td>",
            "<b>",
            "</b>",
            "<a href='x'>",
        ),
        *(
            "<ul>",
            "<li>",
            "<dl>",
            "<dt>",
            "<dd>",
            "<script type=application/ld+json>",
            "</script>",
            "<!--",
            "-->",
            "<br/>",
        ),
        *("<div itemscope itemtype=http://schema.org/Order itemprop='a b'>", "<meta itemprop=a content=1>", "</div>"),
        *(
            '{"@type":"Order","a":[',
            "]}",
            "&amp;",
            "&#29;",
            "&#x1e;",
            "&#xd800;",
            "\ud800",
            "\x1d",
            "\x1e",
            "\x00",
            "=",
        ),
        *(
            '"',
            "'",
            "<",
            ">",
            "x",
            "Temperature",
            ": 21.5",
            "\n",
            "<pre>",
            "<svg/>",
            "<body>",
            "</html>",
            "<head>",
            "<h1>",
        ),
    ]
)


@settings(deadline=None)
@given(st.lists(st.one_of(_PIECES, st.text(max_size=4)), max_size=60).map("".join))
def test_any_text_at_all_is_a_page(source: str) -> None:
    found = bounded(source)
    found.texts(found.elements, 1_000)
    tables.tables(found)
    tables.terms(found)
    data.found(found)


# Well-made HTML, with the end tags that may be left out sometimes left out, gives the tree of the standard.

_TEXT = st.sampled_from(["a", "b &amp; c", "1 &lt; 2", " "])


def _blocks(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    many = st.lists(inner, max_size=3)
    end = st.booleans()
    return st.one_of(
        many.map(lambda all_: f"<div class='k'>{''.join(all_)}</div>"),
        st.tuples(many, end).map(lambda given: "<ul>" + _closed("li", *given) + "</ul>"),
        st.tuples(many, end).map(lambda given: "<table><tr>" + _closed("td", *given) + "</table>"),
        st.tuples(many, end).map(lambda given: "<table><thead>" + _closed("th", *given) + "<tbody><tr><td>x</table>"),
        st.tuples(many, end).map(lambda given: "<dl><dt>t" + _closed("dd", *given) + "</dl>"),
    )


def _closed(tag: str, inner: list[str], closed: bool) -> str:
    return "".join(f"<{tag}>{one}" + (f"</{tag}>" if closed else "") for one in inner)


_INLINE = st.recursive(_TEXT, lambda inner: st.lists(inner, max_size=2).map(lambda all_: f"<b>{''.join(all_)}</b><br>"))
_PARAGRAPH = st.tuples(_INLINE, st.booleans()).map(lambda given: f"<p>{given[0]}" + ("</p>" if given[1] else ""))
WELL_MADE = st.lists(st.recursive(st.one_of(_PARAGRAPH, _INLINE), _blocks, max_leaves=8), max_size=4).map("".join)


def standard(source: str) -> str:
    body = LexborHTMLParser("<!DOCTYPE html>" + source).body
    return " ".join(map(_standard, _elements(body))) if body else ""


def _standard(node: LexborNode) -> str:
    inner = [_standard(child) for child in _elements(node)]
    return f"{node.tag}({' '.join(inner)})" if inner else str(node.tag)


def _elements(node: LexborNode) -> list[LexborNode]:
    return [child for child in node.iter(include_text=False) if child.is_element_node]


@settings(deadline=None)
@given(WELL_MADE)
def test_well_made_html_gives_the_standards_tree(source: str) -> None:
    assert shape(source) == standard(source)
