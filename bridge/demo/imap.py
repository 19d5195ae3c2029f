"""The demo's mail server: pymap with its in-memory backend and IDLE, on loopback, without TLS."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import datetime
import uuid
from collections.abc import AsyncIterator

from proxyprotocol.sock import SocketInfoLocal
from pymap.backend.dict import Config, Login
from pymap.concurrent import Subsystem
from pymap.imap import IMAPServer
from pymap.parsing.message import AppendMessage
from pymap.user import UserMetadata
from pysasl.hashing import Cleartext

from bridge.demo import listen

# What pymap's own command line would have parsed to.
_ARGUMENTS = {
    "host": None,
    "port": 0,
    "debug": False,
    "cert": None,
    "key": None,
    "tls": False,
    "passlib_cfg": None,
    "proxy_protocol": None,
    "demo_data": False,
}


class _Config(Config):
    """pymap's settings, but for the name in its greeting."""

    @property
    def greeting(self) -> bytes:
        """Without the host's full name: asking for that can wait for a DNS that is not there."""
        return b"Mailwire's demo mail server is ready"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """One mailbox on the demo's server."""

    port: int
    login: Login = dataclasses.field(repr=False)

    async def deliver(self, raw: bytes) -> None:
        """A mail arrives in INBOX, as if an MTA had brought it: clients in IDLE are told."""
        async with self.login.demo_user_identity.new_session() as session:
            inbox = await session.mailbox_set.get_mailbox("INBOX")
            await inbox.append(AppendMessage(raw, datetime.datetime.now(datetime.UTC), frozenset()), recent=True)


@contextlib.asynccontextmanager
async def serve(user: str, password: str) -> AsyncIterator[Account]:
    """A mail server with one account, until the block ends."""
    arguments = argparse.Namespace(**_ARGUMENTS, demo_user=user, demo_password=password)
    # Its own defaults hash in threads with event loops of their own: nothing that one account in memory needs.
    config = _Config.from_args(arguments, cpu_subsystem=Subsystem.for_asyncio(), hash_context=Cleartext())
    config.apply_context()
    login = Login(config)
    await login.demo_user_identity.set(UserMetadata(config, user, password=password))
    server = IMAPServer(login, config)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await server(reader, writer, SocketInfoLocal(writer, unique_id=uuid.uuid4().bytes))

    async with listen.tcp(connected) as port:
        yield Account(port=port, login=login)
