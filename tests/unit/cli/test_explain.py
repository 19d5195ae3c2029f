"""``mailwire explain``: what an admin sees, and what a program reads."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bridge.cli import group

CONFIG = """
name: test
timezone: Europe/Berlin
mailboxes:
  home: { host: h.example, user: u, password: the-password }
  work: { host: w.example, user: u, password: the-password }
sinks:
  out: { type: log }
rules:
  - name: motion
    mailboxes: [home]
    when: { from: cameras.example, subject: '/at (?P<place>\\w+)/' }
    then: { sink: out, payload: { place: "{{ place }}" } }
  - name: door
    when: { subject: door }
    then: { sink: out, payload: x }
"""
MAIL = b"From: Cam <cam@cameras.example>\r\nSubject: Motion at Hall\r\nDate: Sun, 1 Nov 2026 11:00 +0100\r\n\r\nHi\r\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mailwire.yaml").write_text(CONFIG)
    (tmp_path / "motion.eml").write_bytes(MAIL)
    return tmp_path


def run(*args: str) -> Result:
    return CliRunner().invoke(group, ["explain", "-c", "mailwire.yaml", *args])


@pytest.mark.usefixtures("folder")
def test_json_is_one_object_a_mail_a_line_each() -> None:
    result = run("--json", "motion.eml", "motion.eml")
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(lines) == 2
    assert lines[0] == lines[1]
    assert [set(one) for one in lines] == [{"mail", "rules"}] * 2
    first, second = lines[0]["rules"]
    assert (first["name"], first["matched"], second["name"], second["matched"]) == ("motion", True, "door", False)
    assert set(first) == {"name", "matched", "stopped", "conditions", "values", "deliveries"}
    (delivery,) = first["deliveries"]
    assert set(delivery) == {"sink", "target", "as", "bytes", "payload_hex", "payload", "options"}
    assert bytes.fromhex(delivery["payload_hex"]) == b'{"place":"Hall"}'


@pytest.mark.usefixtures("folder")
def test_the_tree_tells_the_reason_first() -> None:
    result = run("motion.eml")
    assert result.exit_code == 0, result.output
    assert "✓ motion matches" in result.output
    assert 'place = "Hall"' in result.output
    lines = [line.strip(" │├└─") for line in result.output.splitlines()]
    assert lines[lines.index("✗ door does not match") + 1] == (
        'because when.subject: wanted contains "door"; saw Motion at Hall'
    )
    assert "\x1b" not in result.output


@pytest.mark.usefixtures("folder")
def test_a_blank_line_stands_between_two_mails() -> None:
    one, two = run("motion.eml").output, run("motion.eml", "motion.eml").output
    assert two == f"{one}\n{one}"


def test_the_times_of_a_delivery_are_told_and_whether_it_is_expired(folder: Path) -> None:
    timed = "payload: x, expires: 5m, delay: 2s, reset: { after: 30s, payload: y }"
    (folder / "mailwire.yaml").write_text(CONFIG.replace("payload: x", timed))
    (folder / "door.eml").write_bytes(MAIL.replace(b"Motion at", b"Door"))
    early, late = run("--event", "new", "door.eml").output, run("--at", "2026-11-01T12:00", "door.eml").output
    assert (
        "sent 2s after the match, at 2026-11-01 11:00:02+01:00, expires 5m after the mail's arrival and the delay"
        in early
    )
    assert ", 30s after it was acknowledged" in early
    assert "✓ door matches" in late
    assert (late.count(" expired"), early.count(" expired")) == (1, 0)


@pytest.mark.parametrize(
    ("at", "saw"), [("00:32", "arrived 119s ago"), ("1:31", "arrived 60m ago"), ("23:31:00", "arrived 23h ago")]
)
def test_a_time_without_a_day_is_of_the_day_of_arrival_where_the_bridge_is(folder: Path, at: str, saw: str) -> None:
    """It arrives on 1 November at 00:30 in Berlin; in London that is still October."""
    (folder / "mailwire.yaml").write_text(CONFIG.replace("when: { subject: door }", "when: { max_age: 2d }"))
    (folder / "late.eml").write_bytes(MAIL.replace(b"1 Nov 2026 11:00 +0100", b"31 Oct 2026 23:30 +0000"))
    door = json.loads(run("--json", "--at", at, "late.eml").stdout)["rules"][1]
    assert [line["saw"] for line in door["conditions"]] == [saw]


def test_a_dead_delivery_says_why(folder: Path) -> None:
    (folder / "mailwire.yaml").write_text(CONFIG.replace("payload: x", "payload: xyz, max_bytes: 2"))
    (folder / "door.eml").write_bytes(MAIL.replace(b"Motion at", b"Door"))
    result = run("door.eml")
    assert result.exit_code == 0, result.output
    assert "✓ door matches" in result.output
    assert "✗ dead: the payload has 3 bytes; max_bytes is 2" in result.output
    door = json.loads(run("--json", "door.eml").stdout)["rules"][1]
    assert door["deliveries"][0]["options"]["dead"] == "the payload has 3 bytes; max_bytes is 2"


def test_of_octets_it_is_told_how_many_and_the_first(folder: Path) -> None:
    taking = 'extract: { file: { attachment: "*", type: bytes } }\n    when: { subject: door }'
    (folder / "mailwire.yaml").write_text(CONFIG.replace("when: { subject: door }", taking))
    attached = b'Content-Disposition: attachment; filename="a.bin"\r\n\r\n' + b"abcd" * 100
    (folder / "door.eml").write_bytes(MAIL.replace(b"Motion at", b"Door").replace(b"\r\n\r\nHi", b"\r\n" + attached))
    tree = run("door.eml").output
    assert "values: file = 402 bytes: 61 62 63 64 61" in tree
    assert "6162636461" not in tree


def test_several_mails_are_counted_one_after_the_other(folder: Path) -> None:
    counting = "when: { subject: door, repeated: { min: 2, within: 1h } }\n    throttle: 1/1h"
    (folder / "mailwire.yaml").write_text(CONFIG.replace("when: { subject: door }", counting))
    (folder / "door.eml").write_bytes(MAIL.replace(b"Motion at", b"Door"))
    result = run("--json", *["door.eml"] * 3)
    assert result.exit_code == 0, result.output
    doors = [json.loads(line)["rules"][1] for line in result.stdout.splitlines()]
    assert [(door["matched"], len(door["deliveries"])) for door in doors] == [(False, 0), (True, 1), (True, 0)]
    tree = run("door.eml").output
    assert "because when.repeated: wanted at least 2 within 1h; saw 1st within 1h (explain keeps no state)" in tree


@pytest.mark.usefixtures("folder")
def test_a_mailbox_can_be_chosen() -> None:
    rules = json.loads(run("--json", "--mailbox", "work", "motion.eml").stdout)["rules"]
    assert [rule["matched"] for rule in rules] == [False, False]
    assert rules[0]["conditions"] == [{"path": "mailboxes", "held": False, "wanted": "home", "saw": "work"}]


EVENTS = """
  - { name: starred, event: flagged, when: { flags: flagged }, then: { sink: out, payload: "{{ mail.flags | join }}" } }
  - { name: unread, event: count, when: { flags: "!seen", subject: motion }, then: { sink: out, expires: 5m } }
  - { name: left, event: gone, when: { max_age: 1s }, then: { sink: out, expires: 5m, payload: x } }
