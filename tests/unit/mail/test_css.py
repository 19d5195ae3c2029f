"""CSS selectors: what they mean, what is refused, and that another engine means the same."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from bridge.mail import css, page
from tests.unit.mail.test_page import HOSTILE, WELL_MADE

PAGE = """
<p class="a b" id=one>1<p>2
<div class=box><a class=track href="https://x.org/t?id=1&amp;l=de" data-n="en-GB">3</a><i></i><a href="/b">4</a></div>
<table><tr><td>5<td class=price>6<tr><td>7<td class="old price">8<td>9</table>
"""


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        ("p", "1"),
        ("P", "1"),
        ("*.b", "1"),
        (".b.a", "1"),
        ("#one", "1"),
        ("p + p", "2"),
        ("p:not(.a)", "2"),
        ("p:nth-child(2)", "2"),
        ("p:nth-of-type(2n)", "2"),
        ("a.track", "3"),
        ("a[href]", "3"),
        ("a[href='/b']", "4"),
        ("a[href^='/']", "4"),
        ("a[href$=de]", "3"),
        ("a[href*='?id=1&l']", "3"),
        ("a[data-n|=en]", "3"),
        ("a[data-n='EN-gb' i]", "3"),
        ("p[class~=b]", "1"),
        ("a[class!=track]", "4"),
        ("div > a ~ a", "4"),
        ("a:last-child", "4"),
        ("a:first-of-type", "3"),
        ("i:only-of-type + a", "4"),
        ("i:empty + a", "4"),
        ("td.price", "6"),
        ("table td.old", "8"),
        ("table > tbody > tr:nth-child(2) > td:nth-last-child(2)", "8"),
        ("tr:has(.old) td", "7"),
        ("td:has(+ .old)", "7"),
        ("tr:has(> td ~ td ~ td) > td", "7"),
        ("div:has(> a[href='/b']) a", "3"),
        ("td:is(.price, .old):last-child", "6"),
        (":where(td)", "5"),
        (":is(ul, table) td", "5"),
        ("td.old, a[href='/b']", "4"),
        (":root p", "1"),
        ("li", None),
        ("p > td", None),
        ("a ~ p", None),
        (".A", None),
        ("td:nth-child(n+4)", None),
        ("td:has(a)", None),
    ],
)
def test_the_first_element_that_a_selector_means_is_found(selector: str, text: str | None) -> None:
    found = page.parse(PAGE)
    element = css.Selector(selector).first(found)
    assert (found.text(element) if element else None) == text


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("a >", "no CSS selector: Expected selector, got the end"),
        ("", "no CSS selector: Expected selector, got the end"),
        ("a[b", "no CSS selector: Operator expected, got the end"),
        ("a::text", '"::text" selects no element'),
        ("a:hover", '":hover" has no meaning in a mail'),
        ("x|a", 'a mail has no namespace "x"'),
        ("[x|a]", 'a mail has no namespace "x"'),
        ("a:nth-child(x)", ":nth-child() takes a number, even, odd or 2n+1"),
        (
            "a:contains('x')",
            '":contains()" is not understood; there are :nth-child(), :nth-last-child(), :nth-of-type(),'
            " :nth-last-of-type(), :not(), :is(), :has()",
        ),
        ("a" * 501, "is longer than 500 characters"),
        (":not(" * 100, "no CSS selector: Got nested :not()"),
        (":has(" * 99, "no CSS selector: Expected selector, got the end"),
    ],
)
def test_what_is_no_selector_is_refused_with_its_reason(selector: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        css.Selector(selector)


@pytest.mark.parametrize("source", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("selector", ["b:nth-child(3) > td ~ .x", ":has(~ i) b", "div div div td + td", "[a='7'] p"])
def test_any_page_is_searched(source: str, selector: str) -> None:
    css.Selector(selector).first(page.parse(source))


# Without `:is`: the other engine finds no `:is(td) b` where something stands between the two.
_SIMPLE = st.sampled_from(
    [
        *("*", "div", "p", "b", "td", "th", "li", "ul", "tr", "tbody", "dd", "br", ".k", "[class]", "[class='k']"),
        *("b:first-child", "td:last-child", "li:nth-child(2)", "p:nth-of-type(2n+1)", "div:nth-last-child(-n+2)"),
        *("li:only-child", "p:not(:first-child)", "div:has(b)", "div:has(> p)", "tr:has(td + td)"),
        *("li:has(~ li)", "b:last-of-type", "br:empty", ":not(div)", "ul:has(li > p b)"),
    ]
)
_SIGNS = st.sampled_from([" ", " > ", " + ", " ~ ", ", "])
SELECTORS = st.lists(st.tuples(_SIMPLE, _SIGNS), min_size=1, max_size=3).map(
    lambda parts: "".join(simple + sign for simple, sign in parts)[: -len(parts[-1][1])]
)


@settings(deadline=None, max_examples=300)
@given(WELL_MADE, SELECTORS)
def test_another_engine_finds_the_same_element(source: str, selector: str) -> None:
    theirs = LexborHTMLParser("<!DOCTYPE html>" + source)
    order = [node.mem_id for node in theirs.css("*")]
    expected = theirs.css_first(selector)
    found = css.Selector(selector).first(page.parse(source))
    assert (found.at if found else None) == (order.index(expected.mem_id) if expected else None)
