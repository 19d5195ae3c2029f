"""The HTTP sink against a real server on loopback."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bridge import errors, sinks
from bridge.delivery import Delivery, Receipt
from bridge.sinks import http
from tests import servers
from tests.servers import mosquitto
from tests.servers.http import Answer, Server

CONTEXT = sinks.Context(name="hook", bridge="house")


def delivery(payload: bytes = b"{}", media_type: str = "application/json", path: str = "", **options: Any) -> Delivery:
    return Delivery(
        id="0123456789abcdef",
        sink="hook",
        target=path,
        payload=payload,
        media_type=media_type,
        options={"path": path, **options},
    )


@contextlib.asynccontextmanager
async def sink_for(url: str, **settings: Any) -> AsyncIterator[http.Http]:
    made = http.Settings.model_validate({"type": "http", "url": url, "timeout": "5s", **settings})
    async with http.Http(made, CONTEXT) as sink:
        yield sink


async def test_a_delivery_is_posted_with_its_type_and_its_id() -> None:
    async with Server(Answer(status=202, body=b"thanks")) as server, sink_for(f"{server.url}/mail") as sink:
        receipt = await sink.send(delivery(b'{"a":1}'), expires_in_s=None)
    (request,) = server.requests
    assert receipt == Receipt(delivery_id="0123456789abcdef", code="202", payload=b"thanks")
    assert (request.method, request.target, request.body) == ("POST", "/mail", b'{"a":1}')
    assert request.headers["content-type"] == "application/json"
    assert request.headers["idempotency-key"] == "0123456789abcdef"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_each_method_is_sent_and_get_and_delete_have_no_body(method: str) -> None:
    async with Server() as server, sink_for(server.url) as sink:
        await sink.send(delivery(b"x", method=method), expires_in_s=None)
    (request,) = server.requests
    assert (request.method, request.body) == (method, b"" if method in {"GET", "DELETE"} else b"x")


@pytest.mark.parametrize(
    ("base", "path", "target"),
    [
        ("", "", "/"),
        ("/mail", "", "/mail"),
        ("/mail/", "a/b", "/mail/a/b"),
        ("/mail?key=1", "/a", "/mail/a?key=1"),
        ("", "ü &?#%2F/..%2f", "/%C3%BC%20%26%3F%23%252F/..%252f"),
        ("/%41%2F", "x", "/%41%2F/x"),
    ],
)
async def test_a_path_is_appended_each_segment_encoded_whole(base: str, path: str, target: str) -> None:
    async with Server() as server, sink_for(server.url + base) as sink:
        await sink.send(delivery(path=path), expires_in_s=None)
    assert server.requests[0].target == target


@pytest.mark.parametrize("path", ["..", "a/../b", "."])
async def test_no_segment_climbs_out_of_the_path(path: str) -> None:
    async with Server() as server, sink_for(f"{server.url}/mail") as sink:
        with pytest.raises(errors.Permanent):
            await sink.send(delivery(path=path), expires_in_s=None)
    assert server.requests == []


async def test_headers_of_sink_and_rule_are_sent_and_the_rules_win() -> None:
    async with Server() as server, sink_for(server.url, headers={"X-Key": "k", "X-Both": "sink"}) as sink:
        headers = {"X-Both": "rule", "content-type": "text/x", "X-Number": 5}
        await sink.send(delivery(headers=headers), expires_in_s=None)
    sent = server.requests[0].headers
    assert (sent["x-key"], sent["x-both"], sent["content-type"], sent["x-number"]) == ("k", "rule", "text/x", "5")


@pytest.mark.parametrize(
    "value", ["a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\rX-Evil: 1", "a\0X-Evil: 1", "\r\n\r\nX-Evil: 1"]
)
async def test_a_header_value_cannot_begin_another_header(value: str) -> None:
    async with Server() as server, sink_for(server.url) as sink:
        await sink.send(delivery(headers={"X-Subject": value}), expires_in_s=None)
    assert "x-evil" not in server.requests[0].headers
    assert "X-Evil: 1" in server.requests[0].headers["x-subject"]


async def test_a_header_value_in_any_script_is_sent_as_utf_8() -> None:
    async with Server() as server, sink_for(server.url) as sink:
        await sink.send(delivery(headers={"X-Subject": "Grüße 日本 \ud800"}), expires_in_s=None)
    assert "Grüße 日本 ?".encode() in server.requests[0].raw_head


@pytest.mark.parametrize(
    ("settings", "sent"),
    [
        ({"user": "me", "password": "pä:ss"}, "Basic " + base64.b64encode("me:pä:ss".encode()).decode()),
        ({"token": "t0ken"}, "Bearer t0ken"),
    ],
)
async def test_credentials_are_sent(settings: dict[str, str], sent: str) -> None:
    async with Server() as server, sink_for(server.url, **settings) as sink:
        await sink.send(delivery(), expires_in_s=None)
    assert server.requests[0].headers["authorization"] == sent


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, errors.Permanent),
        (304, errors.Permanent),
        (307, errors.Permanent),
        (400, errors.Permanent),
        (401, errors.Refused),
        (403, errors.Refused),
        (404, errors.Permanent),
        (408, errors.Retryable),
        (409, errors.Permanent),
        (413, errors.Permanent),
        (425, errors.Retryable),
        (429, errors.Retryable),
        (500, errors.Retryable),
        (503, errors.Retryable),
        (599, errors.Retryable),
    ],
)
async def test_the_status_decides_whether_it_is_tried_again(status: int, kind: type[errors.MailwireError]) -> None:
    body = b"" if status == 304 else b"why"
    headers = {"Location": "/elsewhere"} if status < 400 else {}
    async with Server(Answer(status=status, headers=headers, body=body)) as server, sink_for(server.url) as sink:
        with pytest.raises(kind) as failed:
            await sink.send(delivery(), expires_in_s=None)
    assert type(failed.value) is kind
    assert failed.value.code == str(status)  # type: ignore[attr-defined]
    assert len(server.requests) == 1, "redirects are not followed"


async def test_retry_after_is_handed_on() -> None:
    async with Server(Answer(status=503, headers={"Retry-After": "120"})) as server, sink_for(server.url) as sink:
        with pytest.raises(errors.Retryable) as failed:
            await sink.send(delivery(), expires_in_s=None)
    assert failed.value.retry_after_s == 120.0


async def test_one_connection_serves_many_deliveries() -> None:
    async with Server() as server, sink_for(server.url) as sink:
        for _ in range(5):
            await sink.send(delivery(), expires_in_s=None)
    assert (len(server.requests), server.connections) == (5, 1)


async def test_of_a_long_answer_only_the_beginning_is_kept() -> None:
    async with Server(Answer(body=b"x" * 5000)) as server, sink_for(server.url) as sink:
        assert (await sink.send(delivery(), expires_in_s=None)).payload == b"x" * 1024


async def test_an_endless_answer_is_not_read_to_its_end() -> None:
    async with Server(Answer(body=b"x" * 10_000, endless=True)) as server, sink_for(server.url) as sink:
        receipt = await asyncio.wait_for(sink.send(delivery(), expires_in_s=None), 5)
        assert receipt.payload == b"x" * 1024
        await sink.send(delivery(), expires_in_s=None)


async def test_a_server_that_does_not_answer_or_hangs_up_is_worth_another_try() -> None:
    async with Server(Answer(hang=True), Answer(cut=True)) as server, sink_for(server.url, timeout="200ms") as sink:
        with pytest.raises(errors.Retryable, match="no answer within"):
            await sink.send(delivery(), expires_in_s=None)
        with pytest.raises(errors.Retryable, match="connection broke") as cut:
            await sink.send(delivery(), expires_in_s=None)
        assert not isinstance(cut.value, errors.Unavailable)
        assert (await sink.send(delivery(), expires_in_s=None)).code == "200"


async def test_a_server_that_is_down_makes_the_sink_unavailable_until_it_is_up() -> None:
    server = Server()
    async with sink_for(server.url) as sink:
        with pytest.raises(errors.Unavailable, match="nothing listens there"):
            await sink.send(delivery(), expires_in_s=None)
        async with server:
            assert (await sink.send(delivery(), expires_in_s=None)).code == "200"


async def test_a_refusal_says_what_to_do() -> None:
    async with Server(Answer(status=401)) as server, sink_for(server.url) as sink:
        with pytest.raises(errors.Refused, match="check `user` and `password`"):
            await sink.send(delivery(), expires_in_s=None)


async def test_certificates_are_verified(tmp_path: Path) -> None:
    pki = mosquitto.Pki.make(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pki.cert_file, pki.key_file)
    async with Server(tls=tls) as server:
        async with sink_for(server.url, ca_file=pki.ca_file) as sink:
            assert (await sink.send(delivery(), expires_in_s=None)).code == "200"
        async with sink_for(server.url) as sink:
            with pytest.raises(errors.Unavailable, match="certificate is not trusted"):
                await sink.send(delivery(), expires_in_s=None)


async def test_proxies_and_netrc_of_the_environment_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password hunter2")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{servers.free_port()}")
    async with Server() as server, sink_for(server.url) as sink:
        await sink.send(delivery(), expires_in_s=None)
    assert "authorization" not in server.requests[0].headers
