"""One event as it goes over the wire: what the sinks send for a rule, taken from the wire."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any
from unittest import mock

from bridge import delivery, plugins, rules, sinks
from bridge.mail import Mail, Place
from bridge.rules import engine, settings
from tests.servers import recording

MAIL = b"""\
From: Front door <cam@cameras.example>\r
To: me@example.org\r
Subject: Motion at hall\r
Date: Sun, 1 Nov 2026 12:00:00 +0000\r
Message-ID: <1@cameras.example>\r
\r
temp=21.5\r
"""
EVENT = {"t": "{{ temp }}", "place": "{{ place }}", "at": "{{ mail.date }}", "id": "{{ delivery_id }}"}
TEXT = (
    '{"t":{{ temp | tojson }},"place":{{ place | tojson }},"at":{{ mail.date | iso | tojson }},'
    '"id":{{ delivery_id | tojson }}}'
)
KEYS = {"t": 1, "place": 2, "at": 3, "id": 4}
EXPIRES_S = 300.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Packets:
    """The same event: its payload, and what goes out for it."""

    payload: bytes
    mqtt5: bytes  # a PUBLISH with QoS 1
    mqtt3: bytes
    coap: bytes  # a confirmable PUT


def event(kind: str, encoding: str, keys: Mapping[str, int]) -> delivery.Delivery:
    """What the rule makes of the mail."""
    action = {
        "sink": kind,
        "topic" if kind == "mqtt" else "path": "home/{{ place }}/motion",
        "payload": EVENT if _takes_maps(encoding) else TEXT,
        "as": encoding,
        "expires": "5m",
        **({"keys": dict(keys)} if keys else {}),
    }
    rule = settings.Rule.model_validate(
        {
            "name": "front-door-motion",
            "when": {"subject": r"/motion at (?P<place>\w+)/"},
            "extract": {"temp": {"body": r"/temp=([-\d.]+)/", "type": "float"}},
            "then": [action],
        }
    )
    mail = Mail.from_bytes(MAIL, place=Place(mailbox="home", folder="INBOX", uidvalidity=1, uid=1))
    moment = rules.Moment(now=mail.received.timestamp(), bridge="house")
    compiled = engine.compile_rules([rule], sinks={kind: (kind, plugins.find("sinks", kind))})
    return compiled.evaluate(mail, moment)[0].deliveries[0]


def _takes_maps(encoding: str) -> bool:
    return encoding not in ("text", "base64", "bytes")


@contextlib.asynccontextmanager
async def sending(kind: str, host: str, port: int, **more: Any) -> AsyncIterator[sinks.Sink]:
    plugin: sinks.Plugin = plugins.find("sinks", kind)
    made = plugin.settings.model_validate({"type": kind, "url": f"{kind}://{host}:{port}", **more})
    async with plugin.make(made, sinks.Context(name="there", bridge="house")) as sink:
        await sink.ready()
        yield sink


@contextlib.contextmanager
def _here(name: str) -> Iterator[None]:
    """The name means this machine, on a bare system too, which has no /etc/hosts that knows it."""
    resolve = socket.getaddrinfo

    def found(host: Any, *args: Any, **more: Any) -> Any:
        return resolve("127.0.0.1" if host == name else host, *args, **more)

    with mock.patch.object(socket, "getaddrinfo", found):
        yield


async def packets(encoding: str, keys: Mapping[str, int]) -> Packets:
    by_mqtt, by_coap = event("mqtt", encoding, keys), event("coap", encoding, keys)
    found: list[bytes] = []
    for version in ("5", "3.1.1"):
        async with recording.broker() as broker, sending("mqtt", "127.0.0.1", broker.port, version=version) as sink:
            broker.packets.clear()  # the bridge says that it is there
            await sink.send(by_mqtt, expires_in_s=EXPIRES_S)
            found += broker.packets
    with _here("localhost"):
        async with recording.device() as device, sending("coap", "localhost", device.port) as sink:
            await sink.send(by_coap, expires_in_s=EXPIRES_S)
            found += device.packets
    mqtt5, mqtt3, coap = found
    return Packets(payload=by_mqtt.payload, mqtt5=mqtt5, mqtt3=mqtt3, coap=coap)
