"""``text/plain; charset=utf-8``: a value and its parameters (RFC 2045, section 5.1; RFC 2231).

Parameters are pairs of text in the order in which they are written, names in lower case: from a header field by
``split``, or from the lists of a BODYSTRUCTURE.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterable

from bridge.mail import charset, header

Params = list[tuple[str, str]]

_PARAM = re.compile(r';\s*+([^\s=;"]++)\s*+=\s*+(?:"([^"\\]*+(?:\\.[^"\\]*+)*+)"?+|([^;]*+))')
_PAIR = re.compile(r"\\(.)")
_MAIN = re.compile(r"[^\s;(]*")
_SECTION = re.compile(r"\*(\d{1,3})?(\*)?", re.ASCII)


def split(value: str) -> tuple[str, Params]:
    """A field's value → its first word in lower case, and its parameters."""
    first = _MAIN.match(value.lstrip())
    if ";" not in value:
        return (first[0].lower() if first else ""), []
    params = [
        (match[1].lower(), match[3].strip() if match[2] is None else _PAIR.sub(r"\1", match[2]))
        for match in _PARAM.finditer(value)
    ]
    return (first[0].lower() if first else ""), params


def token(params: Iterable[tuple[str, str]], name: str) -> str:
    """The first parameter of this name, as it stands; "" where there is none."""
    return next((value for key, value in params if key == name), "")


def text(params: Params, name: str) -> str:
    """The parameter as people read it: its RFC 2231 form if there is one, else its plain one, encoded words decoded."""
    extended = [(key[len(name) :], value) for key, value in params if key.startswith(name + "*")]
    decoded = _extended(extended) if extended else ""
    return decoded or charset.one_line(header.words(token(params, name)))


def _extended(sections: Params) -> str:
    """Sections (``*``, ``*0*``, ``*1``) joined by their numbers; those with a last ``*`` are percent-encoded."""
    found: dict[int, tuple[bool, str]] = {}
    for suffix, value in sections:
        if match := _SECTION.fullmatch(suffix):
            # a lone "*" is one encoded section without a number
            found.setdefault(int(match[1] or 0), (match[2] is not None or match[1] is None, value))
    name, octets = "", b""
    for number, (encoded, value) in sorted(found.items()):
        rest = value
        if encoded and number == min(found) and value.count("'") >= 2:
            name, _, rest = value.split("'", 2)
        octets += urllib.parse.unquote_to_bytes(rest) if encoded else rest.encode()
    return charset.one_line(charset.decode(octets, name))
