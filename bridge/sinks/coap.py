"""CoAP: a message is delivered when the device has answered 2.xx (RFC 7252). The one file that imports aiocoap.

Requests go one after the other (NSTART is 1 a peer, section 4.7), each with its own clock: aiocoap would keep what
waits in a backlog that cannot be taken back, and send it after its sender gave up. A device that is silent for
``timeout`` is silent for all that wait in line: they fail with the first, instead of one timeout after the other.
Large payloads go in blocks (RFC 7959).

A request that is not ``confirmable`` promises nothing: an answer within ``NON_WAIT_S`` decides as usual, and none
counts as sent (the receipt's code is then "sent"), like QoS 0 of MQTT.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Annotated, Any, Literal, Self

import aiocoap
import pydantic
import structlog
from aiocoap import error as coap_error
from aiocoap.numbers import codes
from aiocoap.numbers.contentformat import ContentFormat

from bridge import dial, errors, schema, sinks
from bridge.delivery import Delivery, Receipt
from bridge.sinks import _coap_ping, _url

DEPTH = 32  # deliveries that may wait in line
NON_WAIT_S = 2.0
KEPT_BYTES = 1024  # of an answer
BARE = frozenset({"GET", "DELETE"})
SEGMENT_BYTES = 255  # of one Uri-Path option (RFC 7252, section 5.10)
BLOCK_BYTES = 1024
MAX_AGE_S = 60  # where the answer has none (section 5.10.5)
REFUSED = (codes.UNAUTHORIZED, codes.FORBIDDEN)
LATER = (codes.REQUEST_ENTITY_INCOMPLETE, codes.TOO_MANY_REQUESTS)

log = structlog.get_logger()


def _parse(text: str) -> _url.Url:
    return _url.parse(text, ports={"coap": 5683}, planned=("coaps", "coap+tcp", "coaps+tcp", "coap+ws", "coaps+ws"))


class Settings(sinks.Settings):
    """A CoAP device."""

    url: Annotated[str, pydantic.AfterValidator(_url.checked_by(_parse))] = pydantic.Field(
        description="coap://host[:port]", examples=["coap://lamp.lan"]
    )
    timeout: schema.PositiveDuration = pydantic.Field(
        8.0, description="How soon a device that does not answer is given up."
    )

    @pydantic.field_validator("timeout")
    @classmethod
    def _takes_some_time(cls, value: float) -> float:
        if not 0.1 <= value <= 3600:
            raise ValueError("between 100ms and 1h")
        return value

    @property
    def address(self) -> _url.Url:
        return _parse(self.url)


class Action(sinks.Action):
    """What is requested."""

    path: Annotated[str, sinks.SEGMENTS] = pydantic.Field(min_length=1, examples=["/light"])
    method: Literal["PUT", "POST", "GET", "DELETE"] = "PUT"
    confirmable: pydantic.StrictBool = True
    content_format: int | None = pydantic.Field(
        None, ge=0, le=65_535, description="Default: that of the encoding (CoAP Content-Formats registry)."
    )

    @property
    def bare(self) -> str:
        """A payload of GET or DELETE has no meaning (sections 5.8.1, 5.8.4)."""
        return f"a {self.method} carries no payload: write method: PUT or POST" if self.method in BARE else ""


class Tuning(aiocoap.TransportTuning):  # type: ignore[misc]  # aiocoap is not typed
    """Retransmission so that an unanswered exchange ends within ``timeout_s`` (RFC 7252, sections 4.2 and 4.8).

    As many retransmissions as leave a first wait of a second at least (that section's floor), but always two: a lost
    datagram is more likely than a dead device. The sum of the waits is ``ACK_TIMEOUT`` * (2 ** (``MAX_RETRANSMIT`` +
    1) - 1), up to ``ACK_RANDOM_FACTOR`` longer.
    """

    ACK_RANDOM_FACTOR = 1.1

    def __init__(self, timeout_s: float, *, confirmable: bool) -> None:
        waits = {retransmissions: 2 ** (retransmissions + 1) - 1 for retransmissions in (2, 3, 4)}
        patient = [n for n, units in waits.items() if timeout_s / (units * self.ACK_RANDOM_FACTOR) >= 1.0]
        self.MAX_RETRANSMIT = max(patient, default=2)
        self.ACK_TIMEOUT = timeout_s / (waits[self.MAX_RETRANSMIT] * self.ACK_RANDOM_FACTOR)
        self.reliability = confirmable


class Coap:
    """One device."""

    depth = DEPTH
    pipelined = False

    def __init__(self, settings: Settings, context: sinks.Context) -> None:
        self._settings = settings
        self._context = context
        self._base = f"coap://{settings.address.authority}"
        self._where = settings.address.authority
        self._coap: Any = None
        self._turn = asyncio.Lock()
        self._silences = 0  # how often the device did not answer

    async def __aenter__(self) -> Self:
        self._coap = await _context()
        return self

    async def __aexit__(self, *exc: object) -> None:
        context, self._coap = self._coap, None
        if context is not None:
            await context.shutdown()

    async def ready(self) -> None:
        """At once: only a request can find out."""

    async def probe(self) -> str:
        """A CoAP ping. See ``bridge.sinks.Probed``."""
        address = self._settings.address
        try:
            await _coap_ping.ping(address.host, address.port, timeout_s=self._settings.timeout)
        except (OSError, UnicodeError) as error:
            raise errors.Unavailable(f"{self._where}: {dial.why_not(error)}") from error
        return f"{self._where}; it answers a ping"

    async def send(self, delivery: Delivery, *, expires_in_s: float | None) -> Receipt:
        """One request.

        Raises:
            errors.Refused: 4.01, 4.03.
            errors.Retryable: 4.08, 4.29, 5.xx; no answer, no route, no such name for now.
            errors.Permanent: any other answer, or a path that CoAP does not have.
        """
        request = self._request(delivery)
        silences, loop = self._silences, asyncio.get_running_loop()
        expires = None if expires_in_s is None else loop.time() + expires_in_s
        async with self._turn:
            if silences != self._silences:
                raise errors.Retryable(f"{self._where}: it did not answer to what was sent before")
            if expires is not None and loop.time() >= expires:
                raise errors.Retryable(f"{self._where}: it expired while others were sent")
            answer = await self._ask(request, confirmable=bool(delivery.options.get("confirmable", True)))
        if answer is None:
            return Receipt(delivery_id=delivery.id, code="sent")
        return self._receipt(delivery, answer)

    def _request(self, delivery: Delivery) -> Any:
        options = delivery.options
        segments = tuple(segment for segment in delivery.target.strip("/").split("/") if segment)
        if any(len(segment.encode("utf-8", "replace")) > SEGMENT_BYTES for segment in segments):
            raise errors.Permanent(f"a path segment has more than {SEGMENT_BYTES} bytes, which CoAP has no room for")
        code = getattr(codes, options.get("method", "PUT"))
        tuning = Tuning(self._settings.timeout, confirmable=bool(options.get("confirmable", True)))
        request = aiocoap.Message(code=code, transport_tuning=tuning)
        request.set_request_uri(self._base)
        request.opt.uri_path = tuple(segment.encode("utf-8", "replace").decode() for segment in segments)
        if code in (codes.PUT, codes.POST):  # a payload of GET or DELETE has no meaning (sections 5.8.1, 5.8.4)
            request.payload = delivery.payload
            request.opt.content_format = _content_format(options.get("content_format"), delivery.media_type)
        return request

    async def _ask(self, request: Any, *, confirmable: bool) -> Any:
        """The answer; None where none came and none was promised."""
        timeout_s = self._settings.timeout
        blocks = 1 + len(request.payload) // BLOCK_BYTES
        # A confirmable exchange ends by itself; this is for an answer that is lost after its acknowledgement.
        deadline_s = timeout_s * (1 + blocks) if confirmable else min(timeout_s, NON_WAIT_S) * blocks
        try:
            async with asyncio.timeout(deadline_s):
                return await self._coap.request(request).response
        except TimeoutError as error:
            if not confirmable and blocks == 1:
                return None
            raise self._silent() from error
        except coap_error.TimeoutError as error:
            raise self._silent() from error
        except coap_error.NetworkError as error:
            raise errors.Retryable(f"{self._where}: {_why_not(error)}") from error
        except coap_error.Error as error:  # a device that breaks the protocol; the next try may meet a better one
            raise errors.Retryable(f"{self._where}: {type(error).__name__}") from error
        except OSError as error:
            raise errors.Retryable(f"{self._where}: {error.strerror or 'the network failed'}") from error

    def _silent(self) -> errors.Retryable:
        self._silences += 1
        return errors.Retryable(f"{self._where}: it does not answer")

    def _receipt(self, delivery: Delivery, answer: Any) -> Receipt:
        code = answer.code
        payload = bytes(answer.payload[:KEPT_BYTES])
        if code.is_successful():
            return Receipt(delivery_id=delivery.id, code=code.dotted, payload=payload)
        text = f"{self._where}: it answers {code.dotted} {code.name_printable}"
        if code in REFUSED:
            raise errors.Refused(f"{text}; allow this bridge there", code=code.dotted)
        if code in LATER or code.class_ == 5:
            raise errors.Retryable(text, code=code.dotted, retry_after_s=_retry_after_s(answer))
        raise errors.Permanent(text, code=code.dotted, payload=payload)


async def _context() -> Any:
    """UDP alone: the other transports would open what no URL can ask for. ``udp6`` is the better one where there is
    IPv6.
    """
    # It warns of every server that does not repeat Block1 in its last answer, as libcoap does.
    logging.getLogger("coap.blockwise-requester").setLevel(logging.ERROR)
    if sys.platform == "linux":
        try:
            return await aiocoap.Context.create_client_context(transports=["udp6"])
        except OSError:
            log.debug("no IPv6 here; CoAP goes without it")
    return await aiocoap.Context.create_client_context(transports=["simple6"])


def _content_format(wanted: int | None, media_type: str) -> int | None:
    if wanted is not None:
        return wanted
    try:
        return int(ContentFormat.by_media_type(media_type))
    except KeyError:
        return None


def _retry_after_s(answer: Any) -> float | None:
    """Max-Age of 4.29 and 5.03 is the time to wait (RFC 8516, section 3; RFC 7252, section 5.9.3.4)."""
    if answer.code not in (codes.TOO_MANY_REQUESTS, codes.SERVICE_UNAVAILABLE):
        return None
    return float(MAX_AGE_S if answer.opt.max_age is None else answer.opt.max_age)


def _why_not(error: coap_error.NetworkError) -> str:
    match error:
        case coap_error.ResolutionError():
            return "the name cannot be resolved"
        case coap_error.MessageError():
            return "it rejects the message (RST)"
    cause = error.__cause__
    if isinstance(cause, ConnectionRefusedError):
        return "nothing listens there"
    return (cause.strerror if isinstance(cause, OSError) else None) or "the network failed"


PLUGIN = sinks.Plugin(settings=Settings, action=Action, make=Coap, target="path")
