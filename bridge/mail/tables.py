"""A page → its tables, as rows and columns, with what spans several of them in each; and its lists of terms.

A cell that holds a table of its own (layout) has no text here: what is in it is in that table.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Sequence

from bridge.mail import limits
from bridge.mail.page import Element, Page

_COLUMNS, _ROWS = 50, 500  # that one cell may span
_SLOTS = 20_000  # of all tables of a page
_BELOW = 50  # rows below a heading that are looked at
_TERMS = 200
_PARTS = frozenset(("table", "tr", "td", "th"))


@dataclasses.dataclass(eq=False, slots=True)
class Cell:
    """A cell, and where it begins."""

    element: Element
    row: int
    column: int
    is_header: bool  # <th>
    scope: str = ""  # lower case: row, col, …
    in_head: bool = False  # <thead>
    holds_table: bool = False
    text: str = ""


@dataclasses.dataclass(eq=False, slots=True)
class Table:
    """``rows[r][c]`` is the cell there; a column that a row does not have is missing."""

    rows: list[dict[int, Cell]] = dataclasses.field(default_factory=list)
    cells: list[Cell] = dataclasses.field(default_factory=list)  # each once, in the order of the page
    _shown: dict[int, list[Cell]] = dataclasses.field(default_factory=dict)

    def row(self, number: int) -> list[Cell]:
        """The first cells of a row that have a text, each once; none where there is no such row."""
        if number not in self._shown:
            found = self.rows[number] if number < len(self.rows) else {}
            cells = dict.fromkeys(found[column] for column in range(_COLUMNS) if column in found)
            self._shown[number] = [cell for cell in cells if cell.text]
        return self._shown[number]

    def right_of(self, cell: Cell) -> str:
        """The text of the next cell of its row that has one."""
        row = self.rows[cell.row]
        near = (row.get(c, cell) for c in range(cell.column + 1, cell.column + 1 + 2 * _COLUMNS))
        return next((one.text for one in near if one is not cell and one.text), "")

    def below(self, cell: Cell) -> str:
        """The text of the cell below, in the next row that says something and is no heading."""
        for number in range(cell.row + 1, min(cell.row + 1 + _BELOW, len(self.rows))):
            found = self.rows[number].get(cell.column)
            if found is not cell and self.row(number) and not self.is_all_header(number):
                return found.text if found else ""
        return ""

    def is_all_header(self, number: int) -> bool:
        """Whether a row has headings alone, as far as can be told from the first of its columns."""
        return all(cell.is_header for cell in self.row(number))


@functools.lru_cache(maxsize=2)  # the labels that are looked for in one mail share them
def tables(page: Page) -> Sequence[Table]:
    """In the order in which they begin."""
    reader = _Reader()
    parts = (element for element in page.elements if element.tag in _PARTS)
    for element in itertools.islice(parts, limits.TABLE_PARTS):
        reader.read(element)
    leaves = [cell for table in reader.tables for cell in table.cells if not cell.holds_table]
    texts = page.texts([cell.element for cell in leaves], limits.CELL_CHARS)
    for cell, text in zip(leaves, texts, strict=True):
        cell.text = text
    return reader.tables


@functools.lru_cache(maxsize=2)
def terms(page: Page) -> list[tuple[str, str]]:
    """``<dt>`` and the ``<dd>`` after it."""
    pairs: list[tuple[Element, Element]] = []
    term: Element | None = None
    for element in page.elements:
        if element.tag == "dt":
            term = element
        elif element.tag == "dd" and term is not None and len(pairs) < _TERMS:
            pairs.append((term, element))
            term = None
    texts = page.texts([one for pair in pairs for one in pair], limits.CELL_CHARS)
    return list(zip(texts[::2], texts[1::2], strict=True))


@dataclasses.dataclass(eq=False, slots=True)
class _Open:
    """A table that is being read."""

    element: Element
    table: Table
    column: int = 0  # where the next cell of this row may stand
    reaching: dict[int, tuple[Cell, int]] = dataclasses.field(default_factory=dict)  # into so many rows more


class _Reader:
    """Elements in the order of the page → tables in tables."""

    def __init__(self) -> None:
        self.tables: list[Table] = []
        self._around: list[_Open] = []
        self._inner: list[Cell] = []  # the cells that are open
        self._left = _SLOTS

    def read(self, element: Element) -> None:
        while self._around and element.at >= self._around[-1].element.end:
            self._around.pop()
        while self._inner and element.at >= self._inner[-1].element.end:
            self._inner.pop()
        if element.tag == "table":
            self._begin(element)
        elif self._around:
            around = self._around[-1]
            if element.tag == "tr" or not around.table.rows:
                self._next_row(around)
            if element.tag != "tr":
                self._cell(element, around)

    def _begin(self, element: Element) -> None:
        for cell in reversed(self._inner):
            if cell.holds_table:
                break
            cell.holds_table = True
        table = Table()
        self.tables.append(table)
        self._around.append(_Open(element, table))

    def _next_row(self, around: _Open) -> None:
        """A row begins with the cells above that span it."""
        row: dict[int, Cell] = {}
        for column, (cell, rows) in list(around.reaching.items()):
            row[column] = cell
            self._left -= 1
            if rows > 1 and self._left > 0:
                around.reaching[column] = (cell, rows - 1)
            else:
                del around.reaching[column]
        around.table.rows.append(row)
        around.column = 0

    def _cell(self, element: Element, around: _Open) -> None:
        row = around.table.rows[-1]
        while around.column in row:
            around.column += 1
        column = around.column
        cell = _made(element, len(around.table.rows) - 1, column)
        around.table.cells.append(cell)
        self._inner.append(cell)
        rows = _span(element, "rowspan", _ROWS)
        for at in range(column, column + _span(element, "colspan", _COLUMNS)):
            if at in row or (at > column and self._left <= 0):
                break
            row[at] = cell
            self._left -= 1
            if rows > 1:
                around.reaching[at] = (cell, rows - 1)


def _made(element: Element, row: int, column: int) -> Cell:
    part = element.parent.parent if element.parent else None
    return Cell(
        element,
        row,
        column,
        is_header=element.tag == "th",
        scope=element.attributes.get("scope", "").lower(),
        in_head=part is not None and part.tag == "thead",
    )


def _span(element: Element, name: str, most: int) -> int:
    written = element.attributes.get(name, "")
    return min(max(int(written), 1), most) if written.isascii() and written.isdigit() and len(written) < 9 else 1
