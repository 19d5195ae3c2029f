"""BODYSTRUCTURE, whole messages and prefixes → parts and their octets."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imapclient import response_types

from bridge.mail import limits, structure
from bridge.mail.part import Part
from tests.unit.mail import nested

PLAIN = (b"TEXT", b"PLAIN", (b"CHARSET", b"UTF-8"), None, None, b"QUOTED-PRINTABLE", 120, 4, None, None, None, None)
HTML = (b"text", b"html", None, None, None, b"7bit", 900, 30)
JPEG = (
    *(b"image", b"jpeg", (b"name", b"a.jpg"), b"<id@x>", None, b"base64", 8_000_000, None),
    *((b"attachment", (b"filename*", b"utf-8''%C3%A4.jpg", b"size", 3)), None, None),
)
MESSAGE = (b"message", b"rfc822", None, None, None, b"7bit", 500, (None,) * 10, PLAIN, 12, None, None, None, None)
MIXED = ((PLAIN, HTML, b"alternative", (b"boundary", b"c")), JPEG, MESSAGE, b"mixed", (b"boundary", b"b"), None, None)


def test_leaves_are_numbered_as_imap_numbers_them() -> None:
    for body in (MIXED, response_types.BodyData.create(MIXED)):
        parts = structure.from_bodystructure(body)
        assert [(part.section, part.type, part.size) for part in parts] == [
            ("1.1", "text/plain", 120),
            ("1.2", "text/html", 900),
            ("2", "image/jpeg", 8_000_000),
            ("3", "message/rfc822", 500),
        ]


def test_a_leaf_is_described() -> None:
    plain, _, jpeg, _ = structure.from_bodystructure(MIXED)
    assert plain == Part(section="1.1", size=120, charset="utf-8", encoding="quoted-printable")
    assert jpeg == Part(
        section="2",
        type="image/jpeg",
        name="ä.jpg",
        size=8_000_000,
        encoding="base64",
        disposition="attachment",
        content_id="id@x",
    )


def test_a_single_part_is_section_1() -> None:
    assert [part.section for part in structure.from_bodystructure(PLAIN)] == ["1"]


@pytest.mark.parametrize(
    "junk",
    [
        None,
        b"",
        7,
        (),
        [],
        ((),),
        [[]],
        (None,),
        (b"text",),
        (None, None, 1, 2, 3, 4, b"x"),
        ([],),
        ([None],),
        (b"x", b"y", (b"z",)),
    ],
)
def test_an_odd_server_does_no_harm(junk: Any) -> None:
    assert len(structure.from_bodystructure(junk)) <= 1


_ATOMS = st.one_of(
    st.none(), st.integers(), st.binary(max_size=8), st.text(max_size=8), st.sampled_from([b"attachment", b"text"])
)
_BODIES = st.recursive(
    _ATOMS, lambda inner: st.one_of(st.lists(inner, max_size=12), st.lists(inner, max_size=12).map(tuple))
)


@given(_BODIES, st.binary(max_size=60), st.binary(max_size=60))
def test_any_structure_gives_parts_that_can_be_written_down(body: Any, head: bytes, prefix: bytes) -> None:
    parts = structure.from_bodystructure(body)
    for part in parts:
        f"{part.type}{part.name}{part.charset}{part.encoding}{part.disposition}{part.content_id}".encode()
    structure.slice_prefix(head, prefix, parts)


def test_width_and_depth_are_limited() -> None:
    deep: Any = PLAIN
    for _ in range(10_000):
        deep = ([deep], b"mixed")
    assert structure.from_bodystructure(deep) == ()
    assert len(structure.from_bodystructure(([PLAIN] * 10_000, b"mixed"))) == limits.PARTS
    wide = nested.HEAD + nested.multipart(b"b", *[nested.TEXT] * 10_000)
    assert len(structure.from_message(wide)[1]) == limits.PARTS


def test_a_deep_message_costs_no_recursion() -> None:
    raw = nested.TEXT
    for number in range(1_000):
        raw = nested.multipart(b"b%d" % number, raw)
    assert structure.from_message(nested.HEAD + raw)[1] == ()


def _prefixes(raw: bytes) -> tuple[bytes, bytes, tuple[Part, ...], dict[str, bytes]]:
    head, parts, content = structure.from_message(raw)
    body = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")[len(head) :]
    return head, body, parts, content


@pytest.mark.parametrize("raw", nested.MAILS.values(), ids=nested.MAILS)
def test_a_prefix_gives_the_parts_that_lie_in_it(raw: bytes) -> None:
    head, body, parts, content = _prefixes(raw)
    for cut in range(len(body) + 1):
        found, whole = structure.slice_prefix(head, body[:cut], parts)
        assert {section: found[section] for section in whole} == {section: content[section] for section in whole}
        for section in found.keys() - whole:
            assert content[section].startswith(found[section][: len(content[section])])


@pytest.mark.parametrize("seed", range(30))
def test_a_prefix_of_any_nesting_gives_what_the_whole_gives(seed: int) -> None:
    chance = random.Random(seed)
    head, body, parts, content = _prefixes(nested.HEAD + nested.anything(chance))
    for _ in range(20):
        found, whole = structure.slice_prefix(head, body[: chance.randint(0, len(body))], parts)
        assert {section: found[section] for section in whole} == {section: content[section] for section in whole}


def test_a_part_is_whole_when_its_length_is_reached() -> None:
    head, body, parts, _ = _prefixes(nested.HEAD + nested.multipart(b"b", nested.TEXT, nested.JPEG))
    end = body.index(b"hello") + len(b"hello")
    for cut in (end, end + 1, end + 3, end + 5):
        assert structure.slice_prefix(head, body[:cut], parts) == ({"1": b"hello"}, frozenset("1"))
    assert structure.slice_prefix(head, body[: end - 1], parts) == ({"1": b"hell"}, frozenset())


def test_a_part_that_is_longer_than_the_server_says_is_not_whole() -> None:
    head, body, _, _ = _prefixes(nested.HEAD + nested.multipart(b"b", nested.TEXT, nested.JPEG))
    cut = body[: body.index(b"hello") + len(b"hello")]
    assert structure.slice_prefix(head, cut, [Part(section="1", size=3)]) == ({"1": b"hello"}, frozenset())
    assert structure.slice_prefix(head, cut, [Part(section="1")]) == ({"1": b"hello"}, frozenset())


def test_a_forwarded_header_without_a_body_keeps_its_blank_line() -> None:
    content = structure.from_message(nested.MAILS["forwarded header only"])[2]
    assert content == {"1": b"hello", "2": b"Subject: inner\r\n\r\n", "3": b"hello"}


def test_a_part_that_the_server_describes_otherwise_is_left_out() -> None:
    head, body, _, _ = _prefixes(nested.HEAD + nested.multipart(b"b", nested.TEXT, nested.HTML))
    server = (Part(section="1", type="text/html", size=5), Part(section="2", type="text/html", size=12))
    assert structure.slice_prefix(head, body, server)[1] == {"2"}


def test_without_a_boundary_nothing_is_taken_for_a_part() -> None:
    parts = (Part(section="1", size=5), Part(section="2", size=5))
    assert structure.slice_prefix(b"Subject: x\r\n\r\n", b"hello", parts) == ({}, frozenset())
    assert structure.slice_prefix(b"X: " + b"x" * limits.HEADER_BYTES, b"hello", parts[:1]) == ({}, frozenset())


def test_line_ends_are_as_imap_has_them() -> None:
    head, parts, content = structure.from_message(b"Subject: x\n\na\nb\r\nc")
    assert (head, content, parts[0].size) == (b"Subject: x\r\n\r\n", {"1": b"a\r\nb\r\nc"}, 7)


PICTURE = Part(section="3", type="image/png", content_id="logo@x")


@pytest.mark.parametrize(
    ("parts", "section"),
    [
        ([Part(section="1"), Part(section="2", type="text/html")], "1"),
        ([Part(section="1", type="text/html"), Part(section="2")], "2"),
        ([Part(section="1", size=2), Part(section="2", type="text/html", size=9)], "2"),
        ([Part(section="1", size=2)], "1"),
        ([Part(section="1", disposition="attachment", size=9), Part(section="2", type="text/html")], "2"),
        ([Part(section="1", name="alarm.txt", disposition="inline", size=9)], "1"),
        ([Part(section="1", name="log.txt", disposition="attachment", size=9)], None),
        ([PICTURE], None),
        ([], None),
    ],
)
def test_the_text_that_people_read_is_chosen(parts: list[Part], section: str | None) -> None:
    sized = [
        part if part.size or part.type == "image/png" else Part(section=part.section, type=part.type, size=9)
        for part in parts
    ]
    found = structure.text_part(sized)
    assert (found and found.section) == section


@pytest.mark.parametrize(
    ("part", "attached"),
    [
        (Part(section="1"), False),
        (Part(section="1", type="text/calendar"), False),
        (Part(section="1", disposition="attachment"), True),
        (Part(section="1", name="a.txt"), True),
        (Part(section="1", type="image/jpeg"), True),
        (Part(section="1", type="image/jpeg", name="a.jpg", disposition="inline", content_id="x"), True),
        (PICTURE, False),
        (Part(section="1", type="message/rfc822"), True),
        (Part(section="1", type="message/delivery-status"), False),
    ],
)
def test_attachments_are_told_from_what_belongs_to_the_text(part: Part, attached: bool) -> None:
    assert part.is_attachment is attached
