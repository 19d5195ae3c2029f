"""XOAUTH2 (Google's "XOAUTH2 mechanism") and OAUTHBEARER (RFC 7628): what is said to the mail server, and what its
answer means. Pure; the same for IMAP and SMTP.

Both servers answer a token that they refuse with a challenge, which holds a JSON object in base64 and has to be
answered by nothing of meaning, and then with a plain "no".
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import re
from collections.abc import Collection
from typing import Literal

from bridge import errors

Mechanism = Literal["OAUTHBEARER", "XOAUTH2"]
AT_ONCE_BYTES = 7_000  # a longer command line than 8,192 is too much for some servers (RFC 9051, section 4)
_CHALLENGE_BYTES = 8_192
_REASON_CHARACTERS = 200
_TOKEN = re.compile(r"[\x21-\x7e]+")  # RFC 6750 has less; what the framing cannot stand is ^A, and line breaks


def chosen(offered: Collection[bytes]) -> Mechanism:
    """The mechanism to use with a server of these capabilities: the standard one where there is a choice.

    Raises:
        errors.LoginRefused: it has neither.
    """
    if b"AUTH=OAUTHBEARER" in offered:
        return "OAUTHBEARER"
    if b"AUTH=XOAUTH2" in offered:
        return "XOAUTH2"
    ways = ", ".join(sorted(way.decode("ascii", "replace") for way in offered if way.startswith(b"AUTH="))[:10])
    raise errors.LoginRefused(
        f"the server has no sign-in with OAuth (neither OAUTHBEARER nor XOAUTH2; it offers {ways or 'nothing'}); "
        "write a password instead of `oauth:`"
    )


def is_token(text: object) -> bool:
    """Whether an access token can be sent as it is."""
    return isinstance(text, str) and _TOKEN.fullmatch(text) is not None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """Who we are, as one of the mechanisms has it. The token shows in no repr."""

    mechanism: Mechanism
    user: str
    token: str = dataclasses.field(repr=False)
    host: str
    port: int

    def response(self) -> bytes:
        """The initial response, in base64."""
        if self.mechanism == "XOAUTH2":
            text = f"user={_plain(self.user)}\x01auth=Bearer {self.token}\x01\x01"
        else:
            who = _plain(self.user).replace("=", "=3D").replace(",", "=2C")  # RFC 5801, section 4
            text = f"n,a={who},\x01host={_plain(self.host)}\x01port={self.port}\x01auth=Bearer {self.token}\x01\x01"
        return base64.b64encode(text.encode("utf-8", "replace"))

    def secrets(self) -> tuple[bytes, ...]:
        """In every form in which the token was sent, longest first: what a server repeats must not be logged."""
        token = self.token.encode("utf-8", "replace")
        return (self.response(), base64.b64encode(token), token)


class Exchange:
    """One AUTHENTICATE: what is said, and what the server had to say against it."""

    def __init__(self, proof: Proof, *, at_once: bool) -> None:
        """``at_once``: the server takes the response in the command (SASL-IR, RFC 4959)."""
        self._proof = proof
        self._said = at_once and len(proof.response()) <= AT_ONCE_BYTES
        self._challenges: list[bytes] = []

    def command(self) -> bytes:
        command = b"AUTHENTICATE " + self._proof.mechanism.encode()
        return command + b" " + self._proof.response() if self._said else command

    def reply(self, challenge: bytes) -> bytes:
        """To a ``+`` of the server: the response where it is still to come, else the end of the matter."""
        if not self._said:
            self._said = True
            return self._proof.response()
        self._challenges.append(challenge)
        return b"AQ==" if self._proof.mechanism == "OAUTHBEARER" else b""  # ^A (RFC 7628, section 3.2.3), or nothing

    def refusal(self, text: str) -> errors.LoginRefused:
        """What to make of the server's "no", whose text is fit to be shown."""
        return refusal(self._challenges, text)


def _plain(text: str) -> str:
    return text.replace("\x01", "").replace("\0", "")


def refusal(challenges: Collection[bytes], text: str) -> errors.LoginRefused:
    """What to make of a "no": ``TokenRefused`` where another token may do.

    ``challenges`` are the server's ``+`` lines, ``text`` is what stands behind its NO, already fit to be shown.
    """
    told = next(filter(None, map(_challenge, challenges)), {})
    status = str(told.get("status", ""))
    reason = _shown(f"{status}: {text}" if status else text)
    if "scope" in status.lower() or status == "403":
        wanted = _shown(str(told.get("scope", "")))
        hint = f"; it wants the scope {wanted}" if wanted else ""
        return errors.LoginRefused(f"the access token does not reach so far ({reason}){hint}")
    return errors.TokenRefused(f"the server does not accept the access token ({reason})")


def _challenge(line: bytes) -> dict[str, object]:
    try:
        found = json.loads(base64.b64decode(line.strip()[:_CHALLENGE_BYTES], validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _shown(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text[:_REASON_CHARACTERS]).strip()
