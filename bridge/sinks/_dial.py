"""Opens a TCP or TLS connection in the event loop, and says in the admin's words why it could not.

The socket stays a socket: paho wants to read and write it itself. Nothing blocks and no thread is left behind, so that
a stop during a hanging connect is immediate.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bridge import errors

CERTIFICATE_ALERTS = ("CERTIFICATE", "UNKNOWN_CA", "HANDSHAKE_FAILURE")  # in OpenSSL's names of the other end's alerts


def tls_context(
    *, sink: str, ca_file: Path | None, cert_file: Path | None = None, key_file: Path | None = None
) -> ssl.SSLContext:
    """Verifies the other end and its name, by the system's CAs or by those of ``ca_file`` alone.

    Raises:
        errors.ConfigError: a file is missing or is not what it should be.
    """
    if ca_file is None:
        context = ssl.create_default_context()
    else:
        with _naming(sink, "ca_file", ca_file):
            context = ssl.create_default_context(cafile=str(ca_file))
    if cert_file is not None:
        with _naming(sink, "cert_file", cert_file):
            # A key that asks for a passphrase would ask it on a terminal that is not there: an empty one fails at once.
            context.load_cert_chain(cert_file, key_file, password="")
    return context


@contextlib.contextmanager
def _naming(sink: str, field: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:  # ssl.SSLError is one
        why = "is not usable as PEM" if isinstance(error, ssl.SSLError) else f"cannot be read: {error.strerror}"
        fault = errors.Fault(file=str(path), path=f"sinks.{sink}.{field}", message=why)
        raise errors.ConfigError([fault]) from error


async def dial(host: str, port: int, tls: ssl.SSLContext | None, *, timeout_s: float) -> socket.socket:
    """A connected, non-blocking socket. Each address of the name gets its share of the time.

    Raises:
        errors.Unavailable: with the reason.
    """
    try:
        async with asyncio.timeout(timeout_s):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return await _first(found, host, tls, timeout_s / max(len(found), 1))
    except (OSError, UnicodeError) as error:  # UnicodeError: no name that IDNA can express
        raise errors.Unavailable(f"{host}:{port}: {why_not(error)}") from error


async def _first(found: list[Any], host: str, tls: ssl.SSLContext | None, timeout_s: float) -> socket.socket:
    failure: OSError = socket.gaierror("the name has no address")
    for family, kind, protocol, _, address in found:
        try:
            async with asyncio.timeout(timeout_s):
                return await _connect(socket.socket(family, kind, protocol), address, host, tls)
        except OSError as error:  # TimeoutError is one
            failure = error
    raise failure


async def _connect(sock: socket.socket, address: Any, host: str, tls: ssl.SSLContext | None) -> socket.socket:
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is None:
            return sock
        sock = tls.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
        try:
            await _handshake(sock)
        except ConnectionError as error:
            text = "it closed the connection in the TLS handshake; is that the port for TLS?"
            raise OSError(errno.EPROTO, text) from error
    except BaseException:  # also when cancelled: nobody else knows this socket
        sock.close()
        raise
    return sock


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


def _why_no_tls(error: ssl.SSLError) -> str:
    reason = getattr(error, "reason", None) or "closed"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message}); a CA of your own goes into `ca_file`"
    if reason in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST"}:
        return "it does not speak TLS there; is that the port for TLS?"
    return f"the TLS connection failed ({reason.lower().replace('_', ' ')})"


def wants_certificate(error: BaseException | None) -> bool:
    """Whether the other end closed the TLS connection because of our certificate, or for want of one (RFC 8446,
    6.2).
    """
    reason = getattr(error, "reason", None) or ""
    return "ALERT" in reason and any(alert in reason for alert in CERTIFICATE_ALERTS)
