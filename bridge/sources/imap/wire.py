"""One socket: its octets counted, every answer under a deadline, and nothing that ever blocks.

imaplib reads through a buffered file that a non-blocking reader cannot share: what lies in that buffer is invisible to
the event loop. Here one buffer of our own serves login, commands and IDLE, and whoever waits for octets waits in the
event loop: a silent server costs no thread.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time

from bridge import errors
from bridge.sources.imap import frames, hub

_CHUNK = 65_536
_SLOWEST_BYTES_S = 16_384  # a poor link; a large file may take as long as one needs for it
_HEAR_BYTES = 1_000_000  # read at one go; the rest waits its turn
_KEEPALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


def keep_alive(sock: socket.socket) -> None:
    """The operating system looks whether the other end is there; it does not notice one that still acknowledges."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, seconds in _KEEPALIVE:
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)


class Wire:
    """The non-blocking socket of one connection. One owner at a time."""

    __slots__ = ("_deadline", "_hub", "bytes_read", "frames", "heard", "read_at", "round_trips", "sock", "timeout_s")

    def __init__(self, sock: socket.socket, hub: hub.Hub, *, timeout_s: float) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.frames = frames.Frames()
        self.timeout_s = timeout_s
        self.bytes_read = 0
        self.round_trips = 0
        self.heard = time.time()
        self.read_at = time.monotonic()
        self._hub = hub
        self._deadline = 0.0
        self.extend()

    def fileno(self) -> int:
        return self.sock.fileno()

    @property
    def tls(self) -> str:
        """The version of TLS, as in ``TLSv1.3``; "" where there is none."""
        return (self.sock.version() or "") if isinstance(self.sock, ssl.SSLSocket) else ""

    def send(self, data: bytes) -> None:
        """Sends, and starts the deadline of the answer. It never waits: a few kilobytes always find room, unless the
        other end has been gone for long.

        Raises:
            errors.Disconnected: the connection is gone, or takes nothing more.
        """
        self.extend()
        self.round_trips += 1
        try:
            while data:
                data = data[self.sock.send(data) :]
        except (OSError, ValueError) as error:
            raise errors.Disconnected(f"the connection is gone: {error}") from error

    def extend(self) -> None:
        """The answer is under way: from here it has the whole time again."""
        self._deadline = time.monotonic() + self.timeout_s

    @property
    def remaining_s(self) -> float:
        """Until the answer's deadline."""
        return self._deadline - time.monotonic()

    async def fill(self) -> None:
        """Waits for more octets, until the answer's deadline, which those that came have put off by the time that they
        take over a poor link: an attached file of megabytes is no silence.

        Raises:
            errors.Disconnected: the server closed the connection, or said nothing in time.
        """
        while self.remaining_s > 0:
            if self.read():
                return
            await self._hub.readable(self, within_s=max(self.remaining_s, 0))
        raise errors.Disconnected(f"no answer within {self.timeout_s:g} s")

    def read(self) -> bool:
        """Takes the next piece of what is there (of TLS a whole record), without waiting; False where nothing is.

        Raises:
            errors.Disconnected: the server closed the connection.
        """
        try:
            data = self.sock.recv(_CHUNK)
        except _NOT_NOW:
            return False
        except (OSError, ValueError) as error:
            raise errors.Disconnected(f"the connection is gone: {error}") from error
        self._take(data)
        return True

    def drain(self) -> bool:
        """Takes what is there without waiting; whether there may be more at once.

        Reading until it would block also empties what TLS has decrypted already, which no selector can see.

        Raises:
            errors.Disconnected: the server closed the connection.
        """
        before = self.bytes_read
        while self.bytes_read - before < _HEAR_BYTES:
            if not self.read():
                return False
        return True

    def _take(self, data: bytes) -> None:
        if not data:
            raise errors.Disconnected("the server closed the connection")
        self.bytes_read += len(data)
        self.heard = time.time()
        self.read_at = time.monotonic()
        self._deadline += len(data) / _SLOWEST_BYTES_S
        self.frames.feed(data)

    async def response(self) -> frames.Pieces:
        """The next whole response.

        Raises:
            errors.Disconnected: it does not come, or not in time.
        """
        while (pieces := self.frames.response()) is None:
            await self.fill()
        return pieces

    def hang_up(self) -> None:
        """Nothing comes any more: whoever waits for it finds that out. Any number of times."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)  # not TLS's, which would say goodbye and wait

    def close(self) -> None:
        """Closes without a word. Any number of times."""
        self.hang_up()
        with contextlib.suppress(OSError):
            self.sock.close()
