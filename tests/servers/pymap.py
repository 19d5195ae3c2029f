"""pymap with its Maildir backend: a small IMAP server with MOVE, without CONDSTORE and NOTIFY, that keeps no flags of
the client's own making, and looks for new mail once a second (here twenty times).

    with Pymap() as server:
        server.deliver(subject="hi", to="ada")
"""

from __future__ import annotations

import importlib.util
import os
import pathlib
import sys
from collections.abc import Mapping, Sequence

from tests.servers import imap_server

_RUN = """
import pymap.concurrent, pymap.main

def oftener(wait):
    async def soon(self, *, timeout=None):
        await wait(self, timeout=timeout and min(timeout, 0.05))
    return soon

for kind in (pymap.concurrent._AsyncioEvent, pymap.concurrent._ThreadingEvent):
    kind.wait = oftener(kind.wait)
pymap.main.main()
"""
_ROUNDS = 10  # of hashing the passwords: they guard nothing


class Pymap(imap_server.MaildirServer):
    """One server with its own folder; see the module's text."""

    name = "pymap"
    keywords = False

    @classmethod
    def installed(cls) -> bool:
        return importlib.util.find_spec("pymap") is not None

    def _command(self) -> Sequence[str]:
        where = ("--host", self.host, "--port", str(self.port), "--no-tls", "--pid-file", self.folder.name)
        return (sys.executable, "-c", _RUN, *where, "maildir", str(self.folder / "mail"))

    def _environment(self) -> Mapping[str, str]:
        return {"TMPDIR": str(self.folder)}  # for its pid file

    def _owned(self) -> Sequence[str]:
        return ()  # it is of this environment, which who has no privileges may not be able to read

    def _write_config(self) -> None:
        from pysasl import hashing

        root, hashed = self.folder / "mail", hashing.BuiltinHash(rounds=_ROUNDS)
        root.mkdir()
        (root / "pymap-etc-passwd").write_text("".join(f"{user}:x::::{user}:\n" for user in self.users))
        shadow = (f"{user}:{hashed.hash(password)}:::::::\n" for user, password in self.users.items())
        (root / "pymap-etc-shadow").write_text("".join(shadow))

        for user in self.users:
            for name in ("cur", "new", "tmp"):
                (root / user / name).mkdir(parents=True)

    def _maildir(self, user: str) -> pathlib.Path:
        return self.folder / "mail" / user

    def _process_owner(self) -> tuple[int, int]:
        return os.geteuid(), os.getegid()
