"""The public interface, row by row: what an admin writes, what mails it holds for, what is taken out of them, what is
sent, and how what is wrong is told. Only the command is used, with files as an admin writes them; the mails are in
``interface/``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import shutil
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridge import cli

MAILS = Path(__file__).parent / "interface"
HEAD = """\
name: house
timezone: Europe/Berlin
mailboxes:
  home: { host: imap.example.org, user: me@example.org, password: p }
  work: { host: mail.work.example, user: me@work.example, password: p, folders: [Work] }
sinks:
  broker: { type: mqtt, url: "mqtt://broker.lan" }
  lamp: { type: coap, url: "coap://lamp.lan" }
  hook: { type: http, url: "https://hooks.lan/mail" }
rules:
"""
SENDS = "then: { sink: broker, topic: t, payload: x }"


@dataclasses.dataclass(frozen=True, slots=True)
class Done:
    """What a command has printed, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def rules(self) -> list[dict[str, Any]]:
        """What ``explain --json`` says of the first mail."""
        assert (self.code, self.err) == (0, "")
        found: list[dict[str, Any]] = json.loads(self.out.splitlines()[0])["rules"]
        return found

    @property
    def faults(self) -> list[str]:
        """The lines of faults, in their order."""
        assert self.code == 2, self.out
        return self.err.splitlines()


Mailwire = Callable[..., Done]


