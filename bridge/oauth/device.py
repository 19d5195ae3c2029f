"""The sign-in by device code (RFC 8628): a short code that is typed into a browser on any machine."""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Self

from bridge import errors
from bridge.oauth import protocol, providers
from bridge.oauth.grant import Grant

_INTERVAL_S = 5.0  # where the issuer does not say
_SLOWER_S = 5.0  # RFC 8628, section 3.5
_LEAST_S = 0.5
_MOST_S = 60.0
_HOLDS_S = 900.0
_HOLDS_MOST_S = 3600.0
_CODE_CHARACTERS = 100


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Codes:
    """What the issuer wants a person to do."""

    user_code: str
    verification_uri: str
    complete_uri: str = ""  # the same with the code in it
    device_code: str = dataclasses.field(repr=False)
    interval_s: float
    holds_s: float

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any], *, local: bool) -> Self:
        """
        Raises:
            ValueError: there is no code in it, or one that cannot be shown.
        """
        user_code, device_code = answer.get("user_code"), answer.get("device_code")
        if not isinstance(device_code, str) or not device_code:
            raise ValueError("it gave no device code")
        if not isinstance(user_code, str) or not user_code.isprintable() or not 0 < len(user_code) <= _CODE_CHARACTERS:
            raise ValueError("it gave no code to type in")
        uri = answer.get("verification_uri", answer.get("verification_url"))  # the latter is Google's, from a draft
        complete = answer.get("verification_uri_complete")
        return cls(
            user_code=user_code,
            verification_uri=providers.address(uri, local=local),
            complete_uri=providers.address(complete, local=local) if complete is not None else "",
            device_code=device_code,
            interval_s=_seconds(answer.get("interval"), _INTERVAL_S, least_s=_LEAST_S, most_s=_MOST_S),
            holds_s=_seconds(answer.get("expires_in"), _HOLDS_S, least_s=1.0, most_s=_HOLDS_MOST_S),
        )


async def codes(client: protocol.Client) -> Codes:
    """Begins a sign-in.

    Raises:
        errors.SourceError: the issuer has none by device code, refuses, or cannot be asked.
    """
    if client.provider.no_device:
        raise errors.SourceError(client.provider.no_device)
    if not client.provider.device_endpoint:
        raise errors.SourceError("this issuer has no sign-in by device code; sign in by browser")
    answer = await client.device_codes()
    try:
        return Codes.from_answer(answer, local=client.settings.provider.startswith("http://"))
    except ValueError as error:
        raise errors.SourceError(f"{client.settings.provider} cannot be used: {error}") from None


async def grant(
    client: protocol.Client, codes: Codes, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> Grant:
    """Asks as often as the issuer wants, until somebody has typed the code in.

    Raises:
        errors.LoginRefused: the issuer, or whoever sat before it, says no, or the code has expired.
        errors.SourceError: it gives no usable answer.
    """
    interval_s, waited_s = codes.interval_s, 0.0
    while waited_s < codes.holds_s:
        await sleep(interval_s)
        waited_s += interval_s
        try:
            return await client.poll(codes.device_code)
        except protocol.Refused as error:
            if error.error == "expired_token":
                break
            if error.error == "slow_down":
                interval_s += _SLOWER_S
            elif error.error != "authorization_pending":
                raise
        except errors.Disconnected:
            interval_s = min(2 * interval_s, _MOST_S)  # RFC 8628, section 3.5: back off, and go on
    raise errors.LoginRefused("the code has expired before it was typed in; begin again")


def _seconds(value: Any, default_s: float, *, least_s: float, most_s: float) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return default_s
    return min(max(seconds, least_s), most_s) if math.isfinite(seconds) else default_s
