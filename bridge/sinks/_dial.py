"""A sink's connection: verified TLS by its own CA and certificate, and a failure as the outbox knows it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

from bridge import dial as dialling
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
        return await dialling.connected(found, timeout_s=timeout_s, tls=tls, host=host)
    except (OSError, UnicodeError) as error:  # UnicodeError: no name that IDNA can express
        raise errors.Unavailable(f"{host}:{port}: {dialling.why_not(error)}") from error


def wants_certificate(error: BaseException | None) -> bool:
    """Whether the other end closed the TLS connection because of our certificate, or for want of one (RFC 8446,
    6.2).
    """
    reason = getattr(error, "reason", None) or ""
    return "ALERT" in reason and any(alert in reason for alert in CERTIFICATE_ALERTS)
