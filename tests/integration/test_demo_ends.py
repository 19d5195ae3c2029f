"""The far ends that the demo plays, each met by a real client."""

from __future__ import annotations

import asyncio
import imaplib
import socket

import aiocoap
import cbor2
import paho.mqtt.publish
import pytest

from bridge.demo import broker, device, display, imap

DEADLINE_S = 10.0


async def test_a_mail_that_is_delivered_is_told_to_a_client_in_idle() -> None:
    async with imap.serve("me", "secret") as account:
        reader, writer = await asyncio.open_connection("127.0.0.1", account.port)
        try:
            for command in (b"a LOGIN me secret", b"b SELECT INBOX", b"c IDLE"):
                writer.write(command + b"\r\n")
                await answered(reader, b"+ " if command.endswith(b"IDLE") else command[:1] + b" OK")
            await account.deliver(b"Subject: hello\r\n\r\nbody\r\n")

            assert (await answered(reader, b"* 1 EXISTS")).startswith(b"* 1 EXISTS")
        finally:
            writer.close()


async def answered(reader: asyncio.StreamReader, start: bytes) -> bytes:
    async with asyncio.timeout(DEADLINE_S):
        while not (line := await reader.readline()).startswith(start):
            assert line, "the server closed the connection"
        return line


async def test_another_password_is_refused() -> None:
    async with imap.serve("me", "secret") as account:

        def login() -> None:
            with imaplib.IMAP4("127.0.0.1", account.port) as client:
                client.login("me", "wrong")

        with pytest.raises(imaplib.IMAP4.error):
            await asyncio.to_thread(login)


async def test_a_closed_server_takes_its_connections_with_it() -> None:
    async with imap.serve("me", "secret") as account:
        reader, writer = await asyncio.open_connection("127.0.0.1", account.port)
        await answered(reader, b"* OK")
    async with asyncio.timeout(DEADLINE_S):
        await reader.read()
    writer.close()

    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection("127.0.0.1", account.port)


async def test_the_display_shows_what_is_published() -> None:
    shown: asyncio.Queue[tuple[bytes, str]] = asyncio.Queue()
    async with broker.serve() as port, display.serve(port, lambda *seen: shown.put_nowait(seen)):
        await asyncio.to_thread(
            paho.mqtt.publish.single, "display/x", b'{"parcel": "today"}', qos=1, hostname="127.0.0.1", port=port
        )

        assert await asyncio.wait_for(shown.get(), DEADLINE_S) == (b'{"parcel": "today"}', "parcel today")


@pytest.mark.parametrize(
    ("payload", "shows"),
    [
        (b"Code 482913", "Code 482913"),
        (b'{"parcel":"14:10-15:40"}', "parcel 14:10-15:40"),
        (cbor2.dumps({"greenhouse": 31.5}), "greenhouse 31.5"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", ""),
    ],
)
def test_a_display_shows_maps_as_names_and_values_and_the_rest_as_it_is(payload: bytes, shows: str) -> None:
    assert display.describe(payload) == shows


async def test_the_lamp_shows_what_it_was_put_and_refuses_what_it_does_not_understand() -> None:
    shown: list[tuple[bytes, str]] = []
    async with device.serve(lambda *seen: shown.append(seen)) as port:
        client = await aiocoap.Context.create_client_context(transports=["simple6"])
        try:
            codes = [await put(client, port, payload) for payload in (cbor2.dumps({"on": True, "why": "x"}), b"junk")]
            state = await client.request(
                aiocoap.Message(code=aiocoap.GET, uri=f"coap://127.0.0.1:{port}/light")
            ).response
        finally:
            await client.shutdown()

    assert codes == [aiocoap.CHANGED, aiocoap.BAD_REQUEST]
    assert [shows for _, shows in shown] == ["on, x"]
    assert cbor2.loads(state.payload) == {"on": True, "why": "x"}


async def put(client: aiocoap.Context, port: int, payload: bytes) -> aiocoap.Code:
    request = aiocoap.Message(code=aiocoap.PUT, uri=f"coap://127.0.0.1:{port}/light", payload=payload)
    return (await asyncio.wait_for(client.request(request).response, DEADLINE_S)).code


async def test_the_lamp_is_on_loopback_only() -> None:
    async with device.serve(lambda *_: None) as port:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.2", port))  # would be refused if the lamp had every address
