"""Parameters of Content-Type and Content-Disposition."""

from __future__ import annotations

import pytest

from bridge.mail import limits, params, part


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ('attachment; filename="a b.jpg"', "a b.jpg"),
        ("attachment; filename=a.jpg", "a.jpg"),
        ("attachment; filename=my photo.jpg; size=3", "my photo.jpg"),
        ("attachment; filename*=utf-8''%C3%A4%20b.jpg", "ä b.jpg"),
        ("attachment; filename*=iso-8859-1'de'%E4.jpg", "ä.jpg"),
        ("attachment; filename=plain.jpg; filename*=utf-8''%C3%A4.jpg", "ä.jpg"),
        ('attachment; filename*0="one "; filename*1="two.jpg"', "one two.jpg"),
        ("attachment; filename*1*=%B6.jpg; filename*0*=utf-8''K%C3", "Kö.jpg"),
        ('attachment; filename="=?utf-8?b?w6QuanBn?="', "ä.jpg"),
        ("attachment; filename==?utf-8?q?=C3=A4.jpg?=", "ä.jpg"),
        ('attachment; filename="a\\"b.jpg"', 'a"b.jpg'),
        ('attachment; filename="C:\\\\Users\\\\ada\\\\a.jpg"', "a.jpg"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="..%2f"', "..%2f"),
        ('attachment; filename=".."', ""),
        ("attachment; filename*=utf-8''..%2F..%2Fa%00b%0D%0A.jpg", "a b  .jpg"),
        ("attachment; filename*=utf-8''photo%E2%80%AEgpj.exe", "photogpj.exe"),
        ('attachment; filename="unended.jpg', "unended.jpg"),
        ("attachment", ""),
        ("attachment; filename", ""),
        (';;;=;"', ""),
    ],
)
def test_a_file_name_is_read_and_leads_nowhere(value: str, name: str) -> None:
    _, pairs = params.split(value)
    assert part._file_name(pairs, []) == name


def test_a_long_name_keeps_its_extension() -> None:
    name = part._file_name([("filename", "x" * 1_000 + ".jpg")], [])
    assert (len(name), name[-5:]) == (limits.NAME_CHARS, "x.jpg")


def test_the_first_word_is_in_lower_case_without_comments() -> None:
    assert params.split(" Text/HTML(x); Charset=UTF-8") == ("text/html", [("charset", "UTF-8")])
    assert params.split("") == ("", [])
