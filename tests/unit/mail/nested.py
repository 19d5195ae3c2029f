"""Mails of any nesting, for tests that compare two ways to take them apart."""

from __future__ import annotations

import random

HEAD = b"From: ada@example.org\r\nSubject: nested\r\nMIME-Version: 1.0\r\n"
TEXT = b"Content-Type: text/plain; charset=utf-8\r\n\r\nhello"
HTML = b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>hello</p>"
JPEG = (
    b"Content-Type: image/jpeg; name=\"a b.jpg\"\r\nContent-Disposition: attachment; filename*=utf-8''%C3%A4.jpg\r\n"
    b"Content-ID: <x@y>\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\nQUJD"
)
FORWARDED = b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n"


def multipart(
    boundary: bytes,
    *parts: bytes,
    subtype: bytes = b"mixed",
    before: bytes = b"",
    after: bytes = b"",
    closed: bool = True,
) -> bytes:
    """A Content-Type field, the blank line and the body."""
    lines = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    end = b"--" + boundary + b"--\r\n" if closed else b""
    return b'Content-Type: multipart/%s; boundary="%s"\r\n\r\n' % (subtype, boundary) + before + lines + end + after


def anything(chance: random.Random, depth: int = 0) -> bytes:
    """A part of a random shape, with boundaries that begin with one another and end too early or not at all."""
    if depth < 5 and chance.random() < 0.45:
        return multipart(
            chance.choice([b"a", b"ab", b"abc", b"=_x", b"=_x1", b"b--", b"q"]),
            *[anything(chance, depth + 1) for _ in range(chance.randint(0, 4))],
            subtype=chance.choice([b"mixed", b"alternative", b"digest", b"related"]),
            before=chance.choice([b"", b"before\r\n", b"--a\r\n"]),
            after=chance.choice([b"", b"after\r\n", b"\r\n"]),
            closed=chance.random() < 0.8,
        )
    if chance.random() < 0.15:
        return FORWARDED + anything(chance, depth + 1)
    long = b"Content-Type: text/plain\r\n\r\n" + b"x" * chance.randint(0, 5_000)
    dashes = b"Content-Type: text/plain\r\n\r\n--\r\n--a x\r\n\r\n"
    return chance.choice([TEXT, HTML, JPEG, b"\r\nno header\r\n", b"no blank line\r\n", dashes, long])


MAILS = {
    "no Content-Type": HEAD + b"\r\nhello\r\n",
    "no body": HEAD + b"\r\n",
    "no blank line": HEAD,
    "a blank line first": b"\r\nSubject: no header\r\n\r\nhello",
    "one part": HEAD + TEXT,
    "two parts": HEAD + multipart(b"b", TEXT, JPEG),
    "alternative inside mixed": HEAD + multipart(b"b", multipart(b"c", TEXT, HTML, subtype=b"alternative"), JPEG),
    "boundary begins with the outer one": HEAD + multipart(b"b", multipart(b"bb", TEXT, HTML), JPEG),
    "boundary begins with the inner one": HEAD + multipart(b"bb", multipart(b"b", TEXT, HTML), JPEG),
    "one boundary for both": HEAD + multipart(b"b", multipart(b"b", TEXT, HTML), JPEG),
    "outer never closed": HEAD + multipart(b"b", TEXT, JPEG, closed=False),
    "inner never closed": HEAD + multipart(b"b", multipart(b"c", TEXT, HTML, closed=False), JPEG),
    "text before and after": HEAD + multipart(b"b", TEXT, before=b"pre\r\n--x\r\n", after=b"epi\r\n--b\r\nno part\r\n"),
    "no parts": HEAD + multipart(b"b"),
    "inner without parts": HEAD + multipart(b"b", multipart(b"c"), TEXT),
    "no boundary named": HEAD + b"Content-Type: multipart/mixed\r\n\r\nhello",
    "digest": HEAD + multipart(b"b", b"\r\nSubject: inner\r\n\r\nhello", TEXT, subtype=b"digest"),
    "forwarded": HEAD + multipart(b"b", TEXT, FORWARDED + multipart(b"c", TEXT, JPEG), TEXT),
    "forwarded with the outer boundary": HEAD + multipart(b"b", TEXT, FORWARDED + multipart(b"b", TEXT, JPEG), TEXT),
    "forwarded with a longer boundary": HEAD + multipart(b"b", TEXT, FORWARDED + multipart(b"bb", TEXT, JPEG), TEXT),
    "forwarded twice": HEAD + multipart(b"b", TEXT, FORWARDED + FORWARDED + multipart(b"bb", TEXT, JPEG), TEXT),
    "forwarded header only": HEAD + multipart(b"b", TEXT, FORWARDED, TEXT),
    "a message as the whole": HEAD + b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nhello",
    "parts without headers": HEAD + multipart(b"b", b"\r\nhello", b"odd\r\n\r\nhello", b"", b"\r\n"),
    "blanks and more behind boundaries": HEAD
    + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b  \r\n\r\nx\r\n--bxx\r\n\r\ny\r\n--b--  \r\nz",
    "parts behind the end": HEAD + multipart(b"b", TEXT, after=b"--b\r\n\r\nlate\r\n--b--\r\n"),
    "upper case and folds": HEAD
    + b'CONTENT-TYPE: MULTIPART/MIXED;\r\n\tBOUNDARY="b"\r\n\r\n--b\r\nContent-type: TEXT/HTML; CHARSET=UTF-8\r\n'
    b"Content-Transfer-Encoding: BASE64\r\nContent-disposition: INLINE; FILENAME=X\r\n\r\nx\r\n--b--\r\n",
    "long names": HEAD
    + b'Content-Type: application/pdf;\r\n name*0="foo";\r\n name*1="bar.pdf"\r\nContent-Disposition: attachment;\r\n'
    b" filename*0*=utf-8''%c3;\r\n filename*1*=%a4.pdf\r\n\r\nx",
    "LF only": (HEAD + multipart(b"b", multipart(b"c", TEXT, HTML), JPEG)).replace(b"\r\n", b"\n"),
}
