"""paho-mqtt, tamed: one object a connection, in the event loop, without a thread. The one file that knows paho's
insides.

What was measured or read, and what follows from it:

- Driven by the event loop (``loop_read``, ``loop_write``, ``loop_misc`` are paho's own interface for that) QoS 1 is
  almost twice as fast as with paho's network thread (31k/s against 17k/s at a window of 100) at half the CPU: two
  threads fight over one lock. The thread would also ``select()``, which fails for ever once the process has 1,024
  files open: ten thousand mailboxes do.
- A client that reconnects keeps its queue and sends it late, with its expiry started anew. So a ``Link`` is one
  connection: when it is lost, all that was not acknowledged fails with ``errors.Unavailable``, and nothing is left
  that could be sent later.
- paho answers a PUBREC that *refuses* (reason 0x80 and above) with PUBREL like any other, and reports success at the
  PUBCOMP; MQTT 5 ends the exchange there (section 4.3.3). ``_Client`` does.
- CONNACK's Receive Maximum is ignored by paho: ``slot()`` waits for it.
- ``Properties`` costs 30 µs a message to fill; ``pack()`` is all that is asked of it, so ``_mqtt_packet.Packed`` gives
  ready bytes.
"""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import ssl
from collections.abc import Callable
from typing import Any, cast

from paho.mqtt import _packet
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from bridge import dial, errors
from bridge.sinks import _dial, _mqtt_packet, _mqtt_reasons

TICK_S = 1.0  # how often keepalive and acknowledgements are looked after
V5, V311 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311


