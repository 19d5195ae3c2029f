"""What a rule's templates can do beside what the template engine brings: ``slug``, ``bytes(n)``, ``timestamp``,
``iso``, ``tojson``.
"""

from __future__ import annotations

import base64
import datetime
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from bridge import errors
from bridge.mail.large import Large
from bridge.rules import characters

SHOWN_OCTETS = 16
_NO_SLUG = re.compile(r"[^a-z0-9]+")


def slug(value: Any) -> str:
    """``Küche, links`` → ``kuche_links``: what fits into a topic, an entity's name or a file's."""
    plain = _text(value).casefold()
    if not plain.isascii():
        plain = unicodedata.normalize("NFKD", plain)
        plain = "".join(char for char in plain if not unicodedata.combining(char))
    return _NO_SLUG.sub("_", plain).strip("_")


def octets(value: Any, count: int) -> str:
    """The beginning of a text: at most ``count`` octets of UTF-8, cut between what people see as characters."""
    return characters.cut_octets(_text(value), count)


def timestamp(value: Any, zone: datetime.tzinfo) -> int:
    """A datetime (or ISO 8601 text) → whole POSIX seconds. What says no zone is in the bridge's."""
    return int(_datetime(value, zone).timestamp())


def iso(value: Any, zone: datetime.tzinfo) -> str:
    """A datetime (or ISO 8601 text, or POSIX seconds) → ISO 8601 text. What says no zone is in the bridge's."""
    return _datetime(value, zone).isoformat()


def tojson(value: Any, indent: int | None = None) -> str:
    """JSON, quotes and all; compact unless told."""
    separators = (",", ":") if indent is None else None
    return json.dumps(value, ensure_ascii=False, separators=separators, indent=indent, default=_plain, allow_nan=False)


def _datetime(value: Any, zone: datetime.tzinfo) -> datetime.datetime:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.datetime.fromtimestamp(value, datetime.UTC)
    found = value if isinstance(value, datetime.datetime) else datetime.datetime.fromisoformat(_text(value))
    return found if found.tzinfo else found.replace(tzinfo=zone)


def length(value: Any) -> int:
    """The engine's own, and of a file that is not in memory how many octets it has."""
    return value.size if isinstance(value, Large) else len(value)


def _text(value: Any) -> str:
    if isinstance(value, Large):
        raise errors.RuleError(value.too_large)
    return str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Large):
        raise errors.RuleError(value.too_large)
    raise TypeError(f"{type(value).__name__} is nothing that JSON has")


def shown(value: Any) -> str:
    """A value for people, a text in quotes: as JSON has it, where it does; of bytes how many and the first."""
    if isinstance(value, Large):
        return value.shown
    if isinstance(value, bytes):
        return f"{len(value)} bytes: {value[:SHOWN_OCTETS].hex(' ')}{' …' if len(value) > SHOWN_OCTETS else ''}"
    try:
        return tojson(value)
    except (TypeError, ValueError, RecursionError):
        return str(value)


FILTERS: Mapping[str, Callable[..., Any]] = {
    "slug": slug,
    "bytes": octets,
    "timestamp": timestamp,
    "iso": iso,
    "tojson": tojson,
}
ZONED = frozenset(("timestamp", "iso"))  # take the bridge's zone, too
