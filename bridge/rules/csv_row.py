"""A value in a CSV file: the first row of data, under a header.

What separates the fields is found out by looking: of tab, semicolon, bar and comma the one that makes the most fields
of the header, and as many of the row below it. (``csv.Sniffer`` guesses wrong on short files, and is slow on odd ones.)
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Sequence
from typing import Any

from bridge.rules import nested
from bridge.rules.text import clip, fold

_DELIMITERS = "\t;|,"  # on a tie the first: a comma may be a decimal one
_EMPTY = f" {_DELIMITERS}"
_SEP = re.compile(r"sep=(.)\n", re.IGNORECASE)  # how Excel is told
_LINES = 1_000  # a field in quotes may go over several
_ROWS = 20  # empty ones and all, before the header and the data have to be there
_SAW_CHARS = 40


class Column(nested.Parsed):
    """A column, by the header's name for it, ignoring case."""

    def __init__(self, written: Any) -> None:
        if not isinstance(written, str) or not fold(written):
            raise ValueError("write the name of a column, as it stands in the header row")
        self.wanted = clip(written)
        self._folded = fold(written)

    def find(self, text: str) -> str | None:
        """The value in the first row of data; None where it is empty.

        Raises:
            ValueError: there is no such column, or no data.
        """
        header, row = first_row(text)
        names = [fold(name) for name in header]
        if self._folded not in names:
            raise ValueError(f"has no such column: {clip(', '.join(header), _SAW_CHARS)}")
        at = names.index(self._folded)
        return (row[at].strip() if at < len(row) else "") or None

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "examples": ["temp"]}


def first_row(text: str) -> tuple[Sequence[str], Sequence[str]]:
    """(the header's fields, those of the first row of data)

    Raises:
        ValueError: there are no two rows.
    """
    if told := _SEP.match(text):
        found = [_rows(text[told.end() :], told[1])]
    else:
        found = [_rows(text, delimiter) for delimiter in _DELIMITERS]
    header, *data = max(found, key=_likely)
    if not data:
        raise ValueError("has no row of data")
    return header, data[0]


def _rows(text: str, delimiter: str) -> list[list[str]]:
    """The first two rows that are not empty."""
    try:
        rows = csv.reader(itertools.islice(io.StringIO(text), _LINES), delimiter=delimiter, skipinitialspace=True)
        full = (row for row in itertools.islice(rows, _ROWS) if not _is_empty(row))
        return list(itertools.islice(full, 2)) or [[]]
    except csv.Error:  # a field of more than csv.field_size_limit() characters
        return [[]]


def _is_empty(row: Sequence[str]) -> bool:
    """Nothing in it; a row that is not cut at all may be one of nothing but other delimiters."""
    return not (row[0].strip(_EMPTY) if len(row) == 1 else any(field.strip() for field in row))


def _likely(rows: list[list[str]]) -> tuple[bool, int, bool]:
    header, data = len(rows[0]), len(rows[-1]) if len(rows) > 1 else 0
    return header == data > 1, min(header, data) if header > 1 else 0, header == data
