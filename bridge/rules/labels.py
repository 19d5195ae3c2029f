"""What stands beside a label, or below it, in a text or a table.

A label is compared as a whole, without regard to case, white space, marks around it (``* • - # _``) and what stands
behind it in brackets (a unit): ``Temperature`` is the label of ``* temperature (°C): 21.5``, but neither ``Temp`` nor
``Outside temperature`` is. ``/regex/`` has to match the whole label, too.

In a text its value is, the first that there is:

    Temperature: 21.5           or = or -> or .... or a dash between
    Temp: 21.5, Humidity: 40    pairs in one line; T=21.5 H=40, too
    Temperature    21.5         a tab, a bar or two blanks between; and in the same way below a heading
    Temperature:                alone in its line: the line below
    Temperature                 the same without a colon, where nothing else is found
    Temperature 21.5            and so is this, if what follows begins like a number
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator, Sequence

import re2

from bridge.mail import limits, rows, tables
from bridge.mail.page import Page
from bridge.rules import regex
from bridge.rules.text import Regex, Text

_MARKS = " \t*_#•·▪●◦‣»>~-–—|:="
_BULLETS = " \t#•·▪●◦‣»>-–—|"
_BRACKETS = re.compile(r"\s*[(\[][^()\[\]]{0,30}[)\]]\Z")
_BETWEEN = re.compile(
    r"\s?(?:\.{2,}|…+|_{3,})?\s?(?:[:：=]>?|->|→)\s?"
    r"|\s?(?:\.{3,}|…+|_{3,}|(?:\.\s){3,})\s?"
    r"|\s[-–—]\s"
)
_PAIRS = re.compile(r"(?:,\s|;\s?)(?=[^\W\d][^:=,;]{0,60}(?::\s|\s?=))|\s(?=[\w.-]{1,40}=[^=\s])")
_ONLY_BETWEEN = re.compile(r"[:：=.…→_>\s-]*(?:[:：=…→]|\.{2,}|->|_{3,})[:：=.…→_>\s-]*")
_ANCHOR = re.compile(r"(?<![\[\\])[\^$]|\\[Az]")
_TRIES = 4  # signs in one cell that may be what ends the label
_LABEL_CHARS = 200
_LABEL_WORDS = 8  # of one with only a blank behind it


class Label:
    """One label, as it is written in a rule."""

    def __init__(self, written: str) -> None:
        """
        Raises:
            ValueError: it is empty, or RE2 refuses it.
        """
        self.written = written
        words = regex.composed(regex.encodable(_plain(written))).split()
        if not words:
            raise ValueError("a label has letters or digits")
        given = Text.parse(written)
        if isinstance(given, Regex):
            flags = written[written.rindex("/") :]
            self._pattern = Regex(f"/{_unanchored(regex.composed(given.pattern.source))}{flags}").pattern
        else:
            self._pattern = regex.Pattern(r"\s+".join(map(re2.escape, words)))
        self._is_anchored = isinstance(given, Regex) and _ANCHOR.search(self._pattern.source) is not None

    def may_be_in(self, line: str) -> bool:
        """In a line, or in a text of many."""
        return self._is_anchored or self._pattern.search(line) is not None

    def is_it(self, text: str) -> bool:
        """Whether the text is this label and nothing else."""
        if not text or len(text) > _LABEL_CHARS:
            return False
        plain = _plain(text)
        if self._pattern.fullmatch(plain):
            return True
        return plain.endswith((")", "]")) and self._pattern.fullmatch(_BRACKETS.sub("", plain))


def _unanchored(pattern: str) -> str:
    """A label is compared as a whole anyway."""
    pattern = pattern.removeprefix("^")
    return pattern[:-1] if pattern.endswith("$") and not pattern.endswith("\\$") else pattern


def _plain(text: str) -> str:
    return text.strip(_MARKS)


class Labels:
    """Any of these."""

    def __init__(self, labels: Sequence[Label]) -> None:
        self._labels = labels

    def in_text(self, text: str) -> str | None:
        """The value of the first label in the text that has one for certain."""
        return next(self._strong(self._lines(text)), None)

    def below_in_text(self, text: str) -> str | None:
        """What follows the first label that has no sign or gap behind it: a number, or the line below."""
        return next(self._weak(self._lines(text)), None)

    def in_tables(self, page: Page) -> str | None:
        """The same for the tables and lists of a page; "" where the label is the heading of a column that is empty."""
        empty: str | None = None
        for table in tables.tables(page):
            hits = (cell for cell in table.cells if self._are(cell.text))
            for cell in itertools.islice(hits, limits.LABELS):
                value, is_sure = _in_table(table, cell)
                if value:
                    return value
                empty = "" if is_sure else empty
        return next((_value(value) for term, value in tables.terms(page) if value and self._are(term)), empty)

    def _lines(self, text: str) -> Sequence[str]:
        """None where no line has such a label."""
        text = _composed(text)
        return _lines(text) if any(label.may_be_in(text) for label in self._labels) else ()

    def _are(self, text: str) -> bool:
        return any(label.is_it(text) for label in self._labels)

    def _hits(self, lines: Sequence[str]) -> Iterator[int]:
        """The lines in which it may be, by their numbers."""
        found = (n for n, line in enumerate(lines) if any(label.may_be_in(line) for label in self._labels))
        return itertools.islice(found, limits.LABELS)

    def _strong(self, lines: Sequence[str]) -> Iterator[str]:
        for n in self._hits(lines):
            row = rows.row(lines[n][: limits.CELL_CHARS])
            for at, cell in enumerate(row.cells):
                yield from self._within(cell.text)
                if self._are(cell.text):
                    yield from _beside(lines, n, row, at)

    def _within(self, cell: str) -> Iterator[str]:
        """The value in the label's own cell."""
        for pair in _PAIRS.split(cell):
            for sign in itertools.islice(_BETWEEN.finditer(pair, 0, _LABEL_CHARS), _TRIES):
                label, value = pair[: sign.start()], _unmarked(pair[: sign.start()], pair[sign.end() :])
                if value and self._are(label):
                    yield value

    def _weak(self, lines: Sequence[str]) -> Iterator[str]:
        for n in self._hits(lines):
            yield from self._before_number(lines[n][: limits.CELL_CHARS])
            if self._are(lines[n]) and len(rows.row(lines[n]).cells) == 1:
                yield from _next_line(lines, n)

    def _before_number(self, line: str) -> Iterator[str]:
        words = line.split()
        for at in range(1, min(len(words), _LABEL_WORDS + 1)):
            if rows.is_value(words[at]) and self._are(" ".join(words[:at])):
                yield _value(" ".join(words[at:]))


