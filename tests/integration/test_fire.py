"""``mailwire fire`` with a real broker and a real CoAP device, beside a bridge that runs."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge import sinks
from bridge.sinks import mqtt
from tests import servers
from tests.acceptance import command
from tests.servers.libcoap import Libcoap
from tests.servers.mosquitto import Heard, Mosquitto, listening

MAIL = b"From: door@cameras.example\r\nSubject: Motion at hall\r\nDate: Mon, 02 Nov 2020 10:00:00 +0000\r\n\r\nx\r\n"


@pytest.fixture(scope="module")
def mosquitto() -> Iterator[Mosquitto]:
    with Mosquitto() as server:
        yield server


@pytest.fixture(scope="module")
def libcoap() -> Iterator[Libcoap]:
    with Libcoap() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "motion.eml").write_bytes(MAIL)
    return tmp_path


def configuration(folder: Path, *then: dict[str, Any], broker: str, lamp: str = "coap://127.0.0.1:1") -> Path:
    written = {
        "name": "house",
        "state": f"sqlite:///{folder}/state.db",
        "sinks": {
            "broker": {"type": "mqtt", "url": broker, "client_id": "the-house"},
            "lamp": {"type": "coap", "url": lamp, "timeout": "1s"},
        },
        "rules": [
            {"name": "motion", "when": {"subject": r"/motion at (?P<place>\w+)/"}, "then": list(then), "enabled": False}
        ],
    }
    path = folder / "mailwire.yaml"
    path.write_text(yaml.safe_dump(written, sort_keys=False))
    return path


async def fire(path: Path, *args: str) -> subprocess.CompletedProcess[str]:
    mail = str(path.parent / "motion.eml")
    return await asyncio.to_thread(command.mailwire, "fire", "-c", str(path), *args, "motion", mail)


PUBLISH = {"sink": "broker", "topic": "home/{{ place }}", "payload": {"id": "{{ delivery_id }}"}, "expires": "1m"}


async def test_a_rule_is_fired_once_and_its_reset_follows(folder: Path, mosquitto: Mosquitto, libcoap: Libcoap) -> None:
    lamp = {"sink": "lamp", "path": "/light", "payload": "1", "delay": "1h", "reset": {"after": "1s", "payload": "0"}}
    path = configuration(folder, PUBLISH, lamp, broker=mosquitto.url, lamp=libcoap.url)
    async with listening(mosquitto, "home/#", "mailwire/#") as heard:
        done = await fire(path)
        await servers.until(lambda: len(heard) >= 1, 10, what="the message")

    assert (done.returncode, done.stderr) == (0, "")
    assert [message.topic for message in heard] == ["home/hall"]  # nothing on the bridge's own state topic
    lines = done.stdout.splitlines()
    assert "→ broker home/hall: 25 B, acknowledged puback 0x00" in lines
    assert lines[lines.index("→ lamp light: 1 B, acknowledged 2.01") + 1] == (
        "  its reset follows in 1 s; Ctrl-C leaves it out"
    )
    assert lines[-1] == "↺ lamp light: 1 B, acknowledged 2.04"
    assert await libcoap.get("light") == b"0"


async def test_a_bridge_that_runs_keeps_its_connection_and_two_firings_have_ids_of_their_own(
    folder: Path, mosquitto: Mosquitto
) -> None:
    path = configuration(folder, PUBLISH, broker=mosquitto.url)
    running = mqtt.PLUGIN.make(
        mqtt.Settings(type="mqtt", url=mosquitto.url, client_id="the-house"),
        sinks.Context(name="broker", bridge="house"),
    )
    async with running, listening(mosquitto, "home/#", "mailwire/#") as heard:
        await asyncio.wait_for(running.ready(), 10)
        first = await fire(path)
        second = await fire(path)
        await servers.until(lambda: len(home(heard)) >= 2, 10, what="two messages")
        assert [message.payload for message in heard if message.topic == "mailwire/house/state"] == [b"online"]

    assert (first.returncode, second.returncode) == (0, 0)
    assert len({message.payload for message in home(heard)}) == 2


def home(heard: Sequence[Heard]) -> list[Heard]:
    return [message for message in heard if message.topic.startswith("home/")]


async def test_what_is_not_acknowledged_in_time_is_told(folder: Path) -> None:
    path = configuration(folder, PUBLISH, broker="mqtt://127.0.0.1:1")
    done = await fire(path, "--timeout", "0.5")
    assert done.returncode == 1
    assert done.stdout.splitlines() == ["→ broker home/hall: 25 B, not acknowledged within 0.5 s"]


async def test_a_rule_that_does_not_match_says_why_and_sends_nothing(folder: Path, mosquitto: Mosquitto) -> None:
    path = configuration(folder, PUBLISH, broker=mosquitto.url)
    (folder / "motion.eml").write_bytes(MAIL.replace(b"Motion", b"Silence"))
    done = await fire(path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "✗ motion does not match: nothing is sent",
        "  when.subject: wanted /motion at (?P<place>\\w+)/; saw Silence at hall",
    ]


async def test_a_delivery_that_cannot_be_made_is_told_and_the_others_go_out(folder: Path, mosquitto: Mosquitto) -> None:
    path = configuration(folder, {**PUBLISH, "max_bytes": 3}, PUBLISH, broker=mosquitto.url)
    done = await fire(path)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "→ broker home/hall: 0 B, not made: the payload has 25 bytes; max_bytes is 3",
        "→ broker home/hall: 25 B, acknowledged puback 0x00",
    ]
