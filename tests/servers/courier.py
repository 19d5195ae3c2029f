"""A real Courier (Debian's imapd 5.0) from a generated environment: no MOVE, no CONDSTORE, no UIDNEXT when a folder is
opened, every folder below INBOX, and new mail looked for once a second.

    with Courier() as server:
        server.deliver(subject="hi", to="ada")

It is unpacked beside the system by ``install.sh``. The login in front of it is our own (``courier_login``): Courier's
asks a daemon at a fixed place of the system.
"""

from __future__ import annotations

import json
import pathlib
import sys
from collections.abc import Sequence

from tests.servers import imap_server

_ROOT = imap_server.BESIDE / "courier" / "usr"


class Courier(imap_server.MaildirServer):
    """One server with its own folder; see the module's text."""

    name = "Courier"
    separator = "."
    prefix = "INBOX."

    @classmethod
    def installed(cls) -> bool:
        return (_ROOT / "bin" / "imapd").exists()

    def _command(self) -> Sequence[str]:
        return (sys.executable, str(pathlib.Path(__file__).with_name("courier_login.py")), str(self.folder / "config"))

    def _owned(self) -> Sequence[str]:
        super()._owned()
        return ()  # the login gives up its privileges itself: who has none may not be able to read it

    def _write_config(self) -> None:
        for user in self.users:
            for name in ("cur", "new", "tmp"):
                (self._maildir(user) / name).mkdir(parents=True)
        config = {
            "port": self.port,
            "imapd": str(_ROOT / "bin" / "imapd"),
            "libraries": str(_ROOT / "lib"),
            "mail": str(self.folder / "mail"),
            "users": self.users,
            "uid": self._user().pw_uid,
            "gid": self._user().pw_gid,
        }
        (self.folder / "config").write_text(json.dumps(config))

    def _maildir(self, user: str) -> pathlib.Path:
        return self.folder / "mail" / user / "Maildir"
