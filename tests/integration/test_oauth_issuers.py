"""Issuers that do what they should not, and browsers that are none."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
import urllib.parse
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
import trustme

from bridge import errors
from bridge.oauth import browser, device, endpoint, issuers, keeper, protocol, vault
from bridge.oauth.grant import Grant
from bridge.oauth.settings import OAuth
from tests import servers
from tests.servers.http import Answer, Server
from tests.servers.issuer import Issuer


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with Issuer() as server:
        yield server


def settings(url: str, **changes: Any) -> OAuth:
    return OAuth.model_validate({"provider": url, "client_id": "mailwire-test", **changes})


async def client(issuer: Issuer, **changes: Any) -> protocol.Client:
    return await issuers.Issuers().client(settings(issuer.url, **changes))


def an(answer: object, status: int = 200) -> Answer:
    return Answer(status=status, body=json.dumps(answer).encode())


# Discovery


@pytest.mark.parametrize(
    ("answers", "kind", "told"),
    [
        ([Answer(status=302, headers={"Location": "https://evil.example/"})], errors.SourceError, "302, a redirect"),
        ([Answer(body=b"<html>")], errors.SourceError, "answers 200, and no JSON"),
        ([Answer(body=b"[" * 100_000)], errors.SourceError, "no JSON"),
        ([Answer(body=b"x" * 4096, endless=True)], errors.SourceError, "an answer of more than 262144 bytes"),
        ([Answer(status=404), Answer(status=404)], errors.SourceError, r"no discovery document \(it answers 404\)"),
        ([Answer(status=503)], errors.Disconnected, "answers 503"),
        ([Answer(cut=True)], errors.Disconnected, "cannot be reached"),
        ([an({"issuer": "https://evil.example"})], errors.SourceError, "of another issuer"),
        ([an({"issuer": "ME", "token_endpoint": "http://evil.example/"})], errors.SourceError, "is not encrypted"),
    ],
)
async def test_a_document_that_cannot_be_used(answers: list[Answer], kind: type[Exception], told: str) -> None:
    async with Server() as server:
        server.answers.extend(
            Answer(**{**vars(one), "body": one.body.replace(b'"ME"', b'"%s"' % server.url.encode())}) for one in answers
        )
        with pytest.raises(kind, match=told) as caught:
            await issuers.Issuers().client(settings(server.url))
        assert type(caught.value) is kind
        assert server.sent_bytes < 8_000_000, "an endless answer is not read to its end"


async def test_an_issuer_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "DEADLINE_S", 0.1)
    async with Server(Answer(hang=True)) as server:
        with pytest.raises(errors.Disconnected, match="does not answer within"):
            await issuers.Issuers().client(settings(server.url))


async def test_an_issuer_of_ones_own_is_trusted_by_its_ca_alone(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    async with Server(tls=context) as server:
        server.answers.append(an({"issuer": server.url, "token_endpoint": f"{server.url}/token"}))
        found = await issuers.Issuers().client(settings(server.url, ca_file=ca_file))
        assert found.provider.token_endpoint == f"{server.url}/token"
        with pytest.raises(errors.Disconnected, match=r"its certificate is not trusted .*`ca_file`"):
            await issuers.Issuers().client(settings(server.url))


async def test_where_openid_has_no_document_the_other_place_is_looked_at() -> None:
    async with Server(Answer(status=404)) as server:
        server.answers.append(an({"issuer": server.url + "/home", "token_endpoint": f"{server.url}/token"}))
        await issuers.Issuers().client(settings(server.url + "/home"))
        assert [request.target for request in server.requests] == [
            "/home/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server/home",
        ]


async def test_an_issuer_is_discovered_once_however_many_ask(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[str] = []
    get = endpoint.get

    async def counted(url: str, **more: Any) -> endpoint.Answer:
        found.append(url)
        return await get(url, **more)

    monkeypatch.setattr(endpoint, "get", counted)
    known = issuers.Issuers()
    await asyncio.gather(*(known.client(settings(issuer.url)) for _ in range(5)))
    assert len(found) == 1


# The browser


@contextlib.asynccontextmanager
async def signing_in(issuer: Issuer, **changes: Any) -> AsyncIterator[tuple[browser.SignIn, httpx.AsyncClient]]:
    async with (
        browser.SignIn(await client(issuer, **changes), user="ada") as sign_in,
        httpx.AsyncClient(trust_env=False) as web,
    ):
        yield sign_in, web


async def test_a_client_with_a_secret_says_it_as_the_issuer_wants(issuer: Issuer) -> None:
    issuer.client_secret = "s3cret-s3cret"
    async with signing_in(issuer, client_secret="s3cret-s3cret") as (sign_in, web):
        await web.get(sign_in.url, follow_redirects=True)
        await sign_in.grant()
    assert "client_secret" not in issuer.asked[0], "Basic, unless it says otherwise"


async def test_what_does_not_belong_to_the_sign_in_does_not_end_it(issuer: Issuer) -> None:
    async with signing_in(issuer) as (sign_in, web):
        address = httpx.URL(sign_in.redirect_uri)
        assert (await web.get(address.copy_with(path="/favicon.ico"))).status_code == 404
        assert (await web.post(address)).status_code == 404
        assert (await web.get(address, params={"code": "x", "state": "y"})).status_code == 400
        assert (await web.get(address, params={"error": "access_denied", "state": "y"})).status_code == 400
        assert (await web.get(address)).status_code == 400
        for octets in (b"\x00\xff\r\n\r\n", b"GET\r\n\r\n", b"x" * 70_000, b""):
            reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
            with contextlib.suppress(OSError):
                writer.write(octets)
                writer.write_eof()
                await reader.read()
            writer.close()
        assert (await web.get(sign_in.url, follow_redirects=True)).status_code == 200
        assert (await sign_in.grant()).access_token


async def test_it_listens_on_this_machine_alone(issuer: Issuer) -> None:
    async with signing_in(issuer) as (sign_in, _):
        url = urllib.parse.urlsplit(sign_in.redirect_uri)
        assert (url.scheme, url.hostname) == ("http", "127.0.0.1")
        assert url.port
    with pytest.raises(OSError, match=r"refused|Connect"):
        await asyncio.open_connection("127.0.0.1", url.port)


async def test_each_sign_in_has_secrets_of_its_own(issuer: Issuer) -> None:
    async with signing_in(issuer) as (one, _), signing_in(issuer) as (other, _):
        first, second = (dict(urllib.parse.parse_qsl(each.url)) for each in (one, other))
    assert first["code_challenge"] != second["code_challenge"]
    assert first["state"] != second["state"]
    assert first["login_hint"] == "ada"


async def test_a_redirect_uri_of_ones_own_is_kept_to(issuer: Issuer) -> None:
    wanted = f"http://127.0.0.1:{servers.free_port()}/back"
    async with signing_in(issuer, redirect_uri=wanted) as (sign_in, web):
        assert sign_in.redirect_uri == wanted
        await web.get(sign_in.url, follow_redirects=True)
        await sign_in.grant()
        with pytest.raises(errors.SourceError, match="cannot be listened on"):
            async with signing_in(issuer, redirect_uri=wanted):
                pass


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"error": "access_denied"}, r"the issuer refuses \(access_denied\)"),
        ({"error": "access_denied", "error_description": "\x1b[2Jno"}, r"\(access_denied: +\[2Jno\)"),
    ],
)
async def test_a_sign_in_that_is_refused(issuer: Issuer, query: dict[str, str], told: str) -> None:
    async with signing_in(issuer) as (sign_in, web):
        state = dict(urllib.parse.parse_qsl(sign_in.url))["state"]
        await web.get(httpx.URL(sign_in.redirect_uri), params={**query, "state": state})
        with pytest.raises(errors.LoginRefused, match=told):
            await sign_in.grant()


async def test_the_answer_of_another_issuer_is_none(issuer: Issuer) -> None:
    """RFC 9207: what one issuer gave must not be taken to another."""
    issuer.document = {"authorization_response_iss_parameter_supported": True}
    async with signing_in(issuer) as (sign_in, web):
        state = dict(urllib.parse.parse_qsl(sign_in.url))["state"]
        for iss in ({}, {"iss": "https://evil.example"}):
            answer = await web.get(httpx.URL(sign_in.redirect_uri), params={"code": "x", "state": state, **iss})
            assert answer.status_code == 400


# The token endpoint


@pytest.mark.parametrize(
    ("answer", "kind", "told"),
    [
        ((400, {"error": "invalid_client"}), errors.LoginRefused, "check client_id and client_secret"),
        ((400, {"error": ["x"], "error_description": {}}), errors.LoginRefused, "refuses"),
        ((200, {"error": "invalid_scope"}), errors.LoginRefused, "invalid_scope"),
        ((400, {"error": "temporarily_unavailable"}), errors.Disconnected, "cannot answer now"),
        ((503, {}), errors.Disconnected, "answers 503"),
        ((429, {}), errors.Disconnected, "answers 429"),
        ((200, {}), errors.SourceError, "no access token"),
        ((200, {"access_token": "a\r\nb"}), errors.SourceError, "no access token that can be sent"),
        ((200, {"access_token": "a", "token_type": "mac"}), errors.SourceError, "no bearer token"),
        ((307, {}), errors.SourceError, "a redirect; these are not followed"),
    ],
)
async def test_an_answer_that_gives_no_token(
    issuer: Issuer, tmp_path: Path, answer: tuple[int, dict[str, Any]], kind: type[Exception], told: str
) -> None:
    issuer.answers.append(answer)
    grant = Grant.from_answer(issuer.sign(), issuer=issuer.url, client_id="mailwire-test", now=time.time() - 9000)
    vault.Vault(tmp_path).write("home", grant)
    async with keeper.Keeper(tmp_path).tokens("home", settings(issuer.url)) as tokens:
        with pytest.raises(kind, match=told) as caught:
            await tokens.access_token()
    assert grant.refresh_token not in str(caught.value)
    assert vault.Vault(tmp_path).read("home") == grant, "what was there is kept"


async def test_while_the_old_token_holds_an_issuer_that_is_away_is_no_matter(issuer: Issuer, tmp_path: Path) -> None:
    grant = Grant.from_answer(issuer.sign(), issuer=issuer.url, client_id="mailwire-test", now=time.time() - 3400)
    vault.Vault(tmp_path).write("home", grant)
    issuer.answers.append((503, {}))
    async with keeper.Keeper(tmp_path).tokens("home", settings(issuer.url)) as tokens:
        assert await tokens.access_token() == grant.access_token
        assert len(issuer.asked) == 1


async def test_a_sign_in_to_another_application_does_not_count(issuer: Issuer, tmp_path: Path) -> None:
    grant = Grant.from_answer(issuer.sign(), issuer=issuer.url, client_id="another", now=time.time())
    vault.Vault(tmp_path).write("home", grant)
    async with keeper.Keeper(tmp_path).tokens("home", settings(issuer.url)) as tokens:
        with pytest.raises(errors.LoginRefused, match="another provider or client_id; run `mailwire login home`"):
            await tokens.access_token()


# The device code


class Clock:
    """Time that passes when somebody waits."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


