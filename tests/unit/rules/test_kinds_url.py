"""``url``: the first address in a text, as a device can take it."""

from __future__ import annotations

import urllib.parse

import hypothesis
import pytest
from hypothesis import strategies

from bridge import plugins, rules
from tests.unit.rules import making


def convert(raw: object) -> str:
    found: str = plugins.find("kinds", "url").make(rules.NoOptions())(raw, making.mail(), making.moment())
    return found


@pytest.mark.parametrize(
    ("raw", "url"),
    [
        ("https://example.org", "https://example.org"),
        ("https://example.org/", "https://example.org/"),
        ("See https://example.org/a?b=c#d.", "https://example.org/a?b=c#d"),
        ("First https://a.example/, then https://b.example/", "https://a.example/"),
        ("HTTP://Example.ORG:8080/Path,", "http://example.org:8080/Path"),
        ("<https://example.org/x>", "https://example.org/x"),
        ("(https://example.org/x)", "https://example.org/x"),
        ("(see https://example.org/wiki/X_(y))", "https://example.org/wiki/X_(y)"),
        ("[link](https://example.org/x)", "https://example.org/x"),
        ('href="https://example.org/x"', "https://example.org/x"),
        ("„https://example.org/x“", "https://example.org/x"),
        ("*https://example.org/x*", "https://example.org/x"),
        ("https://example.org/abc_ ok", "https://example.org/abc_"),
        ("https://münchen.example/straße?q=é", "https://xn--mnchen-3ya.example/stra%C3%9Fe?q=%C3%A9"),
        ("https://straße.example", "https://xn--strae-oqa.example"),
        ("詳細はhttps://例え.example/見る。", "https://xn--r8jz45g.example/%E8%A6%8B%E3%82%8B"),
        ("https://example.org/a%20b", "https://example.org/a%20b"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x"),
        ("http://192.168.1.10/snap.jpg", "http://192.168.1.10/snap.jpg"),
        ("http://cam/snap.jpg", "http://cam/snap.jpg"),
        ("https://good.example\\@evil.example/", "https://good.example"),
        ("https://bank.example@evil.example/ https://ok.example/", "https://ok.example/"),
        ("https://example.org/a\x00b", "https://example.org/a"),
        ("https://example.org/a\r\nX: y", "https://example.org/a"),
    ],
)
def test_the_first_address_is_found_and_normalised(raw: str, url: str) -> None:
    assert url == convert(raw)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        *[
            (raw, "has no http or https address")
            for raw in ("", "abc", "ftp://x.example", "www.example.org", "https://")
        ],
        *[
            (raw, "has no http or https address")
            for raw in ("http://[::1/", "http://[::g]/", "http://a.example:99999/", 7)
        ],
        *[
            (raw, "has an address without a proper host")
            for raw in ("https://.", "https://a..b/", "https://-a.example/")
        ],
        *[(raw, "has an address without a proper host") for raw in ("https://" + "é" * 300,)],
        ("https://user:pw@example.org/", "has credentials in its address"),
        ("https://example.org/" + "a" * 3_000, "has an address that is too long"),
        ("https://example.org/" + "é" * 1_000, "has an address that is too long"),
        *[(raw, "is no text") for raw in (None, b"https://example.org")],
    ],
)
def test_what_has_no_proper_address_says_why(raw: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        convert(raw)


PIECES = strategies.sampled_from(
    [
        *("https://", "http://", "é", "ß", ".", "/", ":", "@", "[", "]", "(", ")", "%", "?", "#", "\\", "a", "example"),
        *("::1", "99999", "\0", "\u202e", "\ud800", "xn--", "-", " ", "例え", "\n", "&"),
    ]
)


@hypothesis.given(strategies.lists(PIECES, max_size=20).map("".join) | strategies.text().map("https://{}".format))
def test_any_text_gives_an_address_that_everybody_reads_alike_or_a_value_error(text: str) -> None:
    try:
        url = convert(text)
    except ValueError:
        return
    parts = urllib.parse.urlsplit(url)
    assert parts.scheme in ("http", "https")
    assert parts.hostname
    assert url.isascii()
    assert url.isprintable()
    assert not set(url) & set(' "<>\\^`{|}')
    assert "@" not in parts.netloc
    assert len(url) <= 2_048
    assert url == convert(url)
