"""An IMAP server for ten thousand idle connections: one process of its own, one loop, nothing but what an idle mailbox
needs, so that the other end can be measured.

    with IdleImap(tls=True) as server:
        server.push("m7", subject="motion")      # → when the push left, on the machine's monotonic clock
        server.count().idle

Every user name is a mailbox with one folder; any password does. ``old`` mails are claimed to be in each: they have UIDs
and can be fetched, and cost nothing. It can cut every connection, and turn mute.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from typing import Any, Self

import trustme

CAPABILITIES = "IMAP4rev1 SASL-IR IDLE UIDPLUS MOVE LITERAL+ AUTH=PLAIN"
SPARE = 200  # descriptors for everything else


@dataclasses.dataclass(frozen=True, kw_only=True)
class Count:
    """What the server has seen so far; ``up`` and ``down`` are octets of IMAP, without what TLS adds."""

    accepted: int
    connections: int
    idle: int
    commands: int
    up: int
    down: int


def room_for(connections: int) -> None:
    """Raises the limit on open files as far as it goes.

    Raises:
        RuntimeError: it does not go far enough.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + SPARE
    if most not in (resource.RLIM_INFINITY, -1) and most < wanted:
        raise RuntimeError(
            f"{connections} connections need {wanted} open files, and this machine allows {most} a process "
            "(ulimit -Hn): raise it, or measure fewer"
        )
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


class IdleImap:
    """The server's process, and what can be asked of it. It ends with its control pipe."""

    def __init__(
        self,
        *,
        tls: bool = False,
        old: int = 0,
        addresses: Sequence[str] = ("127.0.0.1",),
        capabilities: str = CAPABILITIES,
    ) -> None:
        self.host = addresses[0]
        self.port = 0
        self._addresses = addresses
        self._old = old
        self._capabilities = capabilities
        self._folder = tempfile.TemporaryDirectory(prefix="idle-imap-")
        self._turn = threading.Lock()
        folder = pathlib.Path(self._folder.name)
        self._pem = folder / "server.pem" if tls else None
        self.ca_file = folder / "ca.pem"

    def _certify(self) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.ca_file))
        if self._pem is not None:
            certificate = authority.issue_cert(*self._addresses)
            certificate.private_key_and_cert_chain_pem.write_to_path(str(self._pem))

    def __enter__(self) -> Self:
        self._certify()
        settings = {
            "addresses": list(self._addresses),
            "pem": str(self._pem or ""),
            "old": self._old,
            "capabilities": self._capabilities,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.servers.idle_imap_process", json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = self._answer()["port"]
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()
        self._folder.cleanup()

    @property
    def pid(self) -> int:
        return self._process.pid

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the idle IMAP server ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, do: str, **more: Any) -> dict[str, Any]:
        """One question at a time, from whatever thread."""
        assert self._process.stdin is not None
        with self._turn:
            self._process.stdin.write(json.dumps({"do": do, **more}) + "\n")
            self._process.stdin.flush()
            return self._answer()

    def push(self, mailbox: str, raw: bytes) -> float:
        """Puts a mail into a mailbox, and tells whoever is in IDLE there; when that was written."""
        at: float = self.ask("push", mailbox=mailbox, mail=base64.b64encode(raw).decode())["at"]
        return at

    def count(self) -> Count:
        return Count(**self.ask("count"))

    def cut(self) -> float:
        """Ends every connection with a reset; when."""
        at: float = self.ask("cut")["at"]
        return at

    def mute(self, address: str) -> None:
        """From here on, who connects to this address is accepted and hears nothing."""
        self.ask("mute", address=address)

    def idle_since(self) -> dict[str, float]:
        """Mailbox → when its connection last began to idle; of those that do."""
        found: dict[str, float] = self.ask("idle_since")
        return found
