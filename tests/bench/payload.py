"""One event (a camera's motion: temperature, place, time, delivery id) in every encoding: octets of the payload, of the
whole MQTT PUBLISH (QoS 1; with MQTT 5 the expiry, content type and delivery id as properties) and of the whole CoAP
datagram (a confirmable PUT to a device that is called by its name), as the sinks send them, taken from the wire.

The topic and the path are home/hall/motion. What takes no map (text, base64, bytes) is given the event as JSON.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import structlog

from bridge import plugins
from tests.bench import packets


def run() -> Iterator[tuple[str, str]]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    yield "encoding", f"{'payload':>8} {'MQTT 5':>8} {'MQTT 3.1.1':>11} {'CoAP':>6}"
    for name in plugins.names("payload"):
        yield _row(name)
        if plugins.find("payload", name).has_keys:
            yield _row(name, with_keys=True)


def _row(name: str, *, with_keys: bool = False) -> tuple[str, str]:
    one = asyncio.run(packets.packets(name, packets.KEYS if with_keys else {}))
    figures = f"{len(one.payload):>8} {len(one.mqtt5):>8} {len(one.mqtt3):>11} {len(one.coap):>6}"
    return f"{name}, integer keys" if with_keys else name, figures
