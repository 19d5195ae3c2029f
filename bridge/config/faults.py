"""What pydantic says, in plain words, and where: its errors → one problem for each place.

Pydantic names a place by its own path, in which the branches of unions stand as well; walking the data along it tells
the steps that an admin wrote from those. Of a union only the branch is told of that the value comes nearest to.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import pydantic

from bridge import schema, spelling, wording
from bridge.config import yaml


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
    slips = {(*one.path[:-1], key) for one in found if one.at == "key" for key in meant(one.message)}
    return [one for one in found if not (one.message == "missing" and one.path in slips)]


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
        elif n == len(steps) and "missing" in (kind, detail["msg"]):
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
    nouns = dict.fromkeys(noun for error in every for noun in _nouns(error))
    return [dataclasses.replace(every[0], kind="mismatch", nouns=tuple(nouns))]


def _mismatch(error: _Error, point: yaml.Path) -> bool:
    """Whether it only says that this branch is for another kind of value."""
    return error.path == point and bool(error.nouns or error.kind in wording.NOUNS or error.kind in wording.CHOICES)


def _nouns(error: _Error) -> tuple[str, ...]:
    """What the value should have been."""
    if error.nouns:
        return error.nouns
    return tuple(wording.choices(error.context)) if error.kind in wording.CHOICES else (wording.NOUNS[error.kind],)


def meant(message: str) -> tuple[str, str]:
    """The key that "did you mean" names, so that it is not called missing as well."""
    key = message.partition('did you mean "')[2].removesuffix('"?')
    return key, key.removesuffix("_file")


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
        if error.kind == "value_error":  # of a known key: what it says is about the value
            return Problem(path=error.path, message=message)
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
        value = lookup(self._data, error.path)
        if error.nouns:
            return wording.expected(error.nouns, value)
        return wording.plain({"type": error.kind, "ctx": error.context, "msg": error.text}, value)
