"""``int``, ``float`` and ``amount``: numbers as people write them."""

from __future__ import annotations

import sys
import unicodedata
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies

from bridge import plugins, rules
from bridge.mail import Mail
from bridge.rules.written import numbers
from tests.unit.rules import making


def convert(kind: str, raw: Any, mail: Mail | None = None) -> Any:
    made = plugins.find("kinds", kind).make(rules.NoOptions())
    return made(raw, mail or making.mail("Hello"), making.moment())


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        # both signs: the last one precedes the decimals
        ("1,234.5", 1234.5),
        ("1.234,5", 1234.5),
        ("1,234,567.89", 1234567.89),
        ("1.234.567,89", 1234567.89),
        ("12,34,567.89", 1234567.89),
        # one of them, repeated: it groups
        ("1.234.567", 1234567.0),
        ("1,234,567", 1234567.0),
        # one, behind other groups: it precedes the decimals
        ("1 234,5", 1234.5),
        ("1 234,567", 1234.567),
        ("1\u202f234,5", 1234.5),
        ("1\xa0234\xa0567", 1234567.0),
        ("1\u2009234.5", 1234.5),
        ("1'234.5", 1234.5),
        ("1’234’567.50", 1234567.5),
        # one, three digits behind it: the comma groups, the point does not
        ("1,234", 1234.0),
        ("123,456", 123456.0),
        ("1.234", 1.234),
        ("21.500", 21.5),
        # one, any other
        ("21,5", 21.5),
        ("21.5", 21.5),
        ("0,125", 0.125),
        ("0.125", 0.125),
        ("1234,567", 1234.567),
        ("1234.567", 1234.567),
        ("1,2345", 1.2345),
        (",5", 0.5),
        (".5", 0.5),
        ("21.", 21.0),
        # signs and exponents
        ("\u22125", -5.0),
        ("-5", -5.0),
        ("- 5", -5.0),
        ("–5", -5.0),
        ("+3", 3.0),
        ("1e3", 1000.0),
        ("1,5E-3", 0.0015),
        # digits of other scripts
        ("١٢٣٫٥", 123.5),
        ("१२३", 123.0),
        ("１２．５", 12.5),
        # with a unit
        ("21.5 °C", 21.5),
        ("21.5C", 21.5),
        ("EUR 12", 12.0),
        ("EUR12", 12.0),
        ("€12", 12.0),
        ("12%", 12.0),
        ("12 m3", 12.0),
        ("12m3", 12.0),
        ("CO2: 412 ppm", 412.0),
        ("Temperatur: -3,5 Grad", -3.5),
        # what is a number already
        (7, 7.0),
        (7.5, 7.5),
    ],
)
def test_a_float_is_read_as_people_write_it(raw: object, value: float) -> None:
    found = convert("float", raw)
    assert value == found
    assert type(found) is float


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("7", 7),
        ("007", 7),
        ("\u22125", -5),
        ("1,234", 1234),
        ("1.234", 1234),
        ("1.234.567", 1234567),
        ("1 234", 1234),
        ("3.0", 3),
        ("1,234.00", 1234),
        ("1e3", 1000),
        ("12 %", 12),
        ("Room 12", 12),
        ("٤٢", 42),
        ("9" * 300, int("9" * 300)),
        (7, 7),
        (3.0, 3),
    ],
)
def test_an_int_is_a_whole_number_however_it_is_written(raw: object, value: int) -> None:
    found = convert("int", raw)
    assert value == found
    assert type(found) is int


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        *[
            (raw, "is no number")
            for raw in ("", "abc", "inf", "nan", "1e400", "14.11.2026", "1.2.3.4", "CAM-7", "0x1F")
        ],
        *[
            (raw, "is no number")
            for raw in ("1_000", "v2.1", "12,3,4", "1.234,567.8", "1'2", float("inf"), float("nan"))
        ],
        *[(raw, "is no number") for raw in (True, False, 10**400)],
        *[
            (raw, "has more than one number")
            for raw in ("18:05", "5-3", "1/2", "2026-11-14", "21 °C (70 °F)", "1 234 5")
        ],
        *[(raw, "is too long for a number") for raw in ("9" * 400, "x" * 101 + " 7")],
        *[(raw, "is no text") for raw in (None, b"1", [1], {"a": 1})],
    ],
)
def test_what_is_no_number_says_why(raw: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        convert("float", raw)
    with pytest.raises(ValueError, match=f"^{message.replace('no number', 'no whole number')}$"):
        convert("int", raw)


@pytest.mark.parametrize("raw", ["21.5", "21,5", 21.5, "1e-3"])
def test_decimals_make_no_whole_number(raw: object) -> None:
    with pytest.raises(ValueError, match=r"^is no whole number$"):
        convert("int", raw)


@pytest.mark.parametrize(
    ("text", "language", "raw", "value"),
    [
        ("Hello", "", "1.234", 1.234),
        ("Hello", "", "1,234", 1234.0),
        ("Hello", "de-DE", "1.234", 1234.0),
        ("Hello", "de", "1,234", 1.234),
        ("Hello", "de-CH, en", "1.234", 1.234),
        ("Hello", "en-US", "1,234", 1234.0),
        ("Hello", "es_MX", "1,234", 1234.0),
        ("Verbrauch 1.234 kWh, macht 312,50 EUR", "", "1.234", 1234.0),
        ("E5 1,789 und E10 1,729, gestern 12,50", "", "1,789", 1.789),
        ("Total 99.95", "", "1,789", 1789.0),
        ("Total 99.95", "de", "1,789", 1789.0),
        ("one says 99.95, the other 12,50", "", "1,234", 1234.0),
        ("on 14.11. at 18.05, version 2.4, from 10.0.0.1", "de", "1.234", 1234.0),
        ("12,50", "en-US", "1.234,5", 1234.5),
    ],
)
def test_an_ambiguous_number_is_read_as_the_others_in_its_mail_then_as_its_language(
    text: str, language: str, raw: str, value: float
) -> None:
    mail = making.mail(text, Content_Language=language) if language else making.mail(text)
    assert value == convert("float", raw, mail)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("EUR 1.234,50", 1234.5),
        ("$1,234.50", 1234.5),
        ("1 234,50 kr", 1234.5),
        ("1\xa0234,50\xa0€", 1234.5),
        ("12,- €", 12.0),
        ("12,-- EUR", 12.0),
        ("CHF 1'200.–", 1200.0),
        ("Fr. 12.-", 12.0),
        ("USD 12", 12.0),
        ("£3", 3.0),
        ("12€50", 12.5),
        ("€12.5", 12.5),
        ("R$ 12,00", 12.0),
        ("US$1,234", 1234.0),
        ("¥1,200", 1200.0),
        ("￥1,200", 1200.0),
        ("1200円", 1200.0),
        ("3.500 Ft", 3500.0),
        ("1 200 руб.", 1200.0),
        ("1.234.567,89 zł", 1234567.89),
        ("Kč 1 200", 1200.0),
        ("INR 1,23,456.00", 123456.0),
        ("٣٥٫٥٠ EUR", 35.5),
        ("Rs. 500/-", 500.0),
        ("100 Euro", 100.0),
        ("0.1 EUR", 0.1),
        ("0.10 EUR", 0.1),
        # negative
        ("−12,50 €", -12.5),
        ("-12,50 €", -12.5),
        ("-$12.50", -12.5),
        ("$-12.50", -12.5),
        ("EUR -12", -12.0),
        ("12,50- EUR", -12.5),
        ("Betrag: - 12,50 EUR", -12.5),
        ("Kaffee - 12,50 €", 12.5),
        ("5-12 €", 12.0),
        # ambiguous: both group, but for the sign behind it in a comma country, and dinars with three decimals
        ("1.234 €", 1234.0),
        ("EUR 1.234", 1234.0),
        ("1,234 USD", 1234.0),
        ("EUR 1,234", 1234.0),
        ("1,789 €/l", 1.789),
        ("KWD 1.234", 1.234),
        # in a longer text
        ("Order 4711: total EUR 12,50", 12.5),
        ("Ihre Rechnung 2026-11 über 12,50 EUR ist da", 12.5),
        ("Total: 3 items, $5.00, was $6.00", 5.0),
        ("x" * 5_000 + "\nTotal\t$5.00", 5.0),
        # no currency
        ("1.234,50", 1234.5),
        ("12", 12.0),
        ("12,50-", -12.5),
        (12, 12.0),
        (12.5, 12.5),
    ],
)
def test_an_amount_is_the_first_sum_with_a_currency_or_the_only_number(raw: object, value: float) -> None:
    found = convert("amount", raw)
    assert value == found
    assert type(found) is float


