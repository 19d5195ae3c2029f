"""The process of ``idle_imap``: one selector, as little as possible a connection. ``python -m
tests.servers.idle_imap_process SETTINGS``.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import resource
import selectors
import socket
import ssl
import struct
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

BACKLOG = 4096
CHUNK = 65_536
UIDVALIDITY = 7
_OLD = b"From: old@cameras.example\r\nSubject: an old mail\r\n\r\nlong ago\r\n"
_ITEM = re.compile(rb"BODY(?:\.PEEK)?\[([^\]]*)\](?:<(\d+)\.(\d+)>)?|[A-Z0-9.]+", re.IGNORECASE)
_LITERAL = re.compile(rb"\{(\d+)\+\}\Z")


class Mailbox:
    """One folder: ``old`` mails of which nobody knows more, and those that were pushed."""

    __slots__ = ("idlers", "mails", "old")

    def __init__(self, old: int) -> None:
        self.old = old
        self.mails: list[bytes] = []
        self.idlers: set[Session] = set()

    @property
    def exists(self) -> int:
        return self.old + len(self.mails)

    def raw(self, uid: int) -> bytes:
        return self.mails[uid - self.old - 1] if uid > self.old else _OLD

    def uids(self, wanted: bytes) -> Iterator[int]:
        """Those of a sequence set that are there."""
        for piece in wanted.split(b","):
            low, _, high = piece.partition(b":")
            first, last = (self.exists if end == b"*" else int(end) for end in (low, high or low))
            yield from range(max(1, min(first, last)), min(self.exists, max(first, last)) + 1)


class Session:
    """One connection. Lines come in, octets go out; what cannot leave now waits in ``out``."""

    __slots__ = ("address", "idle_since", "mailbox", "out", "rest", "secure", "server", "sock", "tag", "told", "user")

    def __init__(self, server: Server, sock: socket.socket, address: str) -> None:
        self.server = server
        self.sock = sock
        self.address = address
        self.secure = not isinstance(sock, ssl.SSLSocket)
        self.rest = b""
        self.out = b""
        self.user = ""
        self.mailbox: Mailbox | None = None
        self.tag = b""  # of the IDLE that it is in
        self.idle_since = 0.0
        self.told = 0  # how many mails it knows of

    def ready(self, _mask: int) -> None:
        try:
            if not self.secure:
                self.sock.do_handshake()  # type: ignore[attr-defined]
                self.secure = True
                self.say(b"* OK ready\r\n")
            self._flush()
            while data := self.sock.recv(CHUNK):
                self.server.up += len(data)
                self._take(data)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError:
            pass
        self.server.drop(self)

    def _take(self, data: bytes) -> None:
        *lines, self.rest = (self.rest + data).split(b"\r\n")
        for line in lines:
            self.server.commands += 1
            self._heard(line)

    def say(self, data: bytes) -> None:
        self.server.down += len(data)
        self.out += data
        with contextlib.suppress(OSError):
            self._flush()

    def _flush(self) -> None:
        try:
            while self.out:
                self.out = self.out[self.sock.send(self.out) :]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self.out else 0)
        if self.server.selector.get_key(self.sock).events != wanted:
            self.server.selector.modify(self.sock, wanted, self.ready)

    # Commands

    def _heard(self, line: bytes) -> None:
        if self.tag and line.upper() == b"DONE":
            tag, self.tag = self.tag, b""
            self._no_idler()
            self.say(tag + b" OK idle ended\r\n")
            return
        tag, _, rest = line.partition(b" ")
        verb, _, arguments = rest.partition(b" ")
        if verb.upper() == b"UID":
            second, _, arguments = arguments.partition(b" ")
            verb += b"_" + second
        answer = _COMMANDS.get(verb.upper())
        if answer is None:
            self.say(tag + b" BAD not here\r\n")
        else:
            answer(self, tag, arguments)

    def capability(self, tag: bytes, _: bytes) -> None:
        self.say(b"* CAPABILITY %s\r\n%s OK done\r\n" % (self.server.capabilities, tag))

    def login(self, tag: bytes, arguments: bytes) -> None:
        self._is(arguments.split()[0].strip(b'"').decode(), tag)

    def authenticate(self, tag: bytes, arguments: bytes) -> None:
        _, _, first = arguments.partition(b" ")
        self._is(base64.b64decode(first).split(b"\0")[1].decode(), tag)

    def _is(self, user: str, tag: bytes) -> None:
        self.user = user
        self.say(tag + b" OK logged in\r\n")

    def open(self, tag: bytes, _: bytes) -> None:
        self.mailbox = self.server.mailbox(self.user)
        self.told = exists = self.mailbox.exists
        self.say(
            b"* FLAGS (\\Seen \\Flagged)\r\n* %d EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY %d] valid\r\n"
            b"* OK [UIDNEXT %d] next\r\n%s OK [READ-ONLY] opened\r\n" % (exists, UIDVALIDITY, exists + 1, tag)
        )

    def idle(self, tag: bytes, _: bytes) -> None:
        self.tag = tag
        self.idle_since = time.monotonic()
        if self.mailbox is not None:
            self.mailbox.idlers.add(self)
        self.server.idle += 1
        self.say(b"+ idling\r\n" + self.news())

    def news(self) -> bytes:
        """What came since it was last told; with the end of whatever command is next, as servers do."""
        if self.mailbox is None or self.told == self.mailbox.exists:
            return b""
        self.told = self.mailbox.exists
        return b"* %d EXISTS\r\n" % self.told

    def _no_idler(self) -> None:
        self.server.idle -= 1
        if self.mailbox is not None:
            self.mailbox.idlers.discard(self)

    def search(self, tag: bytes, criteria: bytes) -> None:
        words = criteria.upper().split()
        mailbox = self._opened()
        if words[:1] == [b"UID"]:
            found: Iterator[int] = mailbox.uids(words[1])
        elif words[:1] == [b"ALL"]:
            found = mailbox.uids(b"1:*")
        else:  # UNSEEN, SINCE …: what was pushed is all of that
            found = iter(range(mailbox.old + 1, mailbox.exists + 1))
        self.say(b"* SEARCH" + b"".join(b" %d" % uid for uid in found) + b"\r\n" + self.news() + tag + b" OK done\r\n")

    def fetch(self, tag: bytes, arguments: bytes) -> None:
        wanted, _, items = arguments.partition(b" ")
        mailbox = self._opened()
        out = [_fetched(uid, mailbox.raw(uid), items) for uid in mailbox.uids(wanted)]
        self.say(b"".join(out) + self.news() + tag + b" OK done\r\n")

    def store(self, tag: bytes, _: bytes) -> None:
        self.say(self.news() + tag + b" OK done\r\n")

    def list(self, tag: bytes, _: bytes) -> None:
        self.say(b'* LIST () "/" "INBOX"\r\n' + tag + b" OK done\r\n")

    def logout(self, tag: bytes, _: bytes) -> None:
        self.say(b"* BYE\r\n" + tag + b" OK done\r\n")
        self.server.drop(self)

    def _opened(self) -> Mailbox:
        return self.mailbox or self.server.mailbox(self.user)

    def end(self) -> None:
        if self.tag:
            self.tag = b""
            self._no_idler()
        self.sock.close()


def _fetched(uid: int, raw: bytes, items: bytes) -> bytes:
    """One mail's answer; its sequence number is its UID, since nothing is ever expunged here."""
    head, _, text = raw.partition(b"\r\n\r\n")
    sections = {b"": raw, b"HEADER": head + b"\r\n\r\n", b"TEXT": text, b"1": text}
    lines = text.count(b"\n")
    simple = {
        b"FLAGS": b"()",
        b"INTERNALDATE": b'"02-Nov-2026 10:00:00 +0000"',
        b"RFC822.SIZE": b"%d" % len(raw),
        b"BODYSTRUCTURE": b'("TEXT" "PLAIN" ("CHARSET" "utf-8") NIL NIL "7BIT" %d %d)' % (len(text), lines),
    }
    out = [b"UID %d" % uid]
    for item in _ITEM.finditer(items):
        name = item[0].upper()
        if name.startswith(b"BODY") and b"[" in name:
            data = sections.get(item[1].upper(), b"")
            start, most = int(item[2] or 0), int(item[3] or len(data))
            data = data[start : start + most]
            at = b"<%d>" % start if item[2] else b""
            out.append(b"BODY[%s]%s {%d}\r\n%s" % (item[1], at, len(data), data))
        elif name in simple:
            out.append(name + b" " + simple[name])
    return b"* %d FETCH (%s)\r\n" % (uid, b" ".join(out))


