"""What pydantic says, in plain words, and where: its errors → one problem for each place.

Pydantic names a place by its own path, in which the branches of unions stand as well; walking the data along it tells
the steps that an admin wrote from those. Of a union only the branch is told of that the value comes nearest to.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import pydantic

from bridge import schema, spelling
from bridge.config import yaml

_NOUNS = {
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
_HIDING = {"a text", "a list", "a map"}  # where one of these was wanted, something else may hold a password
_BOUNDS = {
    "greater_than": ("gt", "must be more than {}"),
    "greater_than_equal": ("ge", "must be at least {}"),
    "less_than": ("lt", "must be less than {}"),
    "less_than_equal": ("le", "must be at most {}"),
    "multiple_of": ("multiple_of", "must be a multiple of {}"),
    "string_too_long": ("max_length", "must have at most {} characters"),
    "string_pattern_mismatch": ("pattern", "does not look like {}"),
}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """Something that is wrong at ``path``, which is as the admin wrote it."""

    path: yaml.Path
    message: str
    at: Literal["key", "value"] = "value"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Error:
    """One error of pydantic, its path told apart."""

    kind: str
    path: yaml.Path
    choices: tuple[tuple[yaml.Path, str], ...] = ()  # the unions on the way: where, and which branch
    key: bool = False  # it is about the key itself
    context: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    text: str = ""
    nouns: tuple[str, ...] = ()  # of all the branches that it stands for


def problems(
    error: pydantic.ValidationError, data: Any, now: schema.Reading, root: type[schema.Model]
) -> list[Problem]:
    """One problem a place. ``data`` is what was validated, as a ``root``, while ``now`` held."""
    errors = [_read(detail, data) for detail in error.errors(include_url=False, include_input=False)]
    found = [_Words(data, now, root).problem(one) for one in _settle(errors, 0)]
    meant = {(*one.path[:-1], _meant(one.message)) for one in found if one.at == "key"}
    return [one for one in found if not (one.message == "missing" and one.path in meant)]


def about(message: str) -> Literal["key", "value"]:
    """Whether a message is about the key itself."""
    return "key" if message.startswith(("unknown key", "not yet supported")) else "value"


def lookup(data: Any, path: yaml.Path) -> Any:
    """The value at ``path``; None where there is none."""
    for step in path:
        if not _holds(data, step):
            return None
        data = data[step]
    return data


def describe(value: Any, *, show: bool = True) -> str:
    """A value in a few words: ``a list``, ``the text "abc"``."""
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, (int, float)):
        return f"the number {value}" if show and math.isfinite(value) and abs(value) < 1e15 else "a number"
    if isinstance(value, str) and show and 0 < len(value) <= 40 and value.isprintable():
        return f'the text "{value}"'
    return "an empty text" if value == "" else "a text"


def _holds(data: Any, step: Any) -> bool:
    if isinstance(data, dict):
        return step in data
    return isinstance(data, (list, tuple)) and isinstance(step, int) and 0 <= step < len(data)


def _read(detail: Any, data: Any) -> _Error:
    """Walks the data along pydantic's path: what is no step in it is the branch of a union."""
    path: list[str | int] = []
    choices: list[tuple[yaml.Path, str]] = []
    kind, key, steps = detail["type"], False, detail["loc"]
    for n, step in enumerate(steps, 1):
        if _holds(data, step):
            path.append(step)
            data = data[step]
        elif step == "[key]":
            key = True
        elif kind == "missing" and n == len(steps):
            path.append(step)
        else:
            choices.append((tuple(path), str(step)))
    context = detail.get("ctx", {})
    return _Error(kind=kind, path=tuple(path), choices=tuple(choices), key=key, context=context, text=detail["msg"])


def _settle(errors: Iterable[_Error], depth: int) -> list[_Error]:
    """Of each union (those ``depth`` deep, and the ones inside them) the errors of one branch, or one error for all."""
    settled: list[_Error] = []
    unions: dict[yaml.Path, dict[str, list[_Error]]] = {}
    for error in errors:
        if len(error.choices) > depth:
            point, branch = error.choices[depth]
            unions.setdefault(point, {}).setdefault(branch, []).append(error)
        else:
            settled.append(error)
    for point, branches in unions.items():
        settled += _nearest(point, [_settle(branch, depth + 1) for branch in branches.values()])
    return settled


