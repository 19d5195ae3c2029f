"""TLS, verified, on the servers that have it."""

from __future__ import annotations

import asyncio

import pytest

from tests import watching
from tests.servers.cyrus import Cyrus
from tests.servers.dovecot import Dovecot
from tests.servers.imap_server import ImapServer

pytestmark = pytest.mark.parametrize("kind", [Dovecot, Cyrus], indirect=True, ids=lambda kind: kind.name)


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
async def test_mail_comes_over_tls_that_our_own_ca_vouches_for(server: ImapServer, tls: str) -> None:
    port = server.tls_port if tls == "implicit" else server.port
    mailbox = watching.settings(server, tls=tls, port=port, ca_file=server.ca_file)
    async with watching.Watching(mailbox) as watched:
        await watched.are("live")
        await asyncio.to_thread(server.deliver, count=20)
        await watched.have(20)


async def test_a_certificate_of_an_unknown_ca_is_refused(server: ImapServer) -> None:
    mailbox = watching.settings(server, tls="implicit", port=server.tls_port)
    async with watching.Watching(mailbox) as watched:
        assert "certificate cannot be trusted" in (await watched.are("retrying")).reason
