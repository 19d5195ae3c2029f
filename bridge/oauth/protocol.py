"""What is asked of an issuer, and what its answers mean. The one file that knows Authlib."""

from __future__ import annotations

import dataclasses
import time
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

from authlib.oauth2 import auth
from authlib.oauth2.rfc6749 import errors as refusals
from authlib.oauth2.rfc6749 import parameters
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from bridge import errors
from bridge.oauth import endpoint
from bridge.oauth.grant import Grant
from bridge.oauth.providers import Provider
from bridge.oauth.settings import OAuth

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
_LATER = frozenset({"temporarily_unavailable", "server_error"})
_CLIENT = frozenset({"invalid_client", "unauthorized_client"})
_SHOWN_CHARACTERS = 300
_MASKED = 8  # characters; a shorter text is no secret


class Refused(errors.LoginRefused):
    """The issuer says no, and why."""

    def __init__(self, message: str, *, error: str = "") -> None:
        super().__init__(message)
        self.error = error  # one of RFC 6749, section 5.2


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Client:
    """The application at its issuer."""

    settings: OAuth
    provider: Provider
    clock: Callable[[], float] = time.time

    @property
    def scope(self) -> str:
        return " ".join(self.settings.scopes or self.provider.scopes)

    def authorization_url(self, *, redirect_uri: str, state: str, verifier: str, user: str) -> str:
        """Where the browser begins (RFC 6749, section 4.1.1), with PKCE (RFC 7636)."""
        asked = {
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
            "login_hint": user,
            **dict(self.provider.asked),
        }
        return str(
            parameters.prepare_grant_uri(
                self.provider.authorization_endpoint,
                self.settings.client_id,
                "code",
                redirect_uri=redirect_uri,
                scope=self.scope or None,
                state=state,
                **asked,
            )
        )

    def code(self, redirected: str, *, state: str) -> str:
        """The authorization code in the address that the browser came back to.

        Raises:
            ValueError: it does not belong to this sign-in.
            Refused: the issuer says no.
        """
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(redirected).query, max_num_fields=50))
        if query.get("state") != state:
            raise ValueError("this is not the answer to this sign-in")
        told = query.get("iss")
        if (told is None and self.provider.names_itself) or (told is not None and not self._is_issuer(told)):
            raise ValueError("this is the answer of another issuer")  # RFC 9207
        if "error" in query:
            raise refused(query, self._secrets())
        try:
            return str(parameters.parse_authorization_code_response(redirected, state=state)["code"])
        except refusals.OAuth2Error as error:
            raise ValueError(f"this answer has no code ({error.error})") from None

    def _is_issuer(self, told: str) -> bool:
        return told.rstrip("/") == self.provider.issuer.rstrip("/") or "/common/" in self.provider.issuer

    async def exchange(self, code: str, *, redirect_uri: str, verifier: str) -> Grant:
        """A code's grant. Raises as ``_tokens``."""
        return await self._tokens(
            "authorization_code", secrets=(code, verifier), code=code, redirect_uri=redirect_uri, code_verifier=verifier
        )

    async def poll(self, device_code: str) -> Grant:
        """A device code's grant, once there is one. Raises as ``_tokens``."""
        return await self._tokens(DEVICE_CODE, secrets=(device_code,), device_code=device_code)

    async def renew(self, grant: Grant) -> Grant:
        """The grant that follows on this one. Raises as ``_tokens``."""
        token = grant.refresh_token
        return grant.then(await self._tokens("refresh_token", secrets=(token,), refresh_token=token))

    async def device_codes(self) -> Mapping[str, Any]:
        """What a device authorization endpoint answers (RFC 8628, section 3.2). Raises as ``_tokens``."""
        body = urllib.parse.urlencode({"scope": self.scope} if self.scope else {})
        return await self._post(self.provider.device_endpoint, body, secrets=())

    async def _tokens(self, kind: str, *, secrets: tuple[str, ...], **asked: str) -> Grant:
        """
        Raises:
            Refused: the issuer says no.
            errors.Disconnected: it cannot be asked now.
            errors.SourceError: it gives no usable answer.
        """
        body = parameters.prepare_token_request(kind, **asked)
        value = await self._post(self.provider.token_endpoint, body, secrets=secrets)
        try:
            return Grant.from_answer(
                value, issuer=self.settings.provider, client_id=self.settings.client_id, now=self.clock()
            )
        except ValueError as error:
            raise errors.SourceError(f"{self._host} cannot be used: {error}") from None

    async def _post(self, url: str, body: str, *, secrets: tuple[str, ...]) -> Mapping[str, Any]:
        url, headers, body = self._authenticated(url, body)
        answer = await endpoint.post(url, headers, body, ca_file=self.settings.ca_file)
        value = answer.value if isinstance(answer.value, dict) else {}
        if answer.ok and "error" not in value:
            return value
        raise refused({"error": f"HTTP {answer.status}", **value}, (*secrets, *self._secrets()))

    def _authenticated(self, url: str, body: str) -> tuple[str, dict[str, str], str]:
        secret = self.settings.client_secret.get_secret_value() if self.settings.client_secret else ""
        method = "none" if not secret else "client_secret_basic"
        if secret and self.provider.auth_methods and method not in self.provider.auth_methods:
            method = "client_secret_post"
        client = auth.ClientAuth(self.settings.client_id, secret, method)
        prepared: tuple[str, dict[str, str], str] = client.prepare("POST", url, {}, body)
        return prepared

    def _secrets(self) -> tuple[str, ...]:
        secret = self.settings.client_secret
        return (secret.get_secret_value(),) if secret else ()

    @property
    def _host(self) -> str:
        return urllib.parse.urlsplit(self.provider.token_endpoint).netloc


def refused(answer: Mapping[str, Any], secrets: tuple[str, ...]) -> errors.SourceError:
    """An issuer's ``error`` and ``error_description``, which may repeat what it was sent, as an exception."""
    error = str(answer.get("error", ""))
    description = answer.get("error_description")
    text = f"{error}: {description}" if isinstance(description, str) and description else error
    for secret in secrets:
        text = text.replace(secret, "***") if len(secret) >= _MASKED else text
    shown = "".join(char if char.isprintable() else " " for char in text[:_SHOWN_CHARACTERS]).strip()
    if error in _LATER:
        return errors.Disconnected(f"the issuer cannot answer now ({shown})")
    hint = "; check client_id and client_secret" if error in _CLIENT else ""
    return Refused(f"the issuer refuses ({shown}){hint}", error=error[:100])
