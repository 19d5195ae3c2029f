"""``attachment`` in ``when``, judged by the structure alone, and in ``extract``, which looks into the file."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path
from typing import Any

import pydantic
import pytest

from bridge import plugins, rules
from bridge.mail import Mail, Place, limits, structure
from tests.unit.rules import making

CORPUS = Path(__file__).parents[1] / "mail" / "corpus"
PICTURE = b"\xff\xd8" + bytes(range(256)) * 400
MAIL = making.carrying(
    ("Hall 1.JPG", "image/jpeg", PICTURE),
    ("report-7.csv", "application/vnd.ms-excel", b"\xef\xbb\xbfTime;Temp\r\n12:00;21,5\r\n13:00;22,0\r\n"),
    ("sensor.json", "application/json", b'{"sensor": {"temp": 21.5, "all": [1, {"a": true}], "none": null}, "a.b": 2}'),
    ("notes.txt", "text/plain; charset=iso-8859-1", "F\u00fcllstand: 82 %\r\nlevel=71\r\n".encode("latin-1")),
    ("mail.eml", "message/rfc822", b"Subject: inner\r\n\r\nhello"),
    ("broken.json", "application/json", b"{"),
)


@pytest.mark.parametrize(
    ("setting", "held"),
    [
        (True, True),
        (False, False),
        ("*.jpg", True),
        ("hall 1.jpg", True),
        ("hall", False),
        ("HALL ?.JP*", True),
        ("*.png", False),
        (["*.png", "*.csv"], True),
        (["*.png", "*.gif"], False),
        ({"name": "*.jpg"}, True),
        ({"name": ["*.png", "*.jpg"]}, True),
        ({"type": "image/*"}, True),
        ({"type": ["image/png", "IMAGE/JPEG"]}, True),
        ({"type": "video/*"}, False),
        ({"type": "message/rfc822"}, True),
        ({"larger": "100kB"}, True),
        ({"larger": "110kB"}, False),
        ({"larger": 102_000, "smaller": "103kB"}, True),
        ({"smaller": "10B"}, True),
        ({"smaller": "1B"}, False),
        ({"name": "*.jpg", "type": "image/*", "larger": "10kB", "smaller": "1MB"}, True),
        # one attachment has to meet all keys
        ({"name": "*.csv", "type": "image/*"}, False),
        ({"name": "*.csv", "larger": "10kB"}, False),
        ([{"name": "*.csv", "larger": "10kB"}, "sensor.json"], True),
    ],
)
def test_the_condition(setting: Any, held: bool) -> None:
    for mail in (MAIL, making.without_content(MAIL)):
        assert making.matches(mail, when={"attachment": setting}) is held


@pytest.mark.parametrize(
    ("mail", "held"),
    [
        (making.mail(), False),
        (making.carrying(), False),
        (making.carrying(("", "application/pdf", b"%PDF")), True),
        (making.carrying(("", "text/html", b"<p>")), False),
        (making.mail(Content_Type="image/jpeg", Content_Id="<1>"), False),  # a picture that HTML shows
        (making.mail(Content_Type="message/rfc822"), True),
        (making.mail(Content_Type="application/pdf; name=a.pdf"), True),
    ],
)
def test_what_counts_as_attached(mail: Mail, held: bool) -> None:
    assert making.matches(mail, when={"attachment": True}) is held
    assert making.matches(mail, when={"attachment": False}) is not held
    assert making.matches(mail, when={"not": {"attachment": True}}) is not held


def test_a_name_is_compared_however_its_accents_are_composed() -> None:
    mail = making.carrying(("U\u0308berweisung.pdf", "application/pdf", b"x"))
    assert making.matches(mail, when={"attachment": "\u00fcberweisung.*"})


@pytest.mark.parametrize("octets", [0, 1, 56, 57, 58, 1_000, 99_999, 3_000_000])
def test_sizes_are_those_of_the_file(octets: int) -> None:
    (part,) = making.carrying(("a.bin", "application/octet-stream", b"x" * octets)).attachments
    assert abs(part.decoded_size - octets) <= max(3, octets // 500)


def test_sizes_of_what_is_not_base64_are_as_they_are() -> None:
    mail = making.mail("x" * 1_000, Content_Type="text/plain; name=a.txt")
    assert making.matches(mail, when={"attachment": {"larger": 999, "smaller": 1_001}})


def explained(mail: Mail, **written: Any) -> list[tuple[str, bool, str, str]]:
    (verdict,) = making.compiled(making.rule(**written)).evaluate(mail, making.moment(), explain=True)
    return [(line.path, line.held, line.wanted, line.saw) for line in verdict.conditions]


def test_names_and_sizes_are_told() -> None:
    files = ("report-7.csv (39 B)", "sensor.json (75 B)", "notes.txt (27 B)", "mail.eml (27 B)", "broken.json (3 B)")
    saw = ", ".join(["Hall 1.JPG (102 kB)", *files])
    wanted = "*.png or *.gif or *.bmp, type image/*, larger than 1MB"
    setting = ["*.png", {"name": ["*.gif", "*.bmp"], "type": "image/*", "larger": "1MB"}]
    assert explained(MAIL, when={"attachment": setting}) == [("when.attachment", False, wanted, saw)]
    assert explained(making.mail(), when={"attachment": True}) == [
        ("when.attachment", False, "any attachment", "no attachments")
    ]
    assert explained(making.mail(), when={"attachment": False})[0][2] == "no attachment"


def test_a_mail_with_hundreds_of_attachments_is_told_in_short() -> None:
    mail = making.carrying(*(("\u202e\x07" + "x" * 200, "image/png", b"") for _ in range(300)))
    ((_, _, _, saw),) = explained(mail, when={"attachment": True})
    assert len(saw) <= 200
    assert saw.startswith("280 more, ")
    assert saw.isprintable()


# extract


def found(extract: Any, mail: Mail = MAIL) -> Any:
    (verdict,) = making.evaluate(mail, making.rule(extract={"x": extract}))
    return verdict.values["x"]


@pytest.mark.parametrize(
    ("extract", "value"),
    [
        ({"attachment": "*.jpg"}, PICTURE),
        ({"attachment": True}, PICTURE),
        ({"attachment": {"type": "image/*", "larger": "1kB"}}, PICTURE),
        ({"attachment": "notes.txt"}, "F\u00fcllstand: 82 %\nlevel=71\n"),
        ({"attachment": "*.csv"}, "Time;Temp\n12:00;21,5\n13:00;22,0\n"),
        ({"attachment": "mail.eml"}, b"Subject: inner\r\n\r\nhello"),
        ({"attachment": {"name": "*.txt", "text": r"/level=(\d+)/"}, "type": "int"}, 71),
        ({"attachment": {"name": "*.txt", "text": "/f\u00fcllstand: (\\d+)/"}}, "82"),
        ({"attachment": {"name": "*.txt", "text": True}}, "F\u00fcllstand: 82 %\nlevel=71"),
        ({"attachment": {"name": "*.csv", "column": "temp"}}, "21,5"),
        ({"attachment": {"name": "*.csv", "column": "TIME"}}, "12:00"),
        ({"attachment": {"json": "sensor.temp", "name": "*.json"}, "type": "float"}, 21.5),
        ({"attachment": {"name": "*.json", "json": "sensor.all[1].a"}}, True),
        ({"attachment": {"name": "*.json", "json": "sensor.all.0"}}, 1),
        ({"attachment": {"name": "*.json", "json": "sensor.all[-1]"}}, {"a": True}),
        ({"attachment": {"name": "*.json", "json": ["a.b"]}}, 2),
        ({"attachment": {"type": "application/json", "json": "sensor.temp"}, "default": 0}, 21.5),
        ({"attachment": {"name": "*.json", "json": "nothing"}, "default": 0}, 0),
        (
            [{"attachment": {"name": "*.xml", "text": True}}, {"attachment": {"name": "*.csv", "column": "temp"}}],
            "21,5",
        ),
    ],
)
def test_a_value_is_found(extract: Any, value: object) -> None:
    assert found(extract) == value
    assert type(found(extract)) is type(value)


@pytest.mark.parametrize(
    ("extract", "saw"),
    [
        ({"attachment": "*.png"}, "not found"),
        ({"attachment": {"name": "*.json", "json": "sensor.none"}}, "not found"),
        ({"attachment": {"name": "*.json", "json": "sensor.all[2]"}}, "not found"),
        ({"attachment": {"name": "*.json", "json": "sensor.temp.x"}}, "not found"),
        ({"attachment": {"name": "*.csv", "column": "humidity"}}, "report-7.csv has no such column: Time, Temp"),
        (
            {"attachment": {"name": "broken.json", "json": "a"}},
            "broken.json is no JSON: Expecting property name enclosed in double quotes in line 1",
        ),
        ({"attachment": {"name": "*.jpg", "json": "a"}}, "Hall 1.JPG is no JSON: Expecting value in line 1"),
        ({"attachment": {"name": "*.txt", "text": "/nope/"}}, "not found"),
    ],
)
def test_why_there_is_none_is_told(extract: Any, saw: str) -> None:
    rule = making.rule(extract={"x": extract})
    assert making.evaluate(MAIL, rule) == []
    ((path, held, _, told),) = explained(MAIL, extract={"x": extract})
    assert (path, held) == ("extract.x", False)
    assert told.removesuffix("…") == saw[: len(told.removesuffix("…"))]
    assert len(told) > 8


def test_octets_are_shown_by_their_number() -> None:
    saw = explained(MAIL, extract={"x": {"attachment": "*.jpg"}})[0][3]
    assert saw.startswith(f"{len(PICTURE)} bytes: ff d8 ")


def test_a_type_that_is_made_from_octets_gets_a_text_as_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = rules.KindPlugin(make=lambda _: lambda raw, *_: raw, summary="As it is.", octets=True)
    find = plugins.find
    monkeypatch.setattr(plugins, "find", lambda kind, name: plain if kind == "kinds" else find(kind, name))
    octets = "F\u00fcllstand: 82 %\r\nlevel=71\r\n".encode("latin-1")
    assert found({"attachment": "*.txt", "type": "str"}) == octets
    assert found({"attachment": {"name": "*.txt", "text": "/level=(.+)/"}, "type": "str"}) == "71"


# what is fetched


def sized(octets: int, kind: str = "image/jpeg", name: str = "a.jpg") -> Mail:
    """A mail that carries a part of so many octets as transferred, none of them in hand."""
    mail = making.carrying((name, kind, b"x"))
    parts = [dataclasses.replace(part, size=octets) if part.is_attachment else part for part in mail.parts]
    return dataclasses.replace(mail, body=structure.Anatomy(parts=tuple(parts)))


def wants(mail: Mail, **written: Any) -> dict[str, int]:
    return dict(making.compiled(making.rule(**written)).wants(mail))


def test_a_file_is_fetched_for_a_rule_that_is_alive_and_no_other() -> None:
    extract = {"x": {"attachment": "*.jpg"}}
    mail = sized(50_000)
    assert wants(mail, extract=extract).keys() == {"2"}
    assert wants(mail, extract=extract, when={"subject": "other"}) == {}
    assert wants(mail, extract=extract, when={"attachment": {"smaller": "10kB"}}) == {}
    assert wants(mail, extract={"x": {"attachment": "*.png"}}) == {}
    assert wants(mail, when={"attachment": "*.jpg"}) == {}
    assert wants(MAIL, extract=extract) == {}  # it is in hand


@pytest.mark.parametrize("size", [1, 1_000, 50_000, 60_000, 70_000, 1_000_000, 11_000_000, limits.ATTACHMENT_BYTES])
def test_more_is_asked_for_than_the_server_says_there_is(size: int) -> None:
    (asked,) = wants(sized(size), extract={"x": {"attachment": "*.jpg"}}).values()
    assert min(size * 1.1, limits.ATTACHMENT_BYTES) <= asked <= limits.ATTACHMENT_BYTES
    assert asked <= max(size * 2.5, 65_536)


def test_what_is_too_large_is_not_fetched_and_is_said_to_be() -> None:
    mail = sized(limits.ATTACHMENT_BYTES + 1)
    assert wants(mail, extract={"x": {"attachment": "*.jpg"}}) == {}
    for keys in ({"json": "a"}, {"column": "a"}, {"text": True}):
        mail = sized(limits.FILE_BYTES + 1, "text/plain", "a.txt")
        extract = {"x": {"attachment": {"name": "*.txt", **keys}}}
        assert wants(mail, extract=extract) == {}
        assert explained(mail, extract=extract)[0][3] == "a.txt is larger than 143 kB"


def test_a_file_of_which_only_the_beginning_came_is_none() -> None:
    cut = sized(1_000).with_content({"2": b"eA=="}, frozenset())
    assert explained(cut, extract={"x": {"attachment": "*.jpg"}})[0][3] == "a.jpg is not whole"
    assert cut.decoded(cut.attachments[0]) is None
    whole = cut.with_content({"2": base64.b64encode(b"xyz")}, frozenset({"2"}))
    assert found({"attachment": "*.jpg"}, whole) == b"xyz"


@pytest.mark.parametrize(
    ("when", "place", "message"),
    [
        ("", (), 'write a glob like "*.jpg", or {name: …, type: …, larger: …, smaller: …}'),
        (3, (), 'write a glob like "*.jpg", or {name: …, type: …, larger: …, smaller: …}'),
        ([], (), "an empty list holds for nothing"),
        ({}, (), "an empty map holds for every attachment; write true"),
        ({"nme": "a"}, ("nme",), 'unknown key; did you mean "name"?'),
        ({"json": "a"}, ("json",), "unknown key"),
        ({"larger": "big"}, ("larger",), '"big" is no size; write it like 512B, 8kB or 1MB'),
        ({"type": []}, ("type",), "write a glob, or a list of globs"),
        ({"name": ["a", 3]}, ("name",), "write a glob, or a list of globs"),
        ("/jpe?g/", (), 'a file name is a glob like "*.jpg" or a list of them, no regex'),
        ({"name": ["a", "/a/c"]}, ("name",), 'a file name is a glob like "*.jpg" or a list of them, no regex'),
        ({"type": "jpg"}, ("type",), '"jpg" is no media type; write it like image/jpeg or image/*'),
        (["*.jpg", {"smaler": 1}], (1, "smaler"), 'unknown key; did you mean "smaller"?'),
    ],
)
def test_what_is_wrong_with_a_condition(when: Any, place: tuple[Any, ...], message: str) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        making.rule(when={"attachment": when})
    (line,) = caught.value.errors()
    assert line["loc"] == ("when", "attachment", *place)
    assert line["msg"].removeprefix("Value error, ") == message


@pytest.mark.parametrize(
    ("setting", "place", "message"),
    [
        (False, (), 'write a glob like "*.jpg", or {name: …, type: …, larger: …, smaller: …}'),
        ({"name": "a", "jsn": "a"}, ("jsn",), 'unknown key; did you mean "json"?'),
        ({"json": "a", "column": "b"}, (), "one of json and column is enough"),
        ({"json": "a..b"}, ("json",), "write a path like sensor.temp or values[0].temp, or true for all of it"),
        ({"json": 3}, ("json",), "write a path like sensor.temp or values[0].temp, or true for all of it"),
        ({"column": 3}, ("column",), "write the name of a column, as it stands in the header row"),
        ({"text": "/(/"}, ("text",), "RE2 refuses this regex: missing ): ("),
    ],
)
def test_what_is_wrong_with_a_source(setting: Any, place: tuple[Any, ...], message: str) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        making.rule(extract={"x": {"attachment": setting}})
    (line,) = caught.value.errors()
    assert line["loc"] == ("extract", "x", "attachment", *place)
    assert line["msg"].removeprefix("Value error, ") == message


def test_the_same_content_is_decoded_once() -> None:
    (part, *_) = MAIL.attachments
    assert MAIL.decoded(part) is MAIL.decoded(part)


def test_an_attachment_of_no_octets_is_a_file() -> None:
    mail = making.carrying(("a.bin", "application/octet-stream", b""))
    assert found({"attachment": "a.bin"}, mail) == b""


@pytest.mark.parametrize(
    ("name", "attachment", "value"),
    [
        ("report-csv", {"name": "bericht*.csv", "column": "temperatur (°c)"}, "21,5"),
        ("report-csv", {"name": "*.csv", "column": "Raum"}, "Keller; links"),
        ("sensor-json", {"type": "application/json", "json": "readings[1].temp"}, -3),
        ("sensor-json", {"name": "*.json", "json": "readings.0.name"}, "Küche"),
        ("attachment-names", "*.csv", "a,b"),
    ],
)
def test_reports_as_devices_send_them(name: str, attachment: Any, value: object) -> None:
    raw = (CORPUS / f"{name}.eml").read_bytes()
    mail = Mail.from_bytes(raw, place=Place(mailbox="home", folder="INBOX", uidvalidity=1, uid=1))
    assert found({"attachment": attachment}, mail) == value
