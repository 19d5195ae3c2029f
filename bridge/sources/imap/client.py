"""The one file that knows imapclient's and imaplib's insides.

imapclient reads the greeting, the capabilities and the folder list, and knows modified UTF-7. Everything else is sent
and read in ``connection``, because the library's ``idle_check`` loses events, its commands drop an EXISTS that arrives
inside another command's answer (the classic lost wake-up), and neither can send several commands in one write.
"""

from __future__ import annotations

import imaplib
import re
from collections.abc import Callable
from typing import Any

import imapclient
from imapclient import imap_utf7

from bridge import errors
from bridge.sources.imap import wire

_QUOTABLE = re.compile(r"[\x20-\x7e]*")


def readable(text: bytes) -> str:
    """What a server said, for people and logs: one short line."""
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text[:300].decode("utf-8", "replace")).strip()


def quotable(text: str) -> bool:
    return _QUOTABLE.fullmatch(text) is not None


def quoted(text: str) -> bytes:
    """A quoted string (RFC 9051, section 4.3).

    Raises:
        errors.SourceError: it holds what cannot be quoted.
    """
    if not quotable(text):
        raise errors.SourceError(f"{text!r} cannot be sent to an IMAP server")
    return b'"' + text.replace("\\", "\\\\").replace('"', '\\"').encode("ascii") + b'"'


def folder_name(folder: str) -> bytes:
    """A folder's name as IMAP4rev1 sends it: modified UTF-7 (RFC 3501, section 5.1.3), quoted."""
    return quoted(imap_utf7.encode(folder).decode("ascii"))


def same_folder(one: str, other: str) -> bool:
    """INBOX is the only name without case (RFC 9051, section 5.1)."""
    return one == other or one.upper() == other.upper() == "INBOX"


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


class Client(imapclient.IMAPClient):  # type: ignore[misc]  # the library's types do not reach mypy
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

    def folders(self) -> list[str]:
        """The names of the folders that can be opened, sorted. Blocks.

        Raises:
            errors.SourceError: the server does not list them.
        """
        try:
            listed = self.list_folders()
        except (imaplib.IMAP4.error, ValueError) as error:
            raise translated(error) from error
        return sorted(str(name) for flags, _, name in listed if b"\\Noselect" not in flags)


def connect(line: wire.Wire, host: str, port: int, *, starttls: Callable[[], None] | None) -> Client:
    """Reads the greeting and the capabilities, and begins TLS where it is asked for. Blocks.

    Raises:
        errors.Disconnected: the server closed the connection.
        errors.SourceError: it is no IMAP server, wants no more guests, or has no STARTTLS.
    """
    line.extend()
    try:
        client = Client(line, host, port)
        if starttls is not None:
            if b"STARTTLS" not in client.offered():
                raise errors.SourceError("the server offers no STARTTLS; `tls: implicit` (port 993) may do")
            client.starttls_on(starttls)
    except imaplib.IMAP4.error as error:
        raise translated(error) from error
    return client


def translated(error: Exception) -> errors.SourceError:
    """The library's exceptions as ours: ``abort`` says that the connection is of no use any more."""
    said = error.args[0] if error.args else ""
    text = readable(said if isinstance(said, bytes) else str(said).encode())
    return errors.Disconnected(text) if isinstance(error, imaplib.IMAP4.abort) else errors.SourceError(text)
