"""Issuers: known ones, discovery documents of any kind, and addresses that secrets may be sent to."""

from __future__ import annotations

import urllib.parse
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.oauth import providers

ISSUER = "https://id.example.org/realms/home"
DOCUMENT: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
    "device_authorization_endpoint": f"{ISSUER}/device",
}
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.just(ISSUER),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*DOCUMENT, "x"]), inner, max_size=5),
)


def test_a_document_gives_the_endpoints() -> None:
    found = providers.discovered(DOCUMENT, ISSUER)
    assert (found.authorization_endpoint, found.token_endpoint) == (f"{ISSUER}/auth", f"{ISSUER}/token")
    assert found.device_endpoint == f"{ISSUER}/device"
    assert found.scopes == ("openid", "email", "offline_access")


def test_only_scopes_that_it_knows_are_asked_for() -> None:
    found = providers.discovered({**DOCUMENT, "scopes_supported": ["openid", "imap", 5]}, ISSUER)
    assert (found.scopes, found.asked) == (("openid",), ())


def test_a_tenant_of_microsofts_is_asked_as_microsoft_is() -> None:
    issuer = "https://login.microsoftonline.com/0000-11/v2.0"
    found = providers.discovered({**DOCUMENT, "issuer": issuer}, issuer)
    assert found.scopes == providers.KNOWN["microsoft"].scopes
    assert found.redirect_uri == "http://localhost"


def test_google_by_its_address_gives_no_mail_by_device_code_either() -> None:
    assert providers.refuses_device_code("https://accounts.google.com")
    assert providers.refuses_device_code("google")
    assert not providers.refuses_device_code("microsoft")
    assert not providers.refuses_device_code(ISSUER)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ([], "no JSON object"),
        (None, "no JSON object"),
        ({}, "calls itself otherwise"),
        ({**DOCUMENT, "issuer": "https://evil.example"}, "calls itself https://evil.example"),
        ({**DOCUMENT, "issuer": "https://evil.example/\x1b[2J"}, "calls itself otherwise"),
        ({"issuer": ISSUER}, "token_endpoint is no address"),
        ({**DOCUMENT, "token_endpoint": "http://id.example.org/token"}, "token_endpoint .* is not encrypted"),
        ({**DOCUMENT, "token_endpoint": "http://127.0.0.1/token"}, "token_endpoint .* is not encrypted"),
        ({**DOCUMENT, "authorization_endpoint": "javascript:alert(1)"}, "authorization_endpoint"),
        ({**DOCUMENT, "authorization_endpoint": "file:///etc/passwd"}, "authorization_endpoint"),
        ({**DOCUMENT, "device_authorization_endpoint": ["x"]}, "device_authorization_endpoint is no address"),
        ({**DOCUMENT, "token_endpoint": f"{ISSUER}/{'x' * 3000}"}, "token_endpoint is no address"),
        ({**DOCUMENT, "token_endpoint": "https://user@id.example.org/"}, "token_endpoint"),
    ],
)
def test_a_document_that_cannot_be_used_is_refused(document: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        providers.discovered(document, ISSUER)


@given(JSON)
def test_no_document_breaks_it(document: Any) -> None:
    told = ""
    try:
        assert providers.discovered(document, ISSUER).token_endpoint.startswith("https://")
    except ValueError as error:
        told = str(error)
    assert told.isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "https://id.example.org",
        "https://id.example.org:8443/x/",
        "http://127.0.0.1:80",
        "http://[::1]",
        "http://localhost",
    ],
)
def test_an_issuer_is_https_or_on_this_machine(text: str) -> None:
    assert providers.issuer(text) == text


@pytest.mark.parametrize(
    "text",
    ["http://id.example.org", "http://127.0.0.1.evil.example", "ftp://x", "https://", "https://a b", "https://x:y",
     "https://a@b", "https://x/#f", "https://[", "http://localhost.evil", "https://ä"],
)  # fmt: skip
def test_anything_else_is_not(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        providers.issuer(text)


@given(st.text(max_size=50) | st.text(alphabet="htps:/@[]1.#% x", max_size=30))
def test_no_text_breaks_it(text: str) -> None:
    try:
        found = providers.address(text, local=True)
    except ValueError:
        return
    assert urllib.parse.urlsplit(found).hostname


def test_the_address_of_a_discovery_document_names_its_issuer() -> None:
    assert providers.issuer(f"{ISSUER}/.well-known/openid-configuration") == ISSUER


def test_where_documents_are_looked_for() -> None:
    assert providers.documents(f"{ISSUER}/") == (
        f"{ISSUER}/.well-known/openid-configuration",
        "https://id.example.org/.well-known/oauth-authorization-server/realms/home",
    )
