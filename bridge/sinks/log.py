"""The bridge's own log as a sink: to try a rule out before anything is wired to it."""

from __future__ import annotations

from typing import Annotated, Self

import pydantic
import structlog

from bridge import sinks
from bridge.delivery import Delivery, Receipt

SHOWN_BYTES = 1024
TEXTUAL = ("text/", "application/json", "application/senml+json")

log = structlog.get_logger()


class Settings(sinks.Settings):
    """Writes a line to the log for each delivery."""


class Action(sinks.Action):
    """Where it would go."""

    target: Annotated[str, sinks.SEGMENTS] = pydantic.Field(
        "log", description="Shown in the line; order is kept by it."
    )


class Log:
    """Acknowledges at once: a log line cannot be refused."""

    depth = 1
    pipelined = False

    def __init__(self, settings: Settings, context: sinks.Context) -> None:
        self._context = context

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        pass

    async def ready(self) -> None:
        """At once."""

    async def send(self, delivery: Delivery, *, expires_in_s: float | None) -> Receipt:
        """Writes the line. What is shown is what a device would get, so the admin's rule decides what of a mail it
        is.
        """
        log.info(
            "delivered to the log",
            sink=self._context.name,
            rule=delivery.rule,
            target=delivery.target,
            payload=shown(delivery),
            bytes=len(delivery.payload),
            media_type=delivery.media_type,
            expires_in_s=expires_in_s,
            delivery_id=delivery.id,
        )
        return Receipt(delivery_id=delivery.id, code="logged")


def shown(delivery: Delivery) -> str:
    """Text as text, anything else in hex; at most 1 KiB of it."""
    octets = delivery.payload[:SHOWN_BYTES]
    more = "…" if len(delivery.payload) > SHOWN_BYTES else ""
    if delivery.media_type.startswith(TEXTUAL):
        return octets.decode("utf-8", "replace") + more
    return octets.hex() + more


PLUGIN = sinks.Plugin(settings=Settings, action=Action, make=Log, target="target")