@pytest.fixture
def mailwire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mailwire:
    """Runs the command in a folder that has the mails, with these rules (or this whole file) as ``m.yaml``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")

    def run(command: str, *arguments: str, rules: str = "", whole: str = "") -> Done:
        Path("m.yaml").write_text(whole or HEAD + textwrap.indent(textwrap.dedent(rules).strip(), "  "), "utf-8")
        for name in (one for one in arguments if one.endswith(".eml") and (MAILS / one).exists()):
            shutil.copy(MAILS / name, name)
        out, err = io.StringIO(), io.StringIO()
        monkeypatch.setattr(sys, "argv", ["mailwire", command, "-c", "m.yaml", *arguments])
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
            cli.main()
        return Done(int(ended.value.code or 0), out.getvalue(), err.getvalue())

    return run


def explained(mailwire: Mailwire, rule: str, mail: str, *arguments: str) -> dict[str, Any]:
    """What one rule makes of one mail."""
    rules = "- name: r\n" + textwrap.indent(textwrap.dedent(rule).strip(), "  ")
    (found,) = mailwire("explain", "--json", *arguments, f"{mail}.eml", rules=rules).rules
    return found


# `when`: each row of the table.

WHEN = [
    # addresses: globs without case; a bare domain; display names
    ("from: hall@cameras.example", "camera", True),
    ('from: "*@CAMERAS.example"', "camera", True),
    ('from: "hall?@cameras.example"', "camera", False),
    ("from: cameras.example", "camera", True),
    ('from: "@cameras.example"', "camera", True),
    ("from: example", "camera", False),
    ("from: sub.cameras.example", "camera", False),
    ("from: [a@b.example, cameras.example]", "camera", True),
    ("from: { name: hall }", "camera", True),
    ("from: { name: { is: hall camera } }", "camera", True),
    ("from: { name: [garden, /^hall/] }", "camera", True),
    ("from: bücher.example", "outlook", True),
    ("from: xn--bcher-kva.example", "outlook", True),
    ('from: { name: "Müller, Änne" }', "outlook", True),
    ("to: me@example.org", "camera", True),
    ('to: "*"', "outlook", False),  # an empty group
    ("cc: security.example", "camera", True),
    ("cc: security.example", "parcel", False),
    ('reply_to: "*@vendor.example"', "camera", True),
    # texts
    ("subject: motion at hall", "camera", True),  # there are two blanks in it
    ("subject: garden", "camera", False),
    (r"subject: /motion\s+at/", "camera", True),
    ("subject: /motion/c", "camera", False),
    ("subject: [garden, /h.ll/]", "camera", True),
    ("subject: { is: motion at hall }", "camera", True),
    ("subject: { is: hall }", "camera", False),
    ("subject: { starts: motion, ends: hall }", "camera", True),
    ("subject: { starts: motion, ends: garden }", "camera", False),
    ('subject: { glob: "motion*" }', "camera", True),
    ("subject: { glob: motion }", "camera", False),
    ("subject: { contains: [garden, hall], matches: ^motion }", "camera", True),
    ('subject: { is: "" }', "bare", True),
    ("subject: CAFÉ", "outlook", True),
    (r"subject: /caf\w$/", "outlook", True),
    ("subject: kommt heute – 14", "parcel", True),
    ("body: /motion.*door/", "camera", False),
    ("body: /motion.*door/s", "camera", True),
    ("body: person at door", "camera", True),
    ("body: Ihr Paket kommt heute", "parcel", True),  # a soft hyphen and a hard blank
    ("body: color", "parcel", False),  # a style sheet is no text
    ("body: Küche", "latin1", True),  # without a charset
    ("body: It is cold", "reply", True),
    ("body: { fresh: turn it off }", "reply", True),
    ("body: { fresh: cold }", "reply", False),
    ("body: { fresh: somewhere }", "reply", False),
    # headers
    ("header: { List-Id: cams.list }", "camera", True),
    ("header: { list-id: /house/, X-Priority: { is: '1' } }", "camera", True),
    ("header: { X-Other: x }", "camera", False),
    ("header: { X-Priority: true, X-Other: false }", "camera", True),
    # attachments
    ('attachment: "*.jpg"', "camera", True),
    ('attachment: ["*.png", "*.csv"]', "camera", True),
    ('attachment: "*.png"', "camera", False),
    ("attachment: straße.pdf", "outlook", True),
    ("attachment: winmail.dat", "outlook", True),
    ("attachment: true", "code", False),
    ("attachment: false", "code", True),
    ("attachment: false", "camera", False),
    ('attachment: { name: "*.jpg", type: image/*, smaller: 1kB }', "camera", True),
    ('attachment: { name: "*.jpg", larger: 1kB }', "camera", False),
    ('attachment: { name: "*.jpg", type: application/json }', "camera", False),  # one has to be both
    # the mail that this one carries
    ("forwarded: { from: alarms.example }", "forwarded", True),
    ("forwarded: { from: { name: alarm }, subject: zone 7 }", "quoted-forward", True),
    ("forwarded: { body: 'state: open' }", "forwarded", True),
    ("forwarded: { from: example.org }", "forwarded", False),  # that is the outer one
    ("forwarded: true", "camera", False),
    ("not: { forwarded: true }", "camera", True),
    # calendar, data
    ("calendar: { summary: boiler, method: request }", "boiler", True),
    ("calendar: { method: cancel }", "boiler", False),
    ("calendar: { place: keller }", "boiler", True),
    ("calendar: true", "camera", False),
    ("data: { ParcelDelivery.trackingNumber: JJD }", "parcel", True),
    ("data: { ParcelDelivery.carrier.name: { is: DHL } }", "parcel", True),
    ("data: { FlightReservation.x: a }", "parcel", False),
    # the mail as such
    ('size: ">1kB"', "camera", True),
    ('size: "<1kB"', "camera", False),
    ('size: "> 1 MB"', "camera", False),
    ('flags: ["!seen", "!$Label"]', "camera", True),
    ('flags: [flagged, "!seen"]', "camera", False),
    ("folder: inbox", "camera", True),
    ('folder: [Alarms, "IN*"]', "camera", True),
    ("folder: Alarms", "camera", False),
    # time: Saturday, 23:30
    ("hours: 22:00-06:00", "camera", True),
    ("hours: 22:00-23:30", "camera", False),
    ("hours: [08:00-09:00, 23:30-23:31]", "camera", True),
    ("days: [sat, sun]", "camera", True),
    ("days: sat", "camera", True),
    ("days: mon-fri", "camera", False),
    ("max_age: 10m", "camera", True),
    ("since: midnight", "camera", True),
    # what no person has sent
    ("automatic: any", "bounce", True),
    ("automatic: true", "bounce", True),
    ("automatic: true", "vacation", True),
    ("automatic: true", "receipt", True),
    ("automatic: true", "camera", False),  # auto-generated alone is not automatic
    ("automatic: false", "bounce", False),
    ("subject: undelivered", "bounce", False),
    # groups
    ("any: [{ subject: garden }, { subject: motion }]", "camera", True),
    ("any: [{ subject: garden }, { subject: attic }]", "camera", False),
    ("all: [{ subject: hall }, { subject: motion }]", "camera", True),
    ("all: [{ subject: hall }, { not: { subject: motion } }]", "camera", False),
    ("not: { subject: motion, from: other.example }", "camera", True),
    # if
    ('if: "{{ mail.size > 1000 }}"', "camera", True),
    ("if: \"{{ mail.size > 'x' }}\"", "camera", False),
    ("if: \"{{ mailbox == 'home' and folder == 'INBOX' }}\"", "camera", True),
]


@pytest.mark.parametrize(("when", "mail", "holds"), WHEN, ids=[f"{when} {mail}" for when, mail, _ in WHEN])
def test_when(mailwire: Mailwire, when: str, mail: str, holds: bool) -> None:
    found = explained(mailwire, f"when: {{ {when} }}\n{SENDS}", mail)

    assert found["matched"] is holds
    assert bool(found["deliveries"]) is holds
    assert all(set(line) == {"path", "held", "wanted", "saw"} for line in found["conditions"])
    if not holds:
        assert not found["conditions"][0]["held"]


def test_a_rule_without_when_is_for_every_mail_that_is_not_automatic(mailwire: Mailwire) -> None:
    assert explained(mailwire, SENDS, "camera")["matched"]
    assert not explained(mailwire, SENDS, "bounce")["matched"]


@pytest.mark.parametrize("mail", ["bare", "empty", "headerless", "noise", "latin1", "outlook"])
def test_no_mail_is_too_odd_for_any_condition(mailwire: Mailwire, mail: str) -> None:
    rules = "\n".join(f"- name: r{n}\n  when: {{ {when} }}\n  {SENDS}" for n, (when, _, _) in enumerate(WHEN))
    found = mailwire("explain", "--json", f"{mail}.eml", rules=rules).rules

    assert len(found) == len(WHEN)
    assert not [line for rule in found for line in rule["conditions"] if line["saw"].startswith("failed")]


@pytest.mark.parametrize(
    ("at", "when", "holds"),
    [
        ("2026-10-31T23:35", "max_age: 10m", True),
        ("2026-10-31T23:45", "max_age: 10m", False),
        ("2026-11-01T00:05", "since: midnight", False),
        ("2026-11-01T00:05", "hours: 22:00-23:59", True),  # that is the mail's arrival
    ],
)
def test_the_time_at_which_it_is_looked_at(mailwire: Mailwire, at: str, when: str, holds: bool) -> None:
    assert explained(mailwire, f"when: {{ {when} }}", "camera", "--at", at)["matched"] is holds


def test_repeated_counts_the_mails_for_which_the_other_keys_hold(mailwire: Mailwire) -> None:
    rule = "- name: r\n  when: { subject: motion, repeated: { min: 2, within: 10m } }"
    done = mailwire("explain", "--json", "camera.eml", "parcel.eml", "camera.eml", rules=rule)

    assert [json.loads(line)["rules"][0]["matched"] for line in done.out.splitlines()] == [False, False, True]


# `extract`: sources and types.

EXTRACT = [
    (r"{ body: '/temp=([-\d.]+)/', type: float }", "camera", -21.5),
    (r"{ body: '/temp=([-\d.]+)/' }", "camera", "-21.5"),
    (r"{ body: '/Battery: (\d+)/', type: int }", "camera", 87),
    (r"{ subject: '/at\s+(\w+)/' }", "camera", "Hall"),
    (r"{ header.List-Id: '/<(.+)>/' }", "camera", "cams.list.example.org"),
    (r"{ body: '/Küche: ([\d,]+)/', type: float }", "latin1", 21.5),
    (r"{ body: '/no (\d)/', type: int, default: 3 }", "camera", 3),
    (r"{ body: '/no (\d)/', default: null }", "camera", None),
    (r"[{ body: '/no (\d)/' }, { subject: '/(motion)/' }]", "camera", "Motion"),
    ('{ attachment: { name: "*.json", json: temp }, type: float }', "camera", 19.25),
    ('{ attachment: { name: "*.json", json: "rooms[0].name" } }', "camera", "hall"),
    ('{ attachment: { name: "*.csv", column: watts }, type: int }', "camera", 1200),
    ("{ label: Battery, type: int }", "camera", 87),
    ("{ label: Sendungsnummer }", "parcel", "JJD0099887766"),
    ("{ label: Gewicht, type: float }", "parcel", 1234.5),
    ("{ label: Nachnahme, type: amount }", "parcel", 1299.0),
    ("{ label: Fenster }", "parcel", "14:00 - 16:00"),  # below it, in a header row
    ("{ label: Datum, type: datetime }", "parcel", "2026-11-02T00:00:00+01:00"),
    ("{ css: td.price }", "parcel", "1.299,00 €"),
    ("{ css: { select: a, attribute: href } }", "parcel", "https://dhl.example/t?n=JJD0099887766&l=de"),
    ("{ css: a, type: url }", "parcel", "https://dhl.example/t?n=JJD0099887766&l=de"),
    ("{ body: true, type: url }", "code", "https://shop.example/verify?c=482913"),
    ("{ data: ParcelDelivery.trackingNumber }", "parcel", "JJD0099887766"),
    ("{ data: ParcelDelivery.expectedArrivalUntil, type: datetime }", "parcel", "2026-11-02T16:00:00+01:00"),
    ("{ calendar: start }", "boiler", "2026-11-12T09:00:00+01:00"),
    ("{ calendar: end }", "boiler", "2026-11-12T10:30:00+01:00"),
    ("{ calendar: summary }", "boiler", "Boiler service, yearly"),
    ("{ calendar: place }", "boiler", "Keller"),
    ("{ calendar: method }", "boiler", "request"),
    ("{ calendar: uid }", "boiler", "boiler-2026@meier.example"),
    ("{ calendar: all_day }", "boiler", False),
    ("{ type: code }", "code", "482913"),
    ("{ body: '/total: (.+)/', type: amount }", "code", 1234.5),
    (r"{ body: '/valid for (.+?)\./', type: duration }", "code", 600),
    ("{ body: '/on (.+?) somebody/', type: datetime }", "code", "2026-11-04T00:00:00+01:00"),
    (r"{ forwarded.subject: '/zone (\d)/', type: int }", "forwarded", 4),
    (r"{ forwarded.subject: '/zone (\d)/', type: int }", "quoted-forward", 7),
    ("{ forwarded.label: State }", "forwarded", "open"),
    ("{ forwarded.header.From: '/<(.+)>/' }", "quoted-forward", "panel@alarms.example"),
]


@pytest.mark.parametrize(("extract", "mail", "value"), EXTRACT, ids=[f"{one} {mail}" for one, mail, _ in EXTRACT])
def test_extract(mailwire: Mailwire, extract: str, mail: str, value: object) -> None:
    found = explained(mailwire, f"extract: {{ v: {extract} }}\n{SENDS}", mail)

    assert found["matched"], found["conditions"]
    assert found["values"] == {"v": value}


@pytest.mark.parametrize(
    ("extract", "mail"),
    [
        (r"{ body: '/no (\d)/', type: int }", "camera"),
        ("{ subject: '/(motion)/', type: float }", "camera"),
        ("{ label: Missing }", "parcel"),
        ("{ css: td.none }", "parcel"),
        ("{ calendar: start }", "camera"),
        ("{ type: code }", "camera"),
        ("{ forwarded.subject: true }", "camera"),
    ],
)
def test_a_value_that_cannot_be_found_keeps_the_rule_from_matching(mailwire: Mailwire, extract: str, mail: str) -> None:
    found = explained(mailwire, f"extract: {{ v: {extract} }}\n{SENDS}", mail)

    assert not found["matched"]
    assert (found["conditions"][0]["path"], found["conditions"][0]["held"]) == ("extract.v", False)
    assert found["deliveries"] == []


def test_named_groups_are_values_and_if_compares_what_was_found(mailwire: Mailwire) -> None:
    rule = r"""
    when: { subject: '/at\s+(?P<place>\w+)/', if: "{{ temp < 0 and place == 'Hall' }}" }
    extract: { temp: { label: temp, type: float } }
    """
    found = explained(mailwire, rule, "camera")
    assert (found["matched"], found["values"]) == (True, {"place": "Hall", "temp": -21.5})

    unlike = explained(mailwire, rule.replace("temp < 0", "temp < '0'"), "camera")
    assert not unlike["matched"]
    assert "unlike types" in unlike["conditions"][0]["saw"]


# `then`: what is sent. The rule has found place = "Hall", temp = -21.5 and said = a longer text.

FOUND = r"""
when: { subject: '/at\s+(?P<place>\w+)/' }
extract: { temp: { label: temp, type: float }, said: { body: '/(Motion.+)/s' } }
"""
THEN: list[tuple[str, dict[str, Any]]] = [
    (
        '{ sink: broker, topic: "home/{{ place }}/m", payload: { t: "{{ temp }}" } }',
        {"target": "home/Hall/m", "as": "json", "payload": '{"t":-21.5}', "bytes": 11},
    ),
    (
        '{ sink: broker, topic: m, payload: { t: "{{ temp }}", p: "{{ place }}" }, as: cbor, qos: 0, retain: true }',
        {"as": "cbor", "payload_hex": "a261706448616c6c6174f9cd60", "options": {"qos": 0, "retain": True}},
    ),
    (
        '{ sink: broker, topic: m, payload: { t: "{{ temp }}" }, as: cbor, keys: { t: 1 } }',
        {"payload_hex": "a101f9cd60", "bytes": 5},
    ),
    (
        '{ sink: broker, topic: m, payload: "{{ temp }} at {{ place | upper }}" }',
        {"as": "text", "payload": "-21.5 at HALL"},
    ),
    ('{ sink: broker, topic: m, payload: "{{ temp }}", as: json }', {"payload": "-21.5"}),
    ("{ sink: broker, topic: m, payload: '{\"t\": {{ temp | tojson }}}' }", {"payload": '{"t": -21.5}'}),
    ("{ sink: broker, topic: m, payload: [1, true, null] }", {"as": "json", "payload": "[1,true,null]"}),
    (
        '{ sink: broker, topic: m, payload: "{{ said }}", max_bytes: 20, too_big: truncate }',
        {"bytes": 20, "payload": "Motion detected.\ntem"},
    ),
    (
        "{ sink: broker, topic: m, payload: x, delay: 5m, expires: 1h }",
        {"options": {"delay_s": 300, "expires_s": 3600}},
    ),
    (
        '{ sink: lamp, path: "/light/{{ place }}", payload: "1" }',
        {"target": "light/Hall", "options": {"method": "PUT"}},
    ),
    (
        "{ sink: lamp, path: l, method: POST, confirmable: false, content_format: 60, payload: { a: 1 }, as: cbor }",
        {"as": "cbor", "options": {"method": "POST", "confirmable": False, "content_format": 60}},
    ),
    (
        '{ sink: hook, path: "alarm/{{ place }}", headers: { X-Rule: "{{ rule }}" }, payload: { a: 1 } }',
        {"target": "alarm/Hall", "as": "json", "options": {"method": "POST", "headers": {"X-Rule": "r"}}},
    ),
    ("{ sink: hook, method: PUT, payload: x }", {"target": "", "as": "text", "options": {"method": "PUT"}}),
]


@pytest.mark.parametrize(("then", "wanted"), THEN, ids=[then for then, _ in THEN])
def test_then(mailwire: Mailwire, then: str, wanted: dict[str, Any]) -> None:
    (one,) = explained(mailwire, f"{FOUND}\nthen: {then}", "camera")["deliveries"]

    assert set(one) == {"sink", "target", "as", "bytes", "payload_hex", "payload", "options"}
    assert {key: one[key] for key in wanted if key != "options"} == {
        key: value for key, value in wanted.items() if key != "options"
    }
    assert one["options"].items() >= wanted.get("options", {}).items()
    assert len(bytes.fromhex(one["payload_hex"])) == one["bytes"]


@pytest.mark.parametrize("encoding", ["json", "cbor"])
def test_a_map_is_truncated_at_its_longest_text(mailwire: Mailwire, encoding: str) -> None:
    payload = f'payload: {{ s: "{{{{ said }}}}", t: 1 }}, as: {encoding}, max_bytes: 32, too_big: truncate'
    (one,) = explained(mailwire, f"{FOUND}\nthen: {{ sink: broker, topic: m, {payload} }}", "camera")["deliveries"]

    assert one["bytes"] <= 32
    found = json.loads(one["payload"])
    assert (found["s"][:6], found["t"]) == ("Motion", 1)


def test_a_payload_that_is_too_big_is_dead_or_dropped(mailwire: Mailwire) -> None:
    then = '{{ sink: broker, topic: m, payload: "{{{{ said }}}}", max_bytes: 20{} }}'
    (dead,) = explained(mailwire, f"{FOUND}\nthen: {then.format('')}", "camera")["deliveries"]
    dropped = explained(mailwire, f"{FOUND}\nthen: {then.format(', too_big: drop')}", "camera")

    assert "max_bytes is 20" in dead["options"]["dead"]
    assert (dropped["matched"], dropped["deliveries"]) == (True, [])


def test_a_reset_is_a_second_delivery_to_the_same_target(mailwire: Mailwire) -> None:
    then = 'then: { sink: lamp, path: /light, payload: "1", reset: { after: 30s, payload: "0" } }'
    on, off = explained(mailwire, then, "camera")["deliveries"]

    assert (on["target"], on["payload"]) == ("light", "1")
    assert (off["target"], off["payload"], off["options"]["reset_after_s"]) == ("light", "0", 30)


def test_times_can_come_from_the_mail(mailwire: Mailwire) -> None:
    rule = """
    when: { calendar: { summary: boiler } }
    extract: { start: { calendar: start }, end: { calendar: end } }
    then:
      sink: broker
      topic: home/boiler
      payload: { state: "on" }
      delay: "{{ start }}"
      expires: "{{ end }}"
      reset: { after: "{{ end }}", payload: { state: "off" } }
    """
    on, off = explained(mailwire, rule, "boiler")["deliveries"]

    assert (on["options"]["delay_s"], on["options"]["expires_s"]) == (9 * 86_400, 5_400)
    assert off["options"]["reset_at"] == "2026-11-12T09:30:00+00:00"


NAMES: list[tuple[str, Any]] = [
    ("mail.subject | slug", "motion_at_hall"),
    ("mail.subject | bytes(3)", "Mot"),
    ("mail.from", "Hall@cameras.example"),
    ("mail.from_name", "Hall Camera"),
    ("mail.to", "alarms@example.org, me@example.org"),
    ("mail.date", "2026-10-31T23:30:00+01:00"),
    ("mail.date | timestamp", 1_793_485_800),
    ("mail.date | iso", "2026-10-31T23:30:00+01:00"),
    ("mail.id", "<motion-1@cameras.example>"),
    ("mail.flags", []),
    ("mail.attachments[1]", {"name": "reading.json", "type": "application/json", "size": 57}),
    ("mail.attachments[0].size", 126),  # of the file, not of its base64
    ("mail.text | tojson | length > 100", True),
    ("[mailbox, folder, rule]", ["home", "INBOX", "r"]),
    ("delivery_id | length > 0", True),
]


@pytest.mark.parametrize(("template", "value"), NAMES, ids=[template for template, _ in NAMES])
def test_names_and_filters_keep_the_type_of_their_value(mailwire: Mailwire, template: str, value: object) -> None:
    then = f'then: {{ sink: broker, topic: m, payload: {{ v: "{{{{ {template} }}}}" }} }}'
    (one,) = explained(mailwire, then, "camera")["deliveries"]

    assert json.loads(one["payload"]) == {"v": value}


@pytest.mark.parametrize(
    ("subject", "segment"),
    [
        ("a/b", "a_b"),
        ("../../x", ".._.._x"),
        ("..", "_"),
        (".", "_"),
        ("", "_"),
        ("$SYS", "_SYS"),
        ("a#b+c", "a_b_c"),
        ("Küche, links", "Küche, links"),
    ],
)
@pytest.mark.parametrize(("sink", "field"), [("broker", "topic"), ("lamp", "path"), ("hook", "path")])
def test_a_mail_stays_in_its_segment(mailwire: Mailwire, sink: str, field: str, subject: str, segment: str) -> None:
    Path("odd.eml").write_bytes(f"From: a@b.example\r\nSubject: {subject}\r\n\r\nx\r\n".encode())
    then = f'then: {{ sink: {sink}, {field}: "home/{{{{ mail.subject }}}}/x", payload: y }}'
    (one,) = explained(mailwire, then, "odd")["deliveries"]

    assert one["target"] == f"home/{segment}/x"


# A rule's other keys.


def test_no_later_rule_looks_at_a_mail_that_was_stopped(mailwire: Mailwire) -> None:
    rules = f"""
    - {{ name: first, stop: true, when: {{ subject: motion }} }}
    - {{ name: second, {SENDS} }}
    """
    first, second = mailwire("explain", "--json", "camera.eml", rules=rules).rules
    assert (first["matched"], first["stopped"], second["matched"]) == (True, True, False)
    first, second = mailwire("explain", "--json", "parcel.eml", rules=rules).rules
    assert (first["matched"], first["stopped"], second["matched"]) == (False, False, True)


def test_a_rule_that_is_off_or_of_another_mailbox_does_not_match(mailwire: Mailwire) -> None:
    rules = f"""
    - {{ name: off, enabled: false, {SENDS} }}
    - {{ name: work, mailboxes: [work], {SENDS} }}
    - {{ name: all, {SENDS} }}
    """

    def matched(*arguments: str) -> list[str]:
        found = mailwire("explain", "--json", *arguments, "camera.eml", rules=rules).rules
        return [rule["name"] for rule in found if rule["matched"]]

    assert matched() == ["all"]
    assert matched("--mailbox", "work") == ["work", "all"]


@pytest.mark.parametrize(
    "throttle", ["2/1m", "{ max: 2, within: 1m }", '{ max: 2, within: 1m, per: "{{ mail.from }}" }']
)
def test_throttle_drops_the_rest(mailwire: Mailwire, throttle: str) -> None:
    done = mailwire("explain", "--json", *["camera.eml"] * 3, rules=f"- {{ name: r, throttle: {throttle}, {SENDS} }}")

    assert [len(json.loads(line)["rules"][0]["deliveries"]) for line in done.out.splitlines()] == [1, 1, 0]


# `explain`.


def test_the_object_of_a_mail(mailwire: Mailwire) -> None:
    done = mailwire("explain", "--json", "camera.eml", "bare.eml", rules=f"- {{ name: r, {SENDS} }}")
    camera, bare = (json.loads(line)["mail"] for line in done.out.splitlines())

    assert set(camera) == set(bare) == {"subject", "from", "date", "size", "text", "attachments", "auth"}
    assert (camera["from"], camera["auth"]) == ("Hall@cameras.example", "none")
    assert camera["attachments"][2] == {"name": "log.csv", "type": "text/csv", "size": 43}
    assert (bare["subject"], bare["date"], bare["attachments"]) == ("", None, [])


def test_the_tree_tells_what_was_wanted_and_seen_and_what_is_sent(mailwire: Mailwire) -> None:
    rules = """
    - name: motion
      when: { from: cameras.example }
      then: { sink: lamp, path: light, payload: "1", delay: 90s, reset: { after: 30s, payload: "0" } }
      after: { seen: true, move: Done }
    - name: boiler
      when: { hours: 22:00-06:00, calendar: { summary: boiler } }
    """
    done = mailwire("explain", "camera.eml", rules=rules)
    lines = [line.strip(" │├└─") for line in done.out.splitlines()]

    assert done.code == 0
    assert lines[0] == "Motion at  Hall  camera.eml"
    assert "✓ motion matches" in lines
    assert "→ lamp light" in lines
    assert "text, 1 B: 31" in lines
    assert 'method: "PUT", confirmable: true, sent 1m 30s after the match, at 2026-10-31 23:31:30+01:00' in lines
    assert "↺ lamp light, 30s after it was acknowledged" in lines
    assert "after: seen, move Done" in lines
    reason = lines[lines.index("✗ boiler does not match") + 1]
    assert reason == 'because when.calendar: wanted summary contains "boiler"; saw no invitation'


# Faults: one line each, all at once, in the order of the file, and nothing is ignored.

FAULTS = [
    # unknown keys
    ("when: { subjct: x }", "when.subjct", 'unknown key; did you mean "subject"?'),
    ("when: { not: { form: x } }", "when.not.form", 'unknown key; did you mean "from"?'),
    ("when: { subject: { strats: x } }", "when.subject.strats", 'unknown key; did you mean "starts"?'),
    ("extract: { v: { bdy: /x/ } }", "extract.v.bdy", 'unknown key; did you mean "body"?'),
    ("extract: { v: { body: /x/, typ: int } }", "extract.v.typ", 'unknown key; did you mean "type"?'),
    ("thorttle: 5/1m", "thorttle", 'unknown key; did you mean "throttle"?'),
    ("after: { mvoe: Done }", "after.mvoe", 'unknown key; did you mean "move"?'),
    # what is left for later
    ("risk: unlock", "risk", "not yet supported"),
    ("when: { auth: dkim }", "when.auth", "not yet supported"),
    ("when: { totp: { secret_file: s } }", "when.totp", "not yet supported"),
    ("when: { hmac: { secret_file: s } }", "when.hmac", "not yet supported"),
    ("after: { reply: hi }", "after.reply", "not yet supported"),
    # values
    ("event: flaged", "event", 'did you mean "flagged"?'),
    ("when: { from: true }", "when.from", "write an address"),
    ('when: { from: "a@b.example, c@d.example" }', "when.from", "several are a list"),
    ('when: { subject: "" }', "when.subject", "an empty text holds for everything"),
    ("when: { subject: 4711 }", "when.subject", "a number or true needs quotes"),
    ("when: { subject: /(/ }", "when.subject", "RE2 refuses this regex"),
    ("when: { subject: /x(?=y)/ }", "when.subject", "RE2 has no lookahead"),
    ("when: { subject: /x/i }", "when.subject", "case is ignored without it"),
    ("when: { size: 1MB }", "when.size", 'write it like ">1MB"'),
    ("when: { flags: [unseen] }", "when.flags.0", 'write "!seen"'),
    ("when: { attachment: { type: jpg } }", "when.attachment.type", "write it like image/jpeg"),
    (r"when: { attachment: '/\.jpg$/' }", "when.attachment", "no regex"),
    ("when: { hours: morning }", "when.hours", ""),
    ("when: { days: [someday] }", "when.days.0", ""),
    ("when: { max_age: 10 }", "when.max_age", "write it like 30s, 5m"),
    ("when: { any: [] }", "when.any", "must not be empty"),
    ('when: { if: "mail.size > 3" }', "when.if", 'in quotes: "{{ temp > 30 }}"'),
    ('when: { if: "{{ nope > 3 }}" }', "when.if", 'unknown value "nope"'),
    ("extract: { v: { body: x } }", "extract.v.body", "write a regex between slashes"),
    ("extract: { v: { body: /x/, type: integer } }", "extract.v.type", 'did you mean "int"?'),
    ("extract: { mail: { body: /x/ } }", "extract.mail", '"mail" is reserved'),
    ("extract: { v: { calendar: begin } }", "extract.v.calendar", "no such field"),
    ("throttle: 5", "throttle", "write it like 5/1m"),
    ("mailboxes: [hom]", "mailboxes.0", 'did you mean "home"?'),
    ("stop: yes", "stop", "expected true or false"),
    ("after: { move: A, delete: true }", "after", "either moved or deleted"),
    ("tests: [{ mail: a.eml, expect: { wether: a } }]", "tests.0.expect.wether", "there are matched, stopped"),
]
THEN_FAULTS = [
    ("sink: brokr, topic: t", "sink", 'did you mean "broker"?'),
    ("sink: broker, payload: x", "topic", "missing"),
    ("sink: broker, topic: t, quos: 1", "quos", 'did you mean "qos"?'),
    ("sink: broker, topic: t, qos: 3", "qos", "expected 0, 1 or 2"),
    ("sink: broker, topic: t, path: x", "path", "unknown key"),
    ("sink: lamp, payload: x", "path", "missing"),
    ("sink: lamp, path: p, method: put", "method", 'did you mean "PUT"?'),
    ('sink: hook, path: "p?a=b"', "path", "a path has no query"),
    ("sink: broker, topic: t, as: xml", "as", 'no encoding is called "xml"'),
    ("sink: broker, topic: t, payload: { t: 1 }, keys: { t: 1 }", "keys", "they need as: cbor"),
    ("sink: broker, topic: t, max_bytes: 9, too_big: cut", "too_big", "expected truncate, drop or fail"),
    ("sink: broker, topic: t, expires: 300", "expires", "write it like 30s, 5m"),
    ("sink: broker, topic: t, reset: { after: 3s }", "reset.payload", "missing"),
    ("sink: broker, topic: t, home_assistant: { platform: sensor }", "home_assistant", "not yet supported"),
    ('sink: broker, topic: "{{ place }}", payload: x', "topic", 'unknown value "place"'),
    ('sink: broker, topic: t, payload: "{{ mail.subjct }}"', "payload", 'did you mean "mail.subject"?'),
    ('sink: broker, topic: t, payload: "{{ mail.text | uper }}"', "payload", 'did you mean "upper"?'),
    ('sink: broker, topic: t, payload: "{{ mail.text "', "payload", "does not parse"),
    ('sink: broker, topic: t, payload: "{{ count }}"', "payload", "in a rule with event: count only"),
    ("sink: broker, topic: t, payload: '{\"t\": {{ mail.size }}}'", "payload", "write the payload as a map"),
]


@pytest.mark.parametrize(
    ("written", "path", "message"),
    [*FAULTS, *((f"then: {{ {then} }}", f"then.{path}", message) for then, path, message in THEN_FAULTS)],
)
def test_a_fault_is_one_line_with_its_place(mailwire: Mailwire, written: str, path: str, message: str) -> None:
    (line,) = mailwire("check", rules=f"- name: r\n  {written}").faults

    key = path.removesuffix(".0").rpartition(".")[2]
    assert line.startswith(f"m.yaml:{len(HEAD.splitlines()) + 2}:")
    assert f": rules.0.{path}: " in line
    assert message in line
    column = int(line.split(":")[2])
    assert (
        written[column - 5 :].lstrip(" [{").startswith(key) or f"{key}:" in written[: column - 4] or "missing" in line
    )


def test_all_faults_are_told_at_once_in_the_order_of_the_file(mailwire: Mailwire) -> None:
    whole = """\
