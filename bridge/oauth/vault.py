"""The files that grants are kept in: one a mailbox, mode 0600, in a folder of mode 0700 within the state folder.

A file is replaced as a whole, and what replaces it is on the disk before: after a crash there is the old one or the new
one. Who renews a grant holds its lock, since an issuer may take a refresh token that is used twice for a stolen one.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import stat
import urllib.parse
from collections.abc import AsyncIterator
from pathlib import Path

import structlog

from bridge import errors
from bridge.oauth.grant import FILE_BYTES, Grant

log = structlog.get_logger()
FOLDER = "oauth"
LOCK_WAIT_S = 60.0
_LOCK_LOOK_S = 0.1
_NAME_BYTES = 100

Stamp = tuple[int, int, int]


class Vault:
    """All grants of one state. Everything but ``held`` blocks, shortly."""

    def __init__(self, state_folder: Path) -> None:
        self.folder = state_folder / FOLDER

    def path(self, mailbox: str) -> Path:
        name = urllib.parse.quote(mailbox, safe="")
        if len(name) > _NAME_BYTES:
            name = hashlib.blake2b(mailbox.encode(), digest_size=16).hexdigest()
        return self.folder / f"{name}.json"

    def stamp(self, mailbox: str) -> Stamp | None:
        """What differs when the file is another; None where there is none."""
        try:
            found = self.path(mailbox).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def read(self, mailbox: str) -> Grant | None:
        """The grant; None where nobody has signed in yet.

        Raises:
            errors.LoginRefused: there is a file, and it is of no use.
        """
        path = self.path(mailbox)
        try:
            with path.open("rb") as file:
                self._keep_to_ourselves(file.fileno(), path)
                octets = file.read(FILE_BYTES + 1)
            return Grant.from_file(octets)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise errors.LoginRefused(f"{path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise errors.LoginRefused(f"{path} {error}; run `mailwire login {mailbox}`") from None

    def _keep_to_ourselves(self, descriptor: int, path: Path) -> None:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
            log.warning("a file with tokens could be read by others; it no longer can", file=str(path))
            with contextlib.suppress(OSError):
                os.fchmod(descriptor, 0o600)

    def write(self, mailbox: str, grant: Grant) -> Path:
        """Replaces the file. When this returns, it is on the disk.

        Raises:
            errors.StoreError: it cannot be written.
        """
        path = self.path(mailbox)
        fresh = path.with_suffix(".new")
        try:
            self._make_folder()
            fresh.unlink(missing_ok=True)  # of a crash; the lock says that nobody is writing it
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                self._hand_over(descriptor)
                file.write(grant.to_file())
                file.flush()
                os.fsync(descriptor)
            fresh.replace(path)
            _sync(self.folder)
        except OSError as error:
            raise errors.StoreError(f"{path} cannot be written: {error.strerror}") from error
        return path

    def _make_folder(self) -> None:
        self.folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self.folder.is_dir():
            self.folder.mkdir(mode=0o700, exist_ok=True)
            self._hand_over(os.open(self.folder, os.O_RDONLY), close=True)
            _sync(self.folder.parent)
        self.folder.chmod(0o700)

    def _hand_over(self, descriptor: int, *, close: bool = False) -> None:
        """To whom the state belongs: an admin who signs in as root would lock the service out."""
        try:
            if os.geteuid() == 0:
                owner = self.folder.parent.stat()
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
        finally:
            if close:
                os.close(descriptor)

    @contextlib.asynccontextmanager
    async def held(self, mailbox: str) -> AsyncIterator[None]:
        """While this holds, no other process renews this mailbox's grant.

        Raises:
            errors.Disconnected: another one does, and does not come to an end.
            errors.StoreError: the folder cannot be written.
        """
        path = self.path(mailbox).with_suffix(".lock")
        try:
            self._make_folder()
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise errors.StoreError(f"{path} cannot be written: {error.strerror}") from error
        try:
            self._hand_over(handle)
            await _locked(handle, mailbox)
            yield
        finally:
            os.close(handle)  # and with it the lock, as a crash would


async def _locked(handle: int, mailbox: str) -> None:
    try:
        async with asyncio.timeout(LOCK_WAIT_S):
            while not _try_lock(handle):  # noqa: ASYNC110 - another process has no event for us
                await asyncio.sleep(_LOCK_LOOK_S)
    except TimeoutError:
        raise errors.Disconnected(f"another process has been renewing the sign-in of {mailbox} for too long") from None


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sync(folder: Path) -> None:
    """A rename is on the disk when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
