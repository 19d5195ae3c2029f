"""Calendar files as mailers write them, and as nobody should."""

from __future__ import annotations

import datetime
import zoneinfo
from pathlib import Path
from typing import Any

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import mail
from bridge.mail import calendar_, charset, timezones

CORPUS = Path(__file__).with_name("corpus")
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
LISBON = zoneinfo.ZoneInfo("Europe/Lisbon")
PLACE = mail.Place(mailbox="home", folder="INBOX", uidvalidity=1, uid=1)
ZONE = """BEGIN:VTIMEZONE
TZID:{}
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
"""


def of(name: str, section: str) -> calendar_.Event:
    found = mail.Mail.from_bytes((CORPUS / f"{name}.eml").read_bytes(), place=PLACE)
    (part,) = [part for part in found.parts if part.section == section]
    event = calendar_.read(charset.decode_file(found.decoded(part) or b"", part.charset), BERLIN)
    assert event is not None
    return event


def event(lines: str, *, zones: str = "", method: str = "METHOD:REQUEST\n", zone: datetime.tzinfo = BERLIN) -> Any:
    text = f"BEGIN:VCALENDAR\n{method}{zones}BEGIN:VEVENT\n{lines}\nEND:VEVENT\nEND:VCALENDAR\n"
    found = calendar_.read(text, zone)
    assert found is not None
    return found


def test_an_invitation_of_outlook() -> None:
    assert of("invitation-outlook", "3") == calendar_.Event(
        method="request",
        start=datetime.datetime(2026, 11, 5, 9, 0, tzinfo=BERLIN),
        end=datetime.datetime(2026, 11, 5, 10, 30, tzinfo=BERLIN),
        summary="Wartung Heizung, Keller",
        place="Heizungskeller; Haus B",
        description="Bitte die Zähler ablesen.\n\nBis dann, Jörg",
        uid="040000008200E00074C5B7101A82E00800000000D0B2",
        organizer="joerg.mueller@corp.example",
        attendee=("ada@example.org", "room21@corp.example"),
        status="confirmed",
        sequence=2,
    )


@pytest.mark.parametrize("section", ["1.3", "2"])
def test_an_invitation_of_google(section: str) -> None:
    found = of("invitation-google", section)
    assert (found.summary, found.place, found.method) == ("Rehearsal 🎻", "Studio", "request")
    assert found.start == datetime.datetime(2026, 7, 1, 14, 0, tzinfo=BERLIN)
    assert found.end == datetime.datetime(2026, 7, 1, 14, 45, tzinfo=BERLIN)
    assert (found.organizer, found.attendee, found.sequence) == ("bob@example.com", ("ada@example.org",), 0)


def test_a_cancellation_of_a_series_is_about_the_series() -> None:
    found = of("invitation-cancelled", "2")
    assert (found.summary, found.method, found.status, found.all_day) == ("Holiday", "cancel", "cancelled", True)
    assert found.start == datetime.datetime(2026, 11, 2, tzinfo=BERLIN)
    assert found.end == datetime.datetime(2026, 11, 7, tzinfo=BERLIN)
    assert found.organizer == "ada@example.org"


@pytest.mark.parametrize(
    ("line", "start"),
    [
        ("DTSTART:20261105T090000Z", "2026-11-05T09:00:00+00:00"),
        ("DTSTART:20261105T090000", "2026-11-05T09:00:00+01:00"),  # floating
        ("DTSTART;TZID=America/New_York:20260705T090000", "2026-07-05T09:00:00-04:00"),
        ('DTSTART;TZID="America/New_York":20260705T090000', "2026-07-05T09:00:00-04:00"),
        ("DTSTART;VALUE=DATE-TIME;TZID=Asia/Tokyo:20260705T090000", "2026-07-05T09:00:00+09:00"),
        ("DTSTART;TZID=Tokyo Standard Time:20260705T090000", "2026-07-05T09:00:00+09:00"),
        ("DTSTART;TZID=W. Europe Standard Time:20260705T090000", "2026-07-05T09:00:00+02:00"),
        ("DTSTART;TZID=/freeassociation.sourceforge.net/Asia/Tokyo:20260705T090000", "2026-07-05T09:00:00+09:00"),
        ("DTSTART;TZID=/x/America/Argentina/Ushuaia:20260705T090000", "2026-07-05T09:00:00-03:00"),
        ("DTSTART;TZID=UTC:20260705T090000", "2026-07-05T09:00:00+00:00"),
        ("DTSTART;TZID=Nowhere/Land:20260705T090000", "2026-07-05T09:00:00+02:00"),
        ("DTSTART;TZID=../../etc/passwd:20260705T090000", "2026-07-05T09:00:00+02:00"),
        ("dtstart;tzid=Asia/Tokyo:20260705T090000", "2026-07-05T09:00:00+09:00"),
        ("DTSTART;VALUE=DATE:20261105", "2026-11-05T00:00:00+01:00"),
        ("DTSTART:20261105", "2026-11-05T00:00:00+01:00"),
        ("DTSTART;TZID=Asia/Tokyo;VALUE=DATE:20261105", "2026-11-05T00:00:00+01:00"),
        ("DTSTART:20261305T090000", None),
        ("DTSTART:soon", None),
        ("DTSTART:P1D", None),
        ("DTSTART:00010101T000000Z", None),
        ("DTSTART:99991231T235959", None),
        ("SUMMARY:no time", None),
    ],
)
def test_when_it_starts(line: str, start: str | None) -> None:
    found = event(line)
    assert (found.start.isoformat() if found.start else None) == start
    assert found.start is None or found.start.tzinfo is not None


