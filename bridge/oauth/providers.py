"""The endpoints of an issuer: known by name, or told by its discovery document (RFC 8414, OpenID Connect Discovery)."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any

_URL_CHARACTERS = 2000
_LISTED = 200  # scopes or methods that a document may name
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_WELL_KNOWN = re.compile(r"/\.well-known/(?:openid-configuration|oauth-authorization-server)$")
_WANTED = ("openid", "email", "offline_access")  # of an issuer that we know nothing about


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Provider:
    """Where an issuer is asked, and how it wants to be."""

    issuer: str
    authorization_endpoint: str = ""
    token_endpoint: str
    device_endpoint: str = ""
    scopes: tuple[str, ...]
    asked: tuple[tuple[str, str], ...] = ()  # what else stands in the browser's request
    auth_methods: tuple[str, ...] = ()  # for a client with a secret; () is for client_secret_basic (RFC 8414)
    redirect_uri: str = "http://127.0.0.1/"
    names_itself: bool = False  # its redirects carry `iss` (RFC 9207)
    no_device: str = ""  # why there is no sign-in by device code


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Habit:
    """What a large provider wants that no discovery document says."""

    scopes: tuple[str, ...]
    asked: tuple[tuple[str, str], ...]
    redirect_uri: str = "http://127.0.0.1/"
    no_device: str = ""


_GOOGLE = _Habit(
    scopes=("https://mail.google.com/",),
    asked=(("access_type", "offline"), ("prompt", "consent")),
    no_device="Google gives no mail access by device code; sign in by browser",
)
_MICROSOFT = _Habit(
    scopes=("https://outlook.office.com/IMAP.AccessAsUser.All", "offline_access"),
    asked=(("prompt", "select_account"),),
    redirect_uri="http://localhost",  # the only one whose port it does not compare; as it is registered
)
_HABITS = {"accounts.google.com": _GOOGLE, "login.microsoftonline.com": _MICROSOFT}

KNOWN: Mapping[str, Provider] = {
    "google": Provider(
        issuer="https://accounts.google.com",
        authorization_endpoint="https://accounts.google.com/o/oauth2/v2/auth",
        token_endpoint="https://oauth2.googleapis.com/token",  # noqa: S106 - an address
        auth_methods=("client_secret_post",),
        **dataclasses.asdict(_GOOGLE),
    ),
    "microsoft": Provider(
        issuer="https://login.microsoftonline.com/common/v2.0",
        authorization_endpoint="https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
        token_endpoint="https://login.microsoftonline.com/common/oauth2/v2.0/token",  # noqa: S106 - an address
        device_endpoint="https://login.microsoftonline.com/common/oauth2/v2.0/devicecode",
        auth_methods=("client_secret_post",),
        **dataclasses.asdict(_MICROSOFT),
    ),
}


def refuses_device_code(provider: str) -> str:
    """Why this provider (its name or its issuer) has no sign-in by device code; "" where it may have one."""
    named = KNOWN.get(provider)
    habit = _HABITS.get(urllib.parse.urlsplit(provider).hostname or "")
    return named.no_device if named else habit.no_device if habit else ""


def issuer(text: str) -> str:
    """The issuer that an admin names, by itself or by the address of its discovery document.

    Raises:
        ValueError: it is no https:// address. (http:// is for an issuer on this machine.)
    """
    return address(_WELL_KNOWN.sub("", text), local=True)


def address(text: Any, *, local: bool) -> str:
    """An address that secrets may be sent to: https, or http to this machine where ``local`` allows it.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(text, str) or len(text) > _URL_CHARACTERS or not _PRINTABLE.fullmatch(text):
        raise ValueError("is no address")
    url = urllib.parse.urlsplit(text)
    try:
        _ = url.port
    except ValueError:
        raise ValueError(f"{text} has a port that is none") from None
    if not url.hostname or url.username is not None or url.fragment:
        raise ValueError(f"{text} is no address like https://issuer.example.org")
    if url.scheme == "https" or (url.scheme == "http" and local and is_loopback(url.hostname)):
        return text
    raise ValueError(f"{text} is not encrypted: it has to begin with https://")


def is_loopback(host: str) -> bool:
    """Whether this names the machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def documents(issuer: str) -> tuple[str, str]:
    """Where an issuer's discovery document may be: as OpenID Connect has it, then as RFC 8414 does."""
    url = urllib.parse.urlsplit(issuer)
    path = url.path.rstrip("/")
    return (
        f"{url.scheme}://{url.netloc}{path}/.well-known/openid-configuration",
        f"{url.scheme}://{url.netloc}/.well-known/oauth-authorization-server{path}",
    )


def discovered(document: Any, issuer: str) -> Provider:
    """The provider that this document of ``issuer`` describes.

    Raises:
        ValueError: it is not one, or another's, or names an address that nothing may be sent to.
    """
    if not isinstance(document, dict):
        raise ValueError("its discovery document is no JSON object")  # noqa: TRY004 - whatever it is, it is data
    told = document.get("issuer")
    if not isinstance(told, str) or told.rstrip("/") != issuer.rstrip("/"):  # RFC 8414, section 3.3
        name = told if isinstance(told, str) and _PRINTABLE.fullmatch(told[:_URL_CHARACTERS]) else "otherwise"
        raise ValueError(f"its discovery document is of another issuer: it calls itself {name[:200]}")
    habit = _HABITS.get(urllib.parse.urlsplit(issuer).hostname or "", _Habit(scopes=_scopes(document), asked=()))
    asked = habit.asked or ((("prompt", "consent"),) if "offline_access" in habit.scopes else ())
    return Provider(
        issuer=told,
        authorization_endpoint=_endpoint(document, "authorization_endpoint", issuer),
        token_endpoint=_endpoint(document, "token_endpoint", issuer, needed=True),
        device_endpoint=_endpoint(document, "device_authorization_endpoint", issuer),
        scopes=habit.scopes,
        asked=asked,
        auth_methods=_texts(document.get("token_endpoint_auth_methods_supported")),
        redirect_uri=habit.redirect_uri,
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
        no_device=habit.no_device,
    )


def _endpoint(document: dict[str, Any], key: str, issuer: str, *, needed: bool = False) -> str:
    if key not in document and not needed:
        return ""
    try:
        return address(document.get(key), local=issuer.startswith("http://"))
    except ValueError as error:
        raise ValueError(f"its discovery document: {key} {error}") from None


def _scopes(document: dict[str, Any]) -> tuple[str, ...]:
    """What to ask for: an address to know who it is, and a refresh token. Only what it knows, where it says that."""
    supported = _texts(document.get("scopes_supported"))
    return tuple(scope for scope in _WANTED if scope in supported or not supported)


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(text for text in value[:_LISTED] if isinstance(text, str)) if isinstance(value, list) else ()