def _nearest(point: yaml.Path, branches: list[list[_Error]]) -> list[_Error]:
    """The branch that the value has the right kind for, with the fewest errors; else all branches as one error."""
    fitting = [branch for branch in branches if not all(_mismatch(error, point) for error in branch)]
    if fitting:
        return min(fitting, key=len)
    every = [error for branch in branches for error in branch]
    if len(branches) == 1:
        return every
    nouns = dict.fromkeys(noun for error in every for noun in (error.nouns or (_noun(error),)))
    return [dataclasses.replace(every[0], kind="mismatch", nouns=tuple(nouns))]


def _mismatch(error: _Error, point: yaml.Path) -> bool:
    """Whether it only says that this branch is for another kind of value."""
    return error.path == point and bool(error.nouns or error.kind in _NOUNS or error.kind in {"literal_error", "enum"})


def _noun(error: _Error) -> str:
    if error.kind in {"literal_error", "enum"}:
        return str(error.context.get("expected", "")).replace("'", "").replace(" or ", ", ")
    return _NOUNS[error.kind]


def _meant(message: str) -> str:
    """The key that "did you mean" names, so that it is not called missing as well."""
    return message.partition('did you mean "')[2].removesuffix('"?')


def _listed(nouns: Iterable[str]) -> str:
    *most, last = nouns
    return f"{', '.join(most)} or {last}" if most else last


class _Words:
    """Says an error in words."""

    def __init__(self, data: Any, now: schema.Reading, root: type[schema.Model]) -> None:
        self._data = data
        self._now = now
        self._root = root

    def problem(self, error: _Error) -> Problem:
        if error.kind == "extra_forbidden":
            return Problem(path=error.path, message=self._unknown(error), at="key")
        message = self._message(error)
        return Problem(path=error.path, message=message, at="key" if error.key else about(message))

    def _unknown(self, error: _Error) -> str:
        *parent, key = error.path
        models = [self._root] if not parent else self._now.tried.get(id(lookup(self._data, tuple(parent))), [])
        branches = {branch for _, branch in error.choices}
        models = [model for model in models if model.__name__ in branches] or models
        if any(key in model.planned for model in models):
            return "not yet supported"
        known = {name for model in models for name in (*schema.known_keys(model), *model.planned)}
        return f"unknown key{spelling.did_you_mean(str(key), known)}"

    def _message(self, error: _Error) -> str:
        kind, context = error.kind, error.context
        if error.nouns or kind in _NOUNS:
            return self._expected(error, _listed(error.nouns or (_NOUNS[kind],)))
        if kind in {"literal_error", "enum"}:
            return self._one_of(error)
        if kind in _BOUNDS:
            key, words = _BOUNDS[kind]
            return words.format(context.get(key))
        if kind in {"string_too_short", "too_short"}:
            return _at_least(int(context.get("min_length", 1)), "entries" if kind == "too_short" else "characters")
        if kind == "too_long":
            return f"must have at most {context.get('max_length')} entries"
        if kind in {"value_error", "assertion_error"}:
            return str(context.get("error", error.text))
        return "missing" if kind == "missing" else error.text.replace("Input should be", "expected", 1)

    def _expected(self, error: _Error, wanted: str) -> str:
        value = lookup(self._data, error.path)
        hiding = bool(_HIDING & {wanted, *error.nouns})
        quotes = "a text" in wanted and isinstance(value, (int, float))
        hint = "; put it in quotes" if quotes else ""
        if isinstance(value, str) and error.nouns:
            hint = spelling.did_you_mean(value, (word for noun in error.nouns for word in noun.split(", ")))
        return f"expected {wanted}, got {describe(value, show=not hiding)}{hint}"

    def _one_of(self, error: _Error) -> str:
        value = lookup(self._data, error.path)
        known = [word.strip().strip("'\"") for word in _noun(error).split(",")]
        hint = spelling.did_you_mean(value, known) if isinstance(value, str) else ""
        return f"expected {_listed(known)}, got {describe(value)}{hint}"


def _at_least(count: int, what: str) -> str:
    return "must not be empty" if count == 1 else f"must have at least {count} {what}"
