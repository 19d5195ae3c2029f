"""A raw header → fields and text."""

from __future__ import annotations

import datetime

import pytest

from bridge.mail import header, limits


def subject(raw: bytes) -> str:
    return header.parse(b"Subject: " + raw + b"\r\n\r\n").first("subject")


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"Motion at hall", "Motion at hall"),
        (b"Motion\r\n at hall", "Motion at hall"),
        (b"Motion\n\tat hall", "Motion at hall"),
        (b"=?utf-8?q?Gr=C3=BC=C3=9Fe_aus_K=C3=B6ln?=", "Grüße aus Köln"),
        (b"=?UTF-8?B?R3LDvMOfZQ==?=", "Grüße"),
        (b"=?utf-8*de?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        (b"=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        (b"=?utf-8?q?a?=\r\n =?utf-8?q?b?=", "ab"),
        (b"=?utf-8?q?a?= and =?utf-8?q?b?=", "a and b"),
        (b"=?utf-8?q?K=C3?= =?utf-8?q?=B6ln?=", "Köln"),
        (b"=?utf-8?b?S8M=?= =?utf-8?b?tmxu?=", "Köln"),
        (b"=?iso-8859-1?q?K=F6ln?= =?utf-8?q?=C3=B6?=", "Kölnö"),
        (b"=?windows-1251?B?z/Do4uXy?=", "Привет"),
        (b"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
        (b"=?gb2312?B?1tDOxA==?=", "中文"),
        (b"=?utf-8?q?really??=", "really?"),
        (b"=?utf-8?q?a b?=", "a b"),
        (b"=?utf-8?b?R3LDvMOfZ!Q?=", "Grüße"),
        (b"=?utf-8?b?R3LDvMOf", "=?utf-8?b?R3LDvMOf"),
        (b"=?nonsense?q?K=C3=B6ln?=", "Köln"),
        (b"=?nonsense?q?K=F6ln?=", "Köln"),
        (b"=?punycode?q?abc?=", "abc"),
        (b"=?utf-8?q??=", ""),
        (b"K\xc3\xb6ln", "Köln"),
        (b"K\xf6ln", "Köln"),
        (b"\x1b$BF|K\\\x1b(B", "日本"),
        (b"a\x00b\x07c", "a b c"),
        (b"=?utf-8?q?a=0D=0ABcc:_x=00?=", "a  Bcc: x"),
        (b"=?utf-7?q?+2AA-?=", "\ufffd"),
    ],
)
def test_a_subject_is_read_as_its_sender_meant_it(raw: bytes, text: str) -> None:
    assert subject(raw) == text


def test_names_are_found_in_any_case_and_in_order() -> None:
    headers = header.parse(b"X-A: 1\r\nReceived: 2\r\nx-a : 3\r\n\r\nX-A: body")
    assert headers.all("X-a") == ["1", "3"]
    assert headers.first("x-A") == "1"
    assert headers.first("missing") == ""
    assert list(headers.items()) == [("X-A", "1"), ("Received", "2"), ("x-a", "3")]


def test_raw_values_keep_their_encoded_words() -> None:
    assert header.parse(b"To: =?utf-8?q?a=2C?=\r\n <a@b.c>\r\n").raw("to") == ["=?utf-8?q?a=2C?= <a@b.c>"]


def test_what_is_no_field_is_passed_over() -> None:
    headers = header.parse(b"From ada Mon Nov  2\nno field\nSubject: x\n: y\n\n")
    assert list(headers.items()) == [("Subject", "x")]


def test_one_field_is_found_without_a_scan() -> None:
    head = b"X: content-type: no\r\nContent-Type-X: no\r\nCONTENT-TYPE : text/html;\r\n charset=x\r\n\r\n"
    assert header.field(head, b"content-type") == "text/html; charset=x"
    assert header.field(b"Content-Type: a/b", b"content-type") == "a/b"
    assert header.field(b"X: y\r\n", b"content-type") == ""


def test_a_field_that_the_limit_cuts_is_not_believed() -> None:
    head = b"A: b\nTo: " + b"a@b.c, " * limits.HEADER_BYTES
    assert list(header.parse(head).items()) == [("A", "b")]


def test_limits_of_fields_and_encoded_words_hold() -> None:
    assert len(list(header.parse(b"a:b\n" * (limits.FIELDS + 5)).items())) == limits.FIELDS
    text = header.words(" ".join(["=?utf-8?q?a?="] * 20_000))
    assert text.startswith("a" * limits.ENCODED_WORDS + " =?utf-8?q?a?=")


@pytest.mark.parametrize(
    ("value", "utc"),
    [
        ("Mon, 2 Nov 2026 10:00:00 +0100", "2026-11-02T09:00:00+00:00"),
        ("2 Nov 2026 10:00 GMT", "2026-11-02T10:00:00+00:00"),
        ("Mon, 2 Nov 2026 10:00:00 +0100 (CET)", "2026-11-02T09:00:00+00:00"),
        ("Mon, 2 Nov 2026 10:00:00 -0000", "2026-11-02T10:00:00+00:00"),
        ("Mon,  2 Nov 26 10:00:00", "2026-11-02T10:00:00+00:00"),
        ("2026-11-02T10:00:00+01:00", "2026-11-02T09:00:00+00:00"),
        ("", None),
        ("yesterday", None),
        ("Mon, 99 Nov 2026 10:00:00 +0100", None),
        ("Mon, 2 Nov 2026 10:00:00 +9999", None),
        ("Mon, 2 Nov 0001 10:00:00 +0100", "2001-11-02T09:00:00+00:00"),
        ("0001-01-01T00:00:00+01:00", None),
        ("9999-12-31T23:59:59-01:00", None),
        ("Mon, 2 Nov " + "9" * 10_000 + " 10:00:00 +0100", None),
    ],
)
def test_a_date_is_aware_or_none(value: str, utc: str | None) -> None:
    found = header.date(value)
    assert (found and found.astimezone(datetime.UTC).isoformat()) == utc


def test_arrival_is_the_topmost_received_then_date() -> None:
    first = b"Received: by a; Mon, 2 Nov 2026 10:00:05 +0000\r\n"
    second = b"Received: by b; Mon, 2 Nov 2026 10:00:01 +0000\r\n"
    date = b"Date: Mon, 2 Nov 2026 09:00:00 +0000\r\n"
    assert str(header.arrival(header.parse(first + second + date))) == "2026-11-02 10:00:05+00:00"
    assert str(header.arrival(header.parse(b"Received: junk\r\n" + date))) == "2026-11-02 09:00:00+00:00"
    assert header.arrival(header.parse(b"")) is None
