"""Which mails: keys as the tables have them, and how to ask for many of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

Place = tuple[int, int, int]  # folder id, uidvalidity, uid
MailKey = tuple[int, int, int, str, int]  # the same, event, occurrence
NAMES = ("folder_id", "uidvalidity", "uid", "event", "occurrence")
_IN_CHUNK = 400  # members of one IN list: SQLite's limit of variables is far, statements stay small


def columns(table: sa.FromClause) -> tuple[Any, ...]:
    return tuple(table.c[name] for name in NAMES)


def of(row: Any) -> MailKey:
    """Of a row that has ``columns``."""
    return row.folder_id, row.uidvalidity, row.uid, row.event, row.occurrence


def together(one: sa.FromClause, other: sa.FromClause) -> sa.ColumnElement[bool]:
    """To join what belongs to the same mail, and the same event of it."""
    return sa.and_(*(mine == theirs for mine, theirs in zip(columns(one), columns(other), strict=True)))


def these(table: sa.FromClause, places: Iterable[Sequence[Any]]) -> Iterator[sa.ColumnElement[bool]]:
    """What finds the rows of these mails (their keys may be longer), some at a time. SQLite would read the whole table
    for ``(a, b, c) IN (…)``.
    """
    of_folder: dict[tuple[int, int], set[int]] = {}
    for folder_id, uidvalidity, uid, *_ in places:
        of_folder.setdefault((folder_id, uidvalidity), set()).add(uid)
    for (folder_id, uidvalidity), uids in sorted(of_folder.items()):
        for some in chunks(sorted(uids)):
            yield (table.c.folder_id == folder_id) & (table.c.uidvalidity == uidvalidity) & table.c.uid.in_(some)


def chunks(items: Sequence[Any], size: int = _IN_CHUNK) -> Iterable[Sequence[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))
