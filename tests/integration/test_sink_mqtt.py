"""The MQTT sink against a real Mosquitto."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import structlog

from bridge import errors, sinks
from bridge.delivery import Delivery, Receipt
from bridge.sinks import mqtt
from tests import servers
from tests.servers import mosquitto

CONTEXT = sinks.Context(name="broker", bridge="house")


@pytest.fixture(scope="module")
def broker() -> Iterator[mosquitto.Mosquitto]:
    with mosquitto.Mosquitto() as running:
        yield running


def delivery(number: int = 1, *, topic: str = "home/hall", payload: bytes = b"on", **options: Any) -> Delivery:
    return Delivery(
        id=f"{number:016x}", sink="broker", target=topic, payload=payload, media_type="text/plain", options=options
    )


def sink_for(url: str, **settings: Any) -> mqtt.Mqtt:
    settings = {"retry_min": "50ms", "retry_max": "200ms", **settings}
    return mqtt.Mqtt(mqtt.Settings.model_validate({"type": "mqtt", "url": url, **settings}), CONTEXT)


@contextlib.asynccontextmanager
async def connected(url: str, **settings: Any) -> AsyncIterator[mqtt.Mqtt]:
    async with sink_for(url, **settings) as sink:
        await asyncio.wait_for(sink.ready(), 10)
        yield sink


async def refusal(sink: mqtt.Mqtt, kind: type[errors.Unavailable] = errors.Unavailable) -> str:
    """Why there is no connection, once the sink has found out."""

    async def why() -> str:
        try:
            await sink.send(delivery(), expires_in_s=None)
        except errors.Unavailable as error:
            return str(error) if isinstance(error, kind) and "not yet connected" not in str(error) else ""
        return ""

    return await servers.until(why, what=f"{kind.__name__} from send")


@pytest.mark.parametrize(("qos", "code"), [(0, "written"), (1, "puback 0x00"), (2, "pubcomp 0x00")])
async def test_a_message_arrives_as_it_was_given_and_is_receipted(
    broker: mosquitto.Mosquitto, qos: int, code: str
) -> None:
    async with mosquitto.listening(broker, "home/#") as heard, connected(broker.url) as sink:
        receipt = await sink.send(delivery(7, payload=b"\x00\xff", qos=qos), expires_in_s=29.3)
        await servers.until(lambda: heard)
    assert receipt == Receipt(delivery_id=f"{7:016x}", code=code)
    (message,) = heard
    assert (message.topic, message.payload, message.qos) == ("home/hall", b"\x00\xff", qos)
    assert message.properties["UserProperty"] == [("delivery_id", f"{7:016x}")]
    assert message.properties["ContentType"] == "text/plain"
    assert message.properties["MessageExpiryInterval"] in {29, 30}, "rounded up; the broker may take one off"


async def test_no_expiry_is_sent_where_none_is_asked_for(broker: mosquitto.Mosquitto) -> None:
    async with mosquitto.listening(broker, "home/#") as heard, connected(broker.url) as sink:
        await sink.send(delivery(), expires_in_s=None)
        await servers.until(lambda: heard)
    assert "MessageExpiryInterval" not in heard[0].properties


async def test_a_retained_message_is_there_for_those_who_come_later(broker: mosquitto.Mosquitto) -> None:
    async with connected(broker.url) as sink:
        await sink.send(delivery(topic="kept/lamp", retain=True), expires_in_s=None)
        await sink.send(delivery(topic="kept/bell"), expires_in_s=None)
    async with mosquitto.listening(broker, "kept/#") as heard:
        await servers.until(lambda: heard)
        assert [message.topic for message in heard] == ["kept/lamp"]


async def test_an_empty_payload_is_a_message(broker: mosquitto.Mosquitto) -> None:
    async with mosquitto.listening(broker, "home/#") as heard, connected(broker.url) as sink:
        await sink.send(delivery(payload=b""), expires_in_s=None)
        await servers.until(lambda: heard)
    assert heard[0].payload == b""


async def test_news_arrive_with_qos_0_and_nothing_of_them_is_kept_while_the_broker_is_away() -> None:
    with mosquitto.Mosquitto() as broker:
        async with mosquitto.listening(broker, "mailwire/house/#") as heard, connected(broker.url) as sink:
            assert isinstance(sink, sinks.Announcer)
            await sink.announce("mailwire/house/events", b"one")
            await sink.announce("mailwire/house/kept", b"two", retain=True)
            await servers.until(lambda: len(heard) >= 3)
            assert [(one.payload, one.qos, one.retain) for one in heard[1:]] == [(b"one", 0, False), (b"two", 0, True)]
            broker.kill()
            await servers.until(lambda: not sink._broker.up.is_set())
            with pytest.raises(errors.Unavailable):
                await sink.announce("mailwire/house/events", b"three")


async def test_a_burst_arrives_once_each_and_in_order(broker: mosquitto.Mosquitto) -> None:
    async with mosquitto.listening(broker, "home/#") as heard, connected(broker.url) as sink:
        burst = [sink.send(delivery(n, payload=b"%d" % n), expires_in_s=60) for n in range(500)]
        receipts = await asyncio.gather(*burst)
        await servers.until(lambda: len(heard) >= 500)
    assert [receipt.delivery_id for receipt in receipts] == [f"{n:016x}" for n in range(500)]
    assert [message.payload for message in heard] == [b"%d" % n for n in range(500)]


async def test_a_large_payload_goes_through_whole(broker: mosquitto.Mosquitto) -> None:
    payload = bytes(range(256)) * 20_000
    async with mosquitto.listening(broker, "home/#") as heard, connected(broker.url) as sink:
        await sink.send(delivery(payload=payload), expires_in_s=None)
        await servers.until(lambda: heard)
    assert heard[0].payload == payload


async def test_the_bridge_is_online_while_it_runs_and_offline_after_a_stop(broker: mosquitto.Mosquitto) -> None:
    async with mosquitto.listening(broker, "mailwire/house/state") as heard:
        async with connected(broker.url):
            await servers.until(lambda: [message.payload for message in heard][-1:] == [b"online"])
        await servers.until(lambda: heard[-1].payload == b"offline")
    assert all(message.retain for message in heard)


async def test_the_will_says_offline_when_the_connection_is_cut(broker: mosquitto.Mosquitto) -> None:
    async with mosquitto.listening(broker, "mailwire/house/state") as heard, connected(broker.url) as sink:
        await servers.until(lambda: [message.payload for message in heard][-1:] == [b"online"])
        assert sink._broker is not None
        sink._broker.link().drop()
        await servers.until(lambda: [m.payload for m in heard][-2:] == [b"offline", b"online"], what="will, reconnect")


async def test_it_starts_while_the_broker_is_down_and_is_ready_when_it_is_up() -> None:
    with mosquitto.Mosquitto() as broker:
        broker.stop()
        async with sink_for(broker.url) as sink:
            assert "nothing listens there" in await refusal(sink)
            ready = asyncio.ensure_future(sink.ready())
            assert not ready.done()
            await asyncio.to_thread(broker.start)
            await asyncio.wait_for(ready, 10)
            assert (await sink.send(delivery(), expires_in_s=None)).code.startswith("puback")


async def test_what_was_not_acknowledged_fails_at_a_loss_and_sending_goes_on_after_it() -> None:
    with mosquitto.Mosquitto() as broker:
        async with connected(broker.url) as sink:
            await sink.send(delivery(1), expires_in_s=None)
            sends = [asyncio.ensure_future(sink.send(delivery(n), expires_in_s=None)) for n in range(2, 300)]
            broker.kill()
            outcomes = await asyncio.wait_for(asyncio.gather(*sends, return_exceptions=True), 10)
            assert {type(outcome) for outcome in outcomes} <= {Receipt, errors.Unavailable}
            assert any(isinstance(outcome, errors.Unavailable) for outcome in outcomes)
            with pytest.raises(errors.Unavailable):
                await sink.send(delivery(999), expires_in_s=None)
            await asyncio.to_thread(broker.start)
            await asyncio.wait_for(sink.ready(), 10)
            async with mosquitto.listening(broker, "home/#") as heard:
                await sink.send(delivery(1000, payload=b"after"), expires_in_s=None)
                await servers.until(lambda: [message.payload for message in heard] == [b"after"])


async def test_refused_credentials_are_told_with_advice_and_without_the_password() -> None:
    with mosquitto.Mosquitto(users={"me": "right"}) as broker, structlog.testing.capture_logs() as logs:
        async with sink_for(broker.url, user="me", password="wr0ng-secret") as sink:
            why = await refusal(sink, errors.Refused)
            again = await refusal(sink, errors.Refused)
    assert "refuses user 'me'" in why
    assert "check `user` and `password`" in why
    assert again == why
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["the broker refuses this client"]
    assert "wr0ng-secret" not in f"{logs} {why} {sink._settings!r} {vars(sink)}"


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_user_and_password_open_the_door(version: str) -> None:
    with mosquitto.Mosquitto(users={"me": "right"}) as broker:
        url = broker.url.replace("mqtt://", "mqtt://me@")
        async with connected(url, password="right", version=version) as sink:
            assert (await sink.send(delivery(), expires_in_s=5)).code.startswith("puback")


async def test_mqtt_3_1_1_refuses_credentials_too() -> None:
    with mosquitto.Mosquitto(users={"me": "right"}) as broker:
        async with sink_for(broker.url, user="me", password="wrong", version="3.1.1") as sink:
            assert "refuses user 'me'" in await refusal(sink, errors.Refused)


async def test_tls_is_verified_against_ones_own_ca() -> None:
    with mosquitto.Mosquitto(tls=True) as broker:
        assert broker.pki is not None
        async with connected(broker.url, ca_file=broker.pki.ca_file) as sink:
            payload = b"x" * 100_000
            receipts = await asyncio.gather(
                *(sink.send(delivery(n, payload=payload), expires_in_s=None) for n in range(50))
            )
            assert len(receipts) == 50
        async with sink_for(broker.url) as sink:
            why = await refusal(sink)
    assert "its certificate is not trusted" in why
    assert "ca_file" in why


async def test_a_client_certificate_is_presented_and_its_lack_is_refused_credentials() -> None:
    with mosquitto.Mosquitto(client_certificate=True) as broker:
        pki = broker.pki
        assert pki is not None
        files = {"cert_file": pki.client_cert_file, "key_file": pki.client_key_file}
        async with connected(broker.url, ca_file=pki.ca_file, **files) as sink:
            await sink.send(delivery(), expires_in_s=None)
        async with sink_for(broker.url, ca_file=pki.ca_file) as sink:
            assert "cert_file" in await refusal(sink, errors.Refused)


async def test_plain_mqtt_at_a_tls_port_and_the_reverse_are_said_to_be_that(broker: mosquitto.Mosquitto) -> None:
    async with sink_for(broker.url.replace("mqtt://", "mqtts://")) as sink:
        assert "TLS" in await refusal(sink)
    with mosquitto.Mosquitto(tls=True) as secure:
        async with sink_for(f"mqtt://127.0.0.1:{secure.port}") as sink:
            assert "closed" in await refusal(sink)


async def test_a_topic_that_the_broker_forbids_is_permanent() -> None:
    with servers.folder() as folder:
        acl = folder / "acl"
        acl.write_text("topic readwrite allowed/#\ntopic readwrite mailwire/#\n")
        servers.give(acl)
        with mosquitto.Mosquitto(lines=(f"acl_file {acl}",)) as broker:
            async with connected(broker.url) as sink:
                await sink.send(delivery(topic="allowed/x"), expires_in_s=None)
                for qos in (1, 2):
                    with pytest.raises(errors.Permanent) as refused:
                        await sink.send(delivery(topic="forbidden/x", qos=qos), expires_in_s=None)
                    assert "not authorized" in str(refused.value)
                await sink.send(delivery(topic="allowed/x"), expires_in_s=None)


async def test_what_is_larger_than_the_broker_takes_is_permanent_with_both_sizes() -> None:
    with mosquitto.Mosquitto(lines=("max_packet_size 500",)) as broker:
        async with connected(broker.url) as sink:
            with pytest.raises(errors.Permanent, match=r"500") as refused:
                await sink.send(delivery(payload=b"x" * 600), expires_in_s=None)
            assert "600 of payload" in str(refused.value)
            await sink.send(delivery(payload=b"x" * 300), expires_in_s=None)


async def test_a_stop_during_a_hanging_connect_is_immediate() -> None:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(5):
            async with sink_for(f"mqtt://127.0.0.1:{port}", timeout="1h"):
                await asyncio.sleep(0)


async def test_a_broker_in_this_process_that_speaks_only_3_1_1_is_spoken_to_in_3_1_1() -> None:
    """amqtt, the demo's broker."""
    pytest.importorskip("amqtt", reason="the demo's extra")
    from bridge.demo import broker

    async with broker.serve() as port, connected(f"mqtt://127.0.0.1:{port}") as sink:
        receipts = await asyncio.gather(
            *(sink.send(delivery(n, qos=n % 3, retain=True), expires_in_s=9) for n in range(30))
        )
    assert {receipt.code for receipt in receipts} == {"written", "puback 0x00", "pubcomp 0x00"}
