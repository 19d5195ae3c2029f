"""The main job: a mail, delivered by LMTP to a real Dovecot, arrives at a real Mosquitto, at libcoap and by HTTP, and
is marked only then."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import cbor2
import pytest

from tests import servers
from tests.bridge_process import BridgeProcess
from tests.servers import http
from tests.servers.dovecot import Dovecot
from tests.servers.libcoap import Libcoap
from tests.servers.mosquitto import Mosquitto, listening

MAIL = (
    "From: Front door <door@cameras.example>\r\nTo: ada@example.org\r\nSubject: Motion at hall\r\n"
    "Message-ID: <1@cameras.example>\r\nDate: Mon, 02 Nov 2026 10:00:00 +0000\r\n\r\ntemp=21.5 humid\r\n"
)


@pytest.fixture
def dovecot() -> Iterator[Dovecot]:
    with Dovecot() as server:
        yield server


@pytest.fixture
def mosquitto() -> Iterator[Mosquitto]:
    with Mosquitto() as server:
        yield server


@pytest.fixture
def libcoap() -> Iterator[Libcoap]:
    with Libcoap() as server:
        yield server


def mailbox(dovecot: Dovecot, **settings: Any) -> dict[str, Any]:
    return {
        "host": "127.0.0.1",
        "port": dovecot.tls_port,
        "ca_file": str(dovecot.ca_file),
        "user": "ada",
        "password": "secret",
        **settings,
    }


@contextlib.asynccontextmanager
async def everything(
    tmp_path: Path, dovecot: Dovecot, mosquitto: Mosquitto, libcoap: Libcoap, hook: http.Server
) -> AsyncIterator[BridgeProcess]:
    configuration = {
        "name": "house",
        "state": f"sqlite:///{tmp_path}/state.db",
        "mailboxes": {"home": mailbox(dovecot)},
        "sinks": {
            "broker": {"type": "mqtt", "url": mosquitto.url},
            "lamp": {"type": "coap", "url": libcoap.url},
            "hook": {"type": "http", "url": f"{hook.url}/mail"},
        },
        "rules": [
            {
                "name": "front-door-motion",
                "when": {"from": "*@cameras.example", "subject": r"/motion at (?P<place>\w+)/"},
                "extract": {"temp": {"body": r"/temp=([-\d.]+)/", "type": "float"}},
                "then": [
                    {
                        "sink": "broker",
                        "topic": "home/{{ place }}/motion",
                        "payload": {"t": "{{ temp }}", "place": "{{ place }}"},
                        "as": "cbor",
                        "qos": 1,
                        "expires": "5m",
                    },
                    {"sink": "lamp", "path": "/light", "method": "PUT", "payload": "1"},
                    {"sink": "hook", "path": "{{ place }}", "payload": {"temp": "{{ temp }}"}},
                ],
                "after": {"seen": True, "move": "Processed"},
            }
        ],
    }
    with BridgeProcess(tmp_path, configuration) as bridge:
        yield bridge


async def test_a_mail_reaches_all_three_and_is_marked_only_then(
    tmp_path: Path, dovecot: Dovecot, mosquitto: Mosquitto, libcoap: Libcoap
) -> None:
    async with (
        http.Server(http.Answer(status=503)) as hook,
        listening(mosquitto, "home/#") as heard,
        everything(tmp_path, dovecot, mosquitto, libcoap, hook) as bridge,
    ):
        with dovecot.client("ada") as client:
            client.create_folder("Processed")
        dovecot.deliver(MAIL)
        await servers.until(lambda: heard, 30, what="the publish")
        await servers.until(lambda: hook.requests, 30, what="the first HTTP request, answered with 503")
        await servers.until(functools.partial(_is_on, libcoap), 30, what="the lamp, which waits for nobody else")
        assert in_folder(dovecot, "INBOX") == [False], "not marked while the HTTP call is not acknowledged"

        await servers.until(lambda: in_folder(dovecot, "Processed") == [True], 30, what="the mail's move")
        assert in_folder(dovecot, "INBOX") == []
        assert len(hook.requests) == 2
        assert bridge.stop() == 0

    (message,) = heard
    assert message.topic == "home/hall/motion"
    assert cbor2.loads(message.payload) == {"t": 21.5, "place": "hall"}
    assert 0 < message.properties["MessageExpiryInterval"] <= 300
    request = hook.requests[-1]
    assert (request.method, request.target, json.loads(request.body)) == ("POST", "/mail/hall", {"temp": 21.5})
    assert request.headers["idempotency-key"] == hook.requests[0].headers["idempotency-key"]


async def _is_on(libcoap: Libcoap) -> bool:
    return await libcoap.get("light") == b"1"


def in_folder(dovecot: Dovecot, folder: str) -> list[bool]:
    """Whether each mail of the folder is marked as seen."""
    with dovecot.client("ada", folder=folder) as client:
        flags = client.get_flags(client.search())
    return [b"\\Seen" in one for one in flags.values()]


async def test_a_second_bridge_on_the_same_state_exits_1(tmp_path: Path, dovecot: Dovecot) -> None:
    configuration = {"state": f"sqlite:///{tmp_path}/state.db", "mailboxes": {"home": mailbox(dovecot)}}
    with BridgeProcess(tmp_path, configuration):
        second = BridgeProcess(tmp_path, configuration)
        second.start(until_live=False)
        assert second.wait() == 1
        assert "another bridge runs on the state" in second.log[-1]["event"]


async def test_what_a_throttle_drops_is_told_in_one_line_and_marked_like_the_rest(
    tmp_path: Path, dovecot: Dovecot, mosquitto: Mosquitto
) -> None:
    for number in range(5):
        dovecot.deliver(MAIL.replace("<1@", f"<{number}@"))
    configuration = {
        "state": f"sqlite:///{tmp_path}/state.db",
        "mailboxes": {"home": mailbox(dovecot, start="all")},
        "sinks": {"broker": {"type": "mqtt", "url": mosquitto.url}},
        "rules": [
            {
                "name": "motion",
                "throttle": {"max": 2, "within": "2s", "per": "{{ mail.from }}"},
                "then": {"sink": "broker", "topic": "home/motion", "payload": "{{ mail.id }}"},
                "after": {"seen": True},
            }
        ],
    }
    async with listening(mosquitto, "home/#") as heard:
        with BridgeProcess(tmp_path, configuration) as bridge:
            await servers.until(lambda: suppressed(bridge), 30, what="the summary")
            await servers.until(lambda: in_folder(dovecot, "INBOX") == [True] * 5, 30, what="all five to be marked")
            assert bridge.stop() == 0
    assert [message.payload for message in heard] == [b"<0@cameras.example>", b"<1@cameras.example>"]
    assert suppressed(bridge) == [("3 suppressed", "motion", "door@cameras.example")]


def suppressed(bridge: BridgeProcess) -> list[tuple[str, str, str]]:
    """What the log tells of throttles."""
    told = [line for line in bridge.log if line["event"].endswith(" suppressed")]
    return [(line["event"], line["rule"], line["per"]) for line in told]
