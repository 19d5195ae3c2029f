"""What is in a JSON or CSV file."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mail import charset, limits
from bridge.rules import csv_row, json_path
from bridge.rules.text import fold


def column(text: str, name: str) -> str | None:
    return csv_row.Column(name).find(text)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("time,temp\n12:00,21.5\n13:00,22\n", "temp", "21.5"),
        ("time;temp\n12:00;21,5\n", "temp", "21,5"),
        ("time\ttemp\n12:00\t21,5\n", "temp", "21,5"),
        ("time|temp\n12:00|21,5\n", "temp", "21,5"),
        ("temp\n21,5\n", "temp", "21,5"),  # one column with a decimal comma
        ("temp\n21.5", "temp", "21.5"),
        ("Time;Temp, inside\n12:00;21,5\n", "temp, inside", "21,5"),
        ('"Room, name",Temp\n"Hall, left","21,5"\n', "room,  NAME", "Hall, left"),
        ('a,b\n"say ""hi""",2\n', "a", 'say "hi"'),
        ('a,b\n"two\nlines",2\n', "a", "two\nlines"),
        ("sep=;\na,b;c\n1,5;2\n", "a,b", "1,5"),
        ("\n ; \n\na;b\n\n;\n1;2\n3;4\n", "b", "2"),
        ("a;b;c\n1;2;3;\n", "c", "3"),  # a delimiter too many
        ("a;b;c\n1;2\n", "c", None),
        ("a;b,c\n1;2;3,4\n", "c", "4"),  # as many fields in both rows
        ("a,b\n1, \n", "b", None),
        ("a, b\n1, 2\n", "b", "2"),
        ("a,a\n1,2\n", "a", "1"),
        ("\u00e4;b\n1;2\n", "\u00c4", "1"),
        ("a\x00,b\n1,2\n", "b", "2"),
    ],
)
def test_a_column_of_the_first_row(text: str, name: str, value: str | None) -> None:
    assert column(text, name) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "has no row of data"),
        ("a,b\n", "has no row of data"),
        ("a,b\n\n , \n", "has no row of data"),
        ('"' + "x" * 200_000, "has no row of data"),
        ("x,y\n1,2\n", "has no such column: x, y"),
        ("x" * 500 + ",y\n1,2\n", f"has no such column: {'x' * 39}…"),
    ],
)
def test_why_there_is_no_such_value(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        column(text, "a")


cells = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters=";|\t,"), min_size=1).map(str.strip)
names = cells.filter(bool)


@given(st.lists(names, min_size=2, max_size=5, unique_by=fold), st.data())
def test_what_a_csv_writer_writes_is_found(header: list[str], data: st.DataObject) -> None:
    texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x00"), max_size=9)
    row = data.draw(
        st.lists(texts, min_size=len(header), max_size=len(header)).filter(lambda row: "".join(row).strip())
    )
    delimiter = data.draw(st.sampled_from(",;\t|"))
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([header, row])
    for name, value in zip(header, row, strict=True):
        assert column(written.getvalue(), name) == (value.strip() or None)


@given(st.text() | st.lists(st.sampled_from(['"', ",", ";", "\t", "|", "\n", "a", "sep=", " ", "\x00"])).map("".join))
def test_any_text_is_looked_at(text: str) -> None:
    with contextlib.suppress(ValueError):
        column(text, "a")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.b", 1),
        ("list[0]", 5),
        ("list.1.x", "y"),
        ("list[-1].x", "y"),
        ("list[2]", None),
        ("list[x]", None),
        ("list", [5, {"x": "y"}]),
        ("a.b.c", None),
        ("a.c", None),
        ("0", "zero"),
        (["d.e", 0], 7),
        (True, {"a": {"b": 1}, "list": [5, {"x": "y"}], "0": "zero", "d.e": [7], "null": None}),
        ("null", None),
    ],
)
def test_a_path_leads_to_a_value(path: Any, value: Any) -> None:
    text = '{"a": {"b": 1}, "list": [5, {"x": "y"}], "0": "zero", "d.e": [7], "null": null}'
    assert json_path.Path(path).find(text) == value


def test_a_path_may_begin_with_an_index() -> None:
    assert json_path.Path("[1][0].a").find('[0, [{"a": 2}]]') == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is no JSON: Expecting value in line 1"),
        ('{"a":\n1,}', "is no JSON: Expecting property name enclosed in double quotes in line 2"),
        ('{"a": NaN}', "is no JSON: NaN is no number"),
        ('{"a": 1e999}', "is too large for a number"),
        ('{"a": "\\ud83d"}', "is no JSON: half of a character"),
        ('{"a": ' + "[" * 70 + "]" * 70 + "}", "is nested too deep"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "is nested too deep"),
    ],
)
def test_why_there_is_no_json_value(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        json_path.Path("a").find(text)


def test_a_character_outside_the_basic_plane_may_be_written_as_two_halves() -> None:
    assert json_path.Path("a").find('{"a": "\\ud83d\\ude00"}') == "\U0001f600"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1), inner, max_size=3),
    max_leaves=10,
)


@given(values, st.data())
def test_every_value_is_found_by_its_path(document: Any, data: st.DataObject) -> None:
    path: list[Any] = []
    value = document
    while isinstance(value, dict | list) and value:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        path.append(data.draw(st.sampled_from(keys)))
        value = value[path[-1]]
    if path:
        assert json_path.Path(path).find(json.dumps(document)) == value


@given(st.text() | st.text('{}[]":,\\ud8e0.-1nulltrue \n', max_size=40))
def test_any_text_is_json_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        str(json_path.Path("a").find(text)).encode()


@pytest.mark.parametrize(
    ("raw", "name", "text"),
    [
        ("\ufeffa\r\nb".encode(), "", "a\nb"),
        ("\ufeff\u00e4".encode("utf-16-le"), "iso-8859-1", "\u00e4"),
        ("\ufeff\u00e4".encode("utf-16-be"), "", "\u00e4"),
        ("\u00e4!".encode("latin-1"), "", "\u00e4!"),
        ("\u0436".encode("cp1251"), "windows-1251", "\u0436"),
        (b"a\rb\r\n", "", "a\nb\n"),
        (b"", "", ""),
    ],
)
def test_a_byte_order_mark_says_more_than_the_mail(raw: bytes, name: str, text: str) -> None:
    assert charset.decode_file(raw, name) == text


def test_the_limits_leave_room_for_what_people_send() -> None:
    assert limits.FILE_BYTES >= 100_000
    assert limits.ATTACHMENT_BYTES >= 10_000_000
