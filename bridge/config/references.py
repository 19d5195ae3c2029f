"""What a configuration file refers to: ``!secret NAME`` and ``!include FILE``; and the file itself.

These work only in the file on disk. (``NAME_file: PATH`` is the models' affair: ``bridge.schema``.)
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path

from bridge import errors
from bridge.config import yaml
from bridge.spelling import did_you_mean

FILE_BYTES = 64_000_000
SECRETS = "secrets.yaml"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A configuration file with everything that it refers to."""

    root: yaml.Node
    files: tuple[str, ...]  # as shown to people, in the order in which they were read
    faults: tuple[errors.Fault, ...]


def read(path: Path, *, note: Callable[[Path], None] = lambda _: None) -> Document:
    """The file, its includes and its secrets. ``note`` is told each of them before it is read, whether it is there or
    not.

    Raises:
        errors.ConfigError: there is nothing to go on with: no such file, no YAML, nothing in it.
    """
    reader = _Reader(path, note)
    root = reader.file(path, str(path), ())
    if root.plain is None:
        raise errors.ConfigError([_at(str(path), "is empty")])
    if not isinstance(root.plain, dict):
        kind = "a list" if isinstance(root.plain, list) else "a single value"
        raise errors.ConfigError([*reader.faults, _at(str(path), f"expected a map of settings, got {kind}")])
    return Document(root=root, files=tuple(reader.files), faults=tuple(reader.faults))


class _Reader:
    """Reads one configuration; a file that is included twice is read once."""

    def __init__(self, path: Path, note: Callable[[Path], None]) -> None:
        self._folder = path.parent
        self._note = note
        self._open: list[Path] = []  # the files that are being read: each includes the next
        self._known: dict[Path, yaml.Node] = {}
        self.files: list[str] = []
        self.faults: list[errors.Fault] = []

    def file(self, path: Path, shown: str, at: yaml.Path) -> yaml.Node:
        self._note(path)
        text = read_text(path, shown)
        self.files.append(shown)
        self._open.append(path.resolve())
        tags: Mapping[str, yaml.Tag] = {
            "!secret": self._secret,
            "!include": functools.partial(self._include, path.parent),
        }
        try:
            node, faults = yaml.compose(text, shown, tags=tags, at=at)
        finally:
            self._open.pop()
        self.faults += faults
        return node

    def _include(self, folder: Path, name: str, at: yaml.Path, place: yaml.Node) -> yaml.Node:
        path = folder / Path(name).expanduser()
        real = path.resolve()
        if not name or real in self._open:
            raise yaml.WrongTag("includes itself" if name else "!include needs the name of a file")
        if real not in self._known:
            self._known[real] = place  # broken, so that a file with a fault is told of once
            self._known[real] = self._included(path, at)
        return self._known[real]

    def _included(self, path: Path, at: yaml.Path) -> yaml.Node:
        try:
            return self.file(path, str(path), at)
        except errors.ConfigError as error:
            if error.faults[0].line:
                raise
            raise yaml.WrongTag(f"{path}: {error.faults[0].message}") from None  # at the line that includes it

    def _secret(self, name: str, at: yaml.Path, place: yaml.Node) -> yaml.Node:
        if isinstance(self._secrets, str):
            raise yaml.WrongTag(self._secrets)
        children = self._secrets.children
        if not isinstance(children, dict) or name not in children:
            hint = did_you_mean(name, children if isinstance(children, dict) else ())
            raise yaml.WrongTag(f'{self._folder / SECRETS} has no secret "{name}"{hint}')
        value = children[name][1]
        return dataclasses.replace(place, plain=value.plain, secret=True)

    @functools.cached_property
    def _secrets(self) -> yaml.Node | str:
        """The secrets file, or why it cannot be read."""
        shown = str(self._folder / SECRETS)
        self.files.append(shown)
        self._note(Path(shown))
        try:
            node, faults = yaml.compose(read_text(Path(shown), shown), shown, tags={})
        except errors.ConfigError as error:
            return str(error.faults[0])
        self.faults += faults
        return node


def read_text(path: Path, shown: str) -> str:
    """A whole file of UTF-8.

    Raises:
        errors.ConfigError: one fault that says why it cannot be read.
    """
    try:
        with path.open("rb") as file:
            octets = file.read(FILE_BYTES + 1)
    except IsADirectoryError:
        raise errors.ConfigError([_at(shown, "is a folder, not a file")]) from None
    except FileNotFoundError:
        raise errors.ConfigError([_at(shown, "there is no such file")]) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise errors.ConfigError([_at(shown, f"cannot be read: {reason(error)}")]) from None
    if len(octets) > FILE_BYTES:
        raise errors.ConfigError([_at(shown, f"is larger than {FILE_BYTES // 1_000_000} MB")])
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = octets[: error.start].decode("utf-8", "replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        message = "is not UTF-8 text"
        raise errors.ConfigError([errors.Fault(file=shown, line=line, column=column, message=message)]) from None


def reason(error: Exception) -> str:
    """Why a file cannot be read, without its name."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _at(shown: str, message: str) -> errors.Fault:
    return errors.Fault(file=shown, message=message)