@pytest.mark.parametrize(
    ("lines", "end"),
    [
        ("DTSTART:20261105T090000Z\nDTEND:20261105T100000Z", "2026-11-05T10:00:00+00:00"),
        ("DTSTART:20261105T090000Z\nDURATION:PT1H30M", "2026-11-05T10:30:00+00:00"),
        ("DTSTART:20261105T090000Z\nDURATION:P1W", "2026-11-12T09:00:00+00:00"),
        ("DTSTART:20261105T090000Z", "2026-11-05T09:00:00+00:00"),
        ("DTSTART:20261105T090000Z\nDURATION:soon", "2026-11-05T09:00:00+00:00"),
        ("DTSTART:20261105T090000Z\nDTEND:soon\nDURATION:PT5M", "2026-11-05T09:05:00+00:00"),
        ("DTSTART:20261105T090000Z\nDURATION:P999999999D", "2026-11-05T09:00:00+00:00"),
        ("DTSTART;VALUE=DATE:20261105", "2026-11-06T00:00:00+01:00"),
        ("DTSTART;VALUE=DATE:20261105\nDTEND;VALUE=DATE:20261108", "2026-11-08T00:00:00+01:00"),
        ("DTSTART;VALUE=DATE:20261105\nDURATION:P2D", "2026-11-07T00:00:00+01:00"),
        # over the night in which the clock is put back, a day has 25 hours
        ("DTSTART;VALUE=DATE:20261025", "2026-10-26T00:00:00+01:00"),
        ("DTSTART;TZID=Europe/Berlin:20261024T120000\nDURATION:P1D", "2026-10-25T12:00:00+01:00"),
        ("DTSTART;TZID=Europe/Berlin:20261024T120000\nDURATION:PT24H", "2026-10-25T11:00:00+01:00"),
    ],
)
def test_when_it_ends(lines: str, end: str) -> None:
    assert event(lines).end.isoformat() == end


def test_a_day_begins_where_the_bridge_is() -> None:
    found = event("DTSTART;VALUE=DATE:20261105", zone=LISBON)
    assert (found.start, found.all_day) == (datetime.datetime(2026, 11, 5, tzinfo=LISBON), True)


def test_a_day_of_exchange_is_a_midnight_and_a_note() -> None:
    lines = "DTSTART;TZID=Tokyo Standard Time:20261105T000000\nDTEND;TZID=Tokyo Standard Time:20261106T000000"
    assert not event(lines).all_day
    found = event(f"{lines}\nX-MICROSOFT-CDO-ALLDAYEVENT:TRUE")
    assert found.all_day
    assert found.start == datetime.datetime(2026, 11, 5, tzinfo=BERLIN)
    assert found.end == datetime.datetime(2026, 11, 6, tzinfo=BERLIN)


@given(
    st.datetimes(datetime.datetime(1997, 1, 1), datetime.datetime(2036, 1, 1)).map(lambda d: d.replace(microsecond=0))
)
def test_a_zone_that_the_file_defines_is_as_it_says(when: datetime.datetime) -> None:
    """As the IANA database has the same zone, but for the hours around the changes, which the clock shows twice."""
    line = f"DTSTART;TZID=Customized Time Zone:{when:%Y%m%dT%H%M%S}"
    start = event(line, zones=ZONE.format("Customized Time Zone")).start
    known = {when.replace(tzinfo=BERLIN, fold=fold).utcoffset() for fold in (0, 1)}
    assert start.utcoffset() in known
    assert start.replace(tzinfo=None) == when


