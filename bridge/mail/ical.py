"""iCalendar files (RFC 5545): the lines of interest, and what stands in them.

icalendar reads the values. Its reading of whole files is not for files from strangers: it keeps a time zone that one
of them defines for all that come after it, and works out a time zone's recurrences to the end, however many there are
(``FREQ=SECONDLY`` to 2038). So the lines are told apart here, in one pass.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Any

from bridge.mail import charset, limits

_FOLD = re.compile(r"\n[ \t]")
_LINES = 2_000  # of interest
_LINE_CHARS = limits.FIELD_CHARS
_HEAD_CHARS = 500  # of a line before its value, and of a value that is no text


def ready() -> None:
    """Loads icalendar, so that no mail waits for it."""
    _library()


def _library() -> Any:  # its functions have no types
    import icalendar

    return icalendar


@dataclasses.dataclass(kw_only=True, slots=True)
class Component:
    """``BEGIN:…`` to ``END:…``: the lines of it that are of interest, by their names, and what is inside."""

    kind: str
    lines: dict[str, list[Line]] = dataclasses.field(default_factory=dict)
    inner: list[Component] = dataclasses.field(default_factory=list)

    def of(self, *kinds: str) -> list[Component]:
        return [one for one in self.inner if one.kind in kinds]

    def first(self, name: str) -> Line:
        """An empty one where there is none."""
        return self.lines.get(name, _NO_LINES)[0]


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """``DTSTART;TZID=Europe/Berlin:20261105T090000``, unfolded. What cannot be read is None, or empty."""

    written: str

    @property
    def _colon(self) -> int:
        """Where the value begins: behind the first colon that is in no quotes."""
        head, at = self.written[:_HEAD_CHARS], self.written.find(":")
        while 0 <= at < len(head) and head.count('"', 0, at) % 2:
            at = head.find(":", at + 1)
        return at if 0 <= at < len(head) else len(self.written)

    @property
    def value(self) -> str:
        """As it stands there."""
        return self.written[self._colon + 1 :].strip()

    @property
    def text(self) -> str:
        return charset.scrub(_library().parser.unescape_backslash(self.value)).strip()

    @property
    def tzid(self) -> str:
        try:
            _, params, _ = _library().parser.Contentline(self.written[: self._colon] + ":").parts()
        except ValueError:
            return ""
        found = params.get("TZID", "")
        return found if isinstance(found, str) else ""

    @property
    def when(self) -> datetime.datetime | datetime.date | None:
        """A time, in UTC or without a zone, or a date."""
        found = self._read(_library().vDDDTypes)
        return found if isinstance(found, datetime.date) else None

    @property
    def duration(self) -> datetime.timedelta | None:
        found = self._read(_library().vDuration)
        return found if isinstance(found, datetime.timedelta) else None

    @property
    def utc_offset(self) -> datetime.timedelta | None:
        found = self._read(_library().vUTCOffset)
        return found if isinstance(found, datetime.timedelta) else None

    def _read(self, kind: Any) -> Any:
        try:
            return kind.from_ical(self.value[:_HEAD_CHARS])
        except (ValueError, TypeError, OverflowError, IndexError):
            return None


_NO_LINES = [Line("")]


def parse(text: str, names: Iterable[str]) -> Component:
    """What the file is made of, the lines of these names in it. Lines end with a line feed."""
    root = Component(kind="")
    stack = [root]
    for name, line in _lines(text, names):
        if name == "BEGIN":
            stack[-1].inner.append(Component(kind=line.value.upper()))
            stack.append(stack[-1].inner[-1])
        elif name == "END":
            stack = stack[:-1] or [root]
        else:
            stack[-1].lines.setdefault(name, []).append(line)
    return root


def _lines(text: str, names: Iterable[str]) -> Iterator[tuple[str, Line]]:
    wanted = re.compile(rf"^(BEGIN|END|{'|'.join(names)})(?=[;:])[^\n]*", re.IGNORECASE | re.MULTILINE)
    capped = "\n".join(text.split("\n", limits.CALENDAR_LINES)[: limits.CALENDAR_LINES])
    for match in itertools.islice(wanted.finditer(_FOLD.sub("", capped)), _LINES):
        yield match[1].upper(), Line(match[0][:_LINE_CHARS])


def windows_zone(name: str) -> str:
    """The IANA database's name for a zone that Windows calls so; "" where it calls none so."""
    from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

    return WINDOWS_TO_OLSON.get(name, "")
