"""Mails that cost as much as the limits let them."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Iterable

SIZE = 262_144
HEAD = b"From: a@b.example\r\nTo: c@d.example\r\nSubject: hello\r\nMIME-Version: 1.0\r\n"
PLAIN = b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
HTML = b"Content-Type: text/html; charset=utf-8\r\n\r\n"


def _filled(piece: str, size: int = SIZE) -> bytes:
    octets = piece.encode()
    return (octets * (size // len(octets) + 1))[:size]


_TEXTS = {  # a text full of it
    "one letter": "a",
    "words in one line": "alarm at the door ",
    "words": "alarm at the door\r\n",
    "line ends": "\r\n",
    "carriage returns": "\r",
    "blanks": " ",
    "tabs and line ends": "\t\r\n",
    "quotes": ">",
    "quoted lines": "> hello\r\n",
    "deeper and deeper quotes": "> > > >> ",
    "who wrote": "On Sun, 1 Nov 2026 at 12:00, Ada <a@b.example> wrote:\r\n",
    "who wrote, quoted": "Am 01.11.2026 um 12:00 schrieb Ada:\r\n> x\r\n",
    "signatures": "-- \r\n",
    "dashes": "-",
    "forwarded": "---------- Forwarded message ---------\r\nFrom: A <a@b.example>\r\nSubject: x\r\n\r\n",
    "header lines": "From: a@b.example\r\nSubject: x\r\n",
    "less-than": "<",
    "ampersands": "&",
    "entities": "&#x41;&amp;",
    "unfinished entities": "&#",
    "nested tags": "<div>",
    "nested tags of all kinds": "<b><i><p><table><tr><td>",
    "end tags": "</div>",
    "attributes without end": '<a href="x" ',
    "quotes without end": '<a href="',
    "comments": "<!-- ",
    "comment ends": "-->",
    "links": '<a href="http://x.example/?a=1">x</a> ',
    "rows": "<tr><td>Total</td><td>1,234.50 EUR</td></tr>",
    "tables": "<table><tr><th>Temperature</th><td>21.5</td></tr></table>",
    "blockquotes": "<blockquote>x",
    "scripts": "<script>x</script>",
    "JSON-LD": '<script type="application/ld+json">{"@type":"ParcelDelivery","trackingNumber":"1"}</script>',
    "Microdata": '<div itemscope itemtype="http://schema.org/ParcelDelivery"><span itemprop="trackingNumber">1</span>',
    "styles": '<p style="display:none;color:red">x</p>',
    "encoded words": "=?utf-8?q?=C3=A4?= ",
    "unfinished encoded words": "=?",
    "equal signs": "=",
    "digits": "7",
    "numbers": "1,234.5 ",
    "codes": "code 123456 ",
    "code words": "your verification code is ",
    "dates": "1 Nov 2026 12:00 ",
    "date words": "Monday, January ",
    "amounts": "EUR 12.50 ",
    "durations": "1h 30m ",
    "addresses": "http://x.example/a?b=c ",
    "address beginnings": "http://",
    "labels": "Temperature: ",
    "rows of text": "Temperature  Humidity  21\r\n",
    "bars": "| a | b |\r\n",
    "accents": "e\u0301",
    "only accents": "\u0301",
    "accents of far scripts": "a\U0001e8d0 ",
    "accents of all far scripts": "".join(f"{chr(code)}a " for code in range(0x11000, 0x12000)),
    "words with accents": "\u00e9 a \u00e9 b ",
    "marks": "\ufdd0a",
    "capital dotted I": "\u0130",
    "sharp s": "\u1e9e",
    "joiners": "\u200d",
    "soft hyphens": "a\u00ad",
    "right to left": "\u202e\u05d0",
    "emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467",
    "separators": "\u2028",
    "Hangul": "\u1100\u1161\u11a8",
    "ligatures": "\ufdfa",
    "nulls": "\x00",
    "escapes": "\x1b$B",
    "calendar": "BEGIN:VEVENT\r\nSUMMARY:x\r\nDTSTART:20261101T120000Z\r\nRRULE:FREQ=SECONDLY\r\nEND:VEVENT\r\n",
    "calendar beginnings": "BEGIN:VCALENDAR\r\n",
    "folded calendar": "DESCRIPTION:x\r\n x\r\n",
    "brackets": "[",
    "maps": '{"a":',
    "a list of numbers": "1,",
    "cells": "a;b,c\t",
    "quotes in cells": '"a""b",',
}
_TYPES = {
    "plain": b"text/plain; charset=utf-8",
    "flowed": b"text/plain; charset=utf-8; format=flowed; delsp=yes",
    "html": b"text/html; charset=utf-8",
    "calendar": b"text/calendar; charset=utf-8; method=REQUEST",
    "json": b'application/json; name="a.json"',
    "csv": b'text/csv; name="a.csv"',
    "ics": b'application/ics; name="a.ics"',
    "quoted-printable": b"text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable",
    "base64": b"text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64",
    "utf-7": b"text/plain; charset=utf-7",
    "iso-2022-jp": b"text/plain; charset=iso-2022-jp",
    "utf-16": b"text/plain; charset=utf-16",
    "a mail": b"message/rfc822",
}
_FIELDS: dict[str, Callable[[], bytes]] = {  # a header
    "200,000 addresses": lambda: b"To: " + b"a@b.example, " * 200_000,
    "addresses one a field": lambda: b"To: a@b.example\r\n" * 4_000,
    "brackets": lambda: b"From: " + b"<" * SIZE,
    "angle addresses": lambda: b"From: " + b"<a@b>" * 20_000,
    "parentheses": lambda: b"From: " + b"(" * SIZE,
    "nested comments": lambda: b"From: " + b"(" * 30_000 + b")" * 30_000 + b"a@b",
    "quotes": lambda: b"From: " + b'"' * SIZE,
    "backslashes": lambda: b"From: " + b"\\" * SIZE,
    "colons": lambda: b"From: " + b":" * SIZE,
    "semicolons": lambda: b"From: " + b"a;" * SIZE,
    "at signs": lambda: b"From: " + b"@" * SIZE,
    "dots": lambda: b"From: " + b"a. " * SIZE,
    "punycode": lambda: b"From: x@" + b"xn--a." * 20_000,
    "20,000 encoded words": lambda: b"Subject: " + b"=?utf-8?q?=C3=A4?= " * 20_000,
    "20,000 encoded words, folded": lambda: b"Subject:" + b"\r\n =?utf-8?b?w6Q=?=" * 20_000,
    "encoded words without end": lambda: b"Subject: " + b"=?utf-8?q?" * 20_000,
    "encoded words of many charsets": lambda: b"Subject: " + b"".join(b"=?x%d?q?a?= " % n for n in range(5_000)),
    "names in encoded words": lambda: b"From: " + b"=?utf-8?q?a?= <a@b>, " * 3_000,
    "thousands of fields": lambda: b"".join(b"X-%d: x\r\n" % n for n in range(20_000)),
    "one field again and again": lambda: b"X-Camera: 7 7 7\r\n" * 20_000,
    "folded lines": lambda: b"Subject: x" + b"\r\n x" * 60_000,
    "accents": lambda: b"Subject: " + "e\u0301".encode() * 60_000,
    "words with accents": lambda: b"Subject: " + "\u00e9 a ".encode() * 60_000,
    "parameters": lambda: b"Content-Type: text/plain" + b"".join(b"; a*%d*=b" % n for n in range(9_000)),
    "parameters without end": lambda: b'Content-Type: text/plain; name="' + b"\\" * 60_000,
    "a long boundary": lambda: b"Content-Type: multipart/mixed; boundary=" + b"-" * 60_000,
    "references": lambda: b"References: " + b"<a@b> " * 12_000,
    "received": lambda: b"Received: from a by b; Sun, 1 Nov 2026 12:00:00 +0000\r\n" * 2_000,
    "authentication results": lambda: b"Authentication-Results: x; " + b"dkim=pass header.d=x; " * 3_000,
    "a date of digits": lambda: b"Date: " + b"1" * 60_000,
    "a date of words": lambda: b"Date: " + b"Sun, " * 12_000,
}


def made() -> dict[str, bytes]:
    """Name → a whole message."""
    found = {f"{kind}: {name}": _text(_TYPES[kind], piece) for name, piece in _TEXTS.items() for kind in _TYPES}
    found |= {f"5 MB: {name}": HEAD + PLAIN + _filled(_TEXTS[name], 5_000_000) for name in ("words", "one letter")}
    found |= {f"header: {name}": make().strip() + b"\r\n" + HEAD + PLAIN + b"hello" for name, make in _FIELDS.items()}
    return found | {f"parts: {name}": HEAD + make() for name, make in _PARTS.items()}


def mutated(count: int) -> dict[str, bytes]:
    """Mails of pieces of these, with octets changed here and there; the same ones each time."""
    chance = random.Random(1)
    whole = list(made().values())
    return {f"mutation {n}": _mutation(chance, whole) for n in range(count)}


def _mutation(chance: random.Random, whole: list[bytes]) -> bytes:
    pieces = []
    for _ in range(chance.randint(1, 4)):
        raw = chance.choice(whole)
        at = chance.randrange(min(len(raw), SIZE))
        pieces.append(raw[at : at + chance.choice([100, 10_000, SIZE])])
    kind = chance.choice(list(_TYPES.values()))
    mail = bytearray(HEAD + b"Content-Type: " + kind + b"\r\n\r\n" + b"".join(pieces))
    for _ in range(chance.randint(0, 200)):
        mail[chance.randrange(len(mail))] = chance.randrange(256)
    return bytes(mail)


def _text(kind: bytes, piece: str) -> bytes:
    body = _filled(piece)
    if b"base64" in kind:
        body = base64.encodebytes(body)
    if b"utf-16" in kind:
        body = body.decode("utf-8", "ignore").encode("utf-16")
    return HEAD + b"Content-Type: " + kind + b"\r\n\r\n" + body


def _multipart(parts: Iterable[bytes], boundary: bytes = b"b") -> bytes:
    inside = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    return b"Content-Type: multipart/mixed; boundary=" + boundary + b"\r\n\r\n" + inside + b"--" + boundary + b"--\r\n"


def _file(name: str, kind: str, content: bytes) -> bytes:
    return (
        f'Content-Type: {kind}; name="{name}"\r\nContent-Disposition: attachment; filename="{name}"\r\n'
        "Content-Transfer-Encoding: base64\r\n\r\n"
    ).encode() + base64.encodebytes(content)


def _nested(depth: int) -> bytes:
    body = PLAIN + b"hello"
    for n in range(depth):
        body = _multipart([body], b"b%d" % n)
    return body


def _forwarded(depth: int) -> bytes:
    body = PLAIN + b"hello"
    for _ in range(depth):
        body = b"Content-Type: message/rfc822\r\n\r\nFrom: a@b.example\r\nSubject: x\r\n" + body
    return body


_PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (60_000).to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"
_PARTS: dict[str, Callable[[], bytes]] = {
    "thousands": lambda: _multipart([PLAIN + b"x"] * 5_000),
    "thousands of files": lambda: _multipart([_file("a.jpg", "image/jpeg", b"x")] * 5_000),
    "thousands without a header": lambda: _multipart([b"\r\n"] * 20_000),
    "nothing but boundaries": lambda: b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * 200_000,
    "boundaries that begin alike": lambda: b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--bb\r\n" * 200_000,
    "deep": lambda: _nested(300),
    "mails in mails": lambda: _forwarded(300),
    "a text and a file of 5 MB": lambda: _multipart([PLAIN + b"hello", _file("a.jpg", "image/jpeg", b"x" * 5_000_000)]),
    "a picture that claims to be large": lambda: _multipart([PLAIN, _file("a.jpg", "image/png", _PNG + b"x" * 9_000)]),
    "deep JSON": lambda: _multipart([PLAIN, _file("a.json", "application/json", b"[" * 140_000)]),
    "wide JSON": lambda: _multipart([PLAIN, _file("a.json", "application/json", b'{"a":' + b"[1]," * 30_000 + b"1}")]),
    "a JSON number": lambda: _multipart([PLAIN, _file("a.json", "application/json", b"1" * 140_000)]),
    "wide CSV": lambda: _multipart([PLAIN, _file("a.csv", "text/csv", b"a," * 70_000 + b"\n" + b"1," * 70_000)]),
    "CSV in quotes": lambda: _multipart([PLAIN, _file("a.csv", "text/csv", b'"' * 140_000)]),
    "a calendar": lambda: _multipart([PLAIN, _file("a.ics", "text/calendar", _filled(_TEXTS["calendar"], 140_000))]),
    "a zone of rules": lambda: _multipart([PLAIN, _file("a.ics", "text/calendar", _ZONES)]),
    "HTML beside text": lambda: _multipart([PLAIN + b"hello", HTML + _filled(_TEXTS["rows"])]),
}
_ZONES = (
    b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\n"
    + b"BEGIN:VTIMEZONE\r\nTZID:x\r\nBEGIN:STANDARD\r\nDTSTART:16010101T000000\r\nRRULE:FREQ=SECONDLY\r\n"
    b"TZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    * 500
    + b"BEGIN:VEVENT\r\nDTSTART;TZID=x:20261101T120000\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