@dataclasses.dataclass(frozen=True, kw_only=True)
class Address:
    """Where the broker is, and how long to wait for it."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    timeout_s: float = 10.0  # to connect, and again until CONNACK
    ack_timeout_s: float = 60.0
    depth: int = 100  # messages in flight at most

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hello:
    """What CONNECT says (MQTT 5, section 3.1)."""

    client_id: str
    version: MQTTProtocolVersion = V5
    user: str | None = None
    password: str | None = dataclasses.field(default=None, repr=False)
    keepalive_s: int = 30
    will: tuple[str, bytes] | None = None  # topic and payload, retained, QoS 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """What CONNACK allows (MQTT 5, section 3.2.2.3); the defaults are those of the protocol."""

    receive_maximum: int = 65_535
    packet_bytes: int = 268_435_460
    qos: int = 2
    retain: bool = True

    @classmethod
    def from_connack(cls, properties: Properties | None) -> Limits:
        said = vars(properties) if properties is not None else {}
        return cls(
            receive_maximum=said.get("ReceiveMaximum") or cls.receive_maximum,
            packet_bytes=said.get("MaximumPacketSize") or cls.packet_bytes,
            qos=said.get("MaximumQoS", cls.qos),
            retain=bool(said.get("RetainAvailable", cls.retain)),
        )


class _Client(paho.Client):
    """A client on a socket that is already there."""

    def __init__(self, sock: socket.socket, hello: Hello) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2, client_id=hello.client_id, protocol=hello.version, reconnect_on_failure=False
        )
        self._given = sock
        self.fault: OSError | None = None  # what the socket said last; paho only logs it
        self.max_inflight_messages = 0  # no queue of paho's own: `Link.slot` is the window
        if hello.user is not None:
            self.username_pw_set(hello.user, hello.password)
        if hello.will is not None:
            self.will_set(hello.will[0], hello.will[1], qos=1, retain=True)

    def _create_socket(self) -> Any:
        return self._given

    def _sock_recv(self, bufsize: int) -> bytes:
        try:
            return super()._sock_recv(bufsize)
        except BlockingIOError:
            raise
        except OSError as error:
            self.fault = error
            raise

    def _handle_pubrec(self) -> MQTTErrorCode:
        packet = _packet.decode_pubrec(self._in_packet["command"], self._in_packet["packet"], self._protocol)
        if packet.reason.value < 0x80:
            return super()._handle_pubrec()
        with self._out_message_mutex:
            if packet.mid in self._out_messages:
                return self._do_on_publish(packet.mid, packet.reason, packet.properties)
        return MQTTErrorCode.MQTT_ERR_SUCCESS


class Link:
    """One connection to one broker. Once ``ended`` is set, ``why`` is the reason."""

    def __init__(self, sock: socket.socket, address: Address, hello: Hello) -> None:
        self.ended = asyncio.Event()
        self.why = errors.Unavailable(f"{address}: still connected")
        self.version = hello.version
        self.limits = Limits()
        self._loop = asyncio.get_running_loop()
        self._address = address
        self._hello = hello
        self._pending: dict[int, tuple[asyncio.Future[int], float]] = {}  # by packet identifier, oldest first
        self._accepted: asyncio.Future[Limits] = self._loop.create_future()
        self._slots = asyncio.Semaphore(1)
        self._tick: asyncio.TimerHandle | None = None
        self._client = client = _Client(sock, hello)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_socket_open = self._on_socket_open
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_something_to_write

    @classmethod
    async def open(cls, address: Address, hello: Hello) -> Link:
        """Connects, and returns when the broker has accepted.

        Raises:
            _mqtt_reasons.NotThisWay: the broker may accept another CONNECT.
            errors.Refused: it does not accept the credentials.
            errors.Unavailable: anything else.
        """
        sock = await _dial.dial(address.host, address.port, address.tls, timeout_s=address.timeout_s)
        link = cls(sock, address, hello)
        try:
            async with asyncio.timeout(address.timeout_s):
                link._client.connect(address.host, address.port, hello.keepalive_s)
                link.limits = await link._accepted
        except TimeoutError:
            # Some brokers (amqtt 0.12) know no MQTT 5 and say nothing at all: another version may be answered.
            link._abort(_mqtt_reasons.VersionRefused(f"{address}: it does not answer to CONNECT", code="timeout"))
            raise again(link.why) from None
        except BaseException:
            link.drop()
            raise
        link._slots = asyncio.Semaphore(min(address.depth, link.limits.receive_maximum))
        link._tick = link._loop.call_later(TICK_S, link._misc)
        return link

    async def slot(self) -> None:
        """Waits until one more message may be in flight; what comes first goes first. ``put`` has to follow at once.

        Raises:
            errors.Unavailable: the connection was lost meanwhile.
        """
        await self._slots.acquire()
        if self.ended.is_set():
            self._slots.release()  # wakes the next one that waits in vain
            raise again(self.why)

    def put(
        self, topic: str, payload: bytes, *, qos: int, retain: bool, properties: _mqtt_packet.Packed | None
    ) -> asyncio.Future[int]:
        """Publishes in the slot that was waited for; resolves with the reason code of PUBACK, PUBREC or PUBCOMP, for
        QoS 0 with 0 once it is written to the socket.

        Raises:
            errors.Permanent: this cannot be published at all.
            errors.Unavailable: (the future too) the connection is lost.
        """
        try:
            self._check_size(topic, payload, qos, properties)
            info = self._client.publish(topic, payload, qos, retain, cast("Properties", properties))
        except (ValueError, errors.Permanent) as error:
            self._slots.release()
            raise errors.Permanent(str(error)) from error
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._slots.release()
            raise errors.Unavailable(f"{self._address}: {paho.error_string(info.rc)}")
        acknowledged = self._loop.create_future()
        self._pending[info.mid] = acknowledged, self._loop.time()
        return acknowledged

    def subscribe(self, topic: str, heard: Callable[[bytes], None]) -> asyncio.Future[int]:
        """Asks for what is published under this topic; resolves with the reason code of SUBACK. ``heard`` gets each
        payload; there is one for all that is subscribed to.

        Raises:
            errors.Unavailable: (the future too) the connection is lost.
        """
        self._client.on_message = lambda _client, _data, message: heard(bytes(message.payload))
        code, mid = self._client.subscribe(topic, qos=1)
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS or mid is None:
            raise errors.Unavailable(f"{self._address}: {paho.error_string(code)}")
        acknowledged = self._loop.create_future()
        self._pending[mid] = acknowledged, self._loop.time()
        return acknowledged

    def _check_size(self, topic: str, payload: bytes, qos: int, properties: _mqtt_packet.Packed | None) -> None:
        size = _mqtt_packet.packet_bytes(topic=topic.encode(), payload=payload, qos=qos, properties=properties)
        if size > self.limits.packet_bytes:
            limit = f"the broker takes {self.limits.packet_bytes} at most"
            raise errors.Permanent(f"{self._address}: the message has {size} bytes, {len(payload)} of payload; {limit}")

    def close(self) -> None:
        """Says goodbye (so that the broker does not send the will) and closes."""
        self._client.on_disconnect = None
        if not self.ended.is_set():
            self._client.disconnect()
            self._client.loop_write()
        self.drop()

    def drop(self) -> None:
        """Closes without a word: the broker sends the will."""
        self._accepted.cancel()
        self._abort(errors.Unavailable(f"{self._address}: the bridge has closed the connection"))

    # What the event loop calls.

    def _read(self) -> None:
        self._client.loop_read()
        # TLS decrypts whole records: what it holds already makes no socket readable.
        while isinstance(sock := self._client.socket(), ssl.SSLSocket) and sock.pending():
            self._client.loop_read()

    def _write(self) -> None:
        sock = self._client.socket()
        if sock is None:
            return
        self._client.loop_write()
        if self._client.want_write() and self._client.socket() is not None:
            self._loop.add_writer(sock.fileno(), self._write)
        elif sock.fileno() >= 0:
            self._loop.remove_writer(sock.fileno())

    def _misc(self) -> None:
        self._tick = self._loop.call_later(TICK_S, self._misc)
        self._client.loop_misc()
        oldest = next(iter(self._pending.values()), None)
        if oldest and self._loop.time() - oldest[1] > self._address.ack_timeout_s:
            self._abort(
                errors.Unavailable(f"{self._address}: no acknowledgement within {self._address.ack_timeout_s:g} s")
            )

    # What paho calls.

    def _on_connect(
        self, _client: Any, _data: Any, _flags: Any, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if self._accepted.done():
            return
        if reason.value < 0x80:
            self._accepted.set_result(Limits.from_connack(properties if self._hello.version == V5 else None))
        else:
            self._accepted.set_exception(
                _mqtt_reasons.refusal(
                    str(self._address), reason, client_id=self._hello.client_id, user=self._hello.user
                )
            )

    def _on_publish(self, _client: Any, _data: Any, mid: int, reason: ReasonCode, _properties: Any) -> None:
        acknowledged, _ = self._pending.pop(mid, (None, 0.0))
        if acknowledged is None:
            return
        self._slots.release()
        if not acknowledged.done():  # its sender may have given up; the slot was taken until now all the same
            acknowledged.set_result(reason.value)

    def _on_subscribe(self, _client: Any, _data: Any, mid: int, reasons: list[ReasonCode], _properties: Any) -> None:
        acknowledged, _ = self._pending.pop(mid, (None, 0.0))
        if acknowledged is not None and not acknowledged.done():
            acknowledged.set_result(max((reason.value for reason in reasons), default=0))

    def _on_socket_open(self, _client: Any, _data: Any, sock: Any) -> None:
        self._loop.add_reader(sock.fileno(), self._read)

    def _on_something_to_write(self, _client: Any, _data: Any, _sock: Any) -> None:
        self._loop.call_soon(self._write)  # once for all that is published before the loop comes round

    def _on_socket_close(self, _client: Any, _data: Any, sock: Any) -> None:
        self._loop.remove_reader(sock.fileno())
        self._loop.remove_writer(sock.fileno())

    def _on_disconnect(self, _client: Any, _data: Any, flags: Any, reason: ReasonCode, _properties: Any) -> None:
        if flags.is_disconnect_packet_from_server:
            self._end(_mqtt_reasons.farewell(str(self._address), reason, client_id=self._hello.client_id))
        elif _dial.wants_certificate(self._client.fault):
            self._end(
                errors.Refused(f"{self._address}: it does not accept the certificate in `cert_file`, or wants one")
            )
        elif self._client.fault is not None:
            self._end(errors.Unavailable(f"{self._address}: {dial.why_not(self._client.fault)}"))
        elif reason.value == 0x8D:
            self._end(errors.Unavailable(f"{self._address}: it has fallen silent"))
        else:
            self._end(errors.Unavailable(f"{self._address}: it closed the connection"))

    def _abort(self, why: errors.Unavailable) -> None:
        """Ends it from this side. Never called by paho: it holds a lock in its callbacks that closing takes, too."""
        self._client.on_disconnect = None
        self._end(why)
        self._client._sock_close()  # noqa: SLF001 - there is no public way that says nothing to the broker

    def _end(self, why: errors.Unavailable) -> None:
        """The connection is gone, whoever ended it: everything that waits for it is told. Once."""
        if self.ended.is_set():
            return
        self.why = why
        self.ended.set()
        if self._tick is not None:
            self._tick.cancel()
        if not self._accepted.done():
            # Closed without a word: so old brokers treat a version that they do not know.
            self._accepted.set_exception(
                _mqtt_reasons.VersionRefused(str(why)) if type(why) is errors.Unavailable else why
            )
        self._client.drop_out_messages()
        for acknowledged, _ in self._pending.values():
            if not acknowledged.done():
                acknowledged.set_exception(again(why))
        self._pending.clear()
        self._slots.release()  # the first that waits in `slot` finds out, and wakes the next


def again(error: errors.Unavailable) -> errors.Unavailable:
    """The same error, as an object of its own: raised a hundred times, one object would collect a hundred
    tracebacks.
    """
    return type(error)(str(error), code=error.code)
