"""The ``url:`` of a sink: what is accepted, and what the admin is told where it is not."""

from __future__ import annotations

import dataclasses
import urllib.parse
from collections.abc import Callable, Collection, Mapping


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Url:
    """A URL taken apart; ``host`` has no brackets, ``port`` is never missing."""

    scheme: str
    host: str
    port: int
    user: str | None = None
    path: str = ""
    query: str = ""

    @property
    def authority(self) -> str:
        """``host:port`` as it is written in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse(
    text: str,
    *,
    ports: Mapping[str, int],
    planned: Collection[str] = (),
    user: bool = False,
    path: bool = False,
) -> Url:
    """``ports`` are the accepted schemes and their default ports; ``user`` and ``path`` say whether those may be there.

    Raises:
        ValueError: it is not accepted. The message never repeats the URL: it may hold a password.
    """
    wanted = " or ".join(f"{scheme}://host" for scheme in ports)
    if any(ord(char) <= 32 or ord(char) == 127 for char in text):
        raise ValueError("a URL has no blanks in it")
    parts = urllib.parse.urlsplit(text)
    if parts.scheme in planned:
        raise ValueError(f"{parts.scheme}:// is not yet supported; use {wanted}")
    if parts.scheme not in ports or not parts.hostname:
        raise ValueError(f"write it like {wanted}")
    _refuse_extras(parts, user=user, path=path)
    return Url(
        scheme=parts.scheme,
        host=parts.hostname,
        port=_port(parts) or ports[parts.scheme],
        user=urllib.parse.unquote(parts.username) if parts.username else None,
        path=parts.path.rstrip("/"),
        query=parts.query,
    )


def checked_by(parser: Callable[[str], Url]) -> Callable[[str], str]:
    """For a settings field: the text stays as it is written, if ``parser`` accepts it."""

    def check(text: str) -> str:
        parser(text)
        return text

    return check


def _refuse_extras(parts: urllib.parse.SplitResult, *, user: bool, path: bool) -> None:
    if parts.password is not None:
        raise ValueError("a password does not belong into the URL; write it as `password` or `password_file`")
    if parts.username is not None and not user:
        raise ValueError("a user does not belong into this URL; write it as `user`")
    if parts.fragment:
        raise ValueError("a #fragment is never sent; leave it out")
    if not path and (parts.path.strip("/") or parts.query):
        raise ValueError("only a host and a port belong into this URL; the rest is written in the rules")


def _port(parts: urllib.parse.SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        raise ValueError("the port is no number between 1 and 65535") from None
