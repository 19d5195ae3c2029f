"""Flags as admins write them → as IMAP has them (RFC 9051, section 2.3.2)."""

from __future__ import annotations

import re

SYSTEM = {name: f"\\{name.capitalize()}" for name in ("seen", "answered", "flagged", "deleted", "draft")}
_ATOM = r"!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~"  # without ]
_KEYWORD = re.compile(f"[{_ATOM}]+")
NO_KEYWORD = re.compile(f"[^{_ATOM}]")  # what no keyword has in it


def wire(name: str) -> str:
    r"""``flagged`` → ``\Flagged``; a keyword like ``$Label`` stays as it is.

    Raises:
        ValueError: IMAP has no flag of that name.
    """
    if (system := SYSTEM.get(name.removeprefix("\\").lower())) is not None:
        return system
    return keyword(name)


def keyword(name: str) -> str:
    """
    Raises:
        ValueError: it is no keyword, nor a part of one.
    """
    if not _KEYWORD.fullmatch(name):
        raise ValueError(f'"{name}" is no flag; there are {", ".join(SYSTEM)}, and keywords such as $Label')
    return name


def checked(name: str) -> str:
    """
    Raises:
        ValueError: as ``wire``.
    """
    wire(name)
    return name
