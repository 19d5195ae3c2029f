"""Who we are: LOGIN, AUTHENTICATE PLAIN or an access token, and what to do when the server says no."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from bridge import errors
from bridge.oauth import sasl
from bridge.sources.imap import client, connection, opening

_ADVICE = (
    (
        "basic authentication",
        "this provider takes OAuth only: write `oauth:` instead of a password, and run `mailwire login`",
    ),
    (
        "basicauthblocked",
        "this provider takes OAuth only: write `oauth:` instead of a password, and run `mailwire login`",
    ),
    ("application-specific", "this provider wants an app password: make one in the account's security settings"),
    ("web browser", "sign in to the account in a browser once, and allow IMAP in its settings"),
)
# Gmail's way to say LIMIT (RFC 5530), without the code: nothing is wrong with the credentials
_FULL = ("too many simultaneous connections", "exceeded command or bandwidth limits")


async def open_(line: connection.Connection, token: str = "") -> None:
    """Connects, secures, logs in; with an access token where the mailbox has no password.

    Raises:
        errors.TokenRefused: the server does not accept this token.
        errors.Unreachable: nobody answers, or not in time.
        errors.Disconnected: the connection ended later.
        errors.LoginRefused: the server does not accept the credentials.
        errors.SourceError: TLS cannot be had, or the other end is no IMAP server.
    """
    host, port = line.settings.address
    reached = False
    try:
        preauthenticated = await line.open()
        reached = True
        await line.logged_in(None if preauthenticated else await _log_in(line, line.capabilities, token))
    except errors.SourceError as error:
        line.close()
        # Not "from error": its text is not masked
        silent = not reached and isinstance(error, errors.Disconnected)
        kind = errors.Unreachable if silent else type(error)
        raise kind(f"{host}:{port}: {_masked(str(error).encode(), line, token).decode()}") from None
    except BaseException:
        line.close()
        raise


def _masked(text: bytes, line: connection.Connection, token: str) -> bytes:
    """A server may repeat what it was sent, in any form in which it was sent."""
    forms = _token_forms(line, token) if token else _password_forms(line)
    for sent in sorted(forms, key=len, reverse=True):
        text = text.replace(sent, b"***")
    return text


def _token_forms(line: connection.Connection, token: str) -> Iterator[bytes]:
    mechanisms: tuple[sasl.Mechanism, ...] = ("OAUTHBEARER", "XOAUTH2")
    for mechanism in mechanisms:
        yield from _proof(line, mechanism, token).secrets()


def _password_forms(line: connection.Connection) -> tuple[bytes, ...]:
    user, password = _credentials(line)
    raw = password.encode()
    quoted = client.quoted(password)[1:-1] if client.quotable(password) else raw
    return (_plain(user, password), base64.b64encode(raw), quoted, raw) if password else ()


def _credentials(line: connection.Connection) -> tuple[str, str]:
    password = line.settings.password
    return line.settings.user, password.get_secret_value() if password else ""


def _proof(line: connection.Connection, mechanism: sasl.Mechanism, token: str) -> sasl.Proof:
    host, port = line.settings.address
    return sasl.Proof(mechanism=mechanism, user=line.settings.user, token=token, host=host, port=port)


def _plain(user: str, password: str) -> bytes:
    """The initial response of AUTHENTICATE PLAIN (RFC 4616), which carries any characters."""
    return base64.b64encode(f"\0{user}\0{password}".encode())


async def _log_in(line: connection.Connection, offered: frozenset[bytes], token: str) -> connection.Answer:
    refusal = _refusal
    if token:
        exchange = sasl.Exchange(_proof(line, sasl.chosen(offered), token), at_once=b"SASL-IR" in offered)
        answer, refusal = await line.converse(exchange.command(), exchange.reply), exchange.refusal
    else:
        answer = await _with_password(line, offered)
    if not answer.ok:
        text = client.readable(_masked(answer.text, line, token))  # masked before it is cut short
        if answer.code in opening.LATER or any(sign in text.lower() for sign in _FULL):
            raise errors.Disconnected(f"the server accepts no login now: {text}")
        raise refusal(text)
    return answer


async def _with_password(line: connection.Connection, offered: frozenset[bytes]) -> connection.Answer:
    user, password = _credentials(line)
    quotable = client.quotable(user) and client.quotable(password)
    if quotable and b"LOGINDISABLED" not in offered:
        return (await line.run(b"LOGIN " + client.quoted(user) + b" " + client.quoted(password)))[0]
    if b"AUTH=PLAIN" in offered:
        return await line.converse(b"AUTHENTICATE PLAIN", lambda _: _plain(user, password))
    if quotable:
        raise errors.LoginRefused(
            "the server allows no login with a password on this connection (LOGINDISABLED); "
            "where it is not encrypted, set `tls: implicit` or `tls: starttls`"
        )
    raise errors.LoginRefused("the user or password has characters that this server's LOGIN cannot carry")


def _refusal(text: str) -> errors.LoginRefused:
    advice = next((advice for sign, advice in _ADVICE if sign in text.lower()), "check user and password")
    return errors.LoginRefused(f"the server refuses the credentials ({text}); {advice}")