@pytest.mark.parametrize(
    "raw", ["", "abc", "2 apples", "Order 4711", "EUR", "EUR 1.2.3", "EURO", "ALL 5 LIGHTS", "1 2"]
)
def test_what_names_no_sum_is_no_amount(raw: str) -> None:
    with pytest.raises(ValueError, match=r"^has no sum of money$"):
        convert("amount", raw)


def test_amounts_are_exact_to_the_cent() -> None:
    assert [n / 100 for n in range(500)] == [convert("amount", f"EUR {n // 100},{n % 100:02}") for n in range(500)]


def test_every_digit_of_the_basic_plane_is_read() -> None:
    digits = [chr(code) for code in range(0x10000) if chr(code).isdecimal()]
    assert "".join(str(unicodedata.decimal(digit)) for digit in digits) == numbers.plain("".join(digits))


ANY = strategies.text(alphabet=strategies.sampled_from("0123456789.,' -+eE€$ EURkr\u202f٣\ud800\n"), max_size=60)


@pytest.mark.parametrize("kind", ["int", "float", "amount"])
@hypothesis.given(raw=ANY | strategies.text(max_size=120) | strategies.floats() | strategies.integers())
def test_anything_gives_a_finite_number_or_a_value_error(kind: str, raw: object) -> None:
    try:
        value = convert(kind, raw)
    except ValueError as error:
        assert "\n" not in str(error)  # noqa: PT017 — either way is right
        return
    assert abs(value) <= 10**300 if kind == "int" else abs(value) <= sys.float_info.max


@hypothesis.given(strategies.integers(-(10**12), 10**12))
def test_a_number_grouped_in_any_way_is_read_back(number: int) -> None:
    for group in ",.' \u202f":
        assert number == convert("int", f"{number:,}".replace(",", group))
