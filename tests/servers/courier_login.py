"""The login in front of Courier's imapd: checks the password, and hands imapd the connection, as ``couriertcpd`` and
``imaplogin`` do together.

A program of its own, ``courier_login.py CONFIG``, with nothing but the standard library: it gives up its privileges
before it serves anybody, and could import nothing more then.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
from typing import Any

CAPABILITIES = "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA IDLE"
_ARGUMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')


class Login:
    """One connection, up to the login."""

    def __init__(self, sock: socket.socket, config: dict[str, Any]) -> None:
        self._sock = sock
        self._config = config

    def run(self) -> None:
        with self._sock, contextlib.suppress(OSError):
            self._say(f"* OK [CAPABILITY {CAPABILITIES} AUTH=PLAIN] Courier-IMAP ready.")
            while line := self._line():
                tag, _, command = line.partition(" ")
                if self._answered(tag, command):
                    return

    def _answered(self, tag: str, command: str) -> bool:
        """Whether the connection is done with here."""
        verb = command.split(" ", maxsplit=1)[0].upper()
        if verb == "CAPABILITY":
            self._say(f"* CAPABILITY {CAPABILITIES} AUTH=PLAIN\r\n{tag} OK CAPABILITY completed")
        elif verb == "LOGIN":
            user, password = (re.sub(r"\\(.)", r"\1", a or b) for a, b in _ARGUMENT.findall(command)[1:3])
            return self._admitted(tag, user, password)
        elif command.upper() == "AUTHENTICATE PLAIN":
            self._say("+ ")
            _, user, password = base64.b64decode(self._line()).decode().split("\0")
            return self._admitted(tag, user, password)
        elif verb == "LOGOUT":
            self._say(f"* BYE Courier-IMAP server shutting down\r\n{tag} OK LOGOUT completed")
            return True
        else:
            self._say(f"{tag} {'OK NOOP completed' if verb == 'NOOP' else 'BAD Error in IMAP command'}")
        return False

    def _admitted(self, tag: str, user: str, password: str) -> bool:
        if self._config["users"].get(user) != password:
            self._say(f"{tag} NO Login failed.")
            return False
        home = os.path.join(self._config["mail"], user)  # noqa: PTH118 - nothing is to be imported lazily here
        environment = {
            "AUTHENTICATED": user,
            "HOME": home,
            "IMAPLOGINTAG": tag,
            "IMAP_CAPABILITY": CAPABILITIES,
            "IMAP_IDLE_TIMEOUT": "1",
            "IMAP_KEYWORDS": "1",
            "IMAP_USELOCKS": "1",
            "LD_LIBRARY_PATH": self._config["libraries"],
            "PROTOCOL": "IMAP",
            "TCPREMOTEIP": "127.0.0.1",
            "TCPREMOTEPORT": str(self._sock.getpeername()[1]),
        }
        subprocess.Popen(
            [self._config["imapd"], "Maildir"], stdin=self._sock, stdout=self._sock, cwd=home, env=environment
        )
        return True

    def _say(self, text: str) -> None:
        self._sock.sendall(text.encode() + b"\r\n")

    def _line(self) -> str:
        """Octet by octet: what comes after the login is imapd's."""
        line = b""
        while not line.endswith(b"\n"):
            if not (octet := self._sock.recv(1)):
                return ""
            line += octet
        return line.decode("utf-8", "replace").rstrip("\r\n")


def main() -> None:
    config = json.loads(pathlib.Path(sys.argv[1]).read_text())
    listener = socket.create_server(("127.0.0.1", config["port"]), backlog=100)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a session ended
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(config["gid"])
        os.setuid(config["uid"])
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=Login(sock, config).run, daemon=True).start()


if __name__ == "__main__":
    main()