@pytest.mark.parametrize(
    ("rules", "offset"),
    [
        ("BEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETTO:+0530\nEND:STANDARD\n", 5.5),
        ("BEGIN:STANDARD\nDTSTART:20300101T000000\nTZOFFSETFROM:-0300\nTZOFFSETTO:+0530\nEND:STANDARD\n", -3),
        ("BEGIN:STANDARD\nDTSTART:20200101T000000\nRRULE:FREQ=SECONDLY\nTZOFFSETTO:+0300\nEND:STANDARD\n", 3),
        (
            "BEGIN:STANDARD\nDTSTART:20200101T000000\nTZOFFSETTO:+0300\nEND:STANDARD\n"
            "BEGIN:DAYLIGHT\nDTSTART:20200201T000000\nRDATE:20260601T000000\nTZOFFSETTO:+0400\nEND:DAYLIGHT\n",
            4,
        ),
        (  # the rule has ended
            "BEGIN:STANDARD\nDTSTART:20200101T000000\nTZOFFSETTO:+0300\nRDATE:20221001T000000\nEND:STANDARD\n"
            "BEGIN:DAYLIGHT\nDTSTART:20000601T000000\nRRULE:FREQ=YEARLY;BYMONTH=6;UNTIL=20220601T000000Z\n"
            "TZOFFSETTO:+0400\nEND:DAYLIGHT\n",
            3,
        ),
        (  # the second Sunday of March, as a range of days
            "BEGIN:STANDARD\nDTSTART:20001101T020000\nRRULE:FREQ=YEARLY;BYMONTH=11;BYMONTHDAY=1,2,3,4,5,6,7;BYDAY=SU\n"
            "TZOFFSETTO:-0500\nEND:STANDARD\n"
            "BEGIN:DAYLIGHT\nDTSTART:20000301T020000\nRRULE:FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=8,9,10,11,12,13,14;BYDAY=SU\n"
            "TZOFFSETTO:-0400\nEND:DAYLIGHT\n",
            -4,
        ),
        ("BEGIN:STANDARD\nDTSTART:20200101T000000\nTZOFFSETTO:nonsense\nEND:STANDARD\n", 2),
        ("BEGIN:STANDARD\nEND:STANDARD\n", 2),
        ("", 2),
    ],
)
def test_odd_zones(rules: str, offset: float) -> None:
    zones = f"BEGIN:VTIMEZONE\nTZID:Own\n{rules}END:VTIMEZONE\n"
    start = event("DTSTART;TZID=Own:20260705T090000", zones=zones).start
    assert start.utcoffset() == datetime.timedelta(hours=offset)


@pytest.mark.parametrize(("day", "offset"), [("20260105", 11), ("20260705", 10), ("20261205", 11)])
def test_in_the_south_summer_goes_on_in_january(day: str, offset: int) -> None:
    zones = (
        "BEGIN:VTIMEZONE\nTZID:Own\n"
        "BEGIN:STANDARD\nDTSTART:20000401T030000\nRRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=4\nTZOFFSETTO:+1000\nEND:STANDARD\n"
        "BEGIN:DAYLIGHT\nDTSTART:20000101T020000\nRRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=10\nTZOFFSETTO:+1100\nEND:DAYLIGHT\n"
        "END:VTIMEZONE\n"
    )
    start = event(f"DTSTART;TZID=Own:{day}T090000", zones=zones).start
    assert start.utcoffset() == datetime.timedelta(hours=offset)


def test_a_zone_of_one_file_is_unknown_to_the_next() -> None:
    line = "DTSTART;TZID=Somewhere:20260705T090000"
    rules = "BEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETTO:-0900\nEND:STANDARD\n"
    zones = f"BEGIN:VTIMEZONE\nTZID:Somewhere\n{rules}END:VTIMEZONE\n"
    assert event(line, zones=zones).start.utcoffset() == datetime.timedelta(hours=-9)
    assert event(line).start.utcoffset() == datetime.timedelta(hours=2)


def test_a_file_cannot_say_otherwise_of_a_zone_that_everybody_knows() -> None:
    zones = ZONE.format("Asia/Tokyo")
    assert event("DTSTART;TZID=Asia/Tokyo:20260705T090000", zones=zones).start.utcoffset() == datetime.timedelta(
        hours=9
    )


