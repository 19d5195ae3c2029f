"""What imapclient does here: folder names in modified UTF-7, and the lines of LIST. The one file that knows it.

Everything else is sent and read in ``connection``: the library blocks, its ``idle_check`` loses events, its commands
drop an EXISTS that arrives inside another command's answer (the classic lost wake-up), and it cannot send several
commands in one write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imapclient import exceptions, imap_utf7, response_parser

from bridge import errors
from bridge.sources.imap import frames

_QUOTABLE = re.compile(r"[\x20-\x7e]*")


def readable(text: bytes) -> str:
    """What a server said, for people and logs: one short line."""
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text[:300].decode("utf-8", "replace")).strip()


def quotable(text: str) -> bool:
    return _QUOTABLE.fullmatch(text) is not None


def quoted(text: str) -> bytes:
    """A quoted string (RFC 9051, section 4.3).

    Raises:
        errors.SourceError: it holds what cannot be quoted.
    """
    if not quotable(text):
        raise errors.SourceError(f"{text!r} cannot be sent to an IMAP server")
    return b'"' + text.replace("\\", "\\\\").replace('"', '\\"').encode("ascii") + b'"'


def folder_name(folder: str) -> bytes:
    """A folder's name as IMAP4rev1 sends it: modified UTF-7 (RFC 3501, section 5.1.3), quoted."""
    return quoted(imap_utf7.encode(folder).decode("ascii"))


def same_folder(one: str, other: str) -> bool:
    """INBOX is the only name without case (RFC 9051, section 5.1)."""
    return one == other or one.upper() == other.upper() == "INBOX"


def folders(untagged: list[frames.Pieces]) -> list[str]:
    """LIST's answer → the names of the folders that can be opened, sorted (RFC 9051, section 7.3.1)."""
    return sorted({name for pieces in untagged for name in _listed(pieces)})


def _listed(pieces: frames.Pieces) -> Iterator[str]:
    if pieces[0][:7].upper() != b"* LIST ":
        return
    # The library wants a literal beside the text that announces it
    lines = [(pieces[at], pieces[at + 1]) for at in range(0, len(pieces) - 1, 2)] + [pieces[-1]]
    first = lines[0]
    lines[0] = (first[0][7:], first[1]) if isinstance(first, tuple) else first[7:]
    try:
        flags, _delimiter, name = response_parser.parse_response(lines)[:3]
    except (exceptions.ProtocolError, ValueError, AssertionError):
        return  # a line that cannot be read names no folder that could be opened
    if not isinstance(flags, tuple):
        return
    octets = name if isinstance(name, bytes) else str(name).encode()
    if not any(isinstance(flag, bytes) and flag.lower() in {b"\\noselect", b"\\nonexistent"} for flag in flags):
        yield _decoded(octets)


def _decoded(name: bytes) -> str:
    try:
        return str(imap_utf7.decode(name))
    except ValueError:
        return name.decode("utf-8", "replace")