_composed = functools.lru_cache(maxsize=2)(regex.composed)  # one mail's text, for all labels


@functools.lru_cache(maxsize=2)
def _lines(text: str) -> list[str]:
    return text.split("\n", limits.LABELLED_LINES)[: limits.LABELLED_LINES]


def _beside(lines: Sequence[str], n: int, row: rows.Row, at: int) -> Iterator[str]:
    """What stands right of the label ``row.cells[at]``, or below it."""
    cell = row.cells[at]
    right = [one.text for one in row.cells[at + 1 :] if not _ONLY_BETWEEN.fullmatch(one.text)]
    if _ends_label(cell.text) or len(right) < len(row.cells) - at - 1:
        yield from map(_value, right[:1] or _next_line(lines, n))
        return
    below = _below(lines, n, row, cell)
    if below is None:
        yield from map(_value, right[:1])
    elif below:
        yield below


def _below(lines: Sequence[str], n: int, row: rows.Row, cell: rows.Cell) -> str | None:
    """What stands in the column below ("" for nothing), where the row is a heading; else None."""
    is_ruled = n + 1 < len(lines) and rows.is_rule(lines[n + 1])
    line = next(_after(lines, n), "")
    under = rows.row(line[: limits.CELL_CHARS])
    value = row.below(cell, under)
    texts, below = [one.text for one in row.cells], [one.text for one in under.cells]
    is_heading = rows.is_heading(texts, below, value, exact=row.exact) or (
        is_ruled and len(texts) > 1 and not any(map(rows.is_value, texts))
    )
    return _value(value) if is_heading else None


def _after(lines: Sequence[str], n: int) -> Iterator[str]:
    """The next lines that say something; at most two empty ones are passed over."""
    near = lines[n + 1 : n + 4]
    return (line for line in near if line.strip() and not rows.is_rule(line))


def _next_line(lines: Sequence[str], n: int) -> Iterator[str]:
    """The line below, unless it has a label of its own."""
    cells = rows.row(next(_after(lines, n), "")[: limits.CELL_CHARS]).cells
    if cells and not _ends_label(cells[0].text) and not _has_label(cells[0].text):
        yield _value(cells[0].text)


def _has_label(text: str) -> bool:
    sign = re.match(r"[^\W\d][^:=]{0,60}:\s", text)
    return sign is not None


def _ends_label(text: str) -> bool:
    return text.rstrip(" *_").endswith((":", "：", "=", "..", "…", "->", "→"))


def _unmarked(label: str, value: str) -> str:
    """``*Temperature:* 21.5``: marks that were opened before the label are closed after it."""
    for mark in ("**", "__", "*", "_"):
        if label.lstrip(_BULLETS).startswith(mark) and not label.rstrip().endswith(mark):
            value = value.strip().removeprefix(mark)
            break
    return _value(value)


def _value(text: str) -> str:
    return " ".join(text.split())[: limits.CELL_CHARS]


def _in_table(table: tables.Table, cell: tables.Cell) -> tuple[str, bool]:
    """What belongs to the label in this cell, and whether its place is sure, so that "" means that it is empty."""
    under = table.below(cell)
    if _heads_column(table, cell, under):
        return _value(under), bool(table.row(cell.row + 1))
    return _value(table.right_of(cell) or under), False


def _heads_column(table: tables.Table, cell: tables.Cell, under: str) -> bool:
    if cell.scope or cell.in_head:
        return cell.in_head or cell.scope.startswith("col")
    if cell.is_header:
        return table.is_all_header(cell.row)
    if _ends_label(cell.text):
        return False
    texts = [one.text for one in table.row(cell.row)]
    return rows.is_heading(texts, [one.text for one in table.row(cell.row + 1)], under, exact=True)
