"""schema.org data: JSON-LD and Microdata as senders write them, and as attackers do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.mail import data, limits, page


def found(source: str) -> list[Any]:
    return list(data.found(page.parse(source)))


def script(text: str, kind: str = "application/ld+json") -> str:
    return f'<html><head><script type="{kind}">{text}</script></head><body>x</body></html>'


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ('{"@type": "Order", "n": 1}', [{"@type": "Order", "n": 1}]),
        ('{"@context": "https://schema.org", "@type": "Order"}', [{"@type": "Order"}]),
        ('{"@type": "http://schema.org/Order"}', [{"@type": "Order"}]),
        ('{"@type": ["https://schema.org/Order", "schema:Thing", 5]}', [{"@type": ["Order", "Thing"]}]),
        ('{"http://schema.org/orderNumber": "7"}', [{"orderNumber": "7"}]),
        ('[{"a": 1}, [{"b": 2}], 3]', [{"a": 1}, {"b": 2}]),
        ('{"@graph": [{"a": 1}, {"@graph": {"b": 2}}]}', [{"a": 1}, {"b": 2}]),
        ('{"@type": "Order", "@graph": [{"a": 1}]}', [{"@type": "Order"}, {"a": 1}]),
        ('{"a": {"@value": "2026-11-03", "@type": "Date"}}', [{"a": "2026-11-03"}]),
        ('{"a": 21.5, "b": true, "c": null, "d": ["x", 2]}', [{"a": 21.5, "b": True, "c": None, "d": ["x", 2]}]),
        ('{"a": 1e999, "b": NaN, "c": [Infinity]}', [{"a": None, "b": None, "c": [None]}]),
        ('{"a": 123456789012345678901234567890}', [{"a": "123456789012345678901234567890"}]),
        ('{"a": "\\ud800x", "\\udfff": 1}', [{"a": "\ufffdx", "\ufffd": 1}]),
        ('{"a": "line\nline"}', [{"a": "line\nline"}]),
        ('{"a": "&amp; </b>"}', [{"a": "&amp; </b>"}]),
        ('{"a": [1, 2,], "b": ",]", }', [{"a": [1, 2], "b": ",]"}]),
        ('<!-- {"a": 1} -->', [{"a": 1}]),
        ('//<![CDATA[\n{"a": [1]}\n//]]>', [{"a": [1]}]),
        ("/*<![CDATA[*/ [] /*]]>*/", []),
        ('{"a": 1', []),
        ("{{{", []),
        ("", []),
        ("5", []),
        ('{"a": "' + "x" * 3_000 + '"}', [{"a": "x" * limits.DATA_TEXT_CHARS}]),
        ('{"a": ' + "9" * 5_000 + "}", []),
    ],
)
def test_json_ld_gives_plain_maps(text: str, items: list[Any]) -> None:
    assert found(script(text)) == items


def test_every_script_counts_and_a_broken_one_is_passed_over() -> None:
    source = "".join(map(script, ['{"a": 1}', "{broken", '{"b": 2}']))
    assert found(source + script('{"no": 1}', "text/javascript")) == [{"a": 1}, {"b": 2}]
    assert found(script('{"a": 1}', "Application/LD+JSON; charset=utf-8")) == [{"a": 1}]


ITEM = '<div itemscope itemtype="http://schema.org/Order">{}</div>'


@pytest.mark.parametrize(
    ("inner", "item"),
    [
        ('<meta itemprop="n" content="1"/>', {"n": "1"}),
        ('<span itemprop="n">a &amp; <b>b</b></span>', {"n": "a & b"}),
        ('<span itemprop="n" content="1">one</span>', {"n": "1"}),
        ('<link itemprop="n" href="http://schema.org/Done">', {"n": "http://schema.org/Done"}),
        ('<a itemprop="n" href="https://x.org/?a=1&amp;b=2">x</a>', {"n": "https://x.org/?a=1&b=2"}),
        ('<img itemprop="n" src="p.png">', {"n": "p.png"}),
        ('<time itemprop="n" datetime="2026-11-03">3 Nov</time>', {"n": "2026-11-03"}),
        ('<time itemprop="n">3 Nov</time>', {"n": "3 Nov"}),
        ('<data itemprop="n" value="5">five</data>', {"n": "5"}),
        ('<i itemprop="n m">x</i>', {"n": "x", "m": "x"}),
        ('<i itemprop="n">x</i><i itemprop="n">y</i><i itemprop="n">z</i>', {"n": ["x", "y", "z"]}),
        ('<i itemprop="http://schema.org/n">x</i>', {"n": "x"}),
        (
            '<p itemprop="n" itemscope itemtype="https://schema.org/Person"><i itemprop="m">x</i></p>'
            '<i itemprop="o">y</i>',
            {"n": {"@type": "Person", "m": "x"}, "o": "y"},
        ),
        ('<p itemprop="n" itemscope><i itemprop="m">x</i></p>', {"n": {"m": "x"}}),
        ('<p itemprop="n m" itemscope><i itemprop="o">x</i></p>', {"n": {"o": "x"}}),
        ('<i itemprop="">x</i>', {}),
    ],
)
def test_microdata_gives_plain_maps(inner: str, item: dict[str, Any]) -> None:
    assert found(ITEM.format(inner)) == [{"@type": "Order", **item}]


def test_properties_outside_of_an_item_are_nobodys() -> None:
    assert found('<i itemprop="a">x</i>' + ITEM.format("") + '<i itemprop="b">y</i>') == [{"@type": "Order"}]


@pytest.mark.parametrize(
    "source",
    [
        script("[" * 60_000),
        script('{"a":' * 10_000 + "1" + "}" * 10_000),
        script("[" + "[]," * 20_000 + "1]"),
        script("[" + "{}," * 20_000 + "]"),
        script('"' * 60_000),
        script('{"@graph":[' * 900) * 13,
        script("{" + ",".join(f'"a{n}":{{"@type":"Order"}}' for n in range(3_000)) + "}"),
        script('{"a": "' + "x" * 300_000 + '"}'),
        "<div itemscope>" * 300 + "<i itemprop=a>x",
        '<b itemscope itemprop="a b c d e f">' * 6_000,
        "<div itemscope>" + '<b itemprop="a b c d e f">x&amp;' * 6_000,
    ],
    ids=range(11),
)
def test_a_bomb_gives_what_is_within_limits(source: str) -> None:
    check_bounds(found(source))


def check_bounds(items: list[Any]) -> None:
    assert json.loads(json.dumps(items, allow_nan=False)) == items
    json.dumps(items, ensure_ascii=False).encode()
    level, depth, count = items, 0, 0
    while level:
        count += len(level)
        inner = (
            value.values() if isinstance(value, dict) else value for value in level if isinstance(value, dict | list)
        )
        level, depth = [value for values in inner for value in values], depth + 1
    assert depth <= 2 * limits.DATA_DEPTH + 2
    assert count <= 3 * limits.DATA_VALUES


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["@type", "@graph", "@value", "@context", "a", "\ud800"]), inner, max_size=3),
    ),
)


@settings(deadline=None)
@given(st.one_of(_JSON.map(json.dumps), st.text(max_size=40)), st.text(max_size=3), st.integers(0, 60))
def test_any_script_at_all_gives_plain_values(text: str, around: str, cut: int) -> None:
    for one in (text, around + text, text[:cut], text + around):
        check_bounds(found(script(one)))
