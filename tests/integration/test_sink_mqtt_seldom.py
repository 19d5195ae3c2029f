"""The MQTT sink against a broker that does what brokers do seldom."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest
import structlog

from bridge import errors, sinks
from bridge.delivery import Delivery
from bridge.sinks import mqtt
from tests import servers
from tests.servers import broker as scripted

CONTEXT = sinks.Context(name="broker", bridge="house")


def delivery(number: int = 1, *, topic: str = "home/hall", payload: bytes = b"on", **options: Any) -> Delivery:
    return Delivery(id=f"{number:016x}", sink="broker", target=topic, payload=payload, options=options)


@contextlib.asynccontextmanager
async def sink_for(broker: scripted.Broker, *, ready: bool = True, **settings: Any) -> AsyncIterator[mqtt.Mqtt]:
    settings = {"type": "mqtt", "url": broker.url, "retry_min": "20ms", "retry_max": "100ms", **settings}
    async with mqtt.Mqtt(mqtt.Settings.model_validate(settings), CONTEXT) as sink:
        if ready:
            await asyncio.wait_for(sink.ready(), 10)
        yield sink


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (0x80, errors.Permanent),
        (0x83, errors.Retryable),
        (0x87, errors.Permanent),
        (0x90, errors.Permanent),
        (0x91, errors.Retryable),
        (0x97, errors.Retryable),
        (0x99, errors.Permanent),
    ],
)
async def test_a_reason_code_decides_whether_it_is_tried_again(
    reason: int, kind: type[errors.MailwireError], qos: int
) -> None:
    async with (
        scripted.Broker(answer=lambda message: scripted.ack(message, reason)) as broker,
        sink_for(broker) as sink,
    ):
        with pytest.raises(kind) as refused:
            await asyncio.wait_for(sink.send(delivery(qos=qos), expires_in_s=None), 10)
    assert type(refused.value) is kind
    assert refused.value.code == f"{'pubrec' if qos == 2 else 'puback'} 0x{reason:02x}"  # type: ignore[attr-defined]


async def test_no_matching_subscribers_is_a_success() -> None:
    async with (
        scripted.Broker(answer=lambda message: scripted.ack(message, 0x10)) as broker,
        sink_for(broker) as sink,
    ):
        assert (await sink.send(delivery(), expires_in_s=None)).code == "puback 0x10"


@pytest.mark.parametrize(
    "refusal",
    [scripted.connack(0x84), b"\x20\x02\x00\x01", None, scripted.ACCEPT_311],
    ids=["0x84", "1", "closed", "odd"],
)
async def test_a_broker_that_does_not_speak_version_5_is_spoken_to_in_3_1_1(refusal: bytes | None) -> None:
    async with (
        scripted.Broker(hello=lambda level: refusal if level == 5 else scripted.ACCEPT_311) as broker,
        sink_for(broker) as sink,
    ):
        receipt = await sink.send(delivery(payload=b"plain"), expires_in_s=30)
    assert receipt.code == "puback 0x00"
    assert broker.connects[-1][0] == 4
    assert broker.published[0].rest == b"plain", "no properties in 3.1.1"


async def test_a_broker_that_says_nothing_to_version_5_is_spoken_to_in_3_1_1() -> None:
    async with (
        scripted.Broker(hello=lambda level: b"" if level == 5 else scripted.ACCEPT_311) as broker,
        sink_for(broker, timeout="200ms") as sink,
    ):
        await sink.send(delivery(), expires_in_s=None)
    assert [level for level, _ in broker.connects] == [5, 4]


async def test_a_broker_that_was_only_starting_is_spoken_to_in_5_after_all() -> None:
    answers = iter([None, scripted.ACCEPT_5])
    async with scripted.Broker(hello=lambda _: next(answers)) as broker, sink_for(broker):
        assert [level for level, _ in broker.connects] == [5, 5]


async def test_a_version_that_is_written_is_kept() -> None:
    async with (
        scripted.Broker(hello=lambda _: scripted.connack(0x84)) as broker,
        sink_for(broker, ready=False, version=5),
    ):
        await servers.until(lambda: len(broker.connects) > 3)
    assert {level for level, _ in broker.connects} == {5}


async def test_a_broker_without_retain_gets_no_will_and_no_state() -> None:
    def hello(_: int) -> bytes:
        return scripted.connack(0x9A) if len(broker.connects) == 1 else scripted.connack(0, b"\x25\x00")

    async with scripted.Broker(hello=hello) as broker, sink_for(broker) as sink:
        assert broker.states == []
        await sink.send(delivery(), expires_in_s=None)
        with pytest.raises(errors.Permanent, match="retain"):
            await sink.send(delivery(retain=True), expires_in_s=None)


async def test_a_qos_above_the_brokers_is_permanent_and_never_silently_less() -> None:
    async with scripted.Broker(hello=lambda _: scripted.connack(0, b"\x24\x01")) as broker, sink_for(broker) as sink:
        with pytest.raises(errors.Permanent, match="QoS 2"):
            await sink.send(delivery(qos=2), expires_in_s=None)
        await sink.send(delivery(qos=1), expires_in_s=None)
    assert [message.qos for message in broker.published] == [1]


async def test_no_more_is_in_flight_than_the_broker_takes() -> None:
    maximum = 3

    def hello(_: int) -> bytes:
        return scripted.connack(0, b"\x21" + struct.pack("!H", maximum))

    async with scripted.Broker(hello=hello, answer=lambda _: b"") as broker, sink_for(broker) as sink:
        sends = [asyncio.ensure_future(sink.send(delivery(n), expires_in_s=None)) for n in range(10)]
        await servers.until(lambda: len(broker.published) == maximum)
        cancelled = sends[0]
        cancelled.cancel()
        await asyncio.wait([cancelled])
        assert sink._broker is not None
        sink._broker.link()._client._send_pingreq()
        await asyncio.sleep(0.05)  # time in which a fourth would arrive; the broker's view is what counts
        assert len(broker.published) == maximum, "a sender that gave up leaves its message in flight"
        for send in sends:
            send.cancel()
        await asyncio.gather(*sends, return_exceptions=True)


async def test_what_waits_for_room_fails_too_when_the_connection_is_lost() -> None:
    def hello(_: int) -> bytes:
        return scripted.connack(0, b"\x21\x00\x01")

    async with scripted.Broker(hello=hello, answer=lambda _: b"") as broker, sink_for(broker) as sink:
        sends = [asyncio.ensure_future(sink.send(delivery(n), expires_in_s=None)) for n in range(5)]
        await servers.until(lambda: broker.published)
        assert sink._broker is not None
        sink._broker.link().drop()
        outcomes = await asyncio.wait_for(asyncio.gather(*sends, return_exceptions=True), 5)
    assert [type(outcome) for outcome in outcomes] == [errors.Unavailable] * 5
    assert len(broker.published) == 1, "nothing is sent late"


async def test_nothing_is_sent_again_by_itself_after_a_reconnect() -> None:
    async with (
        scripted.Broker(answer=lambda m: None if m.connection == 1 else scripted.usual(m)) as broker,
        sink_for(broker) as sink,
    ):
        sends = [sink.send(delivery(n, topic=f"lost/{n}", qos=n % 3), expires_in_s=None) for n in range(6)]
        outcomes = await asyncio.wait_for(asyncio.gather(*sends, return_exceptions=True), 5)
        assert any(isinstance(outcome, errors.Unavailable) for outcome in outcomes)
        await asyncio.wait_for(sink.ready(), 10)
        await sink.send(delivery(topic="after"), expires_in_s=None)
    assert [message.topic for message in broker.published if message.connection == 2] == ["after"]


async def test_one_message_that_costs_the_connection_each_time_comes_to_wait_by_itself() -> None:
    async with (
        scripted.Broker(answer=lambda m: None if m.topic == "poison" else scripted.usual(m)) as broker,
        sink_for(broker) as sink,
    ):
        outcomes = []
        for _ in range(mqtt.SUSPICIOUS):
            await asyncio.wait_for(sink.ready(), 10)
            with pytest.raises(errors.Retryable) as failed:
                await sink.send(delivery(66, topic="poison"), expires_in_s=None)
            outcomes.append(type(failed.value))
        await asyncio.wait_for(sink.ready(), 10)
        await sink.send(delivery(), expires_in_s=None)
    assert outcomes == [errors.Unavailable, errors.Unavailable, errors.Retryable]


async def test_a_broker_that_never_acknowledges_is_left_and_tried_anew() -> None:
    async with (
        scripted.Broker(answer=lambda m: b"" if m.connection == 1 else scripted.usual(m)) as broker,
        sink_for(broker, ack_timeout="100ms") as sink,
    ):
        with pytest.raises(errors.Unavailable, match="no acknowledgement"):
            await sink.send(delivery(), expires_in_s=None)
        await asyncio.wait_for(sink.ready(), 10)
        await sink.send(delivery(), expires_in_s=None)


async def test_a_silent_broker_is_given_up() -> None:
    async with scripted.Broker(hello=lambda _: b"") as broker, sink_for(broker, ready=False, timeout="100ms") as sink:

        async def why() -> bool:
            with pytest.raises(errors.Unavailable) as failed:
                await sink.send(delivery(), expires_in_s=None)
            return "does not answer to CONNECT" in str(failed.value)

        await servers.until(why)


async def test_a_taken_over_session_is_explained() -> None:
    taken_over = b"\xe0\x01\x8e"
    async with scripted.Broker(answer=lambda _: taken_over) as broker, sink_for(broker, client_id="same") as sink:
        with pytest.raises(errors.Unavailable, match="another client uses the client id 'same'"):
            await sink.send(delivery(), expires_in_s=None)


@pytest.mark.parametrize(
    "junk", [b"\xff" * 64, b"\x40\x00", b"\x40\x7f\x00", b"\x50\x01\x00", b"\x20\x00", b"\xe0\x01\x01"]
)
async def test_junk_from_the_broker_costs_the_connection_and_nothing_else(junk: bytes) -> None:
    def answer(message: scripted.Publish) -> bytes | None:
        return junk + b"\x00" * 200 if message.connection == 1 else scripted.usual(message)

    with structlog.testing.capture_logs() as logs:
        async with scripted.Broker(answer=answer) as broker, sink_for(broker, ack_timeout="200ms") as sink:
            with pytest.raises(errors.Unavailable):
                await asyncio.wait_for(sink.send(delivery(), expires_in_s=None), 10)
            await asyncio.wait_for(sink.ready(), 10)
            await sink.send(delivery(), expires_in_s=None)
    assert "unexpectedly" not in str(logs)


async def test_credentials_that_are_refused_are_tried_slowly() -> None:
    async with (
        scripted.Broker(hello=lambda _: scripted.connack(0x86)) as broker,
        sink_for(broker, ready=False, user="me", password="secret", retry_refused="1h") as sink,
    ):

        async def refused() -> bool:
            with pytest.raises(errors.Unavailable) as failed:
                await sink.send(delivery(), expires_in_s=None)
            return isinstance(failed.value, errors.Refused)

        await servers.until(refused)
        await asyncio.sleep(0.3)  # ten times the usual wait: time for tries that must not come
        assert len(broker.connects) == 1


@pytest.mark.parametrize("topic", ["", "a\0b", "x" * 65_536, "a/+/b", "a/#"])
async def test_a_topic_that_mqtt_does_not_have_is_permanent(topic: str) -> None:
    async with scripted.Broker() as broker, sink_for(broker) as sink:
        with pytest.raises(errors.Permanent):
            await sink.send(delivery(topic=topic), expires_in_s=None)
        await sink.send(delivery(), expires_in_s=None)
    assert [message.topic for message in broker.published] == ["home/hall"]


async def test_a_stop_says_offline_and_goodbye() -> None:
    async with scripted.Broker() as broker:
        async with sink_for(broker):
            assert len(broker.states) == 1
        await servers.until(lambda: broker.goodbyes)
    assert [message.rest.removeprefix(b"\0") for message in broker.states] == [b"online", b"offline"]


@pytest.mark.parametrize(("expires_in_s", "sent_s"), [(-5.0, 1), (0.01, 1), (1.0, 1), (29.3, 30), (1e12, 2**32 - 1)])
async def test_what_remains_of_the_expiry_is_sent_in_whole_seconds_rounded_up(expires_in_s: float, sent_s: int) -> None:
    async with scripted.Broker() as broker, sink_for(broker) as sink:
        await sink.send(delivery(), expires_in_s=expires_in_s)
    _, identifier, expiry_s = struct.unpack("!BBI", broker.published[0].rest[:6])
    assert (identifier, expiry_s) == (0x02, sent_s)
