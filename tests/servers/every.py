"""The real IMAP servers that the source is tested with."""

from __future__ import annotations

from tests.servers.courier import Courier
from tests.servers.cyrus import Cyrus
from tests.servers.dovecot import Dovecot
from tests.servers.imap_server import ImapServer
from tests.servers.pymap import Pymap

KINDS: tuple[type[ImapServer], ...] = (Dovecot, Cyrus, Courier, Pymap)
