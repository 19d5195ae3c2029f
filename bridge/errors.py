"""The one exception tree.

    MailwireError
    ├── ConfigError            the configuration is wrong: a list of faults, exit 2, nothing started
    ├── Retryable              it may work later: the outbox tries again, backing off
    │   └── Unavailable        the whole sink is away: its deliveries keep their places and wait for it
    │       └── Refused        …because the other end does not accept our credentials: say so, pause, try slowly
    ├── Permanent              it will never work: the delivery is dead, kept with this reason
    ├── SourceError            a mailbox cannot be watched right now
    │   ├── Disconnected       the connection is gone or silent: reconnect, backing off
    │   │   └── Unreachable    …before the other end said a word: its host may be away, for everybody
    │   ├── LoginRefused       the server does not accept the credentials: stop retrying fast, say what to do
    │   │   └── TokenRefused   …an access token, that is: another may do, once
    │   └── FolderMissing      the folder does not exist: the message names those that do
    ├── MailError              this one mail cannot be read; the others can
    ├── RuleError              this one rule raised on this one mail
    └── StoreError             the state cannot be opened or written
        └── StoreInUse         another bridge runs on this state

A library's exceptions are translated into these once, at the edge where they arise. Whatever is not one of these when
it reaches the dispatcher is a bug in a sink, is logged with its traceback, and counts as ``Retryable``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence


class MailwireError(Exception):
    """Something went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message if message is not None else (self.__doc__ or "").splitlines()[0])


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Fault:
    """One thing that is wrong with the configuration, and where.

    ``line`` and ``column`` count from 1; both are 0 where the value does not come from a file, and ``file`` then names
    the environment variable or secret that it came from.
    """

    file: str
    line: int = 0
    column: int = 0
    path: str = ""
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        line = f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"
        return "".join(char if char.isprintable() else "\ufffd" for char in line)  # one line, whatever a key holds


class ConfigError(MailwireError):
    """The configuration is wrong."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


class Retryable(MailwireError):
    """The other end could not take it now."""

    def __init__(self, message: str | None = None, *, retry_after_s: float | None = None, code: str = "") -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s  # what the other end asked for (HTTP Retry-After, CoAP Max-Age), if it did
        self.code = code  # the protocol's own code: "503", "5.03", "puback 0x97"


class Unavailable(Retryable):
    """The sink cannot be reached."""


class Refused(Unavailable):
    """The sink does not accept these credentials."""


class Permanent(MailwireError):
    """The other end will never take it."""

    def __init__(self, message: str | None = None, *, code: str = "", payload: bytes = b"") -> None:
        super().__init__(message)
        self.code = code
        self.payload = payload


class SourceError(MailwireError):
    """The mailbox cannot be watched."""


class Disconnected(SourceError):
    """The connection to the mail server is gone."""


class Unreachable(Disconnected):
    """The mail server cannot be reached."""


class LoginRefused(SourceError):
    """The mail server does not accept these credentials."""


class TokenRefused(LoginRefused):
    """The mail server does not accept this access token."""


class FolderMissing(SourceError):
    """The folder does not exist."""


class MailError(MailwireError):
    """This mail cannot be read."""


class RuleError(MailwireError):
    """This rule failed on this mail."""


class StoreError(MailwireError):
    """The state cannot be opened or written."""


class StoreInUse(StoreError):
    """Another bridge runs on this state."""
