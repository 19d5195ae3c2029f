"""Mails that tests of several servers deliver."""

from __future__ import annotations


def carrying(octets: int) -> str:
    """A mail with a picture, in a multipart inside a multipart, of so many octets of base64."""
    lines = (("QUJDRA" * 12 + "QUJD" + "\r\n") * (octets // 78 + 1))[: octets - octets % 78]
    return (
        "From: a@b.example\r\nSubject: picture\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=out\r\n\r\n"
        "--out\r\nContent-Type: text/plain\r\n\r\nsee below\r\n"
        "--out\r\nContent-Type: multipart/related; boundary=in\r\n\r\n"
        "--in\r\nContent-Type: text/html\r\n\r\n<p>see below</p>\r\n"
        "--in\r\nContent-Type: image/jpeg; name=hall.jpg\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        f"{lines}--in--\r\n"
        "--out\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninside\r\n--out--\r\n"
    )
