"""A small OAuth 2 issuer of the tests' own: discovery, sign-in by browser (everybody consents) and by device code,
tokens with rotation, introspection for a mail server.

    with Issuer() as issuer:
        issuer.url                          # the provider to write in a configuration
        issuer.approve(user_code)           # what a person types in elsewhere

A refresh token that is used twice ends the sign-in, as with issuers that take it for stolen; with ``grace`` it is good
until the one that follows it has been used.
"""

from __future__ import annotations

import base64
import collections
import dataclasses
import hashlib
import http.server
import json
import secrets
import threading
import urllib.parse
from collections.abc import Callable
from typing import Any, Self

Answer = tuple[int, dict[str, Any]]


@dataclasses.dataclass
class Sign:
    """One sign-in, and what was given out for it."""

    user: str
    access: set[str] = dataclasses.field(default_factory=set)
    refresh: str = ""
    before: str = ""  # the refresh token that ``refresh`` follows, while ``grace`` lets it be
    ended: bool = False


class Issuer:
    """``answers`` are given instead of the real ones by the token endpoint, in order; None lets the real one through.
    ``lost`` makes it give new tokens in answers that never arrive, so many times.
    """

    def __init__(
        self,
        *,
        user: str = "ada",
        client_id: str = "mailwire-test",
        client_secret: str = "",
        lifetime_s: object = 3600,
        grace: bool = False,
        interval_s: float = 0.5,
    ) -> None:
        self.user = user
        self.client_id = client_id
        self.client_secret = client_secret
        self.lifetime_s = lifetime_s
        self.grace = grace
        self.interval_s = interval_s
        self.answers: collections.deque[Answer | None] = collections.deque()
        self.lost = 0
        self.answering = threading.Event()  # cleared: what the token endpoint is asked waits for its answer
        self.answering.set()
        self.document: dict[str, Any] = {}  # replaces keys of the discovery document
        self.signs: list[Sign] = []
        self.asked: list[dict[str, str]] = []  # the forms that the token endpoint was sent
        self.introspected: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}
        self._devices: dict[str, str] = {}  # device code → user code
        self._approved: set[str] = set()
        self._lock = threading.Lock()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    # What tests do with it

    def approve(self, user_code: str) -> None:
        self._approved.add(user_code)

    def revoke_access(self) -> None:
        """Every access token has ended, as far as the mail server is told."""
        for sign in self.signs:
            sign.access.clear()

    def end(self) -> None:
        """Every sign-in has ended."""
        self.revoke_access()
        for sign in self.signs:
            sign.ended = True

    @property
    def renewals(self) -> int:
        return sum(form.get("grant_type") == "refresh_token" for form in self.asked)

    def sign(self) -> dict[str, Any]:
        """A new sign-in, without its ceremony; the token endpoint's answer."""
        sign = Sign(user=self.user)
        self.signs.append(sign)
        return self._tokens(sign)

    # Its endpoints

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "device_authorization_endpoint": f"{self.url}/device",
            "jwks_uri": f"{self.url}/jwks",
            "introspection_endpoint": f"{self.url}/introspect",
            "scopes_supported": ["openid", "email", "offline_access"],
            "code_challenge_methods_supported": ["S256"],
            **self.document,
        }

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser is sent back to."""
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        assert query["client_id"] == self.client_id
        code = secrets.token_urlsafe(16)
        self._codes[code] = query
        return query["redirect_uri"] + "?" + urllib.parse.urlencode({"code": code, "state": query["state"]})

    def device(self, form: dict[str, str]) -> Answer:
        device_code, user_code = secrets.token_urlsafe(16), secrets.token_hex(4).upper()
        self._devices[device_code] = user_code
        return 200, {
            "device_code": device_code,
            "user_code": user_code,
            "verification_uri": f"{self.url}/enter",
            "verification_uri_complete": f"{self.url}/enter?code={user_code}",
            "expires_in": 600,
            "interval": self.interval_s,
        }

    def token(self, form: dict[str, str], authorization: str) -> Answer | None:
        """None is no answer at all."""
        with self._lock:
            self.asked.append(form)
            self.answering.wait(10)
            if self.answers and (scripted := self.answers.popleft()) is not None:
                return scripted
            if not self._is_client(form, authorization):
                return 401, {"error": "invalid_client"}
            kinds: dict[str, Callable[[dict[str, str]], Answer]] = {
                "authorization_code": self._exchange,
                "refresh_token": self._refresh,
                "urn:ietf:params:oauth:grant-type:device_code": self._poll,
            }
            answer = kinds[form["grant_type"]](form)
            if self.lost:
                self.lost -= 1
                return None
            return answer

    def _is_client(self, form: dict[str, str], authorization: str) -> bool:
        if not self.client_secret:
            return form.get("client_id") == self.client_id
        pair = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        return pair == f"{self.client_id}:{self.client_secret}"

    def _exchange(self, form: dict[str, str]) -> Answer:
        asked = self._codes.pop(form["code"], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        if asked is None or asked["code_challenge"] != challenge.decode():
            return 400, {"error": "invalid_grant"}
        if asked["redirect_uri"] != form["redirect_uri"]:
            return 400, {"error": "invalid_grant", "error_description": "another redirect_uri"}
        return 200, self.sign()

    def _poll(self, form: dict[str, str]) -> Answer:
        user_code = self._devices.get(form["device_code"])
        if user_code in self._approved:
            return 200, self.sign()
        return 400, {"error": "authorization_pending" if user_code else "expired_token"}

    def _refresh(self, form: dict[str, str]) -> Answer:
        token = form["refresh_token"]
        for sign in self.signs:
            if not sign.ended and token in {sign.refresh, sign.before}:
                return 200, self._tokens(sign, before=token)
            if token.startswith(f"r-{id(sign)}-"):
                sign.ended = True
        return 400, {"error": "invalid_grant", "error_description": f"the refresh token {token} is not valid"}

    def _tokens(self, sign: Sign, before: str = "") -> dict[str, Any]:
        access = f"a-{id(sign)}-{secrets.token_urlsafe(16)}"
        sign.access.add(access)
        sign.before = before if self.grace else ""
        sign.refresh = f"r-{id(sign)}-{secrets.token_urlsafe(16)}"
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": self.lifetime_s,
            "refresh_token": sign.refresh,
        }

    def introspect(self, form: dict[str, str]) -> Answer:
        self.introspected.append(form.get("token", ""))
        sign = next((sign for sign in self.signs if form.get("token") in sign.access), None)
        return 200, {"active": True, "username": sign.user} if sign else {"active": False}


def _handler(issuer: Issuer) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urllib.parse.urlsplit(self.path)
            if url.path == "/.well-known/openid-configuration":
                self._json(200, issuer.discovery())
            elif url.path == "/authorize":
                self.send_response(302)
                self.send_header("Location", issuer.authorize(dict(urllib.parse.parse_qsl(url.query))))
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif url.path == "/jwks":
                self._json(200, {"keys": []})
            else:
                self._json(404, {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            form = dict(urllib.parse.parse_qsl(body))
            if self.path == "/token":
                answer = issuer.token(form, self.headers.get("Authorization", ""))
                if answer is None:
                    self.close_connection = True
                    return
                self._json(*answer)
            elif self.path == "/device":
                self._json(*issuer.device(form))
            elif self.path.startswith("/introspect"):
                self._json(*issuer.introspect(form))
            else:
                self._json(404, {})

        def _json(self, status: int, value: dict[str, Any]) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
