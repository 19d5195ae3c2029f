"""From a host's name to a connected, secured socket, without blocking."""

from __future__ import annotations

import asyncio
import socket

from bridge import errors
from bridge.sources import settings as settings_
from bridge.sources.imap import hub as hub_
from bridge.sources.imap import tls, wire


async def dial(settings: settings_.Mailbox, hub: hub_.Hub) -> wire.Wire:
    """A connection to this mailbox's server; with ``tls: implicit`` it is secured already.

    Raises:
        errors.Disconnected: nobody answers there, or not in time.
        errors.SourceError: TLS cannot be had.
    """
    line = wire.Wire(await _connected(settings, hub), hub, timeout_s=settings.timeout)
    try:
        if settings.tls == "implicit":
            await tls.secure(line, settings)
    except BaseException:
        line.close()
        raise
    return line


async def _connected(settings: settings_.Mailbox, hub: hub_.Hub) -> socket.socket:
    host, port = settings.address
    failure: Exception | None = None
    try:
        async with asyncio.timeout(settings.timeout):
            addresses = await hub.addresses(host, port)
    except (OSError, UnicodeError) as error:
        raise errors.Disconnected(f"cannot be reached: {str(error) or 'its name is not found in time'}") from error
    for family, kind, protocol, _, address in addresses:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            async with asyncio.timeout(settings.timeout):
                await asyncio.get_running_loop().sock_connect(sock, address)
            wire.keep_alive(sock)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    reason = str(failure) if failure else f"{host} has no address"
    raise errors.Disconnected(f"cannot be reached: {reason or 'timed out'}") from failure
