"""Signing in to mail servers with OAuth 2: the contract, and the map of the room.

``mailwire login`` asks for a sign-in once; what the issuer gives for it, a *grant*, is kept in a file. The bridge gets
access tokens out of it for as long as the issuer renews them.

    settings.py    what an admin writes under ``oauth:``
    providers.py   the endpoints of an issuer: known by name, or told by its discovery document
    sasl.py        XOAUTH2 and OAUTHBEARER: what is said to the mail server, and what its answer means
    grant.py       an issuer's answer → a grant, and the grant's file
    vault.py       the files: 0600, replaced as a whole, one process at a time
    endpoint.py    one request to an issuer: bounded, verified, no redirects
    protocol.py    what is asked of an issuer; the one file that knows Authlib
    issuers.py     the issuers of a process, each discovered once
    bearer.py      one mailbox's access token, renewed ahead of its end
    keeper.py      all of them, and the one task that renews them
    browser.py     the sign-in by browser: loopback redirect, PKCE
    device.py      the sign-in by a code that is typed in elsewhere

The first four are light. The others load an HTTP client and Authlib, and are imported when a mailbox has ``oauth:``.
Authlib does the protocol (requests, client authentication, PKCE). Its own HTTP clients are not used: they load 12 MB,
follow what an issuer says and read answers of any length; its protocol alone costs 0.6 MB.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from bridge.oauth.settings import OAuth


class Tokens(Protocol):
    """Where a mailbox's connections get their access token. Any number of them may ask at once."""

    async def access_token(self) -> str:
        """One that holds for a while.

        Raises:
            errors.LoginRefused: somebody has to sign in: nobody has, or the issuer ended it. Says what to do.
            errors.Disconnected: the issuer cannot be asked now.
            errors.SourceError: it gives no usable answer.
        """

    async def renewed(self, refused: str) -> str:
        """Another than this one, which the mail server did not accept. Raises as ``access_token``."""

    async def signed_in(self) -> None:
        """Returns when somebody has signed in since the last token was asked for."""


def tokens_of(
    mailbox: str, settings: OAuth | None, state_folder: Path
) -> contextlib.AbstractAsyncContextManager[Tokens | None]:
    """A mailbox's tokens for whoever has no ``Keeper`` for all of them; None where it has a password."""
    if settings is None:
        return contextlib.nullcontext()
    from bridge.oauth import keeper  # it loads an HTTP client

    return keeper.Keeper(state_folder).tokens(mailbox, settings)
