"""What a canary is: a small mail that the bridge puts into a mailbox itself, and how it knows it again.

It carries ``X-Mailwire-Canary: <bridge> <maker> <made> <nonce> <proof>``. The proof is an HMAC over the rest and the
mailbox's user, with a key that is kept beside the state (mode 0600): whoever writes such a header cannot prove it, so
no rule can be made to pass over a stranger's mail, and no stranger's mail is ever deleted. ``mailwire selftest`` and a
bridge that runs meanwhile share the key, and so know each other's canaries. The nonce is new for each.
"""

from __future__ import annotations

import contextlib
import dataclasses
import email.utils
import hashlib
import hmac
import os
import re
import secrets
import stat
import time
import urllib.parse
from pathlib import Path
from typing import Literal

import structlog

from bridge import errors
from bridge.mail import header

log = structlog.get_logger()

HEADER = "X-Mailwire-Canary"
SUBJECT = "Mailwire canary"
STALE_S = 900.0  # a self-test's that is older is nobody's any more
_KEY_BYTES = 32
_NAME_CHARS = 40  # of the bridge's name, in the header
_FIELD_CHARS = 400
_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,190}")
_NOBODY = "mailwire@mailwire.invalid"  # RFC 2606: no mail ever gets there
_TEXT = (
    "Mailwire puts this mail here itself, to see that new mail is told of, and deletes it at once.\r\n"
    "If you see it, Mailwire was stopped in between. You may delete it.\r\n"
)

Maker = Literal["run", "selftest"]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """Which canary it is."""

    bridge: str  # the bridge's name, as it stands in the header
    maker: str  # see Maker
    made: int  # POSIX milliseconds
    nonce: str = dataclasses.field(repr=False)


class Seal:
    """Makes canaries, and knows its own: those of this key, which all processes of one state share."""

    def __init__(self, key_file: Path, *, bridge: str) -> None:
        """Nothing is read, or made, before there is a canary."""
        self._path = key_file
        self._began = _now_ms()
        self._key = b""
        self._stamp: tuple[int, ...] | None = None
        quoted = urllib.parse.quote(bridge, safe="")
        self.bridge = quoted if len(quoted) <= _NAME_CHARS else hashlib.sha256(bridge.encode()).hexdigest()[:32]

    def new(self, maker: Maker) -> Token:
        return Token(bridge=self.bridge, maker=maker, made=_now_ms(), nonce=secrets.token_hex(16))

    def mail(self, token: Token, user: str) -> bytes:
        """The canary itself.

        Raises:
            errors.StoreError: the key can neither be read nor made.
        """
        address = user if _ADDRESS.fullmatch(user) else _NOBODY
        proof = _proof(self._kept() or self._made(), token, user)
        lines = (
            f"From: {address}",
            f"To: {address}",
            f"Subject: {SUBJECT}",
            f"Date: {email.utils.formatdate(token.made / 1000)}",
            f"Message-ID: <{secrets.token_hex(16)}@mailwire.invalid>",
            "Auto-Submitted: auto-generated",
            f"{HEADER}: {token.bridge} {token.maker} {token.made} {token.nonce} {proof}",
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=us-ascii",
        )
        return "".join(f"{line}\r\n" for line in (*lines, "", _TEXT.rstrip())).encode("ascii")

    def read(self, headers: header.Headers, user: str) -> Token | None:
        """Which canary a mail with this header is; None where it is none, or does not prove it. Never raises."""
        values = headers.raw(HEADER)
        words = values[0].split() if len(values) == 1 and len(values[0]) <= _FIELD_CHARS else []
        if len(words) != 5 or not (words[2].isascii() and words[2].isdigit() and len(words[2]) < 16):
            return None
        token = Token(bridge=words[0], maker=words[1], made=int(words[2]), nonce=words[3])
        try:
            key = self._kept()
        except errors.StoreError as error:
            log.warning("a canary could not be told from a stranger's mail", reason=str(error))
            return None
        proven = bool(key) and hmac.compare_digest(
            words[4].encode("utf-8", "replace"), _proof(key, token, user).encode()
        )
        return token if proven else None

    def is_left_over(self, token: Token, *, by: Maker) -> bool:
        """Whether nobody waits for this canary any more, as far as this process may judge: its maker was stopped in
        between.
        """
        if token.bridge != self.bridge:
            return False
        if token.maker == "run":  # one bridge runs on a state; for a self-test it may be another process
            return by == "run" and token.made < self._began
        return token.made < _now_ms() - 1000 * STALE_S

    def _kept(self) -> bytes:
        """The key, as it is now; empty where there is none yet."""
        try:
            found = self._path.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp != self._stamp:
                self._key, self._stamp = _read(self._path), stamp
        except FileNotFoundError:
            self._key, self._stamp = b"", None
        except OSError as error:
            raise errors.StoreError(f"{self._path} cannot be read: {error.strerror}") from error
        return self._key

    def _made(self) -> bytes:
        try:
            _make(self._path)
        except OSError as error:
            raise errors.StoreError(f"{self._path} cannot be written: {error.strerror}") from error
        if not (key := self._kept()):
            raise errors.StoreError(f"{self._path} holds no key; remove it, and another is made")
        return key


def key_file(state: str, folder: Path) -> Path:
    """Where the key of this state is, beside it; ``folder`` is the state's."""
    file = state.removeprefix("sqlite:///")
    return folder / (f"{Path(file).name}.canary-key" if file != state else "canary-key")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _proof(key: bytes, token: Token, user: str) -> str:
    said = "\0".join(("canary 1", user, token.bridge, token.maker, str(token.made), token.nonce))
    return hmac.new(key, said.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            log.warning("a key could be read by others; it no longer can", file=str(path))
            with contextlib.suppress(OSError):
                os.fchmod(file.fileno(), 0o600)
        octets = file.read(_KEY_BYTES + 1)
    return octets if len(octets) == _KEY_BYTES else b""


def _make(path: Path) -> None:
    """A new key, on the disk as a whole or not at all; one that another process made meanwhile stays."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            if os.geteuid() == 0:  # an admin who tests as root would lock the service out
                owner = path.parent.stat()
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            file.write(secrets.token_bytes(_KEY_BYTES))
            file.flush()
            os.fsync(descriptor)
        try:
            os.link(fresh, path)
        except FileExistsError:
            return
        except OSError:  # a file system without links
            fresh.rename(path)
    finally:
        fresh.unlink(missing_ok=True)
