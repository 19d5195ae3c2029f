"""MQTT: a message is delivered when the broker has acknowledged it (PUBACK, PUBCOMP; QoS 0: when it is on the socket).

MQTT 5, or 3.1.1 where the broker refuses 5. No session is kept at the broker: what was not acknowledged when a
connection ends fails with ``errors.Unavailable``, and the outbox, which knows expiry and order, sends it again. With
MQTT 5 a message carries the seconds that remain of its ``expires``, its content type, and its delivery id as user
property ``delivery_id``.

The retained message ``<base_topic>/<bridge>/state`` says ``online``, and ``offline`` after a stop or, as the last will,
after a loss.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import secrets
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

import pydantic

from bridge import backoff, errors, schema, sinks
from bridge.delivery import Delivery, Receipt
from bridge.sinks import _dial, _mqtt_broker, _mqtt_packet, _mqtt_reasons, _mqtt_selftest, _paho, _url

DEPTH = 100  # in flight; measured: a window of 1,000 is slower
SUSPICIOUS = 3  # connections lost with the same delivery in flight before it has to wait by itself
SUSPECTS = 10 * DEPTH  # deliveries that are remembered for that
TOPIC_BYTES = 65_535
ACKNOWLEDGEMENTS = {1: "puback", 2: "pubcomp"}


def _parse(text: str) -> _url.Url:
    return _url.parse(text, ports={"mqtt": 1883, "mqtts": 8883}, planned=("ws", "wss"), user=True)


class Settings(sinks.Settings):
    """An MQTT broker."""

    planned: ClassVar[frozenset[str]] = frozenset({"discovery"})

    url: Annotated[str, pydantic.AfterValidator(_url.checked_by(_parse))] = pydantic.Field(
        description="mqtt://[user@]host[:port], or mqtts:// with a verified certificate.",
        examples=["mqtts://mailwire@broker.lan"],
    )
    user: str | None = pydantic.Field(None, description="Default: the user in the URL.")
    password: pydantic.SecretStr | None = None
    ca_file: Path | None = pydantic.Field(None, description="A CA to trust instead of the system's (PEM).")
    cert_file: Path | None = pydantic.Field(None, description="This client's certificate (PEM).")
    key_file: Path | None = pydantic.Field(None, description="Its key, if not in `cert_file` (PEM, no passphrase).")
    client_id: str | None = pydantic.Field(
        None, min_length=1, description="Default: mailwire-<bridge>-<sink>. No other client may use it."
    )
    keepalive: schema.Duration = pydantic.Field(
        30.0, description="A silent broker is given up after twice this time.", examples=["30s"]
    )
    version: Literal["auto", "5", "3.1.1"] = pydantic.Field(
        "auto", description="Default: 5, and 3.1.1 where the broker refuses 5."
    )
    timeout: schema.PositiveDuration = pydantic.Field(
        10.0, description="For connecting, and then for the broker's answer."
    )
    ack_timeout: schema.PositiveDuration = pydantic.Field(
        60.0, description="The connection is renewed when a message is not acknowledged within this time."
    )
    retry_min: schema.PositiveDuration = pydantic.Field(
        1.0, description="The first wait after a lost connection; doubles."
    )
    retry_max: schema.PositiveDuration = pydantic.Field(15.0, description="The longest wait between two tries.")
    retry_refused: schema.PositiveDuration = pydantic.Field(
        300.0, description="The wait after the broker refused the credentials."
    )

    @pydantic.field_validator("version", mode="before")
    @classmethod
    def _version_as_text(cls, value: object) -> object:
        """``version: 5`` is a number in YAML."""
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @pydantic.field_validator("keepalive")
    @classmethod
    def _keepalive_in_range(cls, value: float) -> float:
        if not 1 <= value <= 65_535:
            raise ValueError("between 1s and 65535s")
        return value

    @pydantic.model_validator(mode="after")
    def _fits_together(self) -> Self:
        for field in ("ca_file", "cert_file", "key_file"):
            if getattr(self, field) is not None and self.address.scheme != "mqtts":
                raise ValueError(f"{field} is for mqtts:// only")
        if self.key_file is not None and self.cert_file is None:
            raise ValueError("key_file without cert_file")
        if self.password is not None and self.login is None:
            raise ValueError("password without user")
        return self

    @property
    def address(self) -> _url.Url:
        return _parse(self.url)

    @property
    def login(self) -> str | None:
        return self.user if self.user is not None else self.address.user


class Action(sinks.Action):
    """What is published, and how."""

    topic: Annotated[str, sinks.SEGMENTS] = pydantic.Field(min_length=1, examples=["home/{{ place }}/motion"])
    qos: Literal[0, 1, 2] = 1
    retain: pydantic.StrictBool = False


class Mqtt:
    """One broker: ``_mqtt_broker`` keeps the connection, this publishes on it."""

    depth = DEPTH
    pipelined = True

    def __init__(self, settings: Settings, context: sinks.Context) -> None:
        self._settings = settings
        self._context = context
        self._where = settings.address.authority
        self._broker: _mqtt_broker.Broker | None = None
        self._exit = contextlib.AsyncExitStack()
        self._losses: dict[str, int] = {}  # delivery id → connections that were lost while it was in flight

    async def __aenter__(self) -> Self:
        self._broker = await self._exit.enter_async_context(_broker(self._settings, self._context))
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._exit.aclose()

    async def ready(self) -> None:
        """Returns when the broker has accepted the connection."""
        assert self._broker is not None, "the sink is not entered"  # noqa: S101 - a caller's bug, for the type checker
        await self._broker.up.wait()

    async def probe(self) -> str:
        """Waits until the broker has let us in, or has failed to. See ``bridge.sinks.Probed``."""
        assert self._broker is not None, "the sink is not entered"  # noqa: S101 - a caller's bug, for the type checker
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2 * self._settings.timeout):  # to connect, and for its answer
                await self._broker.decided.wait()
        link = self._broker.link()
        version = "MQTT 5" if link.version == _paho.V5 else "MQTT 3.1.1"
        return f"{self._where}, {version}; it lets us in"

    async def selftest(self, step: sinks.Step) -> None:
        """There and back again, under a topic of the bridge's own. See ``bridge.sinks.SelfTested``."""
        await _mqtt_selftest.run(self, self._context, step, timeout_s=self._settings.timeout)

    def link(self) -> _paho.Link:
        """The connection.

        Raises:
            errors.Unavailable: there is none, and why.
        """
        assert self._broker is not None, "the sink is not entered"  # noqa: S101 - a caller's bug, for the type checker
        return self._broker.link()

    async def send(self, delivery: Delivery, *, expires_in_s: float | None) -> Receipt:
        """Publishes one message.

        Raises:
            errors.Unavailable: there is no connection, or it was lost before the acknowledgement.
            errors.Retryable: the broker has no room now, or the connection was lost each time that this was sent.
            errors.Permanent: the broker does not allow it, or will never take it (its size, QoS, retain).
        """
        assert self._broker is not None, "the sink is not entered"  # noqa: S101 - a caller's bug, for the type checker
        link = self._broker.link()
        expires = None if expires_in_s is None else _now() + expires_in_s
        qos, retain = int(delivery.options.get("qos", 1)), bool(delivery.options.get("retain", False))
        self._check(delivery, link, qos=qos, retain=retain)
        await link.slot()
        properties = _properties(delivery, link, None if expires is None else expires - _now())
        acknowledged = link.put(delivery.target, delivery.payload, qos=qos, retain=retain, properties=properties)
        code = await self._acknowledged(acknowledged, delivery.id)
        if code >= _mqtt_reasons.FAILURE:
            raise _mqtt_reasons.refused_publish(self._where, code, qos=qos)
        return Receipt(delivery_id=delivery.id, code=f"{ACKNOWLEDGEMENTS[qos]} 0x{code:02x}" if qos else "written")

    async def announce(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publishes with QoS 0; returns when it is on the socket. See ``bridge.sinks.Announcer``."""
        assert self._broker is not None, "the sink is not entered"  # noqa: S101 - a caller's bug, for the type checker
        link = self._broker.link()
        await link.slot()
        await link.put(topic, payload, qos=0, retain=retain and link.limits.retain, properties=None)

    def _check(self, delivery: Delivery, link: _paho.Link, *, qos: int, retain: bool) -> None:
        """What the broker has said that it will not take is not sent to it: it would close the connection."""
        topic_bytes, limits = len(delivery.target.encode("utf-8", "replace")), link.limits
        if not 1 <= topic_bytes <= TOPIC_BYTES or "\0" in delivery.target:
            raise errors.Permanent(f"no valid topic: {topic_bytes} bytes, of 1 to {TOPIC_BYTES}, none of them zero")
        if qos > limits.qos:
            raise errors.Permanent(f"{self._where}: the rule asks for QoS {qos}, the broker has {limits.qos} at most")
        if retain and not limits.retain:
            raise errors.Permanent(f"{self._where}: the rule asks for retain, the broker keeps no messages")

    async def _acknowledged(self, acknowledged: asyncio.Future[int], delivery_id: str) -> int:
        """The reason code.

        A broker that closes the connection over one message would block all others for ever, since they are sent again
        in order and no attempt is counted. So one that was in flight at several losses waits by itself.
        """
        losses = self._losses.get(delivery_id, 0)
        try:
            code = await acknowledged
        except errors.Refused:
            raise
        except errors.Unavailable as error:
            self._remember(delivery_id, losses + 1)
            if losses + 1 < SUSPICIOUS:
                raise
            text = f"the connection was lost each time that this was sent; the last time: {error}"
            raise errors.Retryable(text, code=error.code) from None
        if losses:
            self._losses.pop(delivery_id, None)
        return code

    def _remember(self, delivery_id: str, losses: int) -> None:
        self._losses[delivery_id] = losses
        while len(self._losses) > SUSPECTS:  # the oldest: expired since, or dropped
            del self._losses[next(iter(self._losses))]


def _broker(settings: Settings, context: sinks.Context) -> _mqtt_broker.Broker:
    """Settings → what keeps the connection.

    Raises:
        errors.ConfigError: a certificate file cannot be used.
    """
    url, state_topic = settings.address, f"{context.base_topic}/{context.bridge}/state"
    files = {"ca_file": settings.ca_file, "cert_file": settings.cert_file, "key_file": settings.key_file}
    return _mqtt_broker.Broker(
        sink=context.name,
        address=_paho.Address(
            host=url.host,
            port=url.port,
            tls=_dial.tls_context(sink=context.name, **files) if url.scheme == "mqtts" else None,
            timeout_s=settings.timeout,
            ack_timeout_s=settings.ack_timeout,
            depth=DEPTH,
        ),
        hello=_paho.Hello(
            client_id=_client_id(settings, context),
            version=_paho.V311 if settings.version == "3.1.1" else _paho.V5,
            user=settings.login,
            password=settings.password.get_secret_value() if settings.password else None,
            keepalive_s=round(settings.keepalive),
            will=None if context.guest else (state_topic, b"offline"),
        ),
        may_fall_back=settings.version == "auto",
        wait_s=lambda failures: backoff.wait_s(failures, least_s=settings.retry_min, most_s=settings.retry_max),
        refused_s=settings.retry_refused,
    )


def _client_id(settings: Settings, context: sinks.Context) -> str:
    """A broker puts off who comes with the same id (MQTT 5, section 3.1.4): a guest has one of its own."""
    mine = settings.client_id or f"mailwire-{context.bridge}-{context.name}"
    return f"{mine}-{secrets.token_hex(4)}" if context.guest else mine


def _properties(delivery: Delivery, link: _paho.Link, expires_in_s: float | None) -> _mqtt_packet.Packed | None:
    """``expires_in_s`` in whole seconds, rounded up, and 1 at least: 0 would mean that it is never delivered."""
    if link.version != _paho.V5:
        return None
    expiry_s = None if expires_in_s is None else max(1, math.ceil(expires_in_s))
    return _mqtt_packet.Packed(expiry_s=expiry_s, content_type=delivery.media_type, user={"delivery_id": delivery.id})


def _now() -> float:
    return asyncio.get_running_loop().time()


PLUGIN = sinks.Plugin(settings=Settings, action=Action, make=Mqtt, target="topic")
