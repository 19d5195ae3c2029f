"""Who we are: LOGIN or AUTHENTICATE PLAIN, and what to do when the server says no."""

from __future__ import annotations

import base64

from bridge import errors
from bridge.sources.imap import client, connection

_ADVICE = (
    ("basic authentication", "this provider takes OAuth only"),
    ("basicauthblocked", "this provider takes OAuth only"),
    ("application-specific", "this provider wants an app password: make one in the account's security settings"),
    ("web browser", "sign in to the account in a browser once, and allow IMAP in its settings"),
)


def open_(line: connection.Connection) -> None:
    """Connects, secures, logs in. Blocks.

    Raises:
        errors.Unreachable: nobody answers, or not in time.
        errors.Disconnected: the connection ended later.
        errors.LoginRefused: the server does not accept the credentials.
        errors.SourceError: TLS cannot be had, or the other end is no IMAP server.
    """
    host, port = line.settings.address
    library = None
    try:
        library = line.open()
        if not library.preauthenticated:
            _log_in(line, library.offered())
            library.authenticated()
        line.capabilities = _capabilities(line)
    except errors.SourceError as error:
        line.close()
        # Not "from error": its text is not masked
        silent = library is None and isinstance(error, errors.Disconnected)
        kind = errors.Unreachable if silent else type(error)
        raise kind(f"{host}:{port}: {_masked(str(error).encode(), line).decode()}") from None


def _masked(text: bytes, line: connection.Connection) -> bytes:
    """A server may repeat what it was sent, in any form in which it was sent."""
    user, password = line.settings.user, line.settings.password.get_secret_value()
    raw = password.encode()
    quoted = client.quoted(password)[1:-1] if client.quotable(password) else raw
    for sent in (_plain(user, password), base64.b64encode(raw), quoted, raw):
        text = text.replace(sent, b"***") if password else text
    return text


def _plain(user: str, password: str) -> bytes:
    """The initial response of AUTHENTICATE PLAIN (RFC 4616), which carries any characters."""
    return base64.b64encode(f"\0{user}\0{password}".encode())


def _log_in(line: connection.Connection, offered: frozenset[bytes]) -> None:
    user, password = line.settings.user, line.settings.password.get_secret_value()
    quotable = client.quotable(user) and client.quotable(password)
    if quotable and b"LOGINDISABLED" not in offered:
        (answer,) = line.run(b"LOGIN " + client.quoted(user) + b" " + client.quoted(password))
    elif b"AUTH=PLAIN" in offered:
        answer = line.converse(b"AUTHENTICATE PLAIN", _plain(user, password))
    elif quotable:
        raise errors.LoginRefused(
            "the server allows no login with a password on this connection (LOGINDISABLED); "
            "where it is not encrypted, set `tls: implicit` or `tls: starttls`"
        )
    else:
        raise errors.LoginRefused("the user or password has characters that this server's LOGIN cannot carry")
    if not answer.ok:
        raise _refusal(answer, client.readable(_masked(answer.text, line)))  # masked before it is cut short


def _refusal(answer: connection.Answer, text: str) -> errors.SourceError:
    if answer.code in connection.LATER:
        return errors.Disconnected(f"the server accepts no login now: {text}")
    advice = next((advice for sign, advice in _ADVICE if sign in text.lower()), "check user and password")
    return errors.LoginRefused(f"the server refuses the credentials ({text}); {advice}")


def _capabilities(line: connection.Connection) -> frozenset[bytes]:
    """Asked for anew: many servers have more to offer after the login (RFC 9051, section 6.1.1)."""
    (answer,) = line.run(b"CAPABILITY")
    told = (pieces[0] for pieces in answer.untagged if connection.is_named(pieces, b"CAPABILITY"))
    return frozenset(word.upper() for text in told for word in text.split()[2:])
