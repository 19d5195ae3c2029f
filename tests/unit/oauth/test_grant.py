"""What an issuer gives, and its file."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.oauth.grant import Grant

ANSWER = {"access_token": "a1", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "r1"}
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.lists(st.text(max_size=3))
TOKENS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1)


def made(now: float = 1000.0, **changes: Any) -> Grant:
    return Grant.from_answer({**ANSWER, **changes}, issuer="https://i", client_id="c", now=now)


@pytest.mark.parametrize(
    ("expires_in", "expires"),
    [(60, 1060), ("60", 1060), (60.5, 1060.5), (None, 4600), ("soon", 4600), (-5, 1000), (float("nan"), 4600),
     (10**400, 4600), (1e30, 1000 + 366 * 86_400), ([], 4600)],
)  # fmt: skip
def test_when_it_ends(expires_in: object, expires: float) -> None:
    assert made(expires_in=expires_in).expires == expires


@pytest.mark.parametrize(
    "changes",
    [{"access_token": None}, {"access_token": ""}, {"access_token": "a b"}, {"access_token": "a\x01b"},
     {"access_token": "ä"}, {"access_token": ["a"]}, {"token_type": "mac"}, {"token_type": 5},
     {"access_token": "x" * 100_000}],
)  # fmt: skip
def test_a_token_that_cannot_be_sent_is_none(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="token"):
        made(**changes)


def test_a_renewed_one_keeps_the_refresh_token_where_there_is_no_new_one() -> None:
    assert made().then(made(access_token="a2", refresh_token=None)).refresh_token == "r1"
    assert made().then(made(access_token="a2", refresh_token="r2")).refresh_token == "r2"


def test_it_is_renewed_ahead_of_its_end_and_not_given_out_at_its_end() -> None:
    grant = made()
    assert 1000 + 0.8 * 3600 == grant.renew_at(0) < grant.renew_at(1) == 1000 + 0.9 * 3600
    assert grant.holds(grant.renew_at(1))
    assert not grant.holds(4595)
    assert not grant.holds(500), "the clock was set back"


def test_no_repr_shows_a_secret() -> None:
    assert "a1" not in repr(made())
    assert "r1" not in repr(made())


@given(TOKENS, TOKENS | st.just(""), st.text(), st.floats(0, 1e10))
def test_the_file_gives_back_what_was_written(access: str, refresh: str, scope: str, now: float) -> None:
    grant = made(now, access_token=access, refresh_token=refresh, scope=scope)
    assert Grant.from_file(grant.to_file()) == grant


@given(st.binary(max_size=200))
def test_no_octets_break_it(octets: bytes) -> None:
    with pytest.raises(ValueError, match=r"is damaged|holds no"):
        Grant.from_file(octets)


@given(st.dictionaries(st.sampled_from([*ANSWER, "issuer", "obtained", "expires", "scope"]), VALUES))
def test_no_object_breaks_it(value: dict[str, Any]) -> None:
    grant = Grant.from_file(json.dumps({**value, "access_token": "a"}).encode())
    grant.renew_at(0.5)
    assert grant.holds(0.0) in {True, False}


@pytest.mark.parametrize("octets", [b"", b"{", b"[" * 100_000, b"{}", b"null", b'{"access_token": ""}', b"1" * 5000])
def test_a_damaged_file_is_told_of(octets: bytes) -> None:
    with pytest.raises(ValueError, match=r"is damaged|holds no"):
        Grant.from_file(octets)


@given(st.dictionaries(st.sampled_from([*ANSWER, "scope"]), VALUES))
def test_no_answer_breaks_it(answer: dict[str, Any]) -> None:
    try:
        grant = Grant.from_answer(answer, issuer="https://i", client_id="c", now=1000)
    except ValueError:
        return
    assert grant.expires >= 1000
    assert grant.access_token.isascii()
