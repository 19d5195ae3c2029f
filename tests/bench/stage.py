"""The servers of a bench, the configuration of the bridge beside them, and the mails."""

from __future__ import annotations

import contextlib
import dataclasses
import smtplib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.servers.dovecot import Dovecot
from tests.servers.mosquitto import Mosquitto

USER, PASSWORD = "bench", "secret"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage:
    dovecot: Dovecot
    mosquitto: Mosquitto
    folder: Path

    def deliver(self, *mails: bytes) -> None:
        """By LMTP, in one session."""
        with smtplib.LMTP("127.0.0.1", self.dovecot.lmtp_port) as lmtp:
            for raw in mails:
                lmtp.sendmail("camera@cameras.example", [USER], raw)

    def forget(self) -> None:
        """The next bridge starts with an empty state."""
        for left in self.folder.glob("state.db*"):
            left.unlink()

    def configuration(self, *, imap_port: int | None = None, **mailbox: Any) -> dict[str, Any]:
        """One mailbox, one broker, one rule that fires for every mail."""
        return {
            "name": "bench",
            "state": f"sqlite:///{self.folder}/state.db",
            "mailboxes": {
                "bench": {
                    "host": "127.0.0.1",
                    "port": imap_port or self.dovecot.port,
                    "tls": "none",
                    "user": USER,
                    "password": PASSWORD,
                    **mailbox,
                }
            },
            "sinks": {"broker": {"type": "mqtt", "url": self.mosquitto.url}},
            "rules": [
                {
                    "name": "all",
                    "then": [
                        {
                            "sink": "broker",
                            "topic": "bench/bridge",
                            "payload": {"subject": "{{ mail.subject }}"},
                            "qos": 1,
                        }
                    ],
                }
            ],
        }


@contextlib.contextmanager
def stage(*, capability: str = "") -> Iterator[Stage]:
    """``capability`` is what the mail server says that it can, if not all of it."""
    with (
        Dovecot(users={USER: PASSWORD}, capability=capability) as dovecot,
        Mosquitto() as mosquitto,
        tempfile.TemporaryDirectory(prefix="mailwire-bench-") as folder,
    ):
        yield Stage(dovecot=dovecot, mosquitto=mosquitto, folder=Path(folder))


def mail(number: int, *, attachment: int = 0) -> bytes:
    """A mail like a camera's: 3 kB of header and text, with an attachment of so many octets if wanted."""
    relays = (f"from relay{n}.example by mx{n}.example; Sun, 1 Nov 2026 12:00:0{n} +0000" for n in range(5))
    trace = "".join(f"Received: {relay}\r\n" for relay in relays)
    head = (
        f"{trace}From: Camera <cam@cameras.example>\r\nTo: {USER}@example.org\r\n"
        f"Subject: Motion at hall {number}\r\nMessage-ID: <{number}@cameras.example>\r\n"
        "Date: Sun, 1 Nov 2026 12:00:00 +0000\r\nMIME-Version: 1.0\r\n"
    )
    text = "temp=21.5 at the front door, seen by camera 3\r\n" * 40
    if not attachment:
        return f"{head}Content-Type: text/plain; charset=utf-8\r\n\r\n{text}".encode()
    line = "A" * 76 + "\r\n"
    return (
        f'{head}Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n{text}'
        '\r\n--b\r\nContent-Type: image/jpeg; name="a.jpg"\r\nContent-Transfer-Encoding: base64\r\n'
        f'Content-Disposition: attachment; filename="a.jpg"\r\n\r\n{line * (attachment // 78)}--b--\r\n'
    ).encode()