cluster: { lease: 10s }
mailboxes:
  home: { hsot: h.example, user: u, password: p }
sinks:
  Lamp: { type: log }
  broker: { type: mqqt }
  out: { type: log }
rules:
  - name: r
    when: { subjct: x, size: 3 }
    extract: { v: { bdy: /x/ } }
    then:
      - { sink: out, payload: "{{ mail.subjct }}" }
      - { sink: nowhere, payload: x }
    thorttle: 5/1m
  - name: r
extra: 1
"""
    places = [line.split(": ")[:2] for line in mailwire("check", whole=whole).faults]

    assert places == [
        ["m.yaml:1:1", "cluster"],
        ["m.yaml:3:11", "mailboxes.home.hsot"],
        ["m.yaml:5:3", "sinks.Lamp"],
        ["m.yaml:6:19", "sinks.broker.type"],
        ["m.yaml:10:13", "rules.0.when.subjct"],
        ["m.yaml:10:30", "rules.0.when.size"],
        ["m.yaml:11:21", "rules.0.extract.v.bdy"],
        ["m.yaml:13:31", "rules.0.then.0.payload"],
        ["m.yaml:14:17", "rules.0.then.1.sink"],
        ["m.yaml:15:5", "rules.0.thorttle"],
        ["m.yaml:16:11", "rules.1.name"],
        ["m.yaml:17:1", "extra"],
    ]


def test_a_fault_in_an_included_file_is_told_with_that_file(mailwire: Mailwire) -> None:
    Path("rules.yaml").write_text("- name: r\n  when:\n    subjct: x\n")

    (line,) = mailwire("check", whole=HEAD.replace("rules:\n", "rules: !include rules.yaml\n")).faults
    assert line == 'rules.yaml:3:5: rules.0.when.subjct: unknown key; did you mean "subject"?'


# Exit codes, `check --tests`, `fire`.


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["check"], 0),
        (["explain", "camera.eml"], 0),
        (["explain", "parcel.eml"], 0),  # a mail that no rule is for is no failure
        (["explain"], 2),
        (["explain", "missing.eml"], 2),
        (["explain", "--mailbox", "nowhere", "camera.eml"], 2),
        (["explain", "--at", "soon", "camera.eml"], 2),
        (["explain", "--event", "flagged", "camera.eml"], 0),
        (["explain", "--event", "flaged", "camera.eml"], 2),
        (["fire", "nobody", "camera.eml"], 2),
        (["fire", "r", "parcel.eml"], 1),  # it does not match
        (["backtest", "--last", "0"], 2),
        (["backtest", "--mailbox", "nowhere"], 2),
        (["backtest", "--against", "missing.yaml"], 2),
        (["status"], 2),
        (["check", "--nonsense"], 2),
    ],
)
def test_exit_codes(mailwire: Mailwire, arguments: list[str], code: int) -> None:
    done = mailwire(*arguments, rules=f"- {{ name: r, when: {{ subject: motion }}, {SENDS} }}")

    assert done.code == code, done
    assert "Traceback" not in done.err


def test_a_wrong_configuration_ends_every_command(mailwire: Mailwire) -> None:
    for command in (["explain", "camera.eml"], ["fire", "r", "camera.eml"], ["backtest"], ["run"]):
        (line,) = mailwire(*command, rules="- { name: r, whn: {} }").faults
        assert line.endswith('rules.0.whn: unknown key; did you mean "when"?')


@pytest.mark.parametrize(
    ("expect", "path"),
    [
        ("true", None),
        ("{ matched: true, values: { temp: -21.5 }, deliveries: [{ sink: broker, payload: { t: -21.5 } }] }", None),
        ("[{ target: home/hall, payload_hex: a16174f9cd60 }]", None),
        ("false", "expect"),
        ("{ values: { temp: 3 } }", "expect.values.temp"),
        ("[]", "expect"),
    ],
)
def test_the_rules_tests(mailwire: Mailwire, expect: str, path: str | None) -> None:
    shutil.copy(MAILS / "camera.eml", "camera.eml")
    rules = f"""
    - name: r
      extract: {{ temp: {{ label: temp, type: float }} }}
      then: {{ sink: broker, topic: home/hall, payload: {{ t: "{{{{ temp }}}}" }}, as: cbor }}
      tests: [{{ mail: camera.eml, expect: {expect} }}]
    """
    assert mailwire("check", rules=rules).code == 0
    done = mailwire("check", "--tests", rules=rules)

    assert done.code == (0 if path is None else 1)
    assert done.err == "" if path is None else f": rules.0.tests.0.{path}: expected " in done.err


@pytest.fixture(autouse=True)
def _logs_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command runs in this process: how it logs must not become how all other tests log."""
    monkeypatch.setattr("bridge.cli._logs.configure", lambda *_, **__: None)
