"""How large what a template renders to can be."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import errors
from bridge.rules import filters, template
from bridge.rules.worst_case import bounds, extents, widths
from bridge.rules.worst_case.bounds import Bound
from bridge.rules.worst_case.widths import Width

WORD = widths.groups(r"\w{1,5}")[0]
SCOPE: dict[str, Bound] = {
    "word": bounds.of_text(WORD),
    "code": bounds.of_text(widths.groups("[0-9]{4}")[0]),
    "free": bounds.of_text(widths.ANYTHING),
    "number": bounds._int(widths.groups("-?[0-9]{1,3}")[0]),
    "level": bounds._float(widths.groups(r"[0-9.]{1,5}")[0]),
    "big": bounds.FLOATS,
    "on": bounds.of_values(False, least=True),
    "at": bounds.TIMES,
    "rule": bounds.fixed("motion"),
    "mail.subject": bounds.of_text(widths.ANYTHING),
}


def found(source: str) -> Bound:
    return extents.rendered(source, SCOPE)


@pytest.mark.parametrize(
    ("source", "octets"),
    [
        ("plain", 5),
        ("{{ code }}", 4),
        ("{{ word }}", 20),
        ("a {{ code }} b", 8),
        ("{{ code }}{{ word }}", 24),
        ("{{ word | bytes(7) }}", 7),
        ("{{ free | bytes(7) }}", 7),
        ("{{ mail.subject | bytes(7) | upper }}", 21),
        ("{{ free[:3] }}", 12),
        ("{{ free[2:3] }}", 4),
        ("{{ code | upper }}", 4),
        ("{{ free | truncate(length=10) }}", 60),
        ("{{ code ~ '-' ~ code }}", 9),
        ("{{ 'on' if number > 3 else 'off' }}", 3),
        ("{{ 'a' if (x if y else z) else word }}", 20),
        ("{{ code | default('none') }}", 4),
        ("{{ nope | default('none') }}", None),
        ("{{ rule }}", 6),
        ("{% if number > 3 %}{{ code }}{% else %}{{ word }}{% endif %}", 24),
        ("{# {{ free }} #}{{ code }}", 4),
        ("{{ code | tojson }}", 6),
        ("{{ free }}", None),
        ("{{ free | upper }}", None),
        ("{{ free | replace('a', 'b') }}", None),
        ("{{ free ~ code }}", None),
        ("{% for one in free %}x{% endfor %}", None),
        ("{{ code.split('1') }}", None),
        ("{{ code + free }}", None),
        ("{{ [code] }}", None),
    ],
)
def test_a_template_has_a_bound_where_everything_in_it_has_one(source: str, octets: int | None) -> None:
    bound = found(source)
    assert bound.loose == (octets is None)
    if octets is not None:
        assert bound.text.octets == octets


@pytest.mark.parametrize(
    ("source", "worst"),
    [
        ("{{ number }}", (9_999, -999)),
        ("{{ on }}", (False,)),
        ("{{ 3 }}", (3,)),
        ("{{ -number }}", extents._NUMBERS.worst),
        ("{{ number * 2 + 1 }}", extents._NUMBERS.worst),
        ("{{ level | round(1) }}", extents._NUMBERS.worst),
        ("{{ number | int }}", (9_999, -999)),
        ("{{ free | length }}", (9_999_999,)),
        ("{{ at | timestamp }}", (253_402_300_799, -62_135_596_800)),
        ("{{ none }}", (None,)),
    ],
)
def test_a_lone_expression_keeps_its_type(source: str, worst: tuple[Any, ...]) -> None:
    assert found(source).worst == worst


sources = st.recursive(
    st.sampled_from([*(name for name in SCOPE if "." not in name), "'lit'", '"é\\""', "3", "2.5", "(word)", "nope"]),
    lambda inner: (
        st.builds("{} | {}".format, inner, st.sampled_from([
            "bytes(3)", "bytes(0)", "slug", "upper", "lower", "title", "capitalize", "trim", "string", "tojson", "abs",
            "truncate(length=4)", "default('x')", "d(code)", "timestamp", "iso", "int", "float", "round", "round(1)",
            "length",
        ]))
        | st.builds("{}[:{}]".format, inner, st.integers(0, 4))
        | st.builds("{} ~ {}".format, inner, inner)
        | st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "/", "//", "%"]), inner)
        | st.builds("({} if on else {})".format, inner, inner)
    ),
    max_leaves=4,
)  # fmt: skip
templates = st.builds("{{{{ {} }}}}".format, sources) | st.builds(
    "{}{{{{ {} }}}} {{%- if on %}} {{{{ {} }}}}{{% endif %}}".format, st.sampled_from(["", "x ", "é"]), sources, sources
)
seen = st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('"\\\t\n')
values = st.fixed_dictionaries(
    {
        "word": st.text(st.sampled_from("aZ_ßŉΐǰ①½ﬃ9"), min_size=1, max_size=5),
        "code": st.text(st.sampled_from("0123456789"), min_size=4, max_size=4),
        "free": st.text(seen, max_size=30),
        "number": st.integers(-999, 9_999),
        "level": st.sampled_from([0.0, 1.5, 99.99, 0.001, 12345.0]),
        "big": st.floats(allow_nan=False, allow_infinity=False),
        "on": st.booleans(),
        "at": st.datetimes(timezones=st.sampled_from([datetime.UTC, bounds._ZONE])),
        "rule": st.just("motion"),
    }
)


@given(source=templates, known=values)
def test_nothing_is_rendered_that_is_larger_or_smaller_than_its_bound(source: str, known: dict[str, Any]) -> None:
    try:
        value = template.Template(source).render(known)
    except (errors.RuleError, ValueError):
        return
    bound = found(source)
    if bound.loose:
        return
    size = len(filters.tojson(value).encode()) if isinstance(value, str | int | float) else 0
    assert size <= max(len(filters.tojson(one).encode()) for one in bound.worst)
    if isinstance(value, str):
        assert len(value.encode()) <= bound.text.octets
        assert bound.is_text or len(value) <= bound.text.chars
    if bound.is_text:
        assert len(str(value).encode()) >= min(len(str(one).encode()) for one in bound.least)


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (widths.exactly("abc"), "xxx"),
        (widths.exactly('a"c'), '"""'),
        (widths.exactly("a\nc"), '"""'),
        (widths.exactly("a\0c"), "\x01\x01\x01"),
        (Width(), ""),
    ],
)
def test_a_text_is_filled_with_what_is_longest_in_json(width: Width, text: str) -> None:
    assert bounds.filled(width) == text
