"""Whatever arrives: nothing raises, everything can be written down, and a prefix says what the whole says."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import errors, mail
from bridge.mail import text
from tests.unit.mail import nested

PLACE = mail.Place(mailbox="home", folder="INBOX", uidvalidity=1, uid=1)
NOW = datetime.datetime(2026, 11, 2, tzinfo=datetime.UTC)

_PIECES = st.sampled_from(
    [
        *(
            b"Subject: ",
            b"From: ",
            b"To: ",
            b"Date: ",
            b"Received: x; ",
            b"Content-Type: ",
            b"Content-Disposition: attachment; ",
        ),
        *(
            b"Content-Transfer-Encoding: base64\r\n",
            b"Content-Transfer-Encoding: quoted-printable\r\n",
            b"text/html",
            b"text/plain",
        ),
        *(
            b"multipart/mixed; boundary=b\r\n",
            b"message/rfc822",
            b"; charset=",
            b"utf-8",
            b"utf-7",
            b"iso-2022-jp",
            b"utf-16",
            b"hz",
        ),
        *(
            b"filename*0*=utf-8''%",
            b"name=",
            b"=?utf-8?q?",
            b"=?utf-16?b?",
            b"?=",
            b"=ED=A0=80",
            b"\xed\xa0\x80",
            b"+2AA-",
            b"\xff",
        ),
        *(
            b"\r\n",
            b"\n",
            b"\r\n\r\n",
            b" ",
            b"\t",
            b"--b\r\n",
            b"--b--",
            b'"',
            b"(",
            b")",
            b"<",
            b">",
            b",",
            b"@",
            b";",
            b"&#xD800;",
        ),
        *(
            b"<td>",
            b"<a href=",
            b"<!--",
            b"\x00",
            b"\x1b$B",
            b"\x1e",
            b"Mon, 2 Nov 2026 10:00:00 +0100",
            b"x.org",
            b"xn--a-ecp.example",
        ),
    ]
)
_RAW = st.one_of(
    st.binary(max_size=200), st.lists(st.one_of(_PIECES, st.binary(max_size=4)), max_size=40).map(b"".join)
)


def strings(message: mail.Mail) -> Iterator[str]:
    """Every string that a rule can get from a mail."""
    yield from (message.subject, message.message_id, message.text, message.fingerprint)
    for name, value in message.headers.items():
        yield from (name, value, *message.headers.all(name), *message.headers.raw(name))
    for field in ("From", "To", "Cc", "Reply-To"):
        for found in message.addresses(field):
            yield from (found.name, found.address, found.domain, found.ascii)
    for part in message.parts:
        yield from (part.section, part.type, part.name, part.charset, part.encoding, part.disposition, part.content_id)


@given(_RAW)
def test_any_bytes_are_a_mail(raw: bytes) -> None:
    try:
        message = mail.Mail.from_bytes(raw, place=PLACE)
        "".join(strings(message)).encode()
        assert message.received.tzinfo is not None
        assert message.date is None or message.date.astimezone(datetime.UTC)
        assert message.has_text
        for part in message.attachments:
            text.decode(part, message.content[part.section])
    except errors.MailError:
        pass


@given(_RAW)
def test_what_leaves_the_header_is_one_line(raw: bytes) -> None:
    message = mail.Mail.from_bytes(raw, place=PLACE)
    shown = [
        message.subject,
        *(part.name for part in message.parts),
        *(found.name for found in message.addresses("From")),
    ]
    assert not [line for line in shown if any(char < " " or char == "\x7f" for char in line)]


@given(_RAW)
def test_a_small_mail_is_the_same_fetched_or_whole(raw: bytes) -> None:
    whole = mail.Mail.from_bytes(raw, place=PLACE, received=NOW)
    body = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")[len(whole.head) :]
    fetched = fetch(whole, body)
    assert {section: fetched.content[section] for section in fetched.whole}.items() <= dict(whole.content).items()
    if fetched.has_text:
        assert fetched.text == whole.text
    assert list(fetched.headers.items()) == list(whole.headers.items())


def fetch(whole: mail.Mail, prefix: bytes) -> mail.Mail:
    """The mail as a server that agrees on its parts describes it."""
    described = tuple(
        (
            *part.type.encode().split(b"/"),
            (
                b"charset",
                part.charset.encode(),
                b"format",
                b"flowed" if part.flowed else b"",
                b"delsp",
                b"yes" if part.delsp else b"",
            ),
            *(part.content_id.encode(), None, part.encoding.encode(), part.size),
            (part.disposition.encode(), (b"filename*", b"utf-8''" + part.name.encode().replace(b"%", b"%25"))),
        )
        for part in whole.parts
    )
    flat = all("." not in part.section for part in whole.parts)
    single = flat and len(whole.parts) == 1 and not whole.headers.first("Content-Type").lower().startswith("multipart")
    structure = described[0] if single else (list(described), b"mixed")
    return mail.Mail.from_fetch(
        place=PLACE,
        head=whole.head,
        size=whole.size,
        flags=(),
        received=NOW,
        bodystructure=structure,
        text_prefix=prefix,
    )


def test_a_second_fetch_adds_what_was_missing() -> None:
    whole = mail.Mail.from_bytes(
        nested.HEAD + nested.multipart(b"b", nested.TEXT, nested.JPEG), place=PLACE, received=NOW
    )
    first = fetch(whole, b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nhel")
    assert (first.text, first.has_text) == ("hel", False)
    second = first.with_content({"1": b"hello"}, frozenset("1"))
    assert (second.text, second.has_text, second.parts) == ("hello", True, first.parts)


def test_a_mail_is_recognised_by_its_fingerprint() -> None:
    raw = b"Message-ID: <1@x>\r\nDate: today\r\nSubject: a\r\n\r\n"
    first, again = (mail.Mail.from_bytes(raw, place=PLACE) for _ in range(2))
    assert first.fingerprint == again.fingerprint
    assert first.fingerprint != mail.Mail.from_bytes(raw.replace(b"<1@x>", b"<2@x>"), place=PLACE).fingerprint


@pytest.mark.parametrize("field", ["from", "FROM", "From"])
def test_addresses_of_a_field_are_parsed_once(field: str) -> None:
    message = mail.Mail.from_bytes(b"From: ada@x.org\r\n\r\n", place=PLACE)
    assert message.addresses(field) is message.addresses("From")
