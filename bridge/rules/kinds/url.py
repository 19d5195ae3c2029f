"""``url``: the first http or https address in a text, as a device can take it: ASCII, its host in lower case.

An internationalised host becomes its ``xn--`` form (UTS 46), other characters are percent-encoded. What stands in
brackets or quotes ends with them, and the punctuation of the sentence is not part of it. An address with credentials
in it (``https://bank.example@evil.example/``) is passed over: it is there to be mistaken for another.
"""

from __future__ import annotations

import ipaddress
import itertools
import re
import urllib.parse
from typing import Any

from bridge import rules
from bridge.mail import Mail, limits
from bridge.rules import kinds

URL_CHARS = 2_048
CANDIDATES = 20  # of a text that are looked at
_URL = re.compile(r"https?://[^\s<>\"\\^`{|}\x00-\x20\x7f-\xa0\ud800-\udfff“”„«»「」『』【】、。，…]+", re.IGNORECASE)
_BRACKETS = {")": "(", "]": "[", "’": "‘"}
_TAIL = ".,;:!?*'’)]"
_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_HOST_CHARS = 253
_PATH_SAFE = "%/:=&?~!$+,;'@()*[]"


def convert(raw: Any, mail: Mail, moment: rules.Moment) -> str:
    wrong = "has no http or https address"
    text = kinds.text(raw)[: limits.TEXT_CHARS]
    for n, found in enumerate(itertools.islice(_URL.finditer(text), CANDIDATES)):
        try:
            return _normalised(_trimmed(found[0]))
        except ValueError as error:
            wrong = wrong if n else str(error)
    raise ValueError(wrong)


def _trimmed(written: str) -> str:
    """Without the punctuation of the sentence around it."""
    if len(written) > 2 * URL_CHARS:
        raise ValueError("has an address that is too long")
    while written and written[-1] in _TAIL:
        opening = _BRACKETS.get(written[-1])
        if opening and written.count(opening) >= written.count(written[-1]):
            break
        written = written[:-1]
    return written


def _normalised(written: str) -> str:
    """
    Raises:
        ValueError: it is no address, or one to keep away from.
    """
    try:
        parts = urllib.parse.urlsplit(written)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        raise ValueError("has no http or https address") from None
    if "@" in parts.netloc:
        raise ValueError("has credentials in its address")
    netloc = _host(host) + (f":{port}" if port is not None else "")
    path, query, fragment = map(_quoted, (parts.path, parts.query, parts.fragment))
    found = urllib.parse.urlunsplit((parts.scheme.lower(), netloc, path, query, fragment))
    if len(found) > URL_CHARS:
        raise ValueError("has an address that is too long")
    return found


def _quoted(part: str) -> str:
    return urllib.parse.quote(part, safe=_PATH_SAFE)


def _host(host: str) -> str:
    if ":" in host:
        return f"[{_ipv6(host)}]"
    if not host.isascii() and len(host) <= _HOST_CHARS:
        host = _ascii(host)
    host = host.removesuffix(".")
    if len(host) > _HOST_CHARS or not _HOST.fullmatch(host):
        raise ValueError("has an address without a proper host")
    return host


def _ipv6(host: str) -> str:
    try:
        return ipaddress.IPv6Address(host).compressed
    except ValueError:
        raise ValueError("has no http or https address") from None


def _ascii(host: str) -> str:
    import idna

    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise ValueError("has an address without a proper host") from None


PLUGIN = rules.KindPlugin(make=lambda _: convert, summary="The first http or https address.", links=True, texts=True)
