"""One connection to an IMAP server, and the one file that knows imapclient's and imaplib's insides.

imapclient reads the greeting, the capabilities and the folder list. Everything after the login is sent and read here,
because the library's ``idle_check`` loses events, its commands drop an EXISTS that arrives inside another command's
answer (the classic lost wake-up), and neither can send several commands in one write.

Nothing here locks: a connection has one owner at a time. ``post`` and ``hear`` never block and are for the event loop;
``open``, ``collect`` and ``run`` block, for at most ``timeout`` an answer, and are for a worker thread.
"""

from __future__ import annotations

import base64
import collections
import contextlib
import dataclasses
import imaplib
import re
import socket
from collections.abc import Callable
from typing import Any, Literal

import imapclient
from imapclient import imap_utf7

from bridge import errors
from bridge.sources import settings as settings_
from bridge.sources.imap import frames, response, tls, wire

_EVENT = re.compile(rb"\* (\d+) (EXISTS|EXPUNGE|FETCH)\b", re.IGNORECASE)
_STATUS = re.compile(rb"\* (OK|BYE)(?: (.*))?\Z", re.IGNORECASE | re.DOTALL)
_TAGGED = re.compile(rb"([A-Za-z0-9]+) (OK|NO|BAD)(?: (.*))?\Z", re.IGNORECASE | re.DOTALL)
_ANSWER_BYTES = 256 * 1024 * 1024  # of one command; chunks are far below
_QUOTABLE = re.compile(r"[\x20-\x7e]*")
Kind = Literal["command", "idle", "done"]
_LATER = {b"UNAVAILABLE", b"INUSE", b"LIMIT", b"SERVERBUG"}  # RFC 5530: the same credentials may do in a while
_ADVICE = (
    ("basic authentication", "this provider takes OAuth only"),
    ("basicauthblocked", "this provider takes OAuth only"),
    ("application-specific", "this provider wants an app password: make one in the account's security settings"),
    ("web browser", "sign in to the account in a browser once, and allow IMAP in its settings"),
)


def readable(text: bytes) -> str:
    """What a server said, for people and logs: one short line."""
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text[:300].decode("utf-8", "replace")).strip()


def quoted(text: str) -> bytes:
    """A quoted string (RFC 9051, section 4.3).

    Raises:
        errors.SourceError: it holds what cannot be quoted.
    """
    if not _QUOTABLE.fullmatch(text):
        raise errors.SourceError(f"{text!r} cannot be sent to an IMAP server")
    return b'"' + text.replace("\\", "\\\\").replace('"', '\\"').encode("ascii") + b'"'


