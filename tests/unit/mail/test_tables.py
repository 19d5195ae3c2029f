"""Tables as rows and columns, in HTML and in text."""

from __future__ import annotations

import pytest

from bridge.mail import page, rows, tables


def grid(source: str) -> list[list[list[str]]]:
    """Every table's rows, each column's text."""
    found = tables.tables(page.parse(source))
    return [
        [[row[c].text if c in row else "-" for c in range(max(row, default=-1) + 1)] for row in t.rows] for t in found
    ]


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("<table><tr><td>a<td>b<tr><td>c</table>", [[["a", "b"], ["c"]]]),
        ("<table><tr><th colspan=2>a<td>b<tr><td>c<td>d<td>e</table>", [[["a", "a", "b"], ["c", "d", "e"]]]),
        ("<table><tr><th rowspan=2>a<td>b<tr><td>c</table>", [[["a", "b"], ["a", "c"]]]),
        ("<table><tr><td>a<th rowspan=2>b<tr><td>c<td>d</table>", [[["a", "b"], ["c", "b", "d"]]]),
        ("<table><tr><td rowspan=2 colspan=2>a<tr><td>b</table>", [[["a", "a"], ["a", "a", "b"]]]),
        ("<table><tr><td colspan=0>a<td rowspan=x>b<td colspan=-2>c</table>", [[["a", "b", "c"]]]),
        ("<table><tr><td>a<table><tr><td>b</table><td>c</table>", [[["", "c"]], [["b"]]]),
        ("<table><td>a&nbsp;&euro;<br>b</table>", [[["a €\nb"]]]),
        ("<table></table>", [[]]),
        ("<td>a", []),
    ],
)
def test_a_table_has_rows_and_columns(source: str, wanted: list[list[list[str]]]) -> None:
    assert grid(source) == wanted


def test_spans_that_never_end_are_cut() -> None:
    (found,) = grid("<table>" + "<tr><td colspan=99999 rowspan=99999>x" * 400)
    assert sum(map(len, found)) < 25_000


def test_terms_have_what_is_said_of_them() -> None:
    source = "<dl><dt>a<dd>1<dd>2<dt>b<dt>c<dd>3</dl><dd>4"
    assert tables.terms(page.parse(source)) == [("a", "1"), ("c", "3")]


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ("a  b   c d", [(0, "a"), (1, "b"), (2, "c d")]),
        ("a\tb\t\tc", [(0, "a"), (1, "b"), (3, "c")]),
        ("| a |  | b  c |", [(1, "a"), (3, "b c")]),
        ("│ a ║ b", [(1, "a"), (2, "b")]),
        ("  a", [(0, "a")]),
        ("", []),
    ],
)
def test_a_line_has_cells(line: str, cells: list[tuple[int, str]]) -> None:
    assert [(cell.column, cell.text) for cell in rows.row(line).cells] == cells


@pytest.mark.parametrize(
    ("line", "is_rule"), [("-----", True), ("+---+==|", True), ("|---|:--:|", True), ("--", False)]
)
def test_rules_say_nothing(line: str, is_rule: bool) -> None:
    assert rows.is_rule(line) is is_rule


@pytest.mark.parametrize("text", ["21.5", "-3", "€ 5", "EUR 5", "< 5", "\u22125", "+.5", "2026-11-03", "$5"])
def test_values_begin_like_numbers(text: str) -> None:
    assert rows.is_value(text)


@pytest.mark.parametrize("text", ["CO2", "PM 2.5", "Temp", "", "Phase 1"])
def test_headings_do_not(text: str) -> None:
    assert not rows.is_value(text)
