"""The CoAP sink against libcoap, and against devices that do what libcoap's example does not."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiocoap
import pytest
from aiocoap import resource
from aiocoap.numbers import codes

from bridge import errors, sinks
from bridge.delivery import Delivery
from bridge.sinks import coap
from tests import servers
from tests.servers import libcoap

CONTEXT = sinks.Context(name="lamp", bridge="house")


@pytest.fixture(scope="module")
def device() -> Iterator[libcoap.Libcoap]:
    with libcoap.Libcoap() as running:
        yield running


def delivery(path: str = "light", payload: bytes = b"1", media_type: str = "text/plain", **options: Any) -> Delivery:
    return Delivery(
        id="0123456789abcdef", sink="lamp", target=path, payload=payload, media_type=media_type, options=options
    )


@contextlib.asynccontextmanager
async def sink_for(url: str, **settings: Any) -> AsyncIterator[coap.Coap]:
    made = coap.Settings.model_validate({"type": "coap", "url": url, "timeout": "4s", **settings})
    async with coap.Coap(made, CONTEXT) as sink:
        yield sink


@pytest.mark.parametrize("confirmable", [True, False])
async def test_a_put_creates_changes_and_is_receipted_with_its_code(device: libcoap.Libcoap, confirmable: bool) -> None:
    path = f"light/{confirmable}"
    async with sink_for(device.url) as sink:
        created = await sink.send(delivery(path, b"1", confirmable=confirmable), expires_in_s=None)
        changed = await sink.send(delivery(path, b"22", confirmable=confirmable), expires_in_s=5)
    assert (created.code, changed.code) == ("2.01", "2.04")
    assert created.delivery_id == "0123456789abcdef"
    assert await device.get(path) == b"22"


async def test_get_and_delete_ask_and_remove(device: libcoap.Libcoap) -> None:
    async with sink_for(device.url) as sink:
        await sink.send(delivery("door", b"shut"), expires_in_s=None)
        asked = await sink.send(delivery("door", b"ignored", method="GET"), expires_in_s=None)
        removed = await sink.send(delivery("door", method="DELETE"), expires_in_s=None)
    assert (asked.code, asked.payload, removed.code) == ("2.05", b"shut", "2.02")


async def test_what_does_not_exist_is_permanent(device: libcoap.Libcoap) -> None:
    async with sink_for(device.url) as sink:
        with pytest.raises(errors.Permanent, match=r"4\.04") as failed:
            await sink.send(delivery("nowhere", method="GET"), expires_in_s=None)
    assert failed.value.code == "4.04"


@pytest.mark.parametrize("size", [0, 1, 1024, 1025, 5_000, 60_000])
async def test_a_payload_of_any_size_arrives_whole(device: libcoap.Libcoap, size: int) -> None:
    payload = bytes(n % 95 + 32 for n in range(size))
    async with sink_for(device.url) as sink:
        await sink.send(delivery(f"blocks/{size}", payload), expires_in_s=None)
        receipt = await sink.send(delivery(f"blocks/{size}", method="GET"), expires_in_s=None)
    assert await device.get(f"blocks/{size}") == payload
    assert receipt.payload == payload[: coap.KEPT_BYTES]


async def test_a_segment_is_one_option_whatever_is_in_it(device: libcoap.Libcoap) -> None:
    async with sink_for(device.url) as sink:
        await sink.send(delivery("a%2F?&b=c/ü +", b"here"), expires_in_s=None)
    assert await device.get("a%252F%3F%26b%3Dc/%C3%BC%20%2B") == b"here"


async def test_a_segment_without_room_in_an_option_is_permanent(device: libcoap.Libcoap) -> None:
    async with sink_for(device.url) as sink:
        with pytest.raises(errors.Permanent, match="255"):
            await sink.send(delivery("x" * 256), expires_in_s=None)


async def test_a_device_that_is_back_is_served_again() -> None:
    with libcoap.Libcoap() as device:
        async with sink_for(device.url) as sink:
            await sink.send(delivery(), expires_in_s=None)
            device.stop()
            with pytest.raises(errors.Retryable, match="nothing listens"):
                await sink.send(delivery(), expires_in_s=None)
            await asyncio.to_thread(device.start)
            assert (await sink.send(delivery(), expires_in_s=None)).code == "2.01"


async def test_lost_datagrams_are_sent_again() -> None:
    """Half of all datagrams of the device are lost."""
    with libcoap.Libcoap(options=("-l", "2,4")) as device:
        async with sink_for(device.url, timeout="10s") as sink:
            for _ in range(3):
                await sink.send(delivery(), expires_in_s=None)


@contextlib.contextmanager
def silent_device() -> Iterator[str]:
    """Takes every datagram and says nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield f"coap://127.0.0.1:{sock.getsockname()[1]}"


