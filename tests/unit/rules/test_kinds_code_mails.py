"""``{type: code}`` in whole mails, with their footers, orders and addresses (``code_mails.txt``)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge import plugins, rules
from tests.unit.rules import making

FOOTERS = (
    "",
    "\n\nExample Inc, 100200 Lamp Road 3",
    "\n© 2026 Example GmbH, 10115 Berlin, HRB 100200",
    "\n\nOrder 445566 · 560001 Bengaluru",
)
convert = plugins.find("kinds", "code").make(rules.NoOptions())


def mails() -> Iterator[tuple[str, str, str]]:
    """(code, subject, text) of each."""
    _, *written = Path(__file__).with_name("code_mails.txt").read_text("utf-8").split("\n=== ")
    for one in written:
        head, _, text = one.partition("\n")
        code, _, subject = head.partition(" ")
        yield code, subject, text.rstrip("\n")


REAL = [one for one in mails() if one[0] != "-"]
TRAPS = [one for one in mails() if one[0] == "-"]


def found(text: str, subject: str = "x") -> str | None:
    try:
        code: str = convert(text, making.mail(Subject=subject), making.moment())
    except ValueError:
        return None
    return code


def test_there_are_many_of_both() -> None:
    assert min(len(REAL), len(TRAPS)) >= 20


@pytest.mark.parametrize("footer", FOOTERS)
@pytest.mark.parametrize(("code", "subject", "text"), REAL)
def test_the_code_of_a_mail_is_found_whatever_stands_below_it(code: str, subject: str, text: str, footer: str) -> None:
    assert found(text + footer, subject) == code


@pytest.mark.parametrize("footer", FOOTERS)
@pytest.mark.parametrize(("code", "subject", "text"), TRAPS)
def test_a_mail_without_a_code_has_none_whatever_stands_below_it(
    code: str, subject: str, text: str, footer: str
) -> None:
    assert found(text + footer, subject) is None, code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (
            "Please enter the following verification\ncode on the page to go on, it is\n482913 and nothing else.",
            "482913",
        ),
        ("We have got your request for a code.\n482913 is valid for ten minutes.", "482913"),
        ("We have got your request for a code.\nIn locker 482913 there is a parcel.", None),
        ("We have got your request for a code.\n482913 Exampletown", None),
        ("Dear customer, 483920 is your OTP.", "483920"),
        ("Your order is on its way. 483920 is your pickup code.", "483920"),
        ("Your voucher code: ABC-1234", None),
        ("Your code: ABCD-1234", "ABCD-1234"),
        ("Take 20 % off with the code AUTUMN20, or call 482913.", None),
        ("Your code is AUTUMN20.", "AUTUMN20"),
        ("Your code, see the letter to 1600 Amphitheatre Parkway", None),
        ("Your code and IBAN: DE89 3704 0044 0532 0130 00", None),
    ],
)
def test_sentences_addresses_and_offers_are_told_apart(text: str, code: str | None) -> None:
    assert found(text) == code
