"""TLS as it should be: verified, 1.2 at least, and an error that says what to do."""

from __future__ import annotations

import ssl

from bridge import dial, errors
from bridge.sources import settings as settings_


def context(settings: settings_.Mailbox) -> ssl.SSLContext:
    """The context for this mailbox, made anew when its CA file has changed.

    Raises:
        errors.SourceError: the CA file cannot be read.
    """
    try:
        return dial.trusting(settings.ca_file)
    except OSError as error:
        raise errors.SourceError(f"ca_file {settings.ca_file} cannot be read: {error}") from error


def translated(error: OSError) -> errors.SourceError:
    """Why a connection could not be made or secured, with what to do."""
    match error:
        case ssl.SSLCertVerificationError():
            trust = f"its certificate cannot be trusted: {error.verify_message}"
            return errors.SourceError(f"{trust}; for a server of your own, set ca_file")
        case ssl.SSLEOFError():
            return errors.Disconnected("the server closed the connection in the TLS handshake")
        case ssl.SSLError():
            return errors.SourceError(f"TLS failed: {error.reason or error}; does this port speak TLS at once?")
    return errors.Disconnected(f"cannot be reached: {dial.why_not(error)}")
