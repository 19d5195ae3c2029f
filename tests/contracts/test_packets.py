"""What goes over the wire for one event, in every encoding: real sinks, and far ends that keep every octet."""

from __future__ import annotations

import aiocoap
import cbor2
import pytest

from bridge import plugins
from tests.bench import packets

SIX_LOWPAN_BYTES = 81  # of UDP payload in one frame of IEEE 802.15.4 with link-layer security (RFC 4944, section 4)


@pytest.mark.parametrize("encoding", plugins.names("payload"))
async def test_the_payload_stands_whole_in_every_packet(encoding: str) -> None:
    found = await packets.packets(encoding, {})
    assert found.payload
    assert found.mqtt5.endswith(found.payload)
    assert found.mqtt3.endswith(found.payload)
    assert found.coap.endswith(b"\xff" + found.payload)
    assert len(found.mqtt3) < len(found.mqtt5)


async def test_a_coap_event_with_integer_keys_fits_one_6lowpan_frame() -> None:
    found = await packets.packets("cbor", packets.KEYS)
    assert len(found.coap) <= SIX_LOWPAN_BYTES
    message = aiocoap.Message.decode(found.coap)
    assert message.opt.uri_host == "localhost"
    assert message.opt.uri_path == ("home", "hall", "motion")
    assert message.opt.content_format == 60
    event = cbor2.loads(message.payload)
    assert (event[1], event[2], event[3].isoformat()) == (21.5, "hall", "2026-11-01T12:00:00+00:00")
    assert len(event[4]) == 16


async def test_an_mqtt_5_packet_tells_its_expiry_content_type_and_delivery() -> None:
    found = await packets.packets("cbor", packets.KEYS)
    assert b"\x02\x00\x00\x01\x2c\x03\x00\x10application/cbor\x26\x00\x0bdelivery_id\x00\x10" in found.mqtt5
