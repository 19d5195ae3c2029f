"""Paths into schema.org data: ``ParcelDelivery.trackingNumber``.

The first name is a type, found at any depth (in an order, say), or else a property of any item; the others lead down
from there. Of a list, the first that has what is asked for counts. Case does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from bridge.mail import data
from bridge.rules import nested

_PATH = re.compile(r"@?[A-Za-z_][\w:-]*(?:\.@?[A-Za-z_][\w:-]*){0,20}")


class Path(nested.Parsed):
    """A type, a property, or names with dots between."""

    def __init__(self, written: Any) -> None:
        if not isinstance(written, str) or not _PATH.fullmatch(written):
            raise ValueError("write a type and its property, such as ParcelDelivery.trackingNumber")
        self.written = written
        self._names = written.casefold().split(".")

    def values(self, items: Sequence[data.Item]) -> Iterator[Any]:
        """All that is there: texts, numbers, bools, maps; those of the type first."""
        every = [item for one in items for item in data.every(one)]
        head, *rest = self._names
        of_type = (item for item in every if head in map(str.casefold, data.types(item)))
        yield from _below(of_type, rest)
        yield from _below(every, self._names)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{_PATH.pattern}$", "examples": ["ParcelDelivery.trackingNumber"]}


def _below(items: Iterable[data.Item], names: Sequence[str]) -> Iterator[Any]:
    for item in items:
        yield from _down(item, names)


def _down(value: Any, names: Sequence[str]) -> Iterator[Any]:
    if isinstance(value, list):
        for one in value:
            yield from _down(one, names)
    elif not names:
        if value is not None and value != "":
            yield value
    elif isinstance(value, dict):
        name, *rest = names
        for key, one in value.items():
            if key.casefold() == name:
                yield from _down(one, rest)