def folder_name(folder: str) -> bytes:
    """A folder's name as IMAP4rev1 sends it: modified UTF-7 (RFC 3501, section 5.1.3), quoted."""
    return quoted(imap_utf7.encode(folder).decode("ascii"))


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What one command brought: the tagged line, and the untagged responses before it."""

    status: str  # OK | NO | BAD; "+" for an IDLE that has begun
    text: bytes
    untagged: list[frames.Pieces]

    @property
    def ok(self) -> bool:
        return self.status in {"OK", "+"}

    @property
    def code(self) -> bytes:
        return response.code(self.text)[0]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Selected:
    """A folder as it was when it was opened."""

    uidvalidity: int
    uidnext: int | None  # some servers do not say
    exists: int


class _Protocol(imaplib.IMAP4):
    """imaplib on our own wire, through the methods that it documents as overridable."""

    def __init__(self, line: wire.Wire, host: str) -> None:
        self._wire = line
        super().__init__(host)

    def open(self, host: str = "", port: int = 0, timeout: float | None = None) -> None:
        self.host, self.port, self.sock = host, port, self._wire.sock

    def read(self, size: int) -> bytes:
        return self._wire.read(size)

    def readline(self) -> bytes:
        return self._wire.readline()

    def send(self, data: Any) -> None:
        self._wire.send(bytes(data))

    def shutdown(self) -> None:
        self._wire.close()

    def _log(self, line: str) -> None:
        """Keeps no log: it would hold the password."""


class _Client(imapclient.IMAPClient):  # type: ignore[misc]  # the library's types do not reach mypy
    """imapclient with that protocol."""

    def __init__(self, line: wire.Wire, host: str, port: int) -> None:
        self._wire = line
        super().__init__(host, port, ssl=False, timeout=line.timeout_s)
        self._imap.debug = 0  # the library formats every line for its own debug log, mails included

    def _create_IMAP4(self) -> _Protocol:  # noqa: N802 - the library's name
        return _Protocol(self._wire, self.host)

    def starttls_on(self, secure: Callable[[], None]) -> None:
        """STARTTLS (RFC 9051, section 6.2.1): ``secure`` wraps the socket once the server has agreed."""
        typ, data = self._imap._simple_command("STARTTLS")  # noqa: SLF001 - its own starttls() makes a second buffer
        if typ != "OK":
            raise errors.SourceError(f"the server refuses STARTTLS: {readable(data[0] or b'')}")
        secure()
        self._imap._get_capabilities()  # noqa: SLF001 - what was said before TLS is void

    def authenticated(self) -> None:
        """Tells the library that the login, which we do ourselves, has happened."""
        self._imap.state = "AUTH"

    @property
    def preauthenticated(self) -> bool:
        return bool(self._imap.state == "AUTH")

    def offered(self) -> frozenset[bytes]:
        return frozenset(name.upper().encode() for name in self._imap.capabilities)


class Connection:
    """One IMAP connection. Made without I/O, so that it can be aborted while ``open`` is still under way."""

    def __init__(self, settings: settings_.Mailbox) -> None:
        self._settings = settings
        self._socket: socket.socket | None = None  # while connecting
        self._wire: wire.Wire | None = None
        self._client: Any = None
        self._aborted = False
        self._tags = 0
        self._awaited: collections.deque[tuple[bytes, Kind]] = collections.deque()
        self._idle_tag: bytes | None = None
        self.capabilities: frozenset[bytes] = frozenset()
        self.selected: tuple[str, int] | None = None  # folder, uidvalidity
        self.exists = 0
        self.arrived = 0  # how many mails the server announced since we last looked
        self.pushed: float | None = None  # monotonic time at which the first of them was read
        self._fetched_seq = 0  # the highest message that the answer under way has brought

    # Opening

    def open(self) -> None:
        """Connects, secures, logs in. Blocks.

        Raises:
            errors.Disconnected: nobody answers, or not in time.
            errors.LoginRefused: the server does not accept the credentials.
            errors.SourceError: TLS cannot be had, or the other end is no IMAP server.
        """
        host, port = self._settings.address
        try:
            self._connect(host, port)
            self._login()
        except errors.SourceError as error:
            self.close()
            raise type(error)(f"{host}:{port}: {self._masked(str(error))}") from error
        except imaplib.IMAP4.error as error:
            self.close()
            kind = errors.Disconnected if isinstance(error, imaplib.IMAP4.abort) else errors.SourceError
            raise kind(f"{host}:{port}: {self._masked(_library_text(error))}") from error

    def _connect(self, host: str, port: int) -> None:
        timeout_s = self._settings.timeout
        try:
            self._wire = wire.Wire(wire.dial(host, port, timeout_s, self._dialling), timeout_s=timeout_s)
        except OSError as error:
            raise errors.Disconnected(f"cannot be reached: {error}") from error
        if self._settings.tls == "implicit":
            self._secure()
        self._wire.extend()
        self._client = _Client(self._wire, host, port)
        if self._settings.tls == "starttls":
            if b"STARTTLS" not in self._client.offered():
                raise errors.SourceError("the server offers no STARTTLS; `tls: implicit` (port 993) may do")
            self._client.starttls_on(self._secure)

    def _dialling(self, sock: socket.socket) -> None:
        self._socket = sock
        if self._aborted:
            raise errors.Disconnected("closed while connecting")

    def _secure(self) -> None:
        line = self._line
        if len(line.frames):
            raise errors.SourceError("the server sent something before TLS began that is not protected by it")
        line.sock = tls.wrap(line.sock, self._settings)

    def _login(self) -> None:
        if not self._client.preauthenticated:
            answer = self._authenticate()
            if not answer.ok:
                raise _refusal(answer)
            self._client.authenticated()
        self.capabilities = self._capabilities()

    def _authenticate(self) -> Answer:
        offered = self._client.offered()
        user, password = self._settings.user, self._settings.password.get_secret_value()
        plain = b"AUTH=PLAIN" in offered
        quotable = _QUOTABLE.fullmatch(user) and _QUOTABLE.fullmatch(password)
        if quotable and b"LOGINDISABLED" not in offered:
            return self.run(b"LOGIN " + quoted(user) + b" " + quoted(password))[0]
        if plain:
            return self._plain(f"\0{user}\0{password}".encode())
        if quotable:
            raise errors.LoginRefused(
                "the server allows no login with a password on this connection (LOGINDISABLED); "
                "where it is not encrypted, set `tls: implicit` or `tls: starttls`"
            )
        raise errors.LoginRefused("the user or password has characters that this server's LOGIN cannot carry")

    def _plain(self, credentials: bytes) -> Answer:
        """AUTHENTICATE PLAIN (RFC 4616)."""
        self.post(b"AUTHENTICATE PLAIN", wait=True)
        tag, _ = self._awaited[-1]
        while True:
            pieces = self._line.response()
            if pieces[0].startswith(b"+"):
                self._line.send(base64.b64encode(credentials) + b"\r\n")
                return self.collect()[0]
            if pieces[0].startswith(tag):
                self._awaited.clear()
                return _tagged(pieces[0], [])

    def _capabilities(self) -> frozenset[bytes]:
        (answer,) = self.run(b"CAPABILITY")
        words = (word for pieces in answer.untagged if _is(pieces, b"CAPABILITY") for word in pieces[0].split()[2:])
        return frozenset(word.upper() for word in words)

    def _masked(self, text: str) -> str:
        password = self._settings.password.get_secret_value()
        return text.replace(password, "***") if password else text

    # Commands

    @property
    def _line(self) -> wire.Wire:
        if self._wire is None:
            raise errors.Disconnected("not connected")
        return self._wire

    @property
    def idling(self) -> bool:
        return self._idle_tag is not None

    @property
    def news(self) -> bool:
        """Whether the server announced mails that no answer has brought yet."""
        return self.arrived > 0

    def post(self, *commands: bytes, idle: bool = False, wait: bool = False) -> None:
        """Sends commands in one write, ending an IDLE before and beginning one behind them if asked. ``collect``
        follows.
        """
        out = []
        if self._idle_tag is not None:
            out.append(b"DONE\r\n")
            self._awaited.append((self._idle_tag, "done"))
            self._idle_tag = None
        for number, command in enumerate((*commands, b"IDLE") if idle else commands):
            self._tags += 1
            tag = b"m%d" % self._tags
            out.append(tag + b" " + command + b"\r\n")
            self._awaited.append((tag, "idle" if number == len(commands) else "command"))
        self._line.send(b"".join(out), wait=wait)

    def collect(self) -> list[Answer]:
        """The answers to everything posted, in order; that to a DONE is left out. Blocks.

        Raises:
            errors.Disconnected: the connection ended, an answer was late, or it is not IMAP.
        """
        answers = []
        self._fetched_seq = 0
        while self._awaited:
            tag, kind = self._awaited[0]
            answer = self._answer(tag, kind)
            self._awaited.popleft()
            if kind != "done":
                answers.append(answer)
        self._fetched_seq = 0
        return answers

    def run(self, *commands: bytes) -> list[Answer]:
        """``post`` and ``collect``. Blocks."""
        self.post(*commands, wait=True)
        return self.collect()

    def looking(self) -> None:
        """What is asked next brings whatever was announced so far; an EXISTS from here on is news again."""
        self.arrived, self.pushed = 0, None

    def _answer(self, tag: bytes, kind: Kind) -> Answer:
        untagged: list[frames.Pieces] = []
        size = 0
        while True:
            pieces = self._line.response()
            first = pieces[0]
            if first.startswith(b"* "):
                self._note(pieces)
                untagged.append(pieces)
                size += sum(map(len, pieces))
                if size > _ANSWER_BYTES:
                    raise errors.Disconnected("the server's answer is endless")
            elif kind == "idle" and first.startswith(b"+"):
                self._idle_tag = tag
                return Answer(status="+", text=b"", untagged=untagged)
            elif first.startswith(tag + b" "):
                return _tagged(first, untagged)
            else:
                raise errors.Disconnected(f"the server answered out of turn: {readable(first)}")

    def hear(self) -> bool:
        """Takes in what the server says of itself while in IDLE, without waiting; whether there may be more at once.

        Raises:
            errors.Disconnected: it closed the connection, or said BYE.
        """
        more = self._line.drain()
        while (pieces := self._line.frames.response()) is not None:
            if pieces[0].startswith(b"* "):
                self._note(pieces)
            elif self._idle_tag is not None and pieces[0].startswith(self._idle_tag + b" "):
                raise errors.Disconnected(f"the server ended IDLE: {readable(pieces[0])}")
        return more

    def _note(self, pieces: frames.Pieces) -> None:
        """Keeps count of the folder, in the order in which the server tells of it, whichever answer it comes in."""
        if event := _EVENT.match(pieces[0]):
            number, kind = int(event[1]), event[2].upper()
            if kind == b"FETCH":
                self._brought(number, whole=len(pieces) > 1)
            elif kind == b"EXISTS":
                self._announced(number)
            else:
                self.exists -= 1
                self._fetched_seq -= 1
        elif status := _STATUS.match(pieces[0]):
            self._told(status[1].upper(), status[2] or b"")

    def _told(self, status: bytes, text: bytes) -> None:
        if status == b"BYE":
            raise errors.Disconnected(f"the server says goodbye: {readable(text)}")
        code, argument = response.code(text)
        if code == b"UIDVALIDITY" and self.selected and argument.isdigit() and int(argument) != self.selected[1]:
            raise errors.Disconnected("the folder's UIDVALIDITY changed")

    def _announced(self, number: int) -> None:
        # Any EXISTS counts as news, even one that names no more than we know of: some servers leave out an EXPUNGE.
        # Only mails that this very answer has brought already are none (a push that DONE flushed out before the FETCH).
        if number > self._fetched_seq:
            self.arrived += max(number - self.exists, 1)
            self.pushed = self.pushed if self.pushed is not None else self._line.read_at
        self.exists = number

    def _brought(self, number: int, *, whole: bool) -> None:
        if not whole:
            return  # flags that changed, no mail
        self._line.extend()
        self._fetched_seq = max(self._fetched_seq, number)
        if number >= self.exists:
            self.looking()

    def select(self, folder: str, *, read_only: bool) -> Selected:
        """Opens a folder (EXAMINE or SELECT). Blocks.

        Raises:
            errors.FolderMissing: there is none of that name; the message names those that there are.
            errors.SourceError: it cannot be opened.
        """
        self.selected = None
        (answer,) = self.run((b"EXAMINE " if read_only else b"SELECT ") + folder_name(folder))
        if not answer.ok:
            raise self._unopened(folder, answer)
        told = dict(_told(answer.untagged))
        if not told.get(b"UIDVALIDITY"):
            raise errors.SourceError(f"the server gives no UIDVALIDITY for folder {folder!r}: it has no lasting UIDs")
        self.selected = (folder, told[b"UIDVALIDITY"])
        self.looking()
        return Selected(uidvalidity=told[b"UIDVALIDITY"], uidnext=told.get(b"UIDNEXT"), exists=self.exists)

    def _unopened(self, folder: str, answer: Answer) -> errors.SourceError:
        if answer.code in _LATER:
            return errors.SourceError(f"folder {folder!r} cannot be opened now: {readable(answer.text)}")
        there = self.folders()
        if folder in there:
            return errors.SourceError(f"folder {folder!r} cannot be opened: {readable(answer.text)}")
        return errors.FolderMissing(f"there is no folder {folder!r}; the mailbox has: {', '.join(there)}")

    def folders(self) -> list[str]:
        """The names of the folders that can be opened, sorted. Blocks."""
        try:
            listed = self._client.list_folders()
        except (imaplib.IMAP4.error, ValueError) as error:
            raise errors.SourceError(f"the folders cannot be listed: {_library_text(error)}") from error
        return sorted(str(name) for flags, _, name in listed if b"\\Noselect" not in flags)

    # Ending

    @property
    def octets(self) -> int:
        return self._wire.bytes_read if self._wire else 0

    @property
    def round_trips(self) -> int:
        return self._wire.round_trips if self._wire else 0

    @property
    def heard(self) -> float | None:
        return self._wire.heard if self._wire else None

    def fileno(self) -> int:
        return self._line.sock.fileno()

    def abort(self) -> None:
        """Ends whatever is under way, from any thread."""
        self._aborted = True
        if self._wire is not None:
            self._wire.abort()
        elif self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Closes without a word: LOGOUT would be one more answer to wait for. Any number of times."""
        self._aborted = True
        if self._wire is not None:
            self._wire.close()


def _is(pieces: frames.Pieces, name: bytes) -> bool:
    return pieces[0][2 : 2 + len(name)].upper() == name


def _tagged(line: bytes, untagged: list[frames.Pieces]) -> Answer:
    match = _TAGGED.match(line)
    if match is None:
        raise errors.Disconnected(f"the server's answer cannot be read: {readable(line)}")
    return Answer(status=match[2].upper().decode(), text=match[3] or b"", untagged=untagged)


def _told(untagged: list[frames.Pieces]) -> list[tuple[bytes, int]]:
    found = []
    for pieces in untagged:
        if _is(pieces, b"OK ["):
            code, argument = response.code(pieces[0][5:])
            if argument.isdigit() and len(argument) < 20:
                found.append((code, int(argument)))
    return found


def _refusal(answer: Answer) -> errors.SourceError:
    text = readable(answer.text)
    if answer.code in _LATER:
        return errors.Disconnected(f"the server accepts no login now: {text}")
    advice = next((advice for sign, advice in _ADVICE if sign in text.lower()), "check user and password")
    return errors.LoginRefused(f"the server refuses the credentials ({text}); {advice}")


def _library_text(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return readable(said if isinstance(said, bytes) else str(said).encode())
