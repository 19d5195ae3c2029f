"""HTTP: a message is delivered when the server has answered 2xx (RFC 9110). Redirects are not followed.

Each request carries the delivery's id as ``Idempotency-Key``, so that a server can drop the rare repeat. What comes
out of a mail stays in its place: a path segment is percent-encoded whole, a header value loses its control characters.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime
import email.utils
import re
import ssl
import urllib.parse
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import httpx
import pydantic

import bridge
from bridge import dial, errors, schema, sinks
from bridge.delivery import Delivery, Receipt
from bridge.sinks import _dial, _url

DEPTH = 16
KEPT_BYTES = 1024  # of an answer
PIECE_BYTES = 65_536  # of a body that is not in memory
BUFFERED_S = 60.0  # the end of such a body may be on its way that long after it was handed to the network
READ_BYTES = 65_536  # of an answer; one that is longer costs the connection
RETRY_AFTER_MAX_S = 86_400.0  # a server that asks for more is not believed
LATER = frozenset({408, 425, 429})
REFUSED = frozenset({401, 403})
FRAMING = frozenset({"connection", "content-length", "host", "transfer-encoding", "te", "trailer", "upgrade"})
BARE = frozenset({"GET", "DELETE"})  # a payload of these has no meaning (RFC 9110, sections 9.3.1, 9.3.5)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def _parse(text: str) -> _url.Url:
    return _url.parse(text, ports={"https": 443, "http": 80}, path=True)


def _check_names(headers: dict[str, Any]) -> dict[str, Any]:
    for name in headers:
        if not _TOKEN.fullmatch(name):
            raise ValueError(f'"{name}" is no name of a header')
        if name.lower() in FRAMING:
            raise ValueError(f"{name} is set by HTTP itself")
    return headers


class Headers(pydantic.RootModel[dict[str, pydantic.SecretStr]]):
    """Header names and values; the values are secrets, since API keys live there."""

    model_config = pydantic.ConfigDict(frozen=True, hide_input_in_errors=True)

    root: Annotated[dict[str, pydantic.SecretStr], pydantic.AfterValidator(_check_names)] = {}


class Settings(sinks.Settings):
    """A web server."""

    url: Annotated[str, pydantic.AfterValidator(_url.checked_by(_parse))] = pydantic.Field(
        description="https://host[:port][/path][?query]; a rule's `path` is appended to its path.",
        examples=["https://hooks.lan/mail"],
    )
    headers: Headers = pydantic.Field(Headers(), description="Sent with every request.")
    user: str | None = pydantic.Field(None, description="For Basic authentication, with `password`.")
    password: pydantic.SecretStr | None = None
    token: pydantic.SecretStr | None = pydantic.Field(None, description="For `Authorization: Bearer`.")
    ca_file: Path | None = pydantic.Field(None, description="A CA to trust instead of the system's (PEM).")
    timeout: schema.PositiveDuration = pydantic.Field(10.0, description="For connecting, and again for the answer.")

    @pydantic.model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password belong together")
        if self.user is not None and self.token is not None:
            raise ValueError("either user and password, or token")
        if self.ca_file is not None and self.address.scheme != "https":
            raise ValueError("ca_file is for https:// only")
        return self

    @property
    def address(self) -> _url.Url:
        return _parse(self.url)


class Action(sinks.Action):
    """What is requested."""

    path: Annotated[str, sinks.SEGMENTS] = pydantic.Field("", description="Appended to the sink's URL.")
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    headers: Annotated[dict[str, str], pydantic.AfterValidator(_check_names), sinks.TEMPLATE] = pydantic.Field(
        default_factory=dict
    )

    @property
    def bare(self) -> str:
        return f"a {self.method} carries no payload: write method: POST, PUT or PATCH" if self.method in BARE else ""


class Http:
    """One server."""

    depth = DEPTH
    pipelined = False

    def __init__(self, settings: Settings, context: sinks.Context) -> None:
        self._settings = settings
        self._context = context
        self._where = settings.address.authority
        self._client: httpx.AsyncClient | None = None
        self._exit = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        settings = self._settings
        tls: ssl.SSLContext | bool = False  # http:// alone, then: nothing to verify, and no CAs to load
        if settings.address.scheme == "https":
            tls = _dial.tls_context(sink=self._context.name, ca_file=settings.ca_file)
        client = httpx.AsyncClient(
            verify=tls,
            trust_env=False,  # what is sent, and where to, is what the configuration says: no .netrc, no proxies
            follow_redirects=False,
            timeout=settings.timeout,
            limits=httpx.Limits(max_connections=DEPTH),
            headers=[(b"User-Agent", f"mailwire/{bridge.__version__}".encode()), *_sink_headers(settings)],
        )
        self._client = await self._exit.enter_async_context(client)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._exit.aclose()

    async def ready(self) -> None:
        """At once: only a request can find out."""

    async def probe(self) -> str:
        """Connects, and asks for nothing: what a request would do there is not known. See ``bridge.sinks.Probed``."""
        url, tls = self._settings.address, None
        if url.scheme == "https":
            tls = _dial.tls_context(sink=self._context.name, ca_file=self._settings.ca_file)
        sock = await _dial.dial(url.host, url.port, tls, timeout_s=self._settings.timeout)
        with sock:
            version = (sock.version() or "TLS") if isinstance(sock, ssl.SSLSocket) else "no TLS"
        return f"{self._where}, {version.replace('TLSv', 'TLS ')}; it can be connected to, and was asked for nothing"

    async def send(self, delivery: Delivery, *, expires_in_s: float | None) -> Receipt:
        """One request.

        Raises:
            errors.Refused: 401, 403.
            errors.Unavailable: there is no connection to the server.
            errors.Retryable: 408, 425, 429, 5xx, or the connection broke during the request.
            errors.Permanent: any other answer.
        """
        return await self._send(delivery, None)

    async def stream(self, delivery: Delivery, content: sinks.Content, *, expires_in_s: float | None) -> Receipt:
        """The same, with a body that is read as it is sent. As long as the server takes it, it may take its time."""
        return await self._send(delivery, content)

    async def _send(self, delivery: Delivery, content: sinks.Content | None) -> Receipt:
        assert self._client is not None, "the sink is not entered"  # noqa: S101 - a caller's bug, for the type checker
        try:
            # An answer that drips has no time of its own
            async with asyncio.timeout(2 * self._settings.timeout) as limit, contextlib.AsyncExitStack() as stack:
                pieces = None
                if content is not None:
                    pieces = await stack.enter_async_context(contextlib.aclosing(self._pieces(content, limit)))
                request = self._request(self._client, delivery, pieces)
                answer, body = await self._ask(self._client, request)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise errors.Unavailable(f"{self._where}: {_why_not(error)}") from error
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL) as error:
            raise errors.Permanent(f"{self._where}: this cannot be sent ({type(error).__name__})") from error
        except (TimeoutError, httpx.TimeoutException) as error:
            raise errors.Retryable(f"{self._where}: no answer within {self._settings.timeout:g} s") from error
        except httpx.HTTPError as error:
            raise errors.Retryable(f"{self._where}: the connection broke ({type(error).__name__})") from error
        return self._receipt(delivery, answer, body)

    async def _pieces(self, content: sinks.Content, limit: asyncio.Timeout) -> AsyncGenerator[bytes, None]:
        """Small ones, since each has to be taken within ``timeout``; what was taken puts the end off."""
        loop = asyncio.get_running_loop()
        async with contextlib.aclosing(content.pieces()) as pieces:
            async for piece in pieces:
                for at in range(0, len(piece), PIECE_BYTES):
                    yield piece[at : at + PIECE_BYTES]
                    limit.reschedule(loop.time() + 2 * self._settings.timeout + BUFFERED_S)

    def _request(
        self, client: httpx.AsyncClient, delivery: Delivery, streamed: AsyncIterator[bytes] | None
    ) -> httpx.Request:
        method = delivery.options.get("method", "POST")
        content = (streamed or delivery.payload) if method not in BARE else None
        own = {"Idempotency-Key": delivery.id, "Accept-Encoding": "identity"}
        if streamed is not None and content is not None:
            own["Content-Length"] = str(delivery.size)  # else it would go in chunks, which not every server takes
        if content is not None:
            own["Content-Type"] = delivery.media_type
        given = delivery.options.get("headers") or {}
        names = {name.lower() for name in given}
        headers = [(name, value) for name, value in own.items() if name.lower() not in names]
        encoded = [(name.encode("ascii"), header_value(value)) for name, value in [*headers, *given.items()]]
        timeout = httpx.Timeout(self._settings.timeout)
        if streamed is not None:
            timeout.read = self._settings.timeout + BUFFERED_S
        return client.build_request(method, self._url(delivery), content=content, headers=encoded, timeout=timeout)

    def _url(self, delivery: Delivery) -> str:
        """
        Raises:
            errors.Permanent: a segment would climb out of the sink's path. (The rules' cleaning lets none through.)
        """
        url, path = self._settings.address, delivery.options.get("path", delivery.target)
        segments = [segment for segment in path.strip("/").split("/") if segment]
        if any(segment in {".", ".."} for segment in segments):
            raise errors.Permanent("a path segment is . or ..")
        quoted = "".join("/" + urllib.parse.quote(segment, safe="", errors="replace") for segment in segments)
        return f"{url.scheme}://{url.authority}{url.path}{quoted}" + (f"?{url.query}" if url.query else "")

    async def _ask(self, client: httpx.AsyncClient, request: httpx.Request) -> tuple[httpx.Response, bytes]:
        """The answer and the beginning of its body, as it comes over the wire: a compressed bomb stays compressed."""
        answer = await client.send(request, stream=True)
        kept, read = bytearray(), 0
        try:
            async for chunk in answer.aiter_raw():
                kept += chunk[: KEPT_BYTES - len(kept)]
                read += len(chunk)
                if read > READ_BYTES:
                    break
        finally:
            await answer.aclose()
        return answer, bytes(kept)

    def _receipt(self, delivery: Delivery, answer: httpx.Response, body: bytes) -> Receipt:
        status = answer.status_code
        if status in REFUSED:
            text = f"{self._where}: it answers {status}; check `user` and `password`, or `token`, and what they may do"
            raise errors.Refused(text, code=str(status))
        if 200 <= status < 300:
            return Receipt(delivery_id=delivery.id, code=str(status), payload=body)
        if status in LATER or status >= 500:
            wait_s = retry_after_s(answer.headers.get("Retry-After", ""), now=_now())
            raise errors.Retryable(f"{self._where}: it answers {status}", code=str(status), retry_after_s=wait_s)
        more = "; redirects are not followed, write the new address as `url`" if 300 <= status < 400 else ""
        raise errors.Permanent(f"{self._where}: it answers {status}{more}", code=str(status), payload=body)


def _sink_headers(settings: Settings) -> list[tuple[bytes, bytes]]:
    headers = {name.encode(): header_value(value.get_secret_value()) for name, value in settings.headers.root.items()}
    if settings.token is not None:
        headers[b"Authorization"] = b"Bearer " + header_value(settings.token.get_secret_value())
    if settings.user is not None and settings.password is not None:
        pair = f"{settings.user}:{settings.password.get_secret_value()}".encode()
        headers[b"Authorization"] = b"Basic " + base64.b64encode(pair)
    return list(headers.items())


def header_value(value: object) -> bytes:
    """Values come from mails: a line break would begin a header of the sender's choice (RFC 9110, section 5.5)."""
    return _CONTROL.sub(" ", "" if value is None else str(value)).strip().encode("utf-8", "replace")


def retry_after_s(text: str, *, now: datetime.datetime) -> float | None:
    """Retry-After in seconds, from seconds or from a date (RFC 9110, section 10.2.3); None where it is neither."""
    if text.strip().isascii() and text.strip().isdigit():
        return min(float(text.strip()[:12]), RETRY_AFTER_MAX_S)
    try:
        when = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=datetime.UTC)
    return min(max((when - now).total_seconds(), 0.0), RETRY_AFTER_MAX_S)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _why_not(error: BaseException) -> str:
    return "it does not answer" if isinstance(error, httpx.ConnectTimeout) else dial.why_not(dial.cause(error))


PLUGIN = sinks.Plugin(settings=Settings, action=Action, make=Http, target="path", streams=True)
