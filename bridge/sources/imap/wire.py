"""One socket: its octets counted, every answer under a deadline, readable both blocking and not.

imaplib reads through a buffered file that a non-blocking reader cannot share: what lies in that buffer is invisible to
the event loop. Here one buffer of our own serves imaplib's login, our own commands, and IDLE.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable

from bridge import errors
from bridge.sources.imap import frames

_CHUNK = 65_536
_SLOWEST_BYTES_S = 16_384  # a poor link; a large file may take as long as one needs for it
_HEAR_BYTES = 1_000_000  # read at one go in the event loop; the rest waits its turn
_KEEPALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))


def dial(host: str, port: int, timeout_s: float, made: Callable[[socket.socket], None]) -> socket.socket:
    """A connected TCP socket, with keepalive. Each is shown to ``made`` before it connects, so that it can be shut
    down.

    Raises:
        OSError: nobody answers there.
        errors.Disconnected: ``made`` does not want it any more.
    """
    failure: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        try:
            made(sock)
            sock.settimeout(timeout_s)
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = error
        except errors.Disconnected:
            sock.close()
            raise
        else:
            _keep_alive(sock)
            return sock
    raise failure


def _keep_alive(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for option, seconds in _KEEPALIVE:
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)


class Wire:
    """The socket of one connection. One owner at a time; only ``abort`` may be called beside it."""

    def __init__(self, sock: socket.socket, *, timeout_s: float) -> None:
        self.sock = sock
        self.frames = frames.Frames()
        self.timeout_s = timeout_s
        self.bytes_read = 0
        self.round_trips = 0
        self.heard = time.time()
        self.read_at = time.monotonic()
        self._deadline = 0.0

    def send(self, data: bytes, *, wait: bool = True) -> None:
        """Sends, and starts the deadline of the answer. Without ``wait`` it never blocks: a few hundred octets always
        find room, unless the other end has been gone for long.

        Raises:
            errors.Disconnected: the connection is gone, or takes nothing more.
        """
        self.extend()
        self.round_trips += 1
        try:
            self.sock.settimeout(self.timeout_s if wait else 0)
            self.sock.sendall(data)
        except (OSError, ValueError) as error:
            raise errors.Disconnected(f"the connection is gone: {error}") from error

    def extend(self) -> None:
        """The answer is under way: from here it has the whole time again."""
        self._deadline = time.monotonic() + self.timeout_s

    def fill(self) -> None:
        """Waits for more octets, until the answer's deadline, which those that came have put off by the time that they
        take over a poor link: an attached file of megabytes is no silence.

        Raises:
            errors.Disconnected: the server closed the connection, or said nothing in time.
        """
        remaining_s = self._deadline - time.monotonic()
        try:
            if remaining_s <= 0:
                raise TimeoutError
            self.sock.settimeout(remaining_s)
            data = self.sock.recv(_CHUNK)
        except TimeoutError as error:
            raise errors.Disconnected(f"no answer within {self.timeout_s:g} s") from error
        except (OSError, ValueError) as error:
            raise errors.Disconnected(f"the connection is gone: {error}") from error
        self._take(data)

    def drain(self) -> bool:
        """Takes what is there without waiting; whether there may be more at once.

        Reading until it would block also empties what TLS has decrypted already, which no selector can see.

        Raises:
            errors.Disconnected: the server closed the connection.
        """
        before = self.bytes_read
        try:
            self.sock.settimeout(0)
            while self.bytes_read - before < _HEAR_BYTES:
                self._take(self.sock.recv(_CHUNK))
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except (OSError, ValueError) as error:
            raise errors.Disconnected(f"the connection is gone: {error}") from error
        return True

    def _take(self, data: bytes) -> None:
        if not data:
            raise errors.Disconnected("the server closed the connection")
        self.bytes_read += len(data)
        self.heard = time.time()
        self.read_at = time.monotonic()
        self._deadline += len(data) / _SLOWEST_BYTES_S
        self.frames.feed(data)

    def readline(self) -> bytes:
        while (line := self.frames.line()) is None:
            self.fill()
        return line

    def read(self, count: int) -> bytes:
        while (data := self.frames.octets(count)) is None:
            self.fill()
        return data

    def response(self) -> frames.Pieces:
        while (pieces := self.frames.response()) is None:
            self.fill()
        return pieces

    def abort(self) -> None:
        """Ends every read and write under way, from whatever thread. ``close`` follows."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)  # not TLS's: that would touch state another thread uses

    def close(self) -> None:
        self.abort()
        with contextlib.suppress(OSError):
            self.sock.close()
