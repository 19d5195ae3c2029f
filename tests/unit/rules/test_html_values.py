"""``css``, ``label`` and ``data`` in rules: what they give of real mails, what they say, what they have to see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pydantic
import pytest

from bridge import rules
from bridge.mail import Mail, Place, limits
from tests.unit.rules import making

CORPUS = Path(__file__).parents[1] / "mail" / "corpus"
PLACE = Place(mailbox="home", folder="INBOX", uidvalidity=1, uid=1)
TRACK = "https://parcel.example/t?id=JJD00014000&l=de"


def read(name: str) -> Mail:
    return Mail.from_bytes((CORPUS / f"{name}.eml").read_bytes(), place=PLACE)


def explained(mail: Mail, **written: Any) -> rules.Verdict:
    (verdict,) = making.compiled(making.rule(**written)).evaluate(mail, making.moment(), explain=True)
    return verdict


@pytest.mark.parametrize(
    ("name", "extract", "value"),
    [
        ("parcel-json-ld", {"css": "a.track"}, "Sendung verfolgen"),
        ("parcel-json-ld", {"css": {"select": "a.track", "attribute": "href"}}, TRACK),
        ("parcel-json-ld", {"css": {"select": "a.track", "attribute": "HREF"}}, TRACK),
        ("parcel-json-ld", {"css": "a.track", "type": "url"}, TRACK),
        ("parcel-json-ld", {"css": {"select": "a.track", "attribute": "title"}}, None),
        ("parcel-json-ld", {"css": "td.price"}, None),
        ("parcel-json-ld", {"css": "script"}, None),
        ("order-microdata", {"css": "td.price"}, "€ 19.90"),
        ("order-microdata", {"css": "tr:nth-child(2) td.price span", "type": "float"}, 4.5),
        ("order-microdata", {"css": "td.total"}, "€ 24.40"),
        ("report-plain-table", {"css": "td"}, None),
        ("parcel-json-ld", {"data": "ParcelDelivery.trackingNumber"}, "JJD00014000"),
        ("parcel-json-ld", {"data": "parceldelivery.trackingnumber"}, "JJD00014000"),
        ("parcel-json-ld", {"data": "trackingNumber"}, "JJD00014000"),
        ("parcel-json-ld", {"data": "Order.orderDelivery.carrier.name"}, "Paket.Example"),
        ("parcel-json-ld", {"data": "Order.orderDelivery.itemShipped.sku"}, "B-2"),
        ("parcel-json-ld", {"data": "ParcelDelivery.itemShipped.name"}, "Ein Buch"),
        ("parcel-json-ld", {"data": "ParcelDelivery.expectedArrivalUntil"}, "2026-11-04T12:00:00+01:00"),
        ("parcel-json-ld", {"data": "Order.orderNumber", "type": "int"}, 176_057),
        ("parcel-json-ld", {"data": "Order.price"}, 21.5),
        ("parcel-json-ld", {"data": "Order.isGift"}, False),
        ("parcel-json-ld", {"data": "Order.isGift", "type": "bool"}, False),
        ("parcel-json-ld", {"data": "Order.merchant"}, {"@type": "Organization", "name": "Bücher & Co"}),
        ("parcel-json-ld", {"data": "EmailMessage.potentialAction.target"}, "https://parcel.example/go"),
        ("parcel-json-ld", {"data": "@type"}, "Order"),
        ("parcel-json-ld", {"data": "Invoice.total"}, None),
        ("parcel-json-ld", {"data": "Order.trackingNumber"}, None),
        ("order-microdata", {"data": "Order.orderNumber"}, "529-7"),
        ("order-microdata", {"data": "Offer.price", "type": "float"}, 19.9),
        ("order-microdata", {"data": "Order.acceptedOffer.itemOffered.name"}, "Lamp & shade"),
        ("report-plain-table", {"data": "Order.orderNumber"}, None),
        ("sensor-table", {"label": "Temperatur", "type": "float"}, 21.5),
        ("sensor-table", {"label": "Luftdruck"}, "1013 hPa"),
        ("sensor-table", {"label": "Feuchte"}, None),
        ("sensor-table", {"label": "Bad"}, "23.5"),
        ("sensor-table", {"label": "Akku"}, "87 %"),
        ("sensor-table", {"label": "Zustand"}, "in Ordnung"),
        ("sensor-table", {"label": "Firmware"}, "2.4.1"),
        ("report-plain-table", {"label": "Model"}, "SmartCell 900"),
        ("report-plain-table", {"label": "battery charge"}, "98 %"),
        ("report-plain-table", {"label": "Runtime"}, "34 min"),
        ("report-plain-table", {"label": "Last test"}, "2026-11-02 06:00"),
        ("report-plain-table", {"label": "Voltage", "type": "float"}, 230.1),
        ("report-plain-table", {"label": "Current", "type": "float"}, 4.2),
        ("report-plain-table", {"label": "Alarm"}, "Surge"),
        ("report-plain-table", {"label": "Count", "type": "int"}, 2),
        ("parcel-html-only", {"label": "Zustellung"}, "3. November"),
        ("parcel-html-only", {"css": "b"}, "JJD00014000"),
    ],
)
def test_a_value_of_a_real_mail(name: str, extract: dict[str, Any], value: Any) -> None:
    (verdict,) = making.evaluate(read(name), making.rule(extract={"x": {**extract, "default": None}}))
    assert verdict.values == {"x": value}
    assert type(verdict.values["x"]) is type(value)


@pytest.mark.parametrize(
    ("name", "data", "held"),
    [
        ("parcel-json-ld", {"ParcelDelivery.trackingNumber": "jjd"}, True),
        ("parcel-json-ld", {"ParcelDelivery.trackingNumber": {"starts": "JJD", "ends": "000"}}, True),
        ("parcel-json-ld", {"ParcelDelivery.trackingNumber": True, "@type": "parcel"}, True),
        ("parcel-json-ld", {"ParcelDelivery.trackingNumber": True, "Order.merchant.name": "other"}, False),
        ("parcel-json-ld", {"ParcelDelivery.itemShipped.name": {"is": "noch ein buch"}}, True),
        ("parcel-json-ld", {"Order": True, "Invoice": False}, True),
        ("parcel-json-ld", {"Invoice": True}, False),
        ("parcel-json-ld", {"Order": False}, False),
        ("parcel-json-ld", {"Order.price": "21.5", "Order.isGift": "false"}, True),
        ("parcel-json-ld", {"Order.orderStatus": ["OrderDelivered", "OrderInTransit"]}, True),
        ("order-microdata", {"@type": {"is": "order"}}, True),
        ("report-plain-table", {"Order": True}, False),
        ("report-plain-table", {"Order": False}, True),
        ("camera-alarm", {"@type": "/./"}, False),
    ],
)
def test_data_is_a_condition(name: str, data: dict[str, Any], held: bool) -> None:
    assert making.matches(read(name), when={"data": data}) is held


def test_named_groups_of_data_are_values() -> None:
    when = {"data": {"ParcelDelivery.itemShipped.name": "/(?P<what>noch .*)/", "Order.orderNumber": r"/(?P<n>\d+)/"}}
    (verdict,) = making.evaluate(read("parcel-json-ld"), making.rule(when=when))
    assert verdict.values == {"what": "Noch ein Buch", "n": "176057"}


@pytest.mark.parametrize(
    ("name", "written", "line"),
    [
        (
            "parcel-json-ld",
            {"when": {"data": {"ParcelDelivery.trackingNumber": "JJD", "Invoice": False}}},
            (
                "when.data",
                True,
                'ParcelDelivery.trackingNumber contains "JJD", Invoice is not there',
                "ParcelDelivery.trackingNumber: JJD00014000, no Invoice",
            ),
        ),
        (
            "parcel-json-ld",
            {"when": {"data": {"Invoice.total": True}}},
            ("when.data", False, "Invoice.total is there", "no Invoice.total"),
        ),
        (
            "camera-alarm",
            {"when": {"data": {"Order": True}}},
            ("when.data", False, "Order is there", "no schema.org data"),
        ),
        (
            "parcel-json-ld",
            {"extract": {"x": {"data": "Order.orderNumber", "type": "int"}}},
            ("extract.x", True, "data Order.orderNumber (int)", "176057"),
        ),
        (
            "parcel-json-ld",
            {"extract": {"x": {"css": {"select": "a.nope", "attribute": "href"}}}},
            ("extract.x", False, "href of css a.nope", "not found"),
        ),
        (
            "order-microdata",
            {"extract": {"x": {"css": "td.price", "type": "int"}}},
            ("extract.x", False, "css td.price (int)", '"€ 19.90" is no whole number'),
        ),
        (
            "sensor-table",
            {"extract": {"x": {"label": ["Temp", "/temp.*/"], "type": "float"}}},
            ("extract.x", True, "label Temp or /temp.*/ (float)", "21.5"),
        ),
        (
            "sensor-table",
            {"extract": {"x": {"label": "Wind"}}},
            ("extract.x", False, "label Wind", "not found"),
        ),
    ],
)
def test_explain_says_what_was_wanted_and_seen(name: str, written: dict[str, Any], line: tuple[Any, ...]) -> None:
    (found,) = explained(read(name), **written).conditions
    assert (found.path, found.held, found.wanted, found.saw) == line


TEXT, HTML = (b"TEXT", b"PLAIN"), (b"TEXT", b"HTML")


def fetched(*kinds: tuple[bytes, bytes], prefix: bytes = b"--b") -> Mail:
    """A mail of whose body only the beginning is there."""
    parts = [(*kind, (b"CHARSET", b"utf-8"), None, None, b"7BIT", 90_000, 900) for kind in kinds]
    return Mail.from_fetch(
        place=PLACE,
        head=b"From: a@b.example\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n",
        size=200_000,
        flags=(),
        received=making.ARRIVED,
        bodystructure=(parts, b"ALTERNATIVE"),
        text_prefix=prefix,
    )


@pytest.mark.parametrize(
    "written",
    [{"extract": {"x": {"css": "a"}}}, {"extract": {"x": {"data": "a"}}}, {"when": {"data": {"a": "b"}}}],
)
def test_html_is_asked_for_whether_or_not_there_is_a_text_and_only_where_there_is_some(written: dict[str, Any]) -> None:
    made = making.compiled(making.rule(**written))
    assert made.wants(fetched(TEXT, HTML)) == {"2": limits.TEXT_BYTES}
    assert made.wants(fetched(TEXT)) == {}


def test_a_label_asks_for_the_html_only_where_the_text_does_not_do() -> None:
    made = making.compiled(making.rule(extract={"x": {"label": "T"}}))
    assert set(made.wants(fetched(TEXT, HTML))) == {"1", "2"}
    assert set(made.wants(fetched(TEXT))) == {"1"}
    in_hand = b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%b\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>"
    assert made.wants(fetched(TEXT, HTML, prefix=in_hand % b"T: 5")) == {}
    assert set(made.wants(fetched(TEXT, HTML, prefix=in_hand % b"nothing"))) == {"2"}


@pytest.mark.parametrize(
    ("written", "place", "message"),
    [
        ({"css": "a >"}, ("css",), "no CSS selector: Expected selector, got the end"),
        ({"css": "a:hover"}, ("css",), '":hover" has no meaning in a mail'),
        ({"css": 5}, ("css",), 'write a CSS selector, such as "td.price"'),
        ({"css": " "}, ("css",), 'write a CSS selector, such as "td.price"'),
        ({"css": {"select": "a["}}, ("css", "select"), "no CSS selector: Expected ident or '*', got the end"),
        ({"css": {"selct": "a"}}, ("css", "selct"), 'unknown key; did you mean "select"?'),
        (
            {"css": {"select": "a", "attribute": 5}},
            ("css", "attribute"),
            "write the name of an attribute, such as href",
        ),
        (
            {"css": {"attribute": "href"}},
            ("css",),
            "write a selector under select, such as { select: a.track, attribute: href }",
        ),
        ({"data": "a b"}, ("data",), "write a type and its property, such as ParcelDelivery.trackingNumber"),
        ({"data": True}, ("data",), "write a type and its property, such as ParcelDelivery.trackingNumber"),
        ({"data": "a..b"}, ("data",), "write a type and its property, such as ParcelDelivery.trackingNumber"),
    ],
)
def test_what_is_wrong_with_a_source_is_one_error_at_its_place(
    written: dict[str, Any], place: tuple[str, ...], message: str
) -> None:
    check_fault({"extract": {"x": written}}, ("extract", "x", *place), message)


@pytest.mark.parametrize(
    ("written", "place", "message"),
    [
        ({}, (), "write a map, such as { ParcelDelivery.trackingNumber: true }"),
        ("Order", (), "write a map, such as { ParcelDelivery.trackingNumber: true }"),
        ({"a b": True}, ("a b",), "write a type and its property, such as ParcelDelivery.trackingNumber"),
        ({"a": "/(/"}, ("a",), "RE2 refuses this regex: missing ): ("),
        ({"a": {"strats": "x"}}, ("a", "strats"), 'unknown key; did you mean "starts"?'),
    ],
)
def test_what_is_wrong_with_the_condition_is_one_error_at_its_place(
    written: Any, place: tuple[str, ...], message: str
) -> None:
    check_fault({"when": {"data": written}}, ("when", "data", *place), message)


def check_fault(written: dict[str, Any], place: tuple[str, ...], message: str) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        making.rule(**written)
    (line,) = caught.value.errors()
    assert line["loc"] == place
    assert line["msg"].removeprefix("Value error, ") == message