@pytest.mark.parametrize(
    ("lines", "field", "value"),
    [
        ("SUMMARY:a\\, b\\; c\\\\d\\ne", "summary", "a, b; c\\d\ne"),
        ("SUMMARY:long\n  one\n\tfolded", "summary", "long onefolded"),
        ('SUMMARY;ALTREP="http://x/:y":z: 1', "summary", "z: 1"),
        ("SUMMARY:", "summary", None),
        ("summary;language=de:Tür", "summary", "Tür"),
        ("SUMMARY:one\nSUMMARY:two", "summary", "one"),
        ("SUMMARYX:no", "summary", None),
        ("X-SUMMARY:no", "summary", None),
        ("URL:https://example.org/?a=1\\,2", "url", "https://example.org/?a=1,2"),
        ('ORGANIZER;CN="A: B":MAILTO:a@b.example', "organizer", "a@b.example"),
        ("ORGANIZER:invalid:nomail", "organizer", "invalid:nomail"),
        ("ATTENDEE:mailto:a@b.example\nATTENDEE:\nATTENDEE:mailto:c@d.example", "attendee", "a@b.example, c@d.example"),
        ("STATUS:TENTATIVE", "status", "tentative"),
        ("SEQUENCE:12", "sequence", 12),
        ("SEQUENCE:-1", "sequence", None),
        ("SEQUENCE:" + "9" * 5_000, "sequence", None),
        ("BEGIN:VALARM\nSUMMARY:alarm\nEND:VALARM\nSUMMARY:event", "summary", "event"),
        ("UID:x", "all_day", False),
    ],
)
def test_fields(lines: str, field: str, value: object) -> None:
    assert event(lines).plain(field) == value


@pytest.mark.parametrize("method", ["request", "cancel", "reply", "publish", "counter"])
def test_methods(method: str) -> None:
    assert event("UID:x", method=f"METHOD:{method.upper()}\n").method == method


def test_without_a_method_there_is_none() -> None:
    assert event("UID:x", method="").method is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "BEGIN:VCALENDAR\nBEGIN:VTODO\nUID:x\nEND:VTODO\nEND:VCALENDAR",
        "BEGIN:VEVENT\nUID:x\nEND:VEVENT",
        "END:VCALENDAR\n" * 9,
    ],
)
def test_what_has_no_event_is_no_invitation(text: str) -> None:
    assert calendar_.read(text, BERLIN) is None


def test_a_file_that_is_cut_off_gives_what_is_there() -> None:
    found = calendar_.read("BEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\nSUMMARY:a\nDTSTART:2026", BERLIN)
    assert found == calendar_.Event(summary="a", method="request")


LINES = st.sampled_from(
    [
        *("BEGIN:VCALENDAR", "BEGIN:VEVENT", "BEGIN:VTIMEZONE", "BEGIN:STANDARD", "END:VEVENT", "END:STANDARD"),
        *("END:VTIMEZONE", "TZID:x", "RRULE:FREQ=YEARLY;BYDAY=5SU;BYMONTH=2", "RRULE:FREQ=YEARLY;BYMONTH=99;UNTIL=x"),
        *("DTSTART:16010101T030000", "DTSTART;TZID=x:20260705T090000", "DTSTART;TZID=;=:20260705T090000", "RDATE:x"),
        *(
            "DTSTART;VALUE=DATE:20260705",
            "DTEND:00010101T000000Z",
            "DURATION:-P1D",
            "DURATION:PT0S",
            "TZOFFSETTO:-2359",
        ),
        *("TZOFFSETFROM:+9999", 'SUMMARY;A=":', "SUMMARY:\\", "RECURRENCE-ID:x", "ATTENDEE", "SEQUENCE:٣", " ", "\t;:"),
    ]
)


@given(st.lists(LINES | st.text(max_size=9), max_size=30).map("\n".join) | st.text())
def test_any_text_is_read(text: str) -> None:
    for raw in (text, "BEGIN:VCALENDAR\nBEGIN:VEVENT\n" + text, "BEGIN:VCALENDAR\n" + text):
        found = calendar_.read(raw, BERLIN)
        for field in calendar_.FIELDS if found else ():
            value = found.plain(field) if found else None
            assert not isinstance(value, str) or value.encode()
            assert not isinstance(value, datetime.datetime) or value.astimezone(datetime.UTC)


texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1).map(str.strip).filter(bool)
aware = st.datetimes(
    datetime.datetime(1980, 1, 1),
    datetime.datetime(2037, 1, 1),
    timezones=st.sampled_from([datetime.UTC, zoneinfo.ZoneInfo("America/New_York"), BERLIN]),
    allow_imaginary=False,
)


@given(texts, texts, aware, st.timedeltas(datetime.timedelta(), datetime.timedelta(days=30)))
def test_what_icalendar_writes_is_read(
    summary: str, place: str, start: datetime.datetime, length: datetime.timedelta
) -> None:
    start = start.replace(microsecond=0, fold=0)
    written = icalendar.Calendar()
    made = icalendar.Event()
    for name, value in (("summary", summary), ("location", place), ("dtstart", start), ("duration", length)):
        made.add(name, value)
    written.add_component(made)
    found = calendar_.read(charset.decode_file(written.to_ical()), BERLIN)
    assert found is not None
    assert (found.summary, found.place) == (summary, place)
    assert found.start == start
    assert found.end is not None


def test_every_name_that_windows_has_for_a_zone_is_known_here() -> None:
    from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

    assert not set(WINDOWS_TO_OLSON.values()) - timezones.known()
