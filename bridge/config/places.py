"""Where a value was written: a line of a file, a variable, a secret's file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bridge import errors
from bridge.config import faults, references, yaml
from bridge.config.sources import Variables

_IN_URL = re.compile(r"(?<=://)[^/@\s]*@")


class Places:
    """Makes a fault of a problem: gives it its place, and takes out of it what must not be shown."""

    def __init__(self, document: references.Document, variables: Sequence[Variables]) -> None:
        self._root = document.root
        self._files = document.files
        self._variables = variables

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
        found = self._root.find(problem.path)
        values = [variables.value(problem.path) for variables in self._variables if variables.origin(problem.path)]
        if found and found[1].secret:
            values.append(found[1].plain)
        for value in values:
            if isinstance(value, (str, int, float)) and not isinstance(value, bool) and str(value):
                for written in (f'the text "{value}"', f"the number {value}", repr(value), f'"{value}"'):
                    message = message.replace(written, "something else" if written.startswith("the") else "the value")
                message = message.replace(str(value), "…") if len(str(value)) > 3 else message
        return message
