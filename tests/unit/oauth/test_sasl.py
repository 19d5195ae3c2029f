"""XOAUTH2 and OAUTHBEARER: the octets, and what a refusal means."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import errors
from bridge.oauth import sasl


def proof(mechanism: sasl.Mechanism, user: str = "someuser@example.com", token: str = "ya29.vF9dft4") -> sasl.Proof:
    return sasl.Proof(mechanism=mechanism, user=user, token=token, host="server.example.com", port=143)


def test_xoauth2_is_as_its_documentation_has_it() -> None:
    said = base64.b64decode(proof("XOAUTH2").response())
    assert said == b"user=someuser@example.com\x01auth=Bearer ya29.vF9dft4\x01\x01"


def test_oauthbearer_is_as_rfc_7628_has_it() -> None:
    said = base64.b64decode(proof("OAUTHBEARER").response())
    assert said == (
        b"n,a=someuser@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer ya29.vF9dft4\x01\x01"
    )


def test_a_comma_and_an_equals_sign_in_the_user_are_escaped() -> None:
    assert base64.b64decode(proof("OAUTHBEARER", user="a,b=c").response()).startswith(b"n,a=a=2Cb=3Dc,\x01")


@given(st.text(), st.sampled_from(["OAUTHBEARER", "XOAUTH2"]))
def test_a_user_of_any_characters_stays_in_its_place(user: str, mechanism: sasl.Mechanism) -> None:
    said = base64.b64decode(proof(mechanism, user=user).response())
    assert said.count(b"\x01") == (3 if mechanism == "XOAUTH2" else 5)
    assert said.endswith(b"\x01auth=Bearer ya29.vF9dft4\x01\x01")


@pytest.mark.parametrize(
    ("offered", "mechanism"),
    [
        ({b"AUTH=XOAUTH2", b"AUTH=PLAIN"}, "XOAUTH2"),
        ({b"AUTH=OAUTHBEARER"}, "OAUTHBEARER"),
        ({b"AUTH=XOAUTH2", b"AUTH=OAUTHBEARER"}, "OAUTHBEARER"),
    ],
)
def test_the_standard_mechanism_is_preferred(offered: set[bytes], mechanism: str) -> None:
    assert sasl.chosen(offered) == mechanism


def test_a_server_without_either_is_told_of() -> None:
    with pytest.raises(errors.LoginRefused, match=r"it offers AUTH=LOGIN, AUTH=PLAIN\); write a password"):
        sasl.chosen({b"AUTH=PLAIN", b"AUTH=LOGIN", b"IDLE"})


def test_the_response_goes_with_the_command_where_the_server_takes_that() -> None:
    exchange = sasl.Exchange(proof("XOAUTH2"), at_once=True)
    assert exchange.command() == b"AUTHENTICATE XOAUTH2 " + proof("XOAUTH2").response()
    assert exchange.reply(b"eyJzdGF0dXMiOiI0MDAifQ==") == b""


def test_else_it_answers_the_first_plus_whatever_stands_behind_that() -> None:
    exchange = sasl.Exchange(proof("OAUTHBEARER"), at_once=False)
    assert exchange.command() == b"AUTHENTICATE OAUTHBEARER"
    assert exchange.reply(b"go ahead") == proof("OAUTHBEARER").response()
    assert exchange.reply(b"eyJzdGF0dXMiOiI0MDAifQ==") == b"AQ=="


def test_a_token_that_is_too_long_for_a_command_line_waits_for_the_plus() -> None:
    exchange = sasl.Exchange(proof("XOAUTH2", token="x" * 8000), at_once=True)
    assert exchange.command() == b"AUTHENTICATE XOAUTH2"
    assert len(exchange.reply(b"")) > 8000


def challenge(**told: object) -> bytes:
    return base64.b64encode(json.dumps(told).encode())


@pytest.mark.parametrize(
    ("challenges", "kind", "told"),
    [
        ([], errors.TokenRefused, r"does not accept the access token \(AUTHENTICATE failed\)"),
        ([challenge(status="400", schemes="Bearer", scope="https://mail.google.com/")], errors.TokenRefused, "400: "),
        ([challenge(status="invalid_token")], errors.TokenRefused, "invalid_token: AUTHENTICATE failed"),
        ([challenge(status="insufficient_scope", scope="imap")], errors.LoginRefused, "it wants the scope imap"),
        ([b"!!!"], errors.TokenRefused, "AUTHENTICATE failed"),
        ([base64.b64encode(b"[" * 5000)], errors.TokenRefused, "AUTHENTICATE failed"),
        ([base64.b64encode(b"[1]")], errors.TokenRefused, "AUTHENTICATE failed"),
        ([challenge(status="\x1b[2Jx")], errors.TokenRefused, r"\( ?\[2Jx: AUTHENTICATE failed\)"),
    ],
)
def test_what_a_refusal_means(challenges: list[bytes], kind: type[Exception], told: str) -> None:
    exchange = sasl.Exchange(proof("XOAUTH2"), at_once=True)
    for line in challenges:
        exchange.reply(line)
    refusal = exchange.refusal("AUTHENTICATE failed")
    assert type(refusal) is kind
    with pytest.raises(kind, match=told):
        raise refusal


@given(st.lists(st.binary(max_size=200), max_size=3), st.text())
def test_no_answer_of_a_server_breaks_it(challenges: list[bytes], text: str) -> None:
    exchange = sasl.Exchange(proof("OAUTHBEARER"), at_once=True)
    for line in challenges:
        exchange.reply(line)
    assert str(exchange.refusal(text)).isprintable()


def test_no_repr_shows_the_token() -> None:
    assert "ya29" not in repr(proof("XOAUTH2"))


def test_every_form_of_the_token_can_be_masked() -> None:
    one = proof("OAUTHBEARER")
    assert one.response() in one.secrets()
    assert b"ya29.vF9dft4" in one.secrets()
    assert base64.b64encode(b"ya29.vF9dft4") in one.secrets()