async def test_a_device_asks_slower_when_it_is_told_to(issuer: Issuer) -> None:
    made = await client(issuer)
    codes = await device.codes(made)
    issuer.answers.extend([(400, {"error": "authorization_pending"}), (400, {"error": "slow_down"}), (503, {}), None])
    issuer.approve(codes.user_code)
    clock = Clock()
    assert (await device.grant(made, codes, sleep=clock.sleep)).access_token
    assert clock.waits == [0.5, 0.5, 5.5, 11.0]


@pytest.mark.parametrize(
    ("error", "told"), [("expired_token", "the code has expired"), ("access_denied", "the issuer refuses")]
)
async def test_a_device_that_is_refused_stops(issuer: Issuer, error: str, told: str) -> None:
    made = await client(issuer)
    codes = await device.codes(made)
    issuer.answers.append((400, {"error": error}))
    with pytest.raises(errors.LoginRefused, match=told):
        await device.grant(made, codes, sleep=Clock().sleep)


async def test_a_code_that_nobody_types_in_expires_by_our_own_count(issuer: Issuer) -> None:
    made = await client(issuer)
    codes = await device.codes(made)
    clock = Clock()
    issuer.answers.extend([(400, {"error": "slow_down"})] * 100)
    with pytest.raises(errors.LoginRefused, match="expired"):
        await device.grant(made, codes, sleep=clock.sleep)
    assert 600 <= sum(clock.waits) < 700


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"device_code": "d", "user_code": "\x1b[2J", "verification_uri": "https://x"},
        {"device_code": "d", "user_code": "A" * 500, "verification_uri": "https://x"},
        {"device_code": "d", "user_code": "A", "verification_uri": "javascript:alert(1)"},
        {"device_code": "d", "user_code": "A", "verification_uri": "https://x/\x1b[2J"},
        {
            "device_code": "d",
            "user_code": "A",
            "verification_uri": "https://x",
            "verification_uri_complete": "file:///",
        },
        {"device_code": 5, "user_code": "A", "verification_uri": "https://x"},
    ],
)
async def test_codes_that_cannot_be_shown_are_refused(answer: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        device.Codes.from_answer(answer, local=False)


async def test_an_issuer_without_device_codes_says_so(issuer: Issuer) -> None:
    issuer.document = {"device_authorization_endpoint": ""}
    document = issuer.discovery()
    del document["device_authorization_endpoint"]
    issuer.discovery = lambda: document  # type: ignore[method-assign]
    with pytest.raises(errors.SourceError, match="no sign-in by device code"):
        await device.codes(await client(issuer))


# Ahead of the end


async def test_an_issuer_that_is_away_is_asked_again_and_one_that_ended_the_sign_in_is_not(
    issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "_RETRY_LEAST_S", 0.01)
    issuer.answers.extend([(503, {}), (503, {}), None])
    grant = Grant.from_answer(issuer.sign(), issuer=issuer.url, client_id="mailwire-test", now=time.time() - 3400)
    kept = vault.Vault(tmp_path)
    kept.write("home", grant)
    async with keeper.Keeper(tmp_path).tokens("home", settings(issuer.url)) as tokens:
        with contextlib.suppress(errors.Disconnected):
            await tokens.access_token()
        await servers.until(lambda: kept.read("home") != grant, what="the renewal")
    assert len(issuer.asked) == 3


async def test_a_sign_in_that_has_ended_is_told_of_once_while_the_token_still_holds(
    issuer: Issuer, tmp_path: Path
) -> None:
    grant = Grant.from_answer(issuer.sign(), issuer=issuer.url, client_id="mailwire-test", now=time.time() - 3400)
    vault.Vault(tmp_path).write("home", grant)
    issuer.end()
    with structlog.testing.capture_logs() as logs:
        async with keeper.Keeper(tmp_path).tokens("home", settings(issuer.url)) as tokens:
            assert await tokens.access_token() == grant.access_token
            await servers.until(lambda: logs, what="a line in the log")
            assert tokens.due is None
    (line,) = logs
    assert (line["log_level"], line["event"]) == ("error", "an access token cannot be renewed")
    assert "run `mailwire login home`" in line["reason"]
    assert not any(secret in str(line) for secret in (grant.access_token, grant.refresh_token))
