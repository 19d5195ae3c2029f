"""Connections to other machines, made in the event loop, and in the admin's words why one could not be made.

The socket stays a socket: paho and the IMAP source read and write it themselves. Nothing blocks and no thread is left
behind, so that a stop during a hanging connect is immediate.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import socket
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """Verifies certificate and name, by the system's CAs or by those of ``ca_file`` alone; TLS 1.2 at least. Shared by
    all connections with the same CA, since one with the system's costs about half a megabyte, and made anew when the
    file has changed. Blocks, shortly.

    Raises:
        OSError: the file cannot be read, or holds no certificate (``ssl.SSLError``).
    """
    return _trusting(None, 0) if ca_file is None else _trusting(str(ca_file), ca_file.stat().st_mtime_ns)


@functools.lru_cache(maxsize=16)
def _trusting(ca_file: str | None, _changed_ns: int) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def connected(
    found: Sequence[tuple[Any, ...]], *, timeout_s: float, tls: ssl.SSLContext | None = None, host: str = ""
) -> socket.socket:
    """A connected, non-blocking socket to the first of these that answers, as ``getaddrinfo`` gives them; with ``tls``
    it is secured, and the certificate is that of ``host``. Each address gets its share of the time.

    Raises:
        OSError: none of them does (``ssl.SSLError`` is one); the reason is that of the last. ``why_not`` tells it.
    """
    failure: OSError = socket.gaierror("the name has no address")
    for family, kind, protocol, _, address in found:
        try:
            async with asyncio.timeout(timeout_s / len(found)):
                sock = await _connect(socket.socket(family, kind, protocol), address)
                return sock if tls is None else await secured(sock, tls, host)
        except OSError as error:  # TimeoutError is one
            failure = error
    raise failure


async def _connect(sock: socket.socket, address: Any) -> socket.socket:
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:  # also when cancelled: nobody else knows this socket
        sock.close()
        raise
    return sock


async def secured(sock: socket.socket, tls: ssl.SSLContext, host: str) -> ssl.SSLSocket:
    """The same connection behind a TLS handshake. It is closed if that fails.

    Raises:
        OSError: ``ssl.SSLError`` is one.
    """
    try:
        sock = made = tls.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
        await _handshake(made)
    except BaseException as error:
        sock.close()
        if isinstance(error, ConnectionError):
            text = "it closed the connection in the TLS handshake; is that the port for TLS?"
            raise OSError(errno.EPROTO, text) from error
        raise
    return made


async def _handshake(sock: ssl.SSLSocket) -> None:
    loop = asyncio.get_running_loop()
    while True:
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            await _event(sock, loop.add_reader, loop.remove_reader)
        except ssl.SSLWantWriteError:
            await _event(sock, loop.add_writer, loop.remove_writer)
        else:
            return


async def _event(sock: socket.socket, add: Callable[..., Any], remove: Callable[..., Any]) -> None:
    happened = asyncio.Event()
    add(sock.fileno(), happened.set)
    try:
        await happened.wait()
    finally:
        remove(sock.fileno())


def why_not(error: BaseException) -> str:
    """Why a connection failed, for the admin: the library's own words only where there are no better ones."""
    match error:
        case ssl.SSLError():
            return _why_no_tls(error)
        case socket.gaierror():
            return "the name cannot be resolved"
        case UnicodeError():
            return "this is no host name"
        case ConnectionRefusedError():
            return "nothing listens there"
        case ConnectionError():
            return "it closed the connection"
        case TimeoutError():
            return "it does not answer"
        case OSError(strerror=str(text)):
            return text[0].lower() + text[1:]
    return "the connection failed"


def cause(error: BaseException) -> BaseException:
    """What lies at the bottom of an HTTP client's error: httpx, httpcore, anyio, several attempts at once, OSError."""
    reason: BaseException = error
    below: BaseException | None = error
    while below is not None:
        reason = below if isinstance(below, OSError) else reason
        below = below.exceptions[0] if isinstance(below, BaseExceptionGroup) else below.__cause__ or below.__context__
    return reason


def _why_no_tls(error: ssl.SSLError) -> str:
    reason = getattr(error, "reason", None) or "closed"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message}); a CA of your own goes into `ca_file`"
    if reason in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST"}:
        return "it does not speak TLS there; is that the port for TLS?"
    return f"the TLS connection failed ({reason.lower().replace('_', ' ')})"
