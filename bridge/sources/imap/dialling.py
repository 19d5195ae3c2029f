"""From a mailbox's settings to a connection to its server."""

from __future__ import annotations

import asyncio

from bridge import dial, errors
from bridge.sources import settings as settings_
from bridge.sources.imap import hub as hub_
from bridge.sources.imap import tls, wire


async def connected(settings: settings_.Mailbox, hub: hub_.Hub) -> wire.Wire:
    """A connection to this mailbox's server; with ``tls: implicit`` it is secured already.

    Raises:
        errors.Disconnected: nobody answers there, or not in time.
        errors.SourceError: TLS cannot be had.
    """
    host, port = settings.address
    context = tls.context(settings) if settings.tls == "implicit" else None
    try:
        async with asyncio.timeout(settings.timeout):
            found = await hub.addresses(host, port)
        sock = await dial.connected(found, timeout_s=settings.timeout, tls=context, host=host)
    except UnicodeError as error:
        raise errors.Disconnected(f"cannot be reached: {dial.why_not(error)}") from error
    except OSError as error:
        raise tls.translated(error) from error
    wire.keep_alive(sock)
    return wire.Wire(sock, hub, timeout_s=settings.timeout)


async def secure(line: wire.Wire, settings: settings_.Mailbox) -> None:
    """The same connection, secured (STARTTLS).

    Raises:
        errors.Disconnected: the connection ended meanwhile, or the other end is silent.
        errors.SourceError: TLS cannot be had.
    """
    try:
        async with asyncio.timeout(settings.timeout):
            line.sock = await dial.secured(line.sock, tls.context(settings), settings.host)
    except OSError as error:
        raise tls.translated(error) from error
