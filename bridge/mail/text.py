"""A part's bytes, as transferred → the text that people read."""

from __future__ import annotations

import re

from bridge.mail import charset, html, invisible, limits, transfer
from bridge.mail.part import Part

_SPACES = re.compile("[\xa0\u2000-\u200a\u202f\u205f\u2800\u3000]")
_LINE_ENDS = re.compile("\r\n?|[\v\f\x1c-\x1e\x85\u2028\u2029]")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_EMPTY_LINES = re.compile("\n{3,}")
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{1,40})", re.IGNORECASE)
_META_OCTETS = 1_024  # where the HTML standard looks for it
_SIGNATURE = "-- "


def decode(part: Part, raw: bytes) -> bytes:
    """The octets that were sent: transfer encoding undone, leniently."""
    return transfer.decode(raw, part.encoding)


def readable(part: Part, raw: bytes, *, cited: bool = False) -> str:
    """The text of a text part: decoded, HTML turned to text, white space tidied (no-break spaces are spaces, what
    cannot be seen is gone, lines end with a line feed and without blanks). ``raw`` may be cut off anywhere.
    ``cited``: what HTML quotes has ``> `` before its lines, as in plain text (``html.to_text``).
    """
    if part.type == "text/html":
        text = html.to_text(source(part, raw), cited=cited)
    else:
        text = charset.decode(decode(part, raw[: limits.TEXT_BYTES]), part.charset)
        text = _unflowed(text, delsp=part.delsp) if part.flowed else text
    return tidy(text[: limits.TEXT_CHARS])


def source(part: Part, raw: bytes) -> str:
    """The HTML of an HTML part, as it was written."""
    octets = decode(part, raw[: limits.TEXT_BYTES])
    return charset.decode(octets, part.charset or _declared(octets))


def _declared(octets: bytes) -> str:
    """The charset that the HTML itself names."""
    match = _META_CHARSET.search(octets[:_META_OCTETS])
    return match[1].decode("ascii") if match else ""


def tidy(text: str) -> str:
    """White space as ``readable`` has it."""
    text = _LINE_ENDS.sub("\n", text)
    if not text.isascii():
        text = _SPACES.sub(" ", invisible.drop(text))
    text = _CONTROLS.sub(" ", text)
    text = "\n".join(map(str.rstrip, text.split("\n")))
    return _EMPTY_LINES.sub("\n\n", text).strip()


def _unflowed(text: str, *, delsp: bool) -> str:
    """Lines that end with a blank go on in the next one of the same quote depth (RFC 3676, section 4)."""
    lines: list[str] = []
    open_depth = -1  # of the line that goes on; -1: none does
    for line in text.replace("\r\n", "\n").split("\n"):
        content = line.lstrip(">")
        depth = len(line) - len(content)
        content = content.removeprefix(" ")
        signature = content == _SIGNATURE
        if depth == open_depth and not signature:
            lines[-1] += content
        else:
            lines.append("> " * bool(depth) + content if depth < 2 else ">" * depth + " " + content)
        open_depth = depth if content.endswith(" ") and not signature else -1
        if delsp and open_depth >= 0:
            lines[-1] = lines[-1][:-1]
    return "\n".join(lines)
