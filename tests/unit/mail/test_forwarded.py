"""The mail that a mail carries, as the programs write it that people forward mails with."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import mail
from bridge.mail import forwarded, header, limits, quoting

FOLDER = Path(__file__).with_name("corpus") / "forwarded"
PLACE = mail.Place(mailbox="home", folder="INBOX", uidvalidity=1, uid=1)
DOOR = ("Front Door", "frontdoor@cameras.example")
ADA = ("Ada", "ada@example.org")
FULL_ADA = ("Lovelace, Ada", "ada@example.org")


def read(raw: bytes) -> mail.Mail:
    received = datetime.datetime(2026, 11, 2, tzinfo=datetime.UTC)
    return mail.Mail.from_bytes(raw, place=PLACE, flags=["\\Seen"], received=received)


def people(message: mail.Mail, field: str) -> list[tuple[str, str]]:
    return [(one.name, one.address) for one in message.addresses(field)]


def test_there_are_mails() -> None:
    assert len(list(FOLDER.glob("*.eml"))) == 15


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.eml")), ids=lambda path: path.stem)
def test_the_inner_mail_is_a_mail(path: Path) -> None:
    outer = read(path.read_bytes())
    inner = outer.forwarded
    assert inner is not None
    assert (inner.subject, people(inner, "From")) == ("Motion at hall", [DOOR])
    assert inner.text.split("\n")[0] == "temp=21.5"
    assert people(inner, "To")[0] in (ADA, FULL_ADA, ("Ada Lovelace", "ada@example.org"), ("", "ada@example.org"))
    assert (inner.place, inner.flags, inner.received) == (outer.place, outer.flags, outer.received)
    assert outer.fresh in ("", "See below.", "Siehe unten.")
    assert inner.has_text


@pytest.mark.parametrize(
    ("name", "field", "found"),
    [
        ("gmail-plain", "To", [("Ada Lovelace", "ada@example.org"), ("Bob", "bob@example.org")]),
        ("gmail-plain", "Cc", [("", "eve@example.org")]),
        ("apple-plain", "To", [FULL_ADA]),
        ("apple-plain", "Reply-To", [("", "desk@cameras.example")]),
        ("outlook-html", "To", [FULL_ADA, ("", "bob@example.org")]),
        ("outlook-plain", "To", [FULL_ADA, ("Bob", "")]),
        ("mutt", "To", [ADA]),
    ],
)
def test_addresses_are_told_in_many_ways(name: str, field: str, found: list[tuple[str, str]]) -> None:
    inner = read((FOLDER / f"{name}.eml").read_bytes()).forwarded
    assert inner is not None
    assert people(inner, field) == found


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("gmail-plain", "temp=21.5\n\n--\nFront Door"),
        ("apple-plain", "temp=21.5\n\n> older"),
        ("mutt", "temp=21.5"),
        ("thunderbird-html", "temp=21.5"),
    ],
)
def test_the_text_is_what_stands_behind_the_header(name: str, text: str) -> None:
    inner = read((FOLDER / f"{name}.eml").read_bytes()).forwarded
    assert inner is not None
    assert inner.text == text


def test_the_date_is_read_where_it_is_written_as_in_a_header() -> None:
    inner = read((FOLDER / "thunderbird-plain.eml").read_bytes()).forwarded
    assert inner is not None
    assert inner.date is not None
    assert inner.date.isoformat() == "2026-11-02T10:00:00+01:00"


def plain(text: str, subject: str = "Fwd: x", **more: str) -> mail.Mail:
    fields = {"Subject": subject, "Content-Type": "text/plain; charset=utf-8", **more}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return read((head + "\r\n" + text.replace("\n", "\r\n")).encode())


BLOCK = "From: A <a@b.c>\nSent: Monday 10:00\nTo: x\nSubject: inner\n\nbody"


@pytest.mark.parametrize(
    ("text", "subject", "carries"),
    [
        (BLOCK, "Fwd: x", True),
        (BLOCK, "WG: x", True),
        (BLOCK, "x", True),
        (BLOCK, "Re: x", False),
        (BLOCK, "AW: Fwd: x", False),
        (BLOCK, "Re[2]: x", False),
        ("-----Original Message-----\n" + BLOCK, "RE: x", False),
        ("-----Original Message-----\n" + BLOCK, "FW: RE: x", True),
        ("----- Forwarded message -----\n" + BLOCK, "Re: x", True),
        ("> ---- Forwarded message ----\n> " + BLOCK.replace("\n", "\n> "), "Re: Fwd: x", False),
        ("> ---- Forwarded message ----\n> " + BLOCK.replace("\n", "\n> "), "Fwd: x", True),
        ("> " + BLOCK.replace("\n", "\n> "), "x", False),
        ("-----Original Message-----\nno header", "FW: x", False),
        ("From: A <a@b.c>\nSubject: a device says so\ntemp=1", "x", False),
        ("On 02.11.26 10:00, Ada wrote:\n> x", "Re: x", False),
        ("", "Fwd: x", False),
    ],
)
def test_an_answer_carries_no_mail(text: str, subject: str, carries: bool) -> None:
    assert (plain(text, subject).forwarded is not None) is carries


def test_what_came_with_a_quoted_mail_came_with_it() -> None:
    raw = (
        b"Subject: Fwd: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n"
        b"---- Forwarded message ----\r\nFrom: a@b.c\r\nSubject: inner\r\n\r\nbody\r\n--b\r\n"
        b"Content-Type: image/jpeg; name=door.jpg\r\n\r\nx\r\n--b--"
    )
    inner = read(raw).forwarded
    assert inner is not None
    assert [(part.section, part.name) for part in inner.attachments] == [("2", "door.jpg")]
    assert inner.content["2"] == b"x"


def test_of_a_forwarded_forward_the_outer_one_comes_first() -> None:
    outer = plain(
        "---- Forwarded message ----\nFrom: b@b.c\nSubject: Fwd: one\n\n"
        "FYI\n---- Forwarded message ----\nFrom: c@b.c\nSubject: two\n\nbody"
    )
    first = outer.forwarded
    assert first is not None
    second = first.forwarded
    assert second is not None
    assert [first.subject, second.subject, second.text, second.forwarded] == ["Fwd: one", "two", "body", None]


def test_a_subject_is_wrapped_only_in_plain_text() -> None:
    text = "---- Forwarded message ----\nFrom: b@b.c\nSubject: a long\n subject\n\nbody"
    inner = plain(text).forwarded
    assert inner is not None
    assert (inner.subject, inner.text) == ("a long subject", "body")
    html = plain(text.replace("\n\n", "\n").replace("\n", "<br>"), **{"Content-Type": "text/html"}).forwarded
    assert html is not None
    assert (html.subject, html.text) == ("a long", "subject\nbody")


def test_an_attached_mail_that_is_not_in_hand_is_not_read() -> None:
    outer = mail.Mail.from_fetch(
        place=PLACE,
        head=b"Subject: Fwd\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n",
        size=9_000,
        flags=(),
        received=datetime.datetime(2026, 11, 2, tzinfo=datetime.UTC),
        bodystructure=(
            [
                (b"TEXT", b"PLAIN", None, None, None, b"7BIT", 9_000, 9),
                (b"MESSAGE", b"RFC822", None, None, None, b"7BIT", 90_000, None, None, 9),
            ],
            b"MIXED",
        ),
        text_prefix=b"--b\r\n\r\n---- Forwarded message ----\r\nFrom: a@b.c\r\nSubject: x\r\n\r\n",
    )
    assert outer.forwarded is None
    more = outer.with_content({"2": b"Subject: inner\r\n\r\nbody"}, frozenset("2"))
    assert more.forwarded is not None
    assert more.forwarded.subject == "inner"


LINES = st.sampled_from(
    [
        *("From: ", "*Von:* ", "Subject: ", "To: ", "Date: ", "a@b.c", "<a@b.c>", "Lovelace, Ada", ";", ",", "> ", '"'),
        *("\n", "\r\nX-Evil: 1", "\r", "\x0b", "\x85", "\u2028", "=?utf-8?q?=0D=0AX-Evil:_1?=", "\\", "\x00", "::"),
        *("---- Forwarded message ----\n", "-----Original Message-----\n", "Begin forwarded message:\n"),
        *("X-Evil: 1\n", "\n\n", "[mailto:a@b.c]"),
    ]
)
TEXTS = st.one_of(st.text(), st.lists(st.one_of(LINES, st.text(max_size=5)), max_size=30).map("".join))


@given(TEXTS, st.booleans())
def test_a_quoted_header_never_becomes_another(text: str, wrapped: bool) -> None:
    text = text.encode("utf-8", "replace").decode()
    found = forwarded.quoted("---- Forwarded message ----\n" + text, subject="x", wrapped=wrapped)
    if found is not None:
        fields = [name for name, _ in header.parse(found.head).items()]
        known = {"From", "To", "Cc", "Subject", "Date", "Reply-To", "Content-Type"}
        assert len(fields) == len(set(fields))
        assert set(fields) <= known
        assert found.head.count(b"\n") == len(fields) + 1
        assert not set(found.head.replace(b"\r\n", b"")) & set(b"\r\n\0")
        assert header.end(found.head) == len(found.head)


@pytest.mark.parametrize("char", ["\r", "\0", "\x0b", "\x0c", "\x85", "\u2028", "\x1b"])
@pytest.mark.parametrize("field", ["From", "To", "Subject", "Date"])
def test_a_value_stays_in_its_line(field: str, char: str) -> None:
    text = f"---- Forwarded message ----\nFrom: a@b.c\nSubject: x\n{field}: x{char}X-Evil: 1\n\nbody"
    text = text.replace(f"{field}: x\n", "") if field != "From" else text.replace("From: a@b.c\n", "")
    found = forwarded.quoted(text, subject="x", wrapped=True)
    assert found is not None
    assert not set(found.head.replace(b"\r\n", b"").decode()) & set(char)
    assert header.parse(found.head).all("X-Evil") == []


@given(st.binary(max_size=200), st.sampled_from(["message/rfc822", "text/plain", "text/html"]))
def test_any_bytes_may_be_carried(octets: bytes, kind: str) -> None:
    raw = (
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: "
        + kind.encode()
        + b"\n\n"
        + octets
        + b"\n--b--"
    )
    inner: mail.Mail | None = read(raw)
    for _ in range(4):
        if inner is not None:
            f"{inner.subject}{inner.text}{inner.fresh}".encode()
            inner = inner.forwarded


@pytest.mark.parametrize(
    "line", ["From: a", "---- Forwarded message ----", "-----Original Message-----\nFrom: a", "a:", "To: a,\nb@c"]
)
def test_every_line_is_looked_at_a_bounded_number_of_times(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0
    label = quoting.label

    def counted(one: str) -> tuple[str, str] | None:
        nonlocal looked
        looked += 1
        return label(one)

    monkeypatch.setattr(quoting, "label", counted)
    counts = []
    for lines in (limits.LINES // 10, limits.LINES):
        looked = 0
        forwarded.quoted("\n".join([line] * lines), subject="x", wrapped=True)
        counts.append(looked)
    assert counts[1] <= 11 * counts[0] + 20
