"""What pydantic says of a setting, in the words of people who write settings.

``plain(line, value)`` is for one line of ``ValidationError.errors()``. A value is shown only where that tells
nothing: never where a text, a list or a map was wanted, since a password may stand there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bridge import spelling

NOUNS = {
    "string_type": "a text",
    "string_sub_type": "a text",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing", "finite_number", "decimal_parsing", "decimal_type"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type", "iterable_type"), "a list"),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "model_attributes_type", "dataclass_type"), "a map"),
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing"), "a date like 2026-11-01"),
    **dict.fromkeys(("date_from_datetime_inexact",), "a date like 2026-11-01"),
    **dict.fromkeys(("time_type", "time_parsing"), "a time like 22:30"),
    **dict.fromkeys(("datetime_type", "datetime_parsing", "datetime_from_date_parsing"), "a date and time"),
    "path_type": "the name of a file",
    "none_required": "nothing",
    "bytes_type": "a text",
}
CHOICES = frozenset({"literal_error", "enum"})
_HIDING = {"a text", "a list", "a map"}
_BOUNDS = {
    "greater_than": ("gt", "must be more than {}"),
    "greater_than_equal": ("ge", "must be at least {}"),
    "less_than": ("lt", "must be less than {}"),
    "less_than_equal": ("le", "must be at most {}"),
    "multiple_of": ("multiple_of", "must be a multiple of {}"),
    "string_too_long": ("max_length", "must have at most {} characters"),
    "string_pattern_mismatch": ("pattern", "does not look like {}"),
}


def plain(line: Mapping[str, Any], value: Any) -> str:
    """One error of pydantic (its ``type``, ``msg`` and ``ctx``) about ``value``."""
    kind, context = line["type"], line.get("ctx", {})
    if kind in NOUNS:
        return expected([NOUNS[kind]], value)
    if kind in CHOICES:
        return one_of(choices(context), value)
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return words.format(context.get(key))
    if kind in {"string_too_short", "too_short"}:
        return _at_least(int(context.get("min_length", 1)), "entries" if kind == "too_short" else "characters")
    if kind == "too_long":
        return f"must have at most {context.get('max_length')} entries"
    if kind in {"value_error", "assertion_error"}:
        return str(context.get("error", line["msg"]))
    return "missing" if kind == "missing" else str(line["msg"]).replace("Input should be", "expected", 1)


def expected(nouns: Sequence[str], value: Any) -> str:
    """``expected a text or a list, got a number; put it in quotes``."""
    hiding = bool(_HIDING & set(nouns))
    hint = ""
    if isinstance(value, str) and len(nouns) > 1:
        hint = spelling.did_you_mean(value, (word for noun in nouns for word in noun.split(", ")))
    elif "a text" in nouns and isinstance(value, (int, float)):
        hint = "; put it in quotes"
    return f"expected {listed(nouns)}, got {describe(value, show=not hiding)}{hint}"


def one_of(known: Sequence[str], value: Any) -> str:
    """``expected now, unseen or all, got the text "al"; did you mean "all"?``."""
    hint = spelling.did_you_mean(value, known) if isinstance(value, str) else ""
    return f"expected {listed(known)}, got {describe(value)}{hint}"


def choices(context: Mapping[str, Any]) -> list[str]:
    """The values that a literal or an enum has, from pydantic's ``'a', 'b' or 'c'``."""
    return [word.strip().strip("'") for word in str(context.get("expected", "")).replace(" or ", ", ").split(",")]


def listed(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def describe(value: Any, *, show: bool = True) -> str:
    """A value in a few words: ``a list``, ``the text "abc"``."""
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    if isinstance(value, (dict, list, tuple)):
        return "a map" if isinstance(value, dict) else "a list"
    if isinstance(value, (int, float)):
        return f"the number {value}" if show and math.isfinite(value) and abs(value) < 1e15 else "a number"
    if isinstance(value, str) and show and 0 < len(value) <= 40 and value.isprintable():
        return f'the text "{value}"'
    return "an empty text" if value == "" else "a text"


def _at_least(count: int, what: str) -> str:
    return "must not be empty" if count == 1 else f"must have at least {count} {what}"
