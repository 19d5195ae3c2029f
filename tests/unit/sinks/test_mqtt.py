from __future__ import annotations

from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bridge.sinks import _mqtt_packet, mqtt


@given(
    expiry_s=st.none() | st.integers(1, 2**32 - 1),
    content_type=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=200),
    value=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20),
)
def test_packed_properties_are_those_that_paho_would_read(expiry_s: int | None, content_type: str, value: str) -> None:
    packed = _mqtt_packet.Packed(expiry_s=expiry_s, content_type=content_type, user={"delivery_id": value}).pack()
    properties = Properties(PacketTypes.PUBLISH)
    _, length = properties.unpack(packed)
    assert length == len(packed)
    assert getattr(properties, "MessageExpiryInterval", None) == expiry_s
    assert getattr(properties, "ContentType", "") == content_type
    assert properties.UserProperty == [("delivery_id", value)]


@pytest.mark.parametrize(("number", "octets"), [(0, "00"), (127, "7f"), (128, "8001"), (268_435_455, "ffffff7f")])
def test_lengths_are_variable_byte_integers(number: int, octets: str) -> None:
    assert _mqtt_packet.variable_int(number).hex() == octets


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"url": "ws://broker"}, "not yet supported"),
        ({"url": "mqtt://broker/path"}, "only a host"),
        ({"ca_file": "/etc/hostname"}, "mqtts"),
        ({"cert_file": "/etc/hostname"}, "mqtts"),
        ({"url": "mqtts://broker", "key_file": "/etc/hostname"}, "without cert_file"),
        ({"password": "x"}, "without user"),
        ({"version": "4"}, "version"),
        ({"version": True}, "version"),
        ({"keepalive": "0s"}, "between"),
        ({"keepalive": "1d"}, "between"),
        ({"client_id": ""}, "client_id"),
        ({"discovery": True}, "discovery"),
    ],
)
def test_settings_that_cannot_be_are_faults(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=message):
        mqtt.Settings.model_validate({"type": "mqtt", "url": "mqtt://broker", **settings})


@pytest.mark.parametrize(
    ("url", "user", "login", "address"),
    [
        ("mqtt://broker", None, None, "broker:1883"),
        ("mqtts://broker", None, None, "broker:8883"),
        ("mqtts://me%40home@broker.lan:1", None, "me@home", "broker.lan:1"),
        ("mqtt://me@[::1]", "other", "other", "[::1]:1883"),
    ],
)
def test_the_url_names_broker_and_user(url: str, user: str | None, login: str | None, address: str) -> None:
    made = mqtt.Settings.model_validate({"type": "mqtt", "url": url, "user": user})
    assert (made.login, made.address.authority) == (login, address)


@pytest.mark.parametrize("action", [{}, {"topic": ""}, {"topic": "a", "qos": 3}, {"topic": "a", "retain": "maybe"}])
def test_an_action_that_cannot_be_is_a_fault(action: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError):
        mqtt.Action.model_validate(action)


def test_version_may_be_written_as_a_number() -> None:
    assert mqtt.Settings.model_validate({"type": "mqtt", "url": "mqtt://x", "version": 5}).version == "5"


@pytest.mark.parametrize("wait", ["timeout", "ack_timeout", "retry_min", "retry_max", "retry_refused"])
def test_a_wait_of_nothing_is_refused(wait: str) -> None:
    with pytest.raises(pydantic.ValidationError, match="is too short"):
        mqtt.Settings.model_validate({"type": "mqtt", "url": "mqtt://broker", wait: "0s"})
