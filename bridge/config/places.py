"""Where a value was written: a line of a file, a variable, a secret's file."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from bridge import errors
from bridge.config import faults, references, yaml
from bridge.config.sources import Variables

_IN_URL = re.compile(r"(?<=://)[^/@\s]*@")


class Places:
    """Makes a fault of a problem: gives it its place, and takes out of it what must not be shown."""

    def __init__(
        self,
        document: references.Document,
        variables: Sequence[Variables],
        shows: Callable[[yaml.Path], bool] = lambda _: False,
    ) -> None:
        """``shows`` tells of a path whether its value can be shown, since no secret can stand there."""
        self._root = document.root
        self._files = document.files
        self._variables = variables
        self._shows = shows

    def fault(self, problem: faults.Problem) -> errors.Fault:
        """The first place that has the path; for what is missing, the place of what it should be in."""
        message, path = self._masked(problem), ".".join(map(str, problem.path))
        if shown := self._variable(problem.path):
            return errors.Fault(file=shown, path=path, message=message)
        if found := self._root.find(problem.path):
            key, value = found
            node = key if key and problem.at == "key" else value
            return errors.Fault(file=node.file, line=node.line, column=node.column, path=path, message=message)
        for n in range(len(problem.path) - 1, -1, -1):
            above = problem.path[:n]
            if found := self._root.find(above):
                node = found[0] or found[1]
                return errors.Fault(file=node.file, line=node.line, column=node.column, path=path, message=message)
            if shown := self._variable(above):
                return errors.Fault(file=shown, path=path, message=message)
        return errors.Fault(file=self._files[0], path=path, message=message)

    def in_order(self, found: Iterable[errors.Fault]) -> list[errors.Fault]:
        """The main file first, from top to bottom, then what it includes, then everything else."""
        rank = {file: n for n, file in enumerate(self._files)}
        return sorted(found, key=lambda fault: (rank.get(fault.file, len(rank)), fault))

    def _variable(self, path: yaml.Path) -> str | None:
        """The variable that the value comes from; a map that is in the file as well counts as the file's."""
        for variables in self._variables if path else ():
            name = variables.origin(path)
            if name and not (isinstance(variables.value(path), dict) and self._root.find(path)):
                return name
        return None

    def _masked(self, problem: faults.Problem) -> str:
        """The message without passwords in URLs, and without a value that was not written in plain sight."""
        message = _IN_URL.sub("…@", problem.message)
        for variables in self._variables:
            if (
                problem.path
                and variables.origin(problem.path)
                and not (variables.plain_sight and self._shows(problem.path))
            ):
                message = _without(message, variables.value(problem.path))
        for path, secret in self._secrets:
            if problem.at == "value" and _concern(path, problem.path):
                message = _without(message, secret)
                message = _without_parts(message, secret) if isinstance(secret, str) else message
        return message

    @functools.cached_property
    def _secrets(self) -> list[tuple[yaml.Path, Any]]:
        """What stands behind each ``!secret``, and every value in it."""
        return [
            (path, value)
            for path, node in _secret_nodes(self._root, ())
            for value in (node.plain, *_inside(node.plain))
        ]


def _without(message: str, value: Any) -> str:
    """The message without this value, which it may show in several ways."""
    if not isinstance(value, (str, int, float)) or isinstance(value, bool) or not str(value):
        return message
    for written in (f'the text "{value}"', f"the number {value}", repr(value), f'"{value}"'):
        message = message.replace(written, "something else" if written.startswith("the") else "the value")
    return message.replace(str(value), "…") if len(str(value)) > 3 else message


def _without_parts(message: str, secret: str) -> str:
    """The message without what it quotes of the secret, as an error of a regex or a template does."""
    least = min(4, max(2, len(secret) // 2))
    parts = {secret[n : n + least].casefold() for n in range(len(secret) - least + 1)}
    plain = message.casefold()
    if len(plain) != len(message):  # a letter that becomes two
        return "cannot be read; what is wrong is not shown, since it is a secret"
    hidden = [False] * len(message)
    for n in range(len(message) - least + 1):
        if plain[n : n + least] in parts:
            hidden[n : n + least] = [True] * least
    return re.sub("\0+", "…", "".join("\0" if hide else char for char, hide in zip(message, hidden, strict=True)))


def _concern(secret: yaml.Path, problem: yaml.Path) -> bool:
    """Whether what is wrong there may quote the secret: it is the value, or in it, or names values of the same rule."""
    shared = min(len(secret), len(problem))
    return secret[:shared] == problem[:shared] or (problem[:1] == ("rules",) and secret[:2] == problem[:2])


def _secret_nodes(node: yaml.Node, path: yaml.Path) -> Iterator[tuple[yaml.Path, yaml.Node]]:
    if node.secret:
        yield path, node
    children = node.children or ()
    pairs = (
        ((key, value) for key, (_, value) in children.items()) if isinstance(children, dict) else enumerate(children)
    )
    for step, child in pairs:
        yield from _secret_nodes(child, (*path, step))


def _inside(value: Any) -> Iterator[Any]:
    """Every key and value in a list or a map, however deep."""
    children = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        yield child
        yield from _inside(child)
