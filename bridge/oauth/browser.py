"""The sign-in by browser (RFC 8252): the issuer sends the browser back to a port of this machine, with a code that only
who began the sign-in can use (PKCE).

Where the browser is on another machine it ends at an address that nobody answers; that address can be pasted.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import urllib.parse
from collections.abc import AsyncIterator
from typing import Self

from bridge import errors
from bridge.oauth import protocol
from bridge.oauth.grant import Grant

_HEAD_BYTES = 16_384
_HEAD_S = 10.0
_PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>Mailwire</title>"
    "<style>body{font:1.1em system-ui;margin:15vh auto;max-width:30em;padding:0 1em}</style><p>%s"
)
_DONE = "Mailwire has the answer. You can close this window; the terminal says how it went on."
_NOT_OURS = "This is not the answer that Mailwire waits for."


class SignIn:
    """One sign-in by browser: an async context manager that listens while it is entered.

    Raises:
        errors.SourceError: on entry, where the issuer has no such sign-in, or the port is taken.
    """

    def __init__(self, client: protocol.Client, *, user: str) -> None:
        self._client = client
        self._user = user
        self._state = secrets.token_urlsafe(32)
        self._verifier = secrets.token_urlsafe(64)  # 86 characters: RFC 7636 wants 43 to 128
        self._result: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._stack = contextlib.AsyncExitStack()
        self.redirect_uri = ""
        self.url = ""

    async def __aenter__(self) -> Self:
        if not self._client.provider.authorization_endpoint:
            raise errors.SourceError("this issuer has no sign-in by browser; try --device")
        async with contextlib.AsyncExitStack() as stack:
            self.redirect_uri = await self._listen(stack)
            self._stack = stack.pop_all()
        self.url = self._client.authorization_url(
            redirect_uri=self.redirect_uri, state=self._state, verifier=self._verifier, user=self._user
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def _listen(self, stack: contextlib.AsyncExitStack) -> str:
        """Listens on loopback alone; the URI under which the browser comes back."""
        wanted = urllib.parse.urlsplit(self._client.settings.redirect_uri or self._client.provider.redirect_uri)
        host = wanted.hostname or "127.0.0.1"
        port = wanted.port or 0
        try:
            server = await stack.enter_async_context(self._serving("::1" if ":" in host else "127.0.0.1", port))
            port = server.sockets[0].getsockname()[1]
        except OSError as error:
            raise errors.SourceError(f"port {port} of this machine cannot be listened on: {error.strerror}") from error
        if host == "localhost":  # browsers may try this one first
            with contextlib.suppress(OSError):
                await stack.enter_async_context(self._serving("::1", port))
        shown = f"[{host}]" if ":" in host else host
        return wanted._replace(netloc=f"{shown}:{port}").geturl()

    @contextlib.asynccontextmanager
    async def _serving(self, host: str, port: int) -> AsyncIterator[asyncio.Server]:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        server = await asyncio.start_server(self._answer, host, port, family=family, limit=_HEAD_BYTES)
        try:
            yield server
        finally:
            server.close()
            await server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request of a browser, or of anybody on this machine."""
        try:
            async with asyncio.timeout(_HEAD_S):
                head = await reader.readuntil(b"\r\n\r\n")
                status, page = self._taken(head)
                writer.write(_http(status, page))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a browser that went away, or something that is none
        finally:
            writer.close()

    def _taken(self, head: bytes) -> tuple[str, str]:
        method, _, rest = head.split(b"\r\n", 1)[0].decode("ascii", "replace").partition(" ")
        target = rest.rpartition(" ")[0]
        path = urllib.parse.urlsplit(self.redirect_uri).path or "/"
        if method != "GET" or target.partition("?")[0] != path:
            return "404 Not Found", _NOT_OURS
        return ("200 OK", _DONE) if self.offer(target) else ("400 Bad Request", _NOT_OURS)

    def offer(self, redirected: str) -> bool:
        """Takes the address that the browser came back to; whether it is the one that is waited for."""
        try:
            code = self._client.code(redirected.strip(), state=self._state)
        except ValueError:
            return False
        except errors.SourceError as error:
            if not self._result.done():
                self._result.set_exception(error)
            return True
        if not self._result.done():
            self._result.set_result(code)
        return True

    async def grant(self) -> Grant:
        """Waits for the browser, and exchanges what it brings.

        Raises:
            errors.LoginRefused: the issuer, or whoever sat before it, says no.
            errors.SourceError: the issuer cannot be asked, or gives no usable answer.
        """
        code = await self._result
        return await self._client.exchange(code, redirect_uri=self.redirect_uri, verifier=self._verifier)


def _http(status: str, text: str) -> bytes:
    body = (_PAGE % text).encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
