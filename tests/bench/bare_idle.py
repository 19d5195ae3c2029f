"""The floor under ten thousand idle mailboxes: a bare loop over as many TLS connections to the idle-only server, which
renews each once. ``python -m tests.bench.bare_idle PORT CA_FILE CONNECTIONS SECONDS``.

It writes the octets that the bridge writes, as many connections a second, waits for the ``+``, and looks at nothing. It
says what that cost, in seconds of CPU, as JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import ssl
import sys
import time

from tests.servers import idle_imap

CHUNK = 65_536
RENEWAL = b"DONE\r\nm4 UID SEARCH UID 1:*\r\nm3 IDLE\r\n"


def main(port: int, ca_file: str, count: int, seconds: int) -> None:
    idle_imap.room_for(count)
    context = ssl.create_default_context(cafile=ca_file)
    selector = selectors.DefaultSelector()
    socks = [_idle(context, port, f"m{number}") for number in range(count)]
    for sock in socks:
        selector.register(sock, selectors.EVENT_READ)
    before = os.times()
    began = time.monotonic()
    for second in range(seconds):
        _renew(selector, socks[second * count // seconds : (second + 1) * count // seconds])
        time.sleep(max(0.0, began + second + 1 - time.monotonic()))
    after = os.times()
    print(json.dumps({"user_s": after.user - before.user, "system_s": after.system - before.system}))
    for sock in socks:
        sock.close()


def _idle(context: ssl.SSLContext, port: int, user: str) -> ssl.SSLSocket:
    sock = context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="127.0.0.1")
    for command, end in (
        (b"", b"ready"),
        (b"m1 LOGIN %s secret" % user.encode(), b"m1 OK"),
        (b"m2 EXAMINE INBOX", b"m2 OK"),
        (b"m3 IDLE", b"+"),
    ):
        if command:
            sock.sendall(command + b"\r\n")
        told = b""
        while end not in told:
            told += sock.recv(CHUNK)
    sock.setblocking(False)
    return sock


def _renew(selector: selectors.BaseSelector, socks: list[ssl.SSLSocket]) -> None:
    for sock in socks:
        sock.send(RENEWAL)
    waiting = len(socks)
    while waiting:
        for key, _ in selector.select():
            sock = key.fileobj
            assert isinstance(sock, ssl.SSLSocket)
            with contextlib.suppress(ssl.SSLWantReadError):
                while not sock.recv(CHUNK).startswith(b"+"):
                    pass
                waiting -= 1


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
