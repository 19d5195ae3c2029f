"""``after`` and ``failed``: what becomes of the mail itself, its templates rendered when the rule matches.

What a mail says stays one level of the folders' hierarchy, and is no system flag; what the admin has written is taken
as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bridge.rules import Change, failing, flags, named, tags, template

# The usual separators of a hierarchy, and what LIST takes for a wildcard (RFC 9051, section 6.3.9).
_NO_LEVEL = re.compile(r"[/.\\%*\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_VALUE_CHARS = 100  # of a value in a name


def _level(value: str) -> str:
    name = _NO_LEVEL.sub("_", value[:_VALUE_CHARS]).strip()
    return "_" + name[1:] if name.startswith(("#", "~")) else name or "_"


def _keyword(value: str) -> str:
    name = flags.NO_KEYWORD.sub("_", value[:_VALUE_CHARS])
    return "_" + name[1:] if name.startswith("$") else name or "_"


class Name:
    """A folder or a flag: text and ``{{ … }}``, each of which is cleaned by itself."""

    def __init__(self, written: str, clean: Callable[[str], str] = _level) -> None:
        """
        Raises:
            ValueError: a template does not parse, or is of another kind.
        """
        pieces = list(tags.pieces(written))
        if any(piece.kind not in ("text", "{{") for piece in pieces):
            raise ValueError("only {{ … }} can stand in a name")
        self._parts = [template.Template(piece.text) for piece in pieces]
        self._clean = clean
        self.names = named.together(part.names for part in self._parts)

    def render(self, values: Mapping[str, Any]) -> str:
        """
        Raises:
            errors.RuleError: a value is missing.
        """
        return "".join(part.source if part.is_literal else self._clean(part.text(values)) for part in self._parts)


def checked_folder(written: str) -> str:
    """
    Raises:
        ValueError: no folder can be called that.
    """
    Name(written)
    return written


def checked_flag(written: str) -> str:
    """
    Raises:
        ValueError: IMAP has no flag of that name.
    """
    if not tags.is_template(written):
        return flags.checked(written)
    Name(written)
    for piece in tags.pieces(written):
        if piece.kind == "text":
            flags.keyword(piece.text)
    return written


class Changes:
    """One of the two, compiled."""

    def __init__(self, path: str, written: Sequence[Change]) -> None:
        self._path = path
        self._written = tuple((change, _name(change)) for change in written)
        self._fixed = None if any(name for _, name in self._written) else tuple(written)
        self.names = named.together(name.names for _, name in self._written if name is not None)

    def render(self, values: Mapping[str, Any]) -> tuple[tuple[Change, ...], list[tuple[str, str]]]:
        """The changes; and of those that cannot be made, (path, why)."""
        if self._fixed is not None:
            return self._fixed, []
        made: list[Change] = []
        wrong: list[tuple[str, str]] = []
        for change, name in self._written:
            try:
                made.append(change if name is None else Change(op=change.op, argument=name.render(values)))
            except Exception as error:  # noqa: BLE001 — whatever it is, it costs this change alone
                wrong.append((f"{self._path}.{change.op}", failing.reason(error)))
        return tuple(made), wrong


def _name(change: Change) -> Name | None:
    """None for what is taken as it is."""
    if not tags.is_template(change.argument):
        return None
    return Name(change.argument, _keyword if change.op == "flag" else _level)