"""


def explained(folder: Path, *args: str) -> list[dict[str, list[str]]]:
    """Of each mail, what each rule that matches sends."""
    (folder / "mailwire.yaml").write_text(CONFIG + EVENTS.lstrip("\n"))
    (folder / "door.eml").write_bytes(MAIL.replace(b"Motion at", b"Door"))
    result = run("--json", *args)
    assert result.exit_code == 0, result.output
    mails = [json.loads(line)["rules"] for line in result.stdout.splitlines()]
    return [
        {one["name"]: [sent["payload"] for sent in one["deliveries"]] for one in mail if one["matched"]}
        for mail in mails
    ]


def test_only_rules_of_the_event_are_tried(folder: Path) -> None:
    assert explained(folder, "motion.eml") == [{"motion": ['{"place":"Hall"}']}]
    assert explained(folder, "--event", "flagged", "motion.eml") == [{"starred": ["\\Flagged"]}]
    assert explained(folder, "--event", "seen", "motion.eml") == [{}]
    lines = [line.strip(" │├└─") for line in run("--event", "seen", "motion.eml").output.splitlines()]
    assert "because event: wanted new; saw seen" in lines


def test_an_event_happens_when_the_mail_is_looked_at(folder: Path) -> None:
    assert explained(folder, "--event", "gone", "--at", "2026-12-24T07:30", "motion.eml") == [{"left": ["x"]}]
    tree = run("--event", "gone", "--at", "2026-12-24T07:30", "motion.eml").output
    assert "expires 5m after the event, at 2026-12-24 07:35:00+01:00" in tree


def test_the_mails_that_count_are_numbered(folder: Path) -> None:
    mails = ["motion.eml", "door.eml", "motion.eml"]
    assert explained(folder, "--event", "count", *mails) == [{"unread": ["1"]}, {}, {"unread": ["2"]}]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--mailbox", "wrok", "motion.eml"), 'no mailbox is called "wrok"'),
        (("--at", "noon", "motion.eml"), '"noon" is no time'),
        (("--event", "flaged", "motion.eml"), 'did you mean "flagged"?'),
        (("--event", "nwe", "motion.eml"), 'no event is called "nwe"'),
        (("nothing.eml",), "nothing.eml"),
        ((), "MAIL.eml"),
    ],
)
def test_a_wrong_command_line_says_so(args: tuple[str, ...], said: str) -> None:
    result = run(*args)
    assert result.exit_code == 2 or result.exception is not None
    assert said in result.output + str(result.exception)


def test_nothing_is_left_behind(folder: Path) -> None:
    before = {path.name for path in folder.iterdir()}
    assert run("--at", "2026-11-01T07:30", "motion.eml").exit_code == 0
    assert {path.name for path in folder.iterdir()} == before


def test_a_hostile_mail_cannot_speak_to_the_terminal(folder: Path) -> None:
    (folder / "evil.eml").write_bytes(b"Subject: =?utf-8?q?=1B]0;x=07[red]at_x?=\nFrom: cam@cameras.example\n\n\x1b[2J")
    for args in (["evil.eml"], ["--json", "evil.eml"]):
        result = run(*args)
        assert result.exit_code == 0
        assert "\x1b" not in result.output


@pytest.mark.usefixtures("folder")
def test_secrets_are_not_shown() -> None:
    assert "the-password" not in run("motion.eml").output + run("--json", "motion.eml").output


def tree(folder: Path, when: str, mail: bytes = MAIL, then: str = "{ sink: out, payload: x }") -> list[str]:
    """What is told of one rule, the indentation left."""
    head, *_ = CONFIG.partition("  - name: motion")
    (folder / "mailwire.yaml").write_text(f"{head}  - name: r\n    when: {when}\n    then: {then}\n")
    (folder / "tree.eml").write_bytes(mail)
    result = run("tree.eml")
    assert result.exit_code == 0, result.output
    return [re.sub(r"[│├└─]", " ", line)[4:].rstrip() for line in result.output.splitlines()[2:]]


def test_the_members_of_a_group_stand_under_it(folder: Path) -> None:
    any_ = "any: [{ subject: motion, from: x.example }, { all: [{ subject: at }, { subject: door }] }]"
    assert tree(folder, f"{{ from: cameras.example, {any_} }}") == [
        "✗ r does not match",
        "    because when.any: wanted one of what follows; saw none of it holds",
        "        ✗ when.any.0",
        '            ✓ when.any.0.subject: wanted contains "motion"; saw Motion at Hall',
        '            ✗ when.any.0.from: wanted *@x.example; saw "Cam" <cam@cameras.example>',
        "        ✗ when.any.1.all: wanted all of what follows; saw not all of it holds",
        '            ✓ when.any.1.all.0.subject: wanted contains "at"; saw Motion at Hall',
        '            ✗ when.any.1.all.1.subject: wanted contains "door"; saw Motion at Hall',
        '    ✓ when.from: wanted *@cameras.example; saw "Cam" <cam@cameras.example>',
    ]


def test_below_a_not_nothing_is_good_or_bad(folder: Path) -> None:
    lines = tree(folder, "{ subject: motion, not: { subject: door, any: [{ from: cameras.example }] } }")
    assert lines[:6] == [
        "✓ r matches",
        '    ✓ when.subject: wanted contains "motion"; saw Motion at Hall',
        "    ✓ when.not: wanted not what follows; saw it does not hold",
        '        · when.not.subject did not hold: wanted contains "door"; saw Motion at Hall',
        "        · when.not.any held: wanted one of what follows; saw one of it holds",
        '            · when.not.any.0.from held: wanted *@cameras.example; saw "Cam" <cam@cameras.example>',
    ]
    assert tree(folder, "{ not: { subject: motion } }") == [
        "✗ r does not match",
        "    because when.not: wanted not what follows; saw it holds",
        '        · when.not.subject held: wanted contains "motion"; saw Motion at Hall',
    ]


def test_what_a_carried_mail_lacks_stands_under_it_and_first(folder: Path) -> None:
    inner = b"Content-Type: message/rfc822\r\n\r\nFrom: x@y.example\r\nSubject: Open\r\n\r\nHi\r\n"
    lines = tree(folder, "{ from: cameras.example, forwarded: { subject: [open], from: z.example } }",
                 MAIL.replace(b"\r\n\r\nHi\r\n", b"\r\n" + inner))  # fmt: skip
    assert lines == [
        "✗ r does not match",
        '    ✓ when.forwarded: wanted a mail that it carries; saw carries "Open"',
        "        because when.forwarded.from: wanted *@z.example; saw x@y.example",
        '        ✓ when.forwarded.subject: wanted contains "open"; saw Open',
        '    ✓ when.from: wanted *@cameras.example; saw "Cam" <cam@cameras.example>',
    ]


@pytest.mark.parametrize(
    ("then", "shown"),
    [
        ("payload: [1, 2, 255], as: bytes", ["bytes, 3 B: 01 02 ff"]),
        ("payload: '', as: bytes", ["bytes, 0 B:", '(empty)']),
        ("payload: ab, as: bytes", ["bytes, 2 B: 61 62", "ab"]),
        ("payload: [255], as: base64", ["base64, 4 B: 2f 77 3d 3d", '"ff"']),
    ],
)  # fmt: skip
def test_octets_that_have_no_other_form_are_shown_once(folder: Path, then: str, shown: list[str]) -> None:
    lines = tree(folder, "{ subject: motion }", then=f"{{ sink: out, {then} }}")
    assert [line.strip() for line in lines[3:]] == shown


def test_what_the_throttle_drops_is_told_on_the_rule(folder: Path) -> None:
    (folder / "mailwire.yaml").write_text(
        CONFIG.replace("- name: door", "- name: door\n    throttle: 1/1h\n    stop: true")
    )
    (folder / "door.eml").write_bytes(MAIL.replace(b"Motion at", b"Door"))
    doors = [json.loads(line)["rules"][1] for line in run("--json", "door.eml", "door.eml").stdout.splitlines()]
    assert [door.get("suppressed") for door in doors] == [None, True]
    titles = re.findall(r"✓ (door .*)", run("door.eml", "door.eml").output)
    assert titles == ["door matches, and stops", "door matches, suppressed, and stops"]
