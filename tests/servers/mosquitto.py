"""A Mosquitto of one's own: plain, with TLS (and client certificates), with a password file, with persistence."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import trustme
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from tests import servers


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pki:
    """A CA with a certificate for the broker (127.0.0.1) and one for the client."""

    ca_file: Path
    cert_file: Path
    key_file: Path
    client_cert_file: Path
    client_key_file: Path

    @classmethod
    def make(cls, folder: Path) -> Self:
        ca = trustme.CA()
        server, client = ca.issue_cert("127.0.0.1"), ca.issue_cert("mailwire@test.example")
        pki = cls(**{field.name: folder / f"{field.name}.pem" for field in dataclasses.fields(cls)})
        ca.cert_pem.write_to_path(pki.ca_file)
        for cert, cert_file, key_file in (
            (server, pki.cert_file, pki.key_file),
            (client, pki.client_cert_file, pki.client_key_file),
        ):
            cert_file.write_bytes(b"".join(blob.bytes() for blob in cert.cert_chain_pems))
            cert.private_key_pem.write_to_path(key_file)
            servers.give(key_file)
        return pki


class Mosquitto:
    """A context manager; ``stop``, ``kill`` and ``start`` go on with the same port and the same folder."""

    def __init__(
        self,
        *,
        tls: bool = False,
        client_certificate: bool = False,
        users: Mapping[str, str] | None = None,
        persistence: bool = False,
        lines: tuple[str, ...] = (),
    ) -> None:
        servers.needs("mosquitto", "mosquitto_passwd")
        self.port = servers.free_port()
        self.pki: Pki | None = None
        self._tls, self._client_certificate = tls or client_certificate, client_certificate
        self._users, self._persistence, self._lines = users, persistence, lines
        self._exit = contextlib.ExitStack()

    @property
    def url(self) -> str:
        return f"mqtts://127.0.0.1:{self.port}" if self._tls else f"mqtt://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        folder = self._exit.enter_context(servers.folder())
        config = folder / "mosquitto.conf"
        config.write_text("\n".join(self._config(folder)) + "\n")
        argv = ["mosquitto", "-c", str(config)]
        self._process = servers.Process(argv, cwd=folder, ready=lambda: servers.accepts(self.port))
        self._exit.enter_context(self._process)
        return self

    def __exit__(self, *exc: object) -> None:
        self._exit.close()

    def start(self) -> None:
        self._process.start()

    def stop(self) -> None:
        """SIGTERM: clients are told, and what is persistent is written."""
        self._process.stop()

    def kill(self) -> None:
        self._process.kill()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        return self._process.log.read_text(errors="replace")

    def _config(self, folder: Path) -> Iterator[str]:
        yield f"listener {self.port} 127.0.0.1"
        yield "log_dest stderr"
        yield f"allow_anonymous {'false' if self._users else 'true'}"
        yield f"persistence {'true' if self._persistence else 'false'}"
        yield f"persistence_location {folder}/"
        if self._users:
            yield f"password_file {self._password_file(folder)}"
        if self._tls:
            self.pki = Pki.make(folder)
            yield f"cafile {self.pki.ca_file}"
            yield f"certfile {self.pki.cert_file}"
            yield f"keyfile {self.pki.key_file}"
            yield f"require_certificate {'true' if self._client_certificate else 'false'}"
        yield from self._lines

    def _password_file(self, folder: Path) -> Path:
        path = folder / "passwords"
        path.write_text("".join(f"{user}:{password}\n" for user, password in (self._users or {}).items()))
        subprocess.run(["mosquitto_passwd", "-U", str(path)], check=True, capture_output=True)
        servers.give(path)
        return path


@dataclasses.dataclass(frozen=True, kw_only=True)
class Heard:
    """One message that a listener received."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    properties: Mapping[str, Any]


@contextlib.asynccontextmanager
async def listening(broker: Mosquitto, *filters: str) -> AsyncIterator[list[Heard]]:
    """What arrives at a plain broker under these topic filters (default: all), by a second, independent connection.

    ``retain`` is the publisher's flag (retain as published); what was retained before is delivered, too.
    """
    heard: list[Heard] = []
    subscribed = asyncio.Event()
    loop = asyncio.get_running_loop()
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"listener-{id(heard)}", protocol=paho.MQTTv5)
    client.on_message = lambda _client, _data, message: heard.append(_heard(message))
    client.on_subscribe = lambda *_: loop.call_soon_threadsafe(subscribed.set)
    options = SubscribeOptions(qos=2, retainAsPublished=True)
    client.on_connect = lambda *_: client.subscribe([(wanted, options) for wanted in filters or ("#",)])
    # Kept over a restart of the broker, so that nothing is missed that is sent before this one is back.
    lasting = Properties(PacketTypes.CONNECT)
    lasting.SessionExpiryInterval = 600
    client.reconnect_delay_set(1, 1)
    client.connect("127.0.0.1", broker.port, properties=lasting)
    client.loop_start()
    try:
        await asyncio.wait_for(subscribed.wait(), servers.START_S)
        yield heard
    finally:
        client.disconnect()
        await asyncio.to_thread(client.loop_stop)


def _heard(message: paho.MQTTMessage) -> Heard:
    properties = vars(message.properties) if message.properties else {}
    return Heard(
        topic=message.topic, payload=message.payload, qos=message.qos, retain=message.retain, properties=properties
    )
