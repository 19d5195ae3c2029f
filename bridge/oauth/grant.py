"""An issuer's answer → a grant, and the grant's file. Pure."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any, Self

from bridge.oauth import sasl

FILE_BYTES = 256 * 1024
_LIFETIME_S = 3600.0  # of an access token whose issuer does not tell
_LONGEST_S = 366 * 86_400.0
_LATEST = 1e11
_EARLY = 0.8  # of its lifetime, then an access token is renewed…
_SPREAD = 0.1  # …or up to so much later, so that what was signed in together is not renewed together
_SLACK_S = 10.0  # so much before its end a token is not given out any more: it has to arrive
_TEXT_CHARACTERS = 32_768


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """What an issuer gave for a sign-in. No secret shows in its repr.

    Times are POSIX seconds. ``expires`` is when the access token ends.
    """

    issuer: str
    client_id: str
    access_token: str = dataclasses.field(repr=False)
    refresh_token: str = dataclasses.field(default="", repr=False)
    scope: str = ""
    obtained: float
    expires: float

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any], *, issuer: str, client_id: str, now: float) -> Self:
        """The grant in a token endpoint's answer (RFC 6749, section 5.1).

        Raises:
            ValueError: it gives no bearer token that can be used.
        """
        kind = answer.get("token_type", "Bearer")
        if not isinstance(kind, str) or kind.lower() != "bearer":
            raise ValueError("its token is no bearer token")
        token = _token(answer.get("access_token"))
        if not token:
            raise ValueError("it gave no access token that can be sent")
        return cls(
            issuer=issuer,
            client_id=client_id,
            access_token=token,
            refresh_token=_token(answer.get("refresh_token")),
            scope=_text(answer.get("scope")),
            obtained=now,
            expires=now + _lifetime_s(answer.get("expires_in")),
        )

    @classmethod
    def from_file(cls, octets: bytes) -> Self:
        """
        Raises:
            ValueError: no grant was written there, or it is damaged.
        """
        try:
            read = json.loads(octets[: FILE_BYTES + 1])
        except (ValueError, RecursionError):
            raise ValueError("is damaged") from None
        if not isinstance(read, dict) or not sasl.is_token(read.get("access_token")):
            raise ValueError("holds no access token")
        return cls(
            issuer=_text(read.get("issuer")),
            client_id=_text(read.get("client_id")),
            access_token=read["access_token"],
            refresh_token=_token(read.get("refresh_token")),
            scope=_text(read.get("scope")),
            obtained=_seconds(read.get("obtained")),
            expires=_seconds(read.get("expires")),
        )

    def to_file(self) -> bytes:
        return json.dumps(dataclasses.asdict(self), indent=1).encode() + b"\n"

    def then(self, renewed: Grant) -> Grant:
        """``renewed``, which keeps the refresh token from before where the issuer gave no new one (RFC 6749, section
        6).
        """
        return dataclasses.replace(
            renewed,
            refresh_token=renewed.refresh_token or self.refresh_token,
            scope=renewed.scope or self.scope,
        )

    def holds(self, now: float) -> bool:
        """Whether the access token can still be used. One from the future, by a clock that was wrong, cannot."""
        lifetime_s = self.expires - self.obtained
        return self.obtained - 60 <= now < self.expires - min(_SLACK_S, lifetime_s / 10)

    def renew_at(self, chance: float) -> float:
        """When to renew it; ``chance`` from 0 to 1."""
        return self.obtained + (_EARLY + _SPREAD * chance) * (self.expires - self.obtained)


def _token(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= _TEXT_CHARACTERS and sasl.is_token(value) else ""


def _text(value: Any) -> str:
    return value[:_TEXT_CHARACTERS] if isinstance(value, str) else ""


def _lifetime_s(value: Any) -> float:
    """From a number, or a text that is one, as some issuers write it."""
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return _LIFETIME_S
    return min(max(seconds, 0.0), _LONGEST_S) if math.isfinite(seconds) else _LIFETIME_S


def _seconds(value: Any) -> float:
    """A time in the file; one that cannot be is long ago, so that the token is renewed."""
    sound = isinstance(value, (int, float)) and 0 <= value < _LATEST
    return float(value) if sound else 0.0
