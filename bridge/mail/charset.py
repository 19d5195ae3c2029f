"""Bytes in some charset → text that is safe to pass on: it always encodes to UTF-8.

The names come from strangers, so they are looked up in a table made once, never with ``codecs.lookup``: that touches
the disk for each name it does not know and remembers it for ever, and it knows codecs that are no charsets
(``punycode`` takes quadratic time).
"""

from __future__ import annotations

import codecs
import encodings.aliases
import re

_NO_CHARSET = frozenset(
    {"base64_codec", "bz2_codec", "hex_codec", "mbcs", "quopri_codec", "rot_13", "uu_codec", "zlib_codec"}
)
# What mailers write, and the supersets that they really send (as the WHATWG Encoding Standard has it).
_AS_SENT = {
    "ascii": "",
    "us_ascii": "",
    "unknown_8bit": "",
    "x_unknown": "",
    "iso8859_1": "cp1252",
    "latin_1": "cp1252",
    "iso8859_9": "cp1254",
    "iso8859_8_i": "iso8859_8",
    "iso_8859_8_i": "iso8859_8",
    "iso_8859_8_e": "iso8859_8",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x_gbk": "gb18030",
    "euc_kr": "cp949",
    "ks_c_5601_1987": "cp949",
    "shift_jis": "cp932",
    "x_sjis": "cp932",
    "iso2022_jp": "iso2022_jp_ext",
    "windows_874": "cp874",
    "tis_620": "cp874",
    "unicode_1_1_utf_7": "utf_7",
    "utf8mb4": "utf_8",
    "x_mac_roman": "mac_roman",
    "macintosh": "mac_roman",
    "x_mac_cyrillic": "mac_cyrillic",
}
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_PUNCTUATION = re.compile("[^a-z0-9]+")
_NAME_CHARS = 40
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _known() -> dict[str, str]:
    aliases = encodings.aliases.aliases
    codecs_by_name = {**{codec: codec for codec in aliases.values()}, **aliases}
    sensible = {name: codec for name, codec in codecs_by_name.items() if codec not in _NO_CHARSET}
    return {name: _AS_SENT.get(codec, codec) for name, codec in sensible.items()} | _AS_SENT


_CODECS = _known()


def decode(raw: bytes, name: str = "") -> str:
    """``raw`` as the charset ``name`` has it, as well as it can be; a character cut off at the end is left out.

    No name, ``us-ascii`` and unknown names mean: UTF-8 where it is valid UTF-8, else Windows-1252.
    """
    if raw.isascii() and b"\x1b" not in raw and not name:
        return raw.decode("ascii")
    codec = _CODECS.get(_PUNCTUATION.sub("_", name[:_NAME_CHARS].lower()).strip("_"), "")
    if not codec or (codec == "utf_7" and not raw.isascii()):  # which has seven bits alone
        return guess(raw)
    try:
        text = codecs.getincrementaldecoder(codec)("replace").decode(raw, False)
    except (UnicodeError, LookupError, ValueError):
        return guess(raw)
    return scrub(text)


def decode_file(raw: bytes, name: str = "") -> str:
    """The text of a file: a byte order mark says more than what the mail says of it; lines end with a line feed."""
    for mark, codec in _MARKS:
        if raw.startswith(mark):
            raw, name = raw[len(mark) :], codec
            break
    text = decode(raw, name)
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def guess(raw: bytes) -> str:
    """Text of an unknown charset: UTF-8, else Windows-1252, else Latin-1; seven-bit Japanese by its escapes."""
    if b"\x1b$" in raw and raw.isascii():
        return scrub(raw.decode("iso2022_jp_ext", "replace"))
    try:
        return codecs.utf_8_decode(raw, "strict", False)[0]
    except UnicodeDecodeError:
        pass
    try:
        return raw.decode("cp1252")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def scrub(text: str) -> str:
    """``text`` with lone surrogates replaced (UTF-7 and servers' oddities can make them): it encodes to UTF-8."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def one_line(text: str) -> str:
    """``text`` with each control character (and line separator) made a space."""
    return text if text.isascii() and text.isprintable() else _CONTROLS.sub(" ", text)
