"""A part's bytes, as transferred → the text that people read."""

from __future__ import annotations

import re

from bridge.mail import charset, html, invisible, limits, transfer
from bridge.mail.part import Part

_LINE_ENDS = "\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_SPACES = "\xa0\u202f\u205f\u2800\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_CONTROLS = "".join(map(chr, (*range(0x09), *range(0x0E, 0x1C), 0x1F, *range(0x7F, 0x85), *range(0x86, 0xA0))))
_TIDY = {**dict.fromkeys(_LINE_ENDS, "\n"), **dict.fromkeys(_SPACES + _CONTROLS, " ")}
_TIDY_ASCII = str.maketrans({char: instead for char, instead in _TIDY.items() if char.isascii()})
_EMPTY_LINES = re.compile("\n\n\n+")  # written so, the engine looks for the beginning first
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
    text = text.replace("\r\n", "\n")
    if text.isascii():
        text = text.translate(_TIDY_ASCII)
    else:
        text = invisible.drop(text)
        for char, instead in _TIDY.items():  # a regex takes a hundred times as long over a text that is full of them
            text = text.replace(char, instead)
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
