"""What stands under ``oauth:`` of a mailbox."""

from __future__ import annotations

import importlib.util
import re
import urllib.parse
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pydantic

from bridge import schema, spelling
from bridge.oauth import providers

Flow = Literal["browser", "device"]
_VISIBLE = re.compile(r"[\x20-\x7e]+")  # RFC 6749, appendix A
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_OTHER_NAMES = {"gmail": "google", "outlook": "microsoft", "office365": "microsoft", "hotmail": "microsoft"}


def _provider(value: str) -> str:
    if value in providers.KNOWN:
        return value
    if "://" in value:
        return providers.issuer(value)
    name = _OTHER_NAMES.get(value.lower()) or spelling.nearest(value, providers.KNOWN)
    hint = f'; did you mean "{name}"?' if name else ""
    raise ValueError(f"no provider is called {value!r}{hint or '; write google, microsoft or https://ISSUER'}")


def _visible(value: Any) -> Any:
    text = value.get_secret_value() if isinstance(value, pydantic.SecretStr) else value
    if isinstance(text, str) and text and not _VISIBLE.fullmatch(text):
        raise ValueError("has characters that no issuer gives out")
    return value


def _split(value: Any) -> Any:
    return value.split() if isinstance(value, str) else value


def _are_scopes(value: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if value == ():
        raise ValueError("must not be empty")
    for scope in value or ():
        if not _SCOPE.fullmatch(scope):
            raise ValueError(f"{scope!r} is no scope")
    return value


def _loopback(value: str | None) -> str | None:
    """The port may be left out (one is chosen each time), the host may not be another machine's."""
    if value is None:
        return None
    url = urllib.parse.urlsplit(providers.address(value, local=True))
    if url.scheme != "http" or url.query or not providers.is_loopback(url.hostname or ""):
        raise ValueError("is an address on this machine, like http://127.0.0.1:8400/")
    return value


class OAuth(schema.Model):
    """Signing in with OAuth 2 instead of a password; `mailwire login` does it, once."""

    provider: Annotated[str, pydantic.AfterValidator(_provider)] = pydantic.Field(
        description="google, microsoft, or the https:// address of any issuer with a discovery document.",
        examples=["google", "microsoft", "https://id.example.org"],
    )
    client_id: Annotated[str, pydantic.Field(min_length=1), pydantic.AfterValidator(_visible)] = pydantic.Field(
        description="Of the application that you registered with the provider."
    )
    client_secret: Annotated[pydantic.SecretStr | None, pydantic.AfterValidator(_visible)] = pydantic.Field(
        None, description="Of that application, where the provider gave one (Google does, Microsoft needs none)."
    )
    scopes: Annotated[
        tuple[str, ...] | None, pydantic.BeforeValidator(_split), pydantic.AfterValidator(_are_scopes)
    ] = pydantic.Field(None, description="What to ask for. Default: what the provider needs for IMAP.")
    flow: Flow | None = pydantic.Field(
        None, description="How to sign in: browser, or device (a code that is typed in elsewhere). Default: browser."
    )
    redirect_uri: Annotated[str | None, pydantic.AfterValidator(_loopback)] = pydantic.Field(
        None,
        description="Where the browser comes back to, for issuers that compare its port or path. Default: any port.",
        examples=["http://127.0.0.1:8400/"],
    )
    ca_file: Path | None = pydantic.Field(None, description="A CA to trust for the issuer instead of the system's.")

    @pydantic.model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.flow == "device" and (why := providers.refuses_device_code(self.provider)):
            raise schema.misplaced("flow", why)
        if importlib.util.find_spec("authlib") is None:
            raise ValueError('oauth needs Authlib; install "mailwire[oauth]"')
        return self
