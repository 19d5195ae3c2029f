"""Tags that only name a value, at most with filters of our own: read without the template engine, which takes ten
times as long, since it parses a template whenever it renders it.

This is no second meaning: what is read here is what the engine would give, to the type, and whatever is out of the
ordinary (a value that is missing or of another type, a filter that fails) is left to the engine, which says what is
wrong.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

from bridge.rules import filters, view

_TAG = re.compile(r"\s*([a-z_]\w*(?:\.[a-z_]\w*)?)\s*((?:\|\s*\w+\s*)*)", re.ASCII | re.IGNORECASE)
_SAME = frozenset((bool, datetime.datetime))  # they come out of the engine as they went in
_INT = range(-(2**63), 2**63)


@dataclasses.dataclass(frozen=True, slots=True)
class Lookup:
    """``place``, ``mail.subject | slug``."""

    name: str
    _key: str
    _of_mail: str  # which of the mail's own values; "" where it is another
    _filters: tuple[Callable[[Any], Any], ...]

    def value(self, values: Mapping[str, Any]) -> Any:
        """What ``{{ … }}`` alone gives; None where that is for the engine to say."""
        try:
            value = values[self._key]
            if self._of_mail:
                value = _of(value, self._of_mail)
            for one in self._filters:
                value = one(value) if _is_same(value) else None
        except Exception:  # noqa: BLE001 — a filter raises what it likes; the engine meets it again, and tells
            return None
        return value if _is_same(value) else None

    def text(self, values: Mapping[str, Any]) -> str | None:
        """What ``{{ … }}`` within a text gives; None as with ``value``."""
        value = self.value(values)
        if type(value) is str:
            return value
        return str(value) if type(value) is int else None


def _of(mail: Any, field: str) -> Any:
    return getattr(mail, field) if type(mail) is view.View else None


def _is_same(value: Any) -> bool:
    if type(value) is str:
        return value.isascii() or _is_utf8(value)
    if type(value) is int:
        return value in _INT
    if type(value) is float:
        return not value.is_integer()  # the engine makes 21 of 21.0
    return type(value) in _SAME


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@functools.lru_cache(maxsize=1024)  # thousands of rules have the same few
def lookup(inner: str) -> Lookup | None:
    """What stands within a tag, as a lookup; None for anything else. (``true`` is one as well: whether it is a name is
    for the engine to say.)
    """
    if (tag := _TAG.fullmatch(inner)) is None:
        return None
    name, uses = tag[1], [use.strip() for use in tag[2].split("|")[1:]]
    if ("." in name and name not in view.MAIL) or any(use not in filters.FILTERS for use in uses):
        return None
    key, _, field = name.partition(".")
    return Lookup(name, key, field, tuple(filters.FILTERS[use] for use in uses))


Filled = tuple[str | Lookup, ...]


def fill(parts: Filled, values: Mapping[str, Any]) -> str | None:
    """Plain text and lookups, together; None where one of them is for the engine."""
    texts = []
    for part in parts:
        text = part if isinstance(part, str) else part.text(values)
        if text is None:
            return None
        texts.append(text)
    return "".join(texts)
