"""From, To, Cc … → addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mail import address, limits


def pairs(*values: str) -> list[tuple[str, str]]:
    return [(found.name, found.address) for found in address.parse(values)]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("bob@x.org", [("", "bob@x.org")]),
        ("Bob <bob@X.ORG>", [("Bob", "bob@x.org")]),
        ("<bob@x.org>", [("", "bob@x.org")]),
        ('"Smith, Bob" <bob@x.org>, ann@x.org', [("Smith, Bob", "bob@x.org"), ("", "ann@x.org")]),
        ("bob@x.org (Bob (the Smith))", [("Bob (the Smith)", "bob@x.org")]),
        ("=?utf-8?q?Smith=2C_B=C3=B6b_=3Cx=40y=3E?= <bob@x.org>", [("Smith, Böb <x@y>", "bob@x.org")]),
        ("=?utf-8?q?a,b?= <bob@x.org>", [("a,b", "bob@x.org")]),
        ('"=?utf-8?b?QsO2Yg==?=" <bob@x.org>', [("Böb", "bob@x.org")]),
        ('"Bob \\"the\\" Smith" <bob@x.org>', [('Bob "the" Smith', "bob@x.org")]),
        (
            "Friends: bob@x.org, Ann <ann@x.org>;, eve@y.org",
            [("", "bob@x.org"), ("Ann", "ann@x.org"), ("", "eve@y.org")],
        ),
        ("Undisclosed recipients:;", []),
        ("<>", []),
        ("", []),
        (", ,", []),
        ('"john doe"@x.org', [("", '"john doe"@x.org')]),
        ('"john"@x.org', [("", "john@x.org")]),
        ("bob . smith @ x . org", [("", "bob.smith@x.org")]),
        ("<@relay.one,@relay.two:bob@x.org>", [("", "bob@x.org")]),
        ("Bob J. Smith bob@x.org", [("Bob J. Smith", "bob@x.org")]),
        ("Bob <bob@x.org", [("Bob", "bob@x.org")]),
        ("Bob <<bob@x.org>>", [("Bob", "bob@x.org")]),
        ("<bob@x.org> <eve@y.org>", [("", "bob@x.org"), ("", "eve@y.org")]),
        ("bob@x.org; ann@x.org", [("", "bob@x.org"), ("", "ann@x.org")]),
        ("<>, bob@x.org", [("", "bob@x.org")]),
        ("MAILER-DAEMON", [("", "MAILER-DAEMON")]),
        ("Front Door Camera", [("Front Door Camera", "")]),
        ('"unended <bob@x.org>', [('"unended', "bob@x.org")]),
        ("(unended <bob@x.org>", [("(unended", "bob@x.org")]),
        ("bob@[192.0.2.1]", [("", "bob@[192.0.2.1]")]),
        ("bob@xn--mnchen-3ya.example", [("", "bob@münchen.example")]),
        ("bob@MÜNCHEN.example.", [("", "bob@münchen.example")]),
    ],
)
def test_addresses_are_found(value: str, found: list[tuple[str, str]]) -> None:
    assert pairs(value) == found


@pytest.mark.parametrize(
    "value",
    [
        '"ada@trusted.example"',
        '<"ada@trusted.example">',
        "=?utf-8?q?ada@trusted.example?=",
        "=?utf-8?q?=3Cada=40trusted.example=3E?= <eve@evil.example>",
        '"ada@trusted.example" <eve@evil.example>',
        "ada@trusted.example <eve@evil.example>",
        "eve@evil.example (ada@trusted.example)",
        "eve@evil＠trusted.example",
        '"@trusted.example"@evil.example',
        "<eve@evil.example>ada@trusted.example",
    ],
)
def test_nothing_but_the_address_itself_gives_a_domain(value: str) -> None:
    assert "trusted.example" not in [found.domain for found in address.parse([value])]


@pytest.mark.parametrize("value", ['"ada@x.org"', '<"ada@x.org">', 'Ada <"ada@x.org">'])
def test_a_quoted_at_is_no_address(value: str) -> None:
    assert [(found.address, found.domain) for found in address.parse([value])] == [("", "")]


def test_a_domain_has_both_forms() -> None:
    (found,) = address.parse(["bob@xn--mnchen-3ya.example"])
    assert (found.address, found.domain) == ("bob@münchen.example", "münchen.example")
    assert found.ascii == "bob@xn--mnchen-3ya.example"
    assert address.domain("*.XN--MNCHEN-3YA.example") == "*.münchen.example"


@pytest.mark.parametrize(
    "label", ["xn--", "xn--a", "xn--99999999999", "xn--abc-", "xn--m\xfcnchen-3ya", "xn--MNCHEN--"]
)
def test_a_label_that_is_no_sound_punycode_stays(label: str) -> None:
    assert address.domain(f"{label}.example") == f"{label.lower()}.example"


def test_several_fields_share_one_limit() -> None:
    assert len(address.parse(["a@b.c, " * 200_000])) == limits.ADDRESSES
    assert len(address.parse(["a@b.c, " * 700, "d@e.f, " * 700])) == limits.ADDRESSES


def test_half_an_address_at_the_limit_is_left_out() -> None:
    value = "x" * (limits.FIELD_CHARS - 20) + ", " + "ada@trusted.example.evil.example"
    assert [found.domain for found in address.parse([value])] == [""]


@given(st.lists(st.sampled_from([*'a@b.c"<>()[]\\,;: =?', "=?utf-8?q?a=2C?=", "x.org"]), max_size=40))
def test_any_value_gives_addresses_that_can_be_written_down(pieces: list[str]) -> None:
    for found in address.parse(["".join(pieces)]):
        assert found.name or found.address
        assert found.domain == found.domain.lower()
        f"{found.name}{found.address}{found.ascii}".encode()


@given(
    st.text(st.sampled_from('ab "\\'), max_size=12),
    st.text(st.sampled_from("ab.-"), min_size=1),
    st.sampled_from(["x.org", "X.Org."]),
)
def test_the_short_way_and_the_long_way_agree(name: str, local: str, domain: str) -> None:
    value = f"{name}<{local}@{domain}>"
    assert address.parse([value]) == tuple(address._parse_one(value, 10))
