"""Lines of text → cells in columns, as devices and reports write them: with tabs, bars or wide gaps between."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

_BARS = re.compile("[|│┃║¦]")
_RUNS = re.compile(r"\S+(?: \S+)*")
_RULE = re.compile(r"(?=[^\n]*[-=_─━═]{3})[\s|+\-=_:─━═│┃║┼┿╋├┤┌┐└┘┬┴╔╗╚╝╠╣╦╩╬]+")
_VALUE = re.compile(r"(?:[A-Z]{3}\s|[^\w\s]\s?){0,2}[+\-\N{MINUS SIGN}±]?[.,]?\d")
_RULE_CHARS = 500


@dataclasses.dataclass(frozen=True, slots=True)
class Cell:
    """What stands in one column of a line, white space collapsed; ``start`` and ``end`` are where in the line."""

    text: str
    column: int
    start: int
    end: int


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """The cells of a line that are not empty. ``exact``: something stands between the columns, so that an empty one is
    counted, too.
    """

    cells: tuple[Cell, ...]
    exact: bool = False

    def below(self, cell: Cell, other: Row) -> str:
        """What stands in ``other``, a row further down, in the column of this row's ``cell``; "" for nothing."""
        if self.exact == other.exact and (self.exact or len(self.cells) == len(other.cells)):
            return next((one.text for one in other.cells if one.column == cell.column), "")
        return next((one.text for one in other.cells if one.start < cell.end and cell.start < one.end), "")


def row(line: str) -> Row:
    """A line's cells."""
    if _BARS.search(line):
        return Row(_separated(_BARS.sub("|", line), "|"), exact=True)
    if "\t" in line:
        return Row(_separated(line, "\t"), exact=True)
    runs = enumerate(_RUNS.finditer(line))
    return Row(tuple(Cell(run[0], n, run.start(), run.end()) for n, run in runs))


def _separated(line: str, bar: str) -> tuple[Cell, ...]:
    cells, start = [], 0
    for column, piece in enumerate(line.split(bar)):
        if text := " ".join(piece.split()):
            cells.append(Cell(text, column, start, start + len(piece)))
        start += len(piece) + 1
    return tuple(cells)


def is_rule(line: str) -> bool:
    """``-----`` or ``+----+----+``: it has nothing to say, but what is above it is a heading."""
    return len(line) <= _RULE_CHARS and _RULE.fullmatch(line) is not None


def is_value(text: str) -> bool:
    """Whether it begins like a number, an amount, a date: a heading does not."""
    return _VALUE.match(text) is not None


def is_heading(cells: Sequence[str], below: Sequence[str], under: str, *, exact: bool) -> bool:
    """Whether a row of words is the heading of the columns below it, and not a label with a word beside it: ``under``
    is what stands below the one that is asked for, ``exact`` as in ``Row``.
    """
    if len(cells) < 2 or len(below) < 2 or any(map(is_value, cells)):
        return False
    if len(cells) == 2:
        return len(below) == 2 and is_value(under)
    return is_value(under) or ((exact or len(cells) == len(below)) and any(map(is_value, below)))