_COMMANDS: dict[bytes, Callable[[Session, bytes, bytes], None]] = {
    b"CAPABILITY": Session.capability,
    b"LOGIN": Session.login,
    b"AUTHENTICATE": Session.authenticate,
    b"EXAMINE": Session.open,
    b"SELECT": Session.open,
    b"IDLE": Session.idle,
    b"NOOP": Session.store,
    b"UID_SEARCH": Session.search,
    b"SEARCH": Session.search,
    b"UID_FETCH": Session.fetch,
    b"UID_STORE": Session.store,
    b"LIST": Session.list,
    b"LOGOUT": Session.logout,
}


class Server:
    """Everything in one loop, the control pipe too."""

    def __init__(self, *, addresses: list[str], pem: str, old: int, capabilities: str) -> None:
        self.selector = selectors.DefaultSelector()
        self.capabilities = capabilities.encode()
        self.accepted = self.commands = self.up = self.down = self.idle = 0
        self._old = old
        self._mailboxes: dict[str, Mailbox] = {}
        self._sessions: set[Session] = set()
        self._mute: set[str] = set()
        self._running = True
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if pem else None
        if self._context is not None:
            self._context.load_cert_chain(pem)
        self.port = 0
        for address in addresses:
            listener = socket.create_server((address, self.port), backlog=BACKLOG)
            self.port = listener.getsockname()[1]
            listener.setblocking(False)
            self.selector.register(listener, selectors.EVENT_READ, self._accepting(listener, address))
        self.selector.register(sys.stdin, selectors.EVENT_READ, self._asked)

    def mailbox(self, user: str) -> Mailbox:
        return self._mailboxes.setdefault(user, Mailbox(self._old))

    def run(self) -> None:
        while self._running:
            for key, mask in self.selector.select():
                if key.fileobj in self.selector.get_map():  # not closed by the one before it
                    key.data(mask)

    def _accepting(self, listener: socket.socket, address: str) -> Callable[[int], None]:
        def accept(_mask: int) -> None:
            with contextlib.suppress(BlockingIOError):
                while True:
                    sock, _ = listener.accept()
                    self._meet(sock, address)

        return accept

    def _meet(self, sock: socket.socket, address: str) -> None:
        self.accepted += 1
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is not None and address not in self._mute:
            sock = self._context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        session = Session(self, sock, address)
        self._sessions.add(session)
        if address in self._mute:
            return  # open, and never looked at
        self.selector.register(sock, selectors.EVENT_READ, session.ready)
        if session.secure:
            session.say(b"* OK ready\r\n")

    def drop(self, session: Session) -> None:
        if session in self._sessions:
            self._sessions.discard(session)
            with contextlib.suppress(KeyError):
                self.selector.unregister(session.sock)
            session.end()

    # What is asked through the control pipe

    def _asked(self, _mask: int) -> None:
        line = sys.stdin.readline()
        if not line:
            self._running = False
            return
        question = json.loads(line)
        answer: dict[str, Any] = getattr(self, f"do_{question.pop('do')}")(**question)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()

    def do_push(self, mailbox: str, mail: str) -> dict[str, Any]:
        box = self.mailbox(mailbox)
        box.mails.append(base64.b64decode(mail))
        at = time.monotonic()
        for session in list(box.idlers):
            session.say(session.news())
        return {"at": at}

    def do_count(self) -> dict[str, Any]:
        return {
            "accepted": self.accepted,
            "connections": len(self._sessions),
            "idle": self.idle,
            "commands": self.commands,
            "up": self.up,
            "down": self.down,
        }

    def do_cut(self) -> dict[str, Any]:
        at = time.monotonic()
        for session in list(self._sessions):
            with contextlib.suppress(OSError):
                session.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.drop(session)
        return {"at": at}

    def do_mute(self, address: str) -> dict[str, Any]:
        self._mute.add(address)
        return {}

    def do_idle_since(self) -> dict[str, Any]:
        return {session.user: session.idle_since for session in self._sessions if session.tag}


def main() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    server = Server(**json.loads(sys.argv[1]))
    print(json.dumps({"port": server.port}), flush=True)
    server.run()


if __name__ == "__main__":
    main()
