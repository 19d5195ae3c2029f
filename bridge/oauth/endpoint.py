"""One request to an issuer, and its JSON answer: over verified TLS, under a deadline, of bounded length, and never by
way of a redirect, which would carry a secret elsewhere.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import ssl
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

import bridge
from bridge import dial, errors

DEADLINE_S = 30.0
ANSWER_BYTES = 256 * 1024
_LATER = frozenset({408, 425, 429})


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What an issuer said: any JSON at all."""

    status: int
    value: Any = dataclasses.field(repr=False)

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


def _tls(url: str, ca_file: Path | None) -> ssl.SSLContext | bool:
    """Blocks."""
    if url.startswith("http://"):
        return False  # this machine: there is nothing to verify
    try:
        return dial.trusting(ca_file)
    except OSError as error:
        raise errors.SourceError(f"oauth.ca_file {ca_file} cannot be read: {error}") from error


async def get(url: str, *, ca_file: Path | None) -> Answer:
    """Raises as ``post``."""
    return await _ask("GET", url, {}, b"", ca_file)


async def post(url: str, headers: Mapping[str, str], body: str, *, ca_file: Path | None) -> Answer:
    """
    Raises:
        errors.Disconnected: the issuer cannot be reached, or cannot answer now.
        errors.SourceError: its answer is a redirect, endless, or no JSON.
    """
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return await _ask("POST", url, {**form, **headers}, body.encode(), ca_file)


async def _ask(method: str, url: str, headers: Mapping[str, str], body: bytes, ca_file: Path | None) -> Answer:
    where = urllib.parse.urlsplit(url).netloc
    tls = await asyncio.to_thread(_tls, url, ca_file)
    own = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": f"mailwire/{bridge.__version__}"}
    try:
        async with (
            asyncio.timeout(DEADLINE_S),
            httpx.AsyncClient(verify=tls, trust_env=False, follow_redirects=False, timeout=DEADLINE_S) as client,
            client.stream(method, url, headers={**own, **headers}, content=body or None) as answer,
        ):
            octets = await _octets(answer, where)
    except (TimeoutError, httpx.TimeoutException):
        raise errors.Disconnected(f"{where} does not answer within {DEADLINE_S:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # Not "from error": it knows the request
        raise errors.Disconnected(f"{where} cannot be reached: {dial.why_not(dial.cause(error))}") from None
    return _answer(answer.status_code, octets, where)


async def _octets(answer: httpx.Response, where: str) -> bytes:
    octets = bytearray()
    async for chunk in answer.aiter_raw():
        octets += chunk
        if len(octets) > ANSWER_BYTES:
            raise errors.SourceError(f"{where} gives an answer of more than {ANSWER_BYTES} bytes")
    return bytes(octets)


def _answer(status: int, octets: bytes, where: str) -> Answer:
    if 300 <= status < 400:
        raise errors.SourceError(f"{where} answers {status}, a redirect; these are not followed")
    if status >= 500 or status in _LATER:
        raise errors.Disconnected(f"{where} answers {status}")
    try:
        return Answer(status=status, value=json.loads(octets))
    except (ValueError, RecursionError):
        if 200 <= status < 300:
            raise errors.SourceError(f"{where} answers {status}, and no JSON") from None
        return Answer(status=status, value=None)
