"""One mailbox on a real Dovecot, one real broker, one rule that fires for every mail, and the bridge as a process."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bridge_process import BridgeProcess
from tests.servers.dovecot import Dovecot
from tests.servers.mosquitto import Heard, Mosquitto


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scene:
    dovecot: Dovecot
    broker: Mosquitto
    folder: Path

    def bridge(
        self, *, imap_port: int | None = None, retained: bool = False, stars: bool = False, **mailbox: Any
    ) -> BridgeProcess:
        """Not started yet; every one of a scene has the same state. ``stars``: what somebody flags is told as well."""
        account = {"host": "127.0.0.1", "port": imap_port or self.dovecot.port, "tls": "none", "user": "ada"}
        topic = {"topic": "mails/{{ n }}", "retain": True} if retained else {"topic": "mails/all"}
        action = {"sink": "broker", **topic, "payload": {"n": "{{ n }}"}, "qos": 1}
        rule = {"name": "all", "when": {"subject": r"/mail (?P<n>\d+)/"}, "then": [action], "after": {"seen": True}}
        starred = {"sink": "broker", "topic": "stars/{{ n }}", "retain": True, "payload": {"n": "{{ n }}"}, "qos": 1}
        star = {"name": "star", "event": "flagged", "when": {"subject": r"/mail (?P<n>\d+)/"}, "then": [starred]}
        return BridgeProcess(
            self.folder,
            {
                "name": "house",
                "state": f"sqlite:///{self.folder}/state.db",
                "mailboxes": {"home": {**account, "password": "secret", **mailbox}},
                "sinks": {"broker": {"type": "mqtt", "url": self.broker.url}},
                "rules": [rule, star] if stars else [rule],
            },
        )

    def in_uid_order(self) -> list[int]:
        """The mails' numbers as their UIDs have it (Dovecot gives out UIDs by file name, not always as LMTP
        delivered)."""
        with self.dovecot.client("ada", folder="INBOX") as client:
            fetched = client.fetch(client.search(), ["ENVELOPE"])
        return [int(fetched[uid][b"ENVELOPE"].subject.split()[-1]) for uid in sorted(fetched)]

    def flagged(self) -> set[int]:
        """The numbers of the mails that somebody has flagged."""
        with self.dovecot.client("ada", folder="INBOX") as client:
            fetched = client.fetch(client.search(["FLAGGED"]), ["ENVELOPE"])
        return {int(one[b"ENVELOPE"].subject.split()[-1]) for one in fetched.values()}

    def all_seen(self) -> bool:
        with self.dovecot.client("ada", folder="INBOX") as client:
            return not client.search(["UNSEEN"])


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with Dovecot() as dovecot, Mosquitto(persistence=True) as broker:
        yield Scene(dovecot=dovecot, broker=broker, folder=tmp_path)


def numbers(heard: list[Heard]) -> list[int]:
    """The mails' numbers, in the order of arrival."""
    return [int(json.loads(message.payload)["n"]) for message in heard]


def ids(heard: list[Heard]) -> dict[int, set[str]]:
    """Number → the delivery ids that it came with."""
    found: dict[int, set[str]] = {}
    for message in heard:
        number = int(json.loads(message.payload)["n"])
        found.setdefault(number, set()).add(dict(message.properties["UserProperty"])["delivery_id"])
    return found
