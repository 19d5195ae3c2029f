"""Mails as people and devices send them, and what an admin gets of each."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from bridge import mail

CORPUS = Path(__file__).with_name("corpus")
PLACE = mail.Place(mailbox="home", folder="INBOX", uidvalidity=1, uid=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Given:
    """What a rule sees of one mail. ``sender`` is (name, address); ``attachments`` are (section, name, type)."""

    subject: str
    sender: tuple[str, str] | None
    text: str
    date: str | None
    attachments: tuple[tuple[str, str, str], ...] = ()


EXPECTED = {
    "apple-two-texts": Given(
        subject="Photo",
        sender=("Ada", "ada@example.org"),
        text="before",
        date="2026-11-02T10:00:00+00:00",
        attachments=(("2", "IMG_0001.HEIC", "image/heic"),),
    ),
    "attachment-names": Given(
        subject="scan",
        sender=("", "scanner@office.example"),
        text="",
        date="2026-11-02T10:00:00+00:00",
        attachments=(
            ("1", "Überweisung Nr. 1.pdf", "application/pdf"),
            ("2", "autoexec.bat", "application/octet-stream"),
            ("3", "values.csv", "text/csv"),
            ("4", "photo.png", "image/png"),
        ),
    ),
    "bounce": Given(
        subject="Undelivered Mail Returned to Sender",
        sender=("Mail Delivery System", "MAILER-DAEMON@mx.example.org"),
        text="<nobody@example.net>: user unknown",
        date="2026-11-02T10:00:00+00:00",
    ),
    "camera-alarm": Given(
        subject="Motion at hall",
        sender=("Front Door", "frontdoor@cameras.example"),
        text="EVENT TYPE: Motion\nCAMERA NAME: hall\ntemp=21.5",
        date="2026-11-02T22:31:05+01:00",
        attachments=(("2", "hall_20261102223105.jpg", "image/jpeg"),),
    ),
    "camera-inline-picture": Given(
        subject="ALARM",
        sender=("", "alarm@dvr.example"),
        text="",
        date="2026-11-02T22:31:05+00:00",
        attachments=(("1", "ch01.jpg", "image/jpeg"),),
    ),
    "cyrillic-windows-1251": Given(
        subject="Протечка воды на кухне",
        sender=("Датчик", "sensor@example.ru"),
        text="Протечка: кухня",
        date="2026-11-02T13:00:00+03:00",
    ),
    "forwarded-attached": Given(
        subject="Fwd: Motion at hall",
        sender=("", "ada@example.org"),
        text="See below.",
        date="2026-11-02T10:00:00+00:00",
        attachments=(("2", "Motion at hall.eml", "message/rfc822"),),
    ),
    "forwarded-quoted": Given(
        subject="Fwd: Wartungsarbeiten",
        sender=("Ada", "ada@example.org"),
        text=(
            "FYI\n\n---------- Forwarded message ---------\nFrom: Stadtwerke <info@stadtwerke.example>\n"
            "Subject: Wartungsarbeiten\n\nKosten: 12 € für die Überprüfung."
        ),
        date="2026-11-02T10:00:00+00:00",
    ),
    "invitation": Given(
        subject="Invitation: Boiler service",
        sender=("Ada Lovelace", "ada@example.org"),
        text="Boiler service, Thursday 9:00",
        date="2026-11-02T10:00:00+00:00",
        attachments=(("2", "invite.ics", "application/ics"),),
    ),
    "invitation-cancelled": Given(
        subject="Cancelled: Holiday",
        sender=("Ada", "ada@example.org"),
        text="It will not take place.",
        date="2026-11-02T10:00:00+00:00",
        attachments=(("2", "holiday.ICS", "application/octet-stream"),),
    ),
    "invitation-google": Given(
        subject="Invitation: Rehearsal @ Wed Jul 1, 2026 2pm - 2:45pm (CEST) (ada@example.org)",
        sender=("Bob", "bob@example.com"),
        text="You have been invited to Rehearsal.",
        date="2026-06-20T08:00:00+00:00",
        attachments=(("2", "invite.ics", "application/ics"),),
    ),
    "invitation-outlook": Given(
        subject="Wartung Heizung, Keller",
        sender=("Müller, Jörg", "joerg.mueller@corp.example"),
        text="Bitte die Zähler ablesen.\n\nBis dann, Jörg",
        date="2026-11-02T11:00:00+01:00",
    ),
    "japanese-iso-2022-jp": Given(
        subject="動体検知: 玄関",
        sender=("玄関", "genkan@camera.example"),
        text="玄関のカメラが動きを検知しました。",
        date="2026-11-02T19:00:00+09:00",
    ),
    "newsletter": Given(
        subject="[weekly]  Issue 42",
        sender=("The Weekly, by Lists", "weekly@lists.example"),
        text="Issue 42 — what’s new\n\nRead on.",
        date="2026-11-02T06:00:00+00:00",
    ),
    "no-headers-at-all": Given(subject="", sender=None, text="Just some text\nand more of it.", date=None),
    "one-time-code": Given(
        subject="Your sign-in code",
        sender=("Bank", "no-reply@bank.example"),
        text="Your code is 493 021. It is valid for 10 minutes and must not be given to anybody.",
        date="2026-11-02T10:00:00-05:00",
    ),
    "outlook-winmail": Given(
        subject="RE: Report",
        sender=("Doe, John", "John.Doe@corp.example"),
        text="It’s “done”. Thanks…",
        date="2026-11-02T10:00:00+00:00",
        attachments=(("2", "winmail.dat", "application/ms-tnef"),),
    ),
    "parcel-html-only": Given(
        subject="Dein Paket kommt morgen 📦 zwischen 10 und 12 Uhr",
        sender=("Paket.Example | Zustellung", "news@parcel.example"),
        text=(
            "Dein Paket ist unterwegs 📦\nHallo Jörg,\nSendung JJD00014000 kommt morgen.\n"
            "Zustellung\t3. November\nSendung verfolgen\n\nhttps://parcel.example/t?id=JJD00014000&l=de"
        ),
        date="2026-11-02T08:00:00+00:00",
    ),
    "order-microdata": Given(
        subject="Your order 529-7",
        sender=("Shop", "orders@shop.example"),
        text="Order 529-7 of 3 November\nLamp & shade\t€ 19.90\nBulb\t€ 4.50\nTotal\t€ 24.40",
        date="2026-11-03T09:00:00+00:00",
    ),
    "parcel-json-ld": Given(
        subject="Deine Sendung ist unterwegs",
        sender=("Paket.Example", "versand@parcel.example"),
        text="Hallo Ada, deine Sendung ist unterwegs.",
        date="2026-11-03T07:12:00+00:00",
    ),
    "raw-8-bit-everything": Given(
        subject="Tür offen – Küche",
        sender=("Jörg", "joerg@example.org"),
        text="Tür offen – Küche",
        date="2026-11-02T10:00:00+01:00",
    ),
    "report-csv": Given(
        subject="Tagesbericht",
        sender=("Logger", "logger@plant.example"),
        text="Bericht anbei.",
        date="2026-11-02T08:00:00+01:00",
        attachments=(("2", "Bericht für 2026-11-02.csv", "application/vnd.ms-excel"),),
    ),
    "sensor-json": Given(
        subject="readings",
        sender=("", "gw-1@sensors.example"),
        text="",
        date="2026-11-02T10:00:00+00:00",
        attachments=(("1", "readings.json", "application/json"),),
    ),
    "report-plain-table": Given(
        subject="Daily report",
        sender=("UPS", "ups@plant.example"),
        text=(
            "Daily report\n============\n\n"
            "Model ............. SmartCell 900\nBattery charge .... 98 %\n*Runtime:*          34 min\n"
            "Last test:\n2026-11-02 06:00\n\n"
            "Phase     Voltage   Current\n-----------------------------\n"
            "L1          230.1       4.2\nL2          229.8       3.9\n\n"
            "| Alarm  | Count |\n|--------|-------|\n| Surge  | 2     |"
        ),
        date="2026-11-03T06:00:00+00:00",
    ),
    "sensor-table": Given(
        subject="Messwerte 12:00",
        sender=("Gateway", "gw@sensors.example"),
        text="Your mail program shows no HTML. The values are in the HTML part.",
        date="2026-11-03T12:00:00+01:00",
    ),
    "signed-smime": Given(
        subject="open",
        sender=("", "ada@example.org"),
        text="open the gate",
        date="2026-11-02T10:00:00+00:00",
        attachments=(("2", "smime.p7s", "application/pkcs7-signature"),),
    ),
    "sms-gateway": Given(
        subject="SMS from +4915112345678",
        sender=("", "+4915112345678@sms.example"),
        text="heating on=21",
        date="2026-11-02T10:00:00+01:00",
    ),
    "truncated-base64": Given(
        subject="status",
        sender=("", "modem@plant.example"),
        text="Füllstand: 82 %, Druck: 3.1 b",
        date="2026-11-02T10:00:00+00:00",
    ),
}


def read(name: str) -> mail.Mail:
    return mail.Mail.from_bytes((CORPUS / f"{name}.eml").read_bytes(), place=PLACE)


def given(message: mail.Mail) -> Given:
    senders = message.addresses("From")
    return Given(
        subject=message.subject,
        sender=(senders[0].name, senders[0].address) if senders else None,
        text=message.text,
        date=message.date.isoformat() if message.date else None,
        attachments=tuple((part.section, part.name, part.type) for part in message.attachments),
    )


def test_every_mail_of_the_corpus_is_expected() -> None:
    assert {path.stem for path in CORPUS.glob("*.eml")} == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_mail_gives_what_its_reader_would_see(name: str) -> None:
    assert given(read(name)) == EXPECTED[name]


def test_arrival_is_when_the_last_server_got_it() -> None:
    assert read("camera-alarm").received.isoformat() == "2026-11-02T22:31:07+01:00"
    assert read("bounce").received.isoformat() == "2026-11-02T10:00:00+00:00"


def test_folded_and_structured_fields_are_read() -> None:
    newsletter = read("newsletter")
    assert newsletter.headers.first("list-unsubscribe") == "<https://lists.example/u?x=1>, <mailto:u@lists.example>"
    assert [found.address for found in newsletter.addresses("Reply-To")] == [
        "editor@lists.example",
        "team@lists.example",
    ]
    assert newsletter.addresses("To") == ()
    assert read("bounce").addresses("Return-Path") == ()


def test_a_forwarded_mail_is_a_mail_again() -> None:
    outer = read("forwarded-attached")
    inner = mail.Mail.from_bytes(outer.content["2"], place=PLACE)
    assert (inner.subject, inner.text) == ("Motion at hall", "inner text")
    assert [part.name for part in inner.attachments] == ["a.jpg"]