async def test_a_dead_device_is_known_within_the_timeout_by_all_that_wait_for_it() -> None:
    with silent_device() as url:
        async with sink_for(url, timeout="1s") as sink, asyncio.timeout(5):
            sends = [sink.send(delivery(f"target/{n}"), expires_in_s=None) for n in range(coap.DEPTH)]
            outcomes = await asyncio.gather(*sends, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {errors.Retryable}


async def test_what_gave_up_is_not_sent_later() -> None:
    """Nothing of the second request leaves, not even after the first has timed out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        async with sink_for(f"coap://127.0.0.1:{sock.getsockname()[1]}", timeout="400ms") as sink:
            sends = [sink.send(delivery(path), expires_in_s=None) for path in ("first", "second")]
            await asyncio.gather(*sends, return_exceptions=True)
            await asyncio.sleep(0.2)
        seen = set()
        with contextlib.suppress(BlockingIOError):
            while True:
                seen.add(b"second" in sock.recv(2048))
    assert seen == {False}


async def test_an_unanswered_request_that_is_not_confirmable_counts_as_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coap, "NON_WAIT_S", 0.1)
    with silent_device() as url:
        async with sink_for(url) as sink:
            assert (await sink.send(delivery(confirmable=False), expires_in_s=None)).code == "sent"


async def test_what_expires_while_it_waits_in_line_is_not_sent() -> None:
    with silent_device() as url:
        async with sink_for(url, timeout="1s") as sink:
            first = asyncio.ensure_future(sink.send(delivery(confirmable=False), expires_in_s=None))
            await asyncio.sleep(0)
            with pytest.raises(errors.Retryable, match="expired"):
                await sink.send(delivery(), expires_in_s=0.05)
            await first


async def test_a_name_that_cannot_be_resolved_is_worth_another_try() -> None:
    async with sink_for("coap://nosuch.invalid") as sink:
        with pytest.raises(errors.Retryable, match="resolved"):
            await sink.send(delivery(), expires_in_s=None)


class Scripted(resource.Resource):  # type: ignore[misc]  # aiocoap is not typed
    """Answers as told, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.answer: Any = None
        self.asked: list[Any] = []

    async def render(self, request: Any) -> Any:
        self.asked.append(request)
        return self.answer


@pytest.fixture
async def scripted() -> AsyncIterator[tuple[Scripted, str]]:
    port, script = servers.free_port(socket.SOCK_DGRAM), Scripted()
    site = resource.Site()
    site.add_resource(["x"], script)
    context = await aiocoap.Context.create_server_context(site, bind=("127.0.0.1", port), transports=["udp6"])
    try:
        yield script, f"coap://127.0.0.1:{port}"
    finally:
        await context.shutdown()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (codes.BAD_REQUEST, errors.Permanent),
        (codes.UNAUTHORIZED, errors.Refused),
        (codes.FORBIDDEN, errors.Refused),
        (codes.METHOD_NOT_ALLOWED, errors.Permanent),
        (codes.REQUEST_ENTITY_INCOMPLETE, errors.Retryable),
        (codes.REQUEST_ENTITY_TOO_LARGE, errors.Permanent),
        (codes.UNSUPPORTED_CONTENT_FORMAT, errors.Permanent),
        (codes.TOO_MANY_REQUESTS, errors.Retryable),
        (codes.INTERNAL_SERVER_ERROR, errors.Retryable),
        (codes.SERVICE_UNAVAILABLE, errors.Retryable),
    ],
)
async def test_the_answers_code_decides_whether_it_is_tried_again(
    scripted: tuple[Scripted, str], code: Any, kind: type[errors.MailwireError]
) -> None:
    script, url = scripted
    script.answer = aiocoap.Message(code=code, payload=b"why")
    async with sink_for(url) as sink:
        with pytest.raises(kind) as failed:
            await sink.send(delivery("x"), expires_in_s=None)
    assert type(failed.value) is kind
    assert failed.value.code == code.dotted  # type: ignore[attr-defined]


@pytest.mark.parametrize(("max_age", "wait_s"), [(7, 7.0), (None, 60.0)])
async def test_max_age_says_when_to_try_again(
    scripted: tuple[Scripted, str], max_age: int | None, wait_s: float
) -> None:
    script, url = scripted
    script.answer = aiocoap.Message(code=codes.TOO_MANY_REQUESTS, max_age=max_age)
    async with sink_for(url) as sink:
        with pytest.raises(errors.Retryable) as failed:
            await sink.send(delivery("x"), expires_in_s=None)
    assert failed.value.retry_after_s == wait_s


@pytest.mark.parametrize(
    ("media_type", "option", "number"),
    [
        ("text/plain;charset=utf-8", None, 0),
        ("application/json", None, 50),
        ("application/cbor", None, 60),
        ("application/octet-stream", None, 42),
        ("application/senml+cbor", None, 112),
        ("image/unheard-of", None, None),
        ("application/json", 11_000, 11_000),
    ],
)
async def test_the_content_format_is_that_of_the_encoding_unless_told(
    scripted: tuple[Scripted, str], media_type: str, option: int | None, number: int | None
) -> None:
    script, url = scripted
    script.answer = aiocoap.Message(code=codes.CHANGED)
    async with sink_for(url) as sink:
        await sink.send(delivery("x", media_type=media_type, content_format=option), expires_in_s=None)
    assert script.asked[0].opt.content_format == number
