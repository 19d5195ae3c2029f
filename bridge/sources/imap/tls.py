"""TLS as it should be: verified, 1.2 at least, and an error that says what to do."""

from __future__ import annotations

import functools
import ssl

from bridge import errors
from bridge.sources import settings as settings_
from bridge.sources.imap import wire


@functools.lru_cache(maxsize=16)
def _context(ca_file: str | None, _changed_ns: int) -> ssl.SSLContext:
    """Shared by all connections with the same CA: a context with the system's CAs costs about half a megabyte."""
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def context(settings: settings_.Mailbox) -> ssl.SSLContext:
    """The context for this mailbox, made anew when its CA file has changed.

    Raises:
        errors.SourceError: the CA file cannot be read.
    """
    if settings.ca_file is None:
        return _context(None, 0)
    try:
        return _context(str(settings.ca_file), settings.ca_file.stat().st_mtime_ns)
    except (OSError, ssl.SSLError) as error:
        raise errors.SourceError(f"ca_file {settings.ca_file} cannot be read: {error}") from error


async def secure(line: wire.Wire, settings: settings_.Mailbox) -> None:
    """The same connection, secured and verified.

    Raises:
        errors.SourceError: the certificate is not to be trusted, or the other end does not speak TLS.
        errors.Disconnected: the connection ended meanwhile, or the other end is silent.
    """
    try:
        await line.secure(context(settings), settings.host)
    except ssl.SSLCertVerificationError as error:
        raise errors.SourceError(
            f"its certificate cannot be trusted: {error.verify_message}; for a server of your own, set ca_file"
        ) from error
    except ssl.SSLEOFError as error:
        raise errors.Disconnected("the server closed the connection in the TLS handshake") from error
    except ssl.SSLError as error:
        raise errors.SourceError(f"TLS failed: {error.reason or error}; does this port speak TLS at once?") from error
    except OSError as error:
        raise errors.Disconnected(f"the TLS handshake was cut off: {error}") from error
