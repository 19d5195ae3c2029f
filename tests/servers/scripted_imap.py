"""An IMAP server that says exactly what a test's script says, octet for octet, cut into the segments that it wants.

    def script(peer):
        peer.open_folder(exists=1, uidnext=2)
        tag = peer.expect("IDLE")
        peer.send("+ idling\\r\\n* 2 EXISTS\\r\\n")      # one segment: the trap

    with ScriptedImap(script) as server: ...

Each connection gets the next script, and the last one again and again. What is wrong in a script's thread is raised at
the end.
"""

from __future__ import annotations

import contextlib
import pathlib
import re
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable
from typing import Self

import trustme

TIMEOUT_S = 10.0
COUNTS = ("UID SEARCH RETURN (COUNT) UNSEEN", "SEARCH UNSEEN")
CAPABILITIES = "IMAP4rev1 IDLE UIDPLUS MOVE"


class Gone(Exception):
    """The client closed the connection."""


class Peer:
    """One connection, from the server's side."""

    counts = True  # see ``line``

    def __init__(self, sock: socket.socket, server: ScriptedImap) -> None:
        self._sock = sock
        self._server = server
        self._file = sock.makefile("rb")

    def send(self, *segments: str | bytes) -> None:
        """Each segment leaves in a write (and a TLS record) of its own."""
        for segment in segments:
            try:
                self._sock.sendall(segment.encode() if isinstance(segment, str) else segment)
            except OSError as error:
                raise Gone from error

    def line(self) -> str:
        """The next line. The question how many mails are unseen is answered by the way, where ``counts`` holds."""
        while self._counted(line := self._read()):
            pass
        self._server.heard.append(line)
        return line

    def _counted(self, line: str) -> bool:
        tag, _, command = line.partition(" ")
        if not self.counts or command not in COUNTS:
            return False
        self.send(f'* ESEARCH (TAG "{tag}") UID COUNT 0\r\n{tag} OK\r\n' if "RETURN" in command else f"{tag} NO\r\n")
        return True

    def _read(self) -> str:
        try:
            line = self._file.readline()
        except OSError as error:
            raise Gone from error
        if not line:
            raise Gone
        return line.decode("utf-8", "replace").rstrip("\r\n")

    def octets(self, count: int) -> bytes:
        """A literal that the client sends."""
        try:
            found = self._file.read(count)
        except OSError as error:
            raise Gone from error
        if len(found) < count:
            raise Gone
        return found

    def expect(self, pattern: str) -> str:
        """The tag of the next line, which has to be this command (a regular expression on what follows the tag)."""
        line = self.line()
        tag, _, command = line.partition(" ")
        if not re.match(pattern, command or tag):
            raise AssertionError(f"wanted {pattern!r}, heard {line!r}")
        return tag

    def ok(self, pattern: str, *untagged: str, code: str = "") -> str:
        """Expects a command, and answers it."""
        tag = self.expect(pattern)
        self.send("".join(f"* {line}\r\n" for line in untagged) + f"{tag} OK {code}done\r\n")
        return tag

    def no(self, pattern: str, text: str, status: str = "NO") -> None:
        self.send(f"{self.expect(pattern)} {status} {text}\r\n")

    def log_in(self, capabilities: str = CAPABILITIES) -> None:
        self.send("* OK ready\r\n")
        self.ok("CAPABILITY", f"CAPABILITY {capabilities}")
        self.ok("LOGIN")
        self.ok("CAPABILITY", f"CAPABILITY {capabilities}")

    def open_folder(
        self,
        *,
        exists: int = 0,
        uidnext: int | None = 1,
        uidvalidity: int = 7,
        capabilities: str = CAPABILITIES,
        command: str = "EXAMINE",
    ) -> None:
        """From the greeting to the open folder."""
        self.log_in(capabilities)
        next_one = [f"OK [UIDNEXT {uidnext}] next"] if uidnext is not None else []
        self.ok(command, f"{exists} EXISTS", "0 RECENT", f"OK [UIDVALIDITY {uidvalidity}] valid", *next_one)

    def idle(self, *, done: bool = False) -> str:
        """Expects IDLE (after DONE of the one before), and begins it."""
        if done:
            self.expect("DONE")
        tag = self.expect("IDLE")
        self.send("+ idling\r\n")
        return tag

    def done(self, tag: str) -> None:
        self.expect("DONE")
        self.send(f"{tag} OK idle ended\r\n")

    def wait_for_close(self) -> None:
        """Until the client goes; whatever it says meanwhile is heard and not answered."""
        with contextlib.suppress(Gone):
            while True:
                self.line()

    def hang_up(self) -> None:
        """Ends the connection from any thread: whoever waits for a line there is told."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for closing in (self._file.close, lambda: self._sock.shutdown(socket.SHUT_RDWR), self._sock.close):
            with contextlib.suppress(OSError):
                closing()


Script = Callable[[Peer], None]


def fetched(seq: int, uid: int, *, subject: str | None = None, text: str = "hello\r\n", structure: str = "") -> str:
    """One mail as the answer to the first fetch."""
    head = f"From: a@b.example\r\nSubject: {subject or f'mail {uid}'}\r\nMessage-ID: <{uid}@b.example>\r\n\r\n"
    shape = structure or f'("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" {len(text)} 1)'
    return (
        f'* {seq} FETCH (UID {uid} FLAGS () INTERNALDATE "02-Nov-2026 10:00:00 +0000" RFC822.SIZE {len(head + text)} '
        f"BODYSTRUCTURE {shape} BODY[HEADER]<0> {{{len(head)}}}\r\n{head} BODY[TEXT]<0> {{{len(text)}}}\r\n{text})\r\n"
    )


class ScriptedImap:
    """Listens on a free loopback port; ``heard`` is every line that came, of all connections."""

    def __init__(self, *scripts: Script, tls: bool = False, certified_for: str = "127.0.0.1") -> None:
        self._scripts = scripts
        self.tls = tls
        self._certified_for = certified_for
        self._folder = tempfile.TemporaryDirectory(prefix="scripted-imap-") if tls else None
        self._context = self._certified() if tls else None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._peers: list[Peer] = []
        self._closing = threading.Event()
        self.host = "127.0.0.1"
        self.port: int = self._listener.getsockname()[1]
        self.heard: list[str] = []
        self.connections = 0
        self.failures: list[BaseException] = []

    def _certified(self) -> ssl.SSLContext:
        assert self._folder is not None
        authority = trustme.CA()
        self.ca_file = pathlib.Path(self._folder.name) / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(self._certified_for).configure_cert(context)
        return context

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for peer in self._peers:
            peer.close()
        for thread in self._threads:
            thread.join(TIMEOUT_S)
        if self._folder is not None:
            self._folder.cleanup()
        if self.failures and kind is None:
            raise self.failures[0]

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            script = self._scripts[min(self.connections, len(self._scripts) - 1)]
            self.connections += 1
            self._start(lambda sock=sock, script=script: self._serve(sock, script))  # type: ignore[misc]

    def _serve(self, sock: socket.socket, script: Script) -> None:
        sock.settimeout(TIMEOUT_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = None
        try:
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_side=True)
            peer = Peer(sock, self)
            self._peers.append(peer)
            script(peer)
        except (Gone, ssl.SSLError, ConnectionError):
            pass  # it is the client's good right to go
        except BaseException as error:  # noqa: BLE001 - raised where the server is closed
            if not self._closing.is_set():
                self.failures.append(error)
        finally:
            if peer is not None:
                peer.close()
            else:
                sock.close()
