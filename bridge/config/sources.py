"""Where settings come from: environment, secrets folders, file; pydantic-settings merges them, the first counts most.

A variable is ``MAILWIRE_`` and the path with ``__`` between its steps: ``MAILWIRE_MAILBOXES__HOME__PASSWORD``. A list
is one value, as JSON. A file in a secrets folder has the same name, in lower case if you like
(``mailwire_mailboxes__home__password``), and one trailing line break in it does not count; files of other names are
not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pydantic_settings
from pydantic.fields import FieldInfo

from bridge import errors, schema, spelling
from bridge.config import faults, references, yaml
from bridge.config.settings import ENV_PREFIX, Settings

SECRET_FOLDERS = (Path("/run/secrets"),)  # beside systemd's $CREDENTIALS_DIRECTORY


class Variables(pydantic_settings.EnvSettingsSource):
    """Settings by name, from anywhere. ``names`` is name in lower case → what people know it by."""

    names: dict[str, str]
    values: dict[str, Any] = {}  # noqa: RUF012 — replaced, never changed
    plain_sight = False  # whether what is no secret may be shown in a fault

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """JSON; what is none stays a text, and the model says what it wanted instead."""
        try:
            return schema.bounded(super().decode_complex_value(field_name, field, value))
        except (ValueError, RecursionError):
            return value

    def next_field(self, field: Any, key: str, case_sensitive: bool | None = None) -> Any:
        """What no model here names stays the text that it is: a password may look like JSON. (A sink's own model, which
        is found by its ``type``, reads its texts; a ``NAME_file`` is one.)
        """
        found = super().next_field(field, key, case_sensitive)
        kind = field.annotation if isinstance(field, FieldInfo) else field
        is_end = kind is str or (isinstance(kind, type) and issubclass(kind, schema.Model))
        return str if found is None and is_end else found

    def __call__(self) -> dict[str, Any]:
        self.values = give_way(super().__call__(), self.current_state)
        return self.values

    def origin(self, path: yaml.Path) -> str | None:
        """What people know the variable by that gave the value at ``path``; None: it is not from here."""
        if self.value(path) is None:
            return None
        names = ["__".join([ENV_PREFIX.lower() + str(path[0]), *map(str, path[1:n])]) for n in range(len(path), 0, -1)]
        exact = (self.names[name] for name in names if name in self.names)
        inside = (shown for name, shown in sorted(self.names.items()) if name.startswith(f"{names[0]}__"))
        return next(exact, None) or next(inside, None)

    def value(self, path: yaml.Path) -> Any:
        """What it gave at ``path``; None for nothing."""
        return faults.lookup(self.values, path)

    def unknown(self) -> Iterable[tuple[str, str]]:
        """(name as people know it, key) of the variables that are no settings of ours.

        A container platform names variables of its own after a service (``MAILWIRE_SERVICE_HOST``, ``MAILWIRE_PORT``):
        only what is written like a setting, or nearly is one, counts.
        """
        known = {*schema.known_keys(Settings), *Settings.planned}
        for name, shown in self.names.items():
            key, nested, _ = name.removeprefix(ENV_PREFIX.lower()).partition("__")
            if key in schema.known_keys(Settings):
                continue
            if nested or key in known or spelling.nearest(key, known):
                yield shown, key


class Environment(Variables):
    """Environment variables."""

    plain_sight = True

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        super().__init__(Settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        mine = {name: value for name, value in self._environ.items() if name.upper().startswith(ENV_PREFIX) and value}
        self.names = {name.lower(): name for name in mine}
        return {name.lower(): value for name, value in mine.items()}


class Secrets(Variables):
    """Files in secrets folders; a later folder counts more."""

    def __init__(self, folders: Iterable[Path], *, note: Callable[[Path], None] = lambda _: None) -> None:
        self._folders = tuple(folders)
        self._note = note
        self.faults: list[errors.Fault] = []
        super().__init__(Settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        self.names = {}
        found: dict[str, str | None] = {}
        for folder in self._folders:
            self._note(folder)  # what comes or goes changes the folder
        for path in (path for folder in self._folders for path in _files(folder)):
            self._note(path)
            try:
                text = references.read_text(path, str(path))
            except errors.ConfigError as error:
                self.faults += error.faults
                continue
            found[path.name.lower()] = text.removesuffix("\n").removesuffix("\r")
            self.names[path.name.lower()] = str(path)
        return found


class File(pydantic_settings.PydanticBaseSettingsSource):
    """The configuration file. Top-level ``x-…`` keys are the admin's own."""

    def __init__(self, root: yaml.Node) -> None:
        super().__init__(Settings)
        self._plain: dict[str, Any] = root.plain

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self._plain.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        mine = {key: value for key, value in self._plain.items() if not key.startswith("x-")}
        return give_way(mine, self.current_state)


class Merged(pydantic_settings.PydanticBaseSettingsSource):
    """Gives nothing; comes last, and so sees what the others gave together."""

    def __init__(self) -> None:
        super().__init__(Settings)
        self.values: dict[str, Any] = {}

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        self.values = self.current_state
        return {}


def secret_folders(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where containers and systemd put secrets."""
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    return (*SECRET_FOLDERS, Path(credentials)) if credentials else SECRET_FOLDERS


def give_way(mine: dict[str, Any], higher: Mapping[str, Any]) -> dict[str, Any]:
    """``mine`` without what a higher source gives in another form: ``password`` there replaces ``password_file``."""
    kept = dict(mine)
    for key, value in higher.items():
        if isinstance(value, dict) and isinstance(mine.get(key), dict):
            kept[key] = give_way(mine[key], value)
        kept.pop(f"{key}_file", None)
        if key.endswith("_file"):
            kept.pop(key.removesuffix("_file"), None)
    return kept


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.name.upper().startswith(ENV_PREFIX) and path.is_file())
    except OSError:
        return []  # there is no such folder here, or it is not ours to read
