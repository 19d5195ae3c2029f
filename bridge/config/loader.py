"""A configuration file → ``Settings``, or everything that is wrong with it at once.

Every part is looked at on its own: a rule has its meaning checked though another's shape is wrong, and what is sound of
a rule though the rest of it is not.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pydantic

from bridge import collecting, errors, schema, spelling
from bridge.config import faults, references, yaml
from bridge.config.faults import Problem
from bridge.config.places import Places
from bridge.config.settings import Settings
from bridge.config.sources import Environment, File, Merged, Secrets, secret_folders
from bridge.rules import verify
from bridge.rules.settings import Rule

_NO_HOST = re.compile(r"[\s/@]|^(?:[^:\s]*|\[[^\]\s]*\]):(?P<port>\d+)?$")  # an IPv6 address has colons of its own


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """Settings, and where they were written."""

    settings: Settings
    places: Places

    def fault(self, path: yaml.Path, message: str) -> errors.Fault:
        """What is to be said of the value at ``path``, with its file and line."""
        return self.places.fault(Problem(path=path, message=message))

    def warnings(self) -> list[errors.Fault]:
        """In file order: what is no fault, but most likely not what is meant."""
        from bridge.rules import cleaning, too_large, unsure, unused_keys, worst_case  # only `check` asks

        settings = self.settings
        sinks = {name: sink.type for name, sink in settings.sinks.items()}
        folders = {name: mailbox.folders for name, mailbox in settings.mailboxes.items()}
        return self.places.in_order(
            self.fault(("rules", n, *place), f"warning: {message}")
            for n, rule in enumerate(settings.rules)
            for place, message in (
                *cleaning.warnings(rule, sinks=sinks),
                *unsure.warnings(rule, sinks=sinks),
                *worst_case.warnings(rule, sinks=sinks, mailboxes=folders),
                *unused_keys.warnings(rule),
                *too_large.warnings(rule, sinks=sinks),
            )
        )


def load(
    path: Path,
    *,
    environ: Mapping[str, str] = os.environ,
    secrets_dir: Path | None = None,
    note: Callable[[Path], None] = lambda _: None,
) -> Settings:
    """The settings in this file, environment and secrets folder (default: those of containers and systemd).

    The environment counts more than the secrets folder, and that more than the file. Nothing is connected to. ``note``
    is told each file and folder before it is looked at, whether it is there or not, and also when this raises.

    Raises:
        errors.ConfigError: all that is wrong, in file order.
    """
    return load_with_places(path, environ=environ, secrets_dir=secrets_dir, note=note).settings


def load_with_places(
    path: Path,
    *,
    environ: Mapping[str, str] = os.environ,
    secrets_dir: Path | None = None,
    note: Callable[[Path], None] = lambda _: None,
) -> Loaded:
    """As ``load``, for whoever has more to say of what is written there.

    Raises:
        errors.ConfigError: all that is wrong, in file order.
    """
    with collecting.paused():
        return _load(path, environ, secrets_dir, note)


def _load(path: Path, environ: Mapping[str, str], secrets_dir: Path | None, note: Callable[[Path], None]) -> Loaded:
    document = references.read(path, note=note)
    environment = Environment(environ)
    secrets = Secrets((secrets_dir,) if secrets_dir else secret_folders(environ), note=note)
    merged = Merged()
    with schema.reading(path.parent, note=note) as now:
        places = Places(document, (environment, secrets), functools.partial(_is_plain, merged, now))
        settings, problems = _validate((environment, secrets, File(document.root), merged), places, now)
    found = {*document.faults, *secrets.faults, *_unknown_variables(environment), *map(places.fault, problems)}
    if settings is None or found:
        raise errors.ConfigError(places.in_order(found))
    return Loaded(settings=settings, places=places)


def _validate(sources: tuple[Any, ...], places: Places, now: schema.Reading) -> tuple[Settings | None, list[Problem]]:
    merged: Merged = sources[-1]
    arguments: dict[str, Any] = {"sources": sources}
    settings: Settings | None = None
    problems: list[Problem] = []
    try:
        settings = Settings(**arguments)
    except pydantic.ValidationError as error:
        problems += faults.problems(error, merged.values, now, Settings)
    problems += _noted(merged.values, now)
    problems += _hosts(merged.values)
    problems += _meaning(settings, merged.values, problems, places)
    return settings, [problem for problem in problems if not _is_broken(merged.values, problem.path)]


def _is_plain(merged: Merged, now: schema.Reading, path: yaml.Path) -> bool:
    """Whether no secret can stand at this path, whatever its map was read as."""
    *parent, key = path
    models = now.tried.get(id(faults.lookup(merged.values, tuple(parent))), []) if parent else [Settings]
    return bool(models) and all(schema.is_plain(model, str(key)) for model in models)


def _noted(values: dict[str, Any], now: schema.Reading) -> Iterator[Problem]:
    """What the models noted of ``NAME_file`` and paths. They know a map only by its id: its path is looked for here."""
    if not now.wrong:
        return
    for path, found in _maps(values, ()):
        for key in found:
            if message := now.wrong.get((id(found), key)):
                yield Problem(path=(*path, key), message=message, at=faults.about(message))


def _maps(value: Any, path: yaml.Path) -> Iterator[tuple[yaml.Path, dict[str, Any]]]:
    if isinstance(value, dict):
        yield path, value
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, child in children:
        yield from _maps(child, (*path, step))


def _hosts(values: dict[str, Any]) -> Iterator[Problem]:
    """A mailbox's ``host`` that says more than the server's name: these are keys of their own."""
    mailboxes = values.get("mailboxes")
    for name, entry in mailboxes.items() if isinstance(mailboxes, dict) else ():
        host = faults.lookup(entry, ("host",))
        if isinstance(host, str) and (match := _NO_HOST.search(host)):
            found = f'; write "port: {match["port"]}" beside it' if match["port"] else ""
            hint = found or "; `port` and `tls` (implicit, starttls or none) are keys beside it"
            message = f"is the server's name alone, like imap.example.org{hint}"
            yield Problem(path=("mailboxes", name, "host"), message=message)


def _is_broken(values: Any, path: yaml.Path) -> bool:
    """Whether a fault is told of already for this place, or for what it is in."""
    return any(faults.lookup(values, path[:n]) is yaml.BROKEN for n in range(len(path) + 1))


def _holds_broken(value: Any) -> bool:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return value is yaml.BROKEN or any(map(_holds_broken, children))


def _meaning(
    settings: Settings | None, values: dict[str, Any], problems: list[Problem], places: Places
) -> Iterator[Problem]:
    """What is wrong with the meaning of the rules, as far as their shape is right."""
    raw, sinks, mailboxes = (values.get(key, empty) for key, empty in (("rules", []), ("sinks", {}), ("mailboxes", {})))
    if not isinstance(raw, list):
        return
    yield from _same_names(raw, places)
    if not (isinstance(sinks, dict) and isinstance(mailboxes, dict)):
        return
    if any({"mailboxes", "sinks"}.intersection(faults.meant(problem.message)) for problem in problems):
        return  # a slip in that key: what the rules name is there, but not where it is looked for
    told = {problem.path for problem in problems}
    wrong = {path[1] for path in told if path[:1] == ("rules",) and len(path) > 1}
    known: dict[str, Any] = {
        "sinks": {name: str(faults.lookup(entry, ("type",))) for name, entry in sinks.items()},  # wrong ones, too
        "mailboxes": mailboxes,
    }
    for n, entry in enumerate(raw):
        slips: dict[Any, str] = {}
        if n in wrong or _holds_broken(entry):
            slips = _slips(problems, ("rules", n))
            found = verify.raw_faults(_mended(entry, slips), **known)
        else:
            rule = settings.rules[n] if settings else Rule.model_validate(entry)
            found = list(verify.faults(rule, **known))
        written: dict[Any, Any] = {key: slip for slip, key in slips.items()}
        for place, message in found:
            path = ("rules", n, *(written.get(step, step) for step in place[:1]), *place[1:])
            if path not in told:
                yield Problem(path=path, message=message, at=faults.about(message))


def _slips(problems: list[Problem], at: yaml.Path) -> dict[Any, str]:
    """The unknown keys of this map → what was most likely meant."""
    return {
        problem.path[-1]: key
        for problem in problems
        if problem.path[:-1] == at and problem.at == "key" and (key := faults.meant(problem.message)[0])
    }


def _mended(entry: Any, slips: Mapping[Any, str]) -> Any:
    """The map as it was meant: `whn` gives names to values, too."""
    if not slips or not isinstance(entry, dict):
        return entry
    return {slips.get(key, key): value for key, value in entry.items()}


def _same_names(rules: list[Any], places: Places) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for n, entry in enumerate(rules):
        name = faults.lookup(entry, ("name",))
        if isinstance(name, str) and first.setdefault(name, n) != n:
            other = places.fault(Problem(path=("rules", first[name], "name"), message=""))
            line = f"in line {other.line}" if other.line else f"in {other.file}"
            yield Problem(path=("rules", n, "name"), message=f'the rule {line} is called "{name}" already')


def _unknown_variables(environment: Environment) -> Iterator[errors.Fault]:
    known = {*schema.known_keys(Settings), *Settings.planned}
    for variable, key in environment.unknown():
        planned = "not yet supported" if key in Settings.planned else ""
        message = planned or f"unknown key{spelling.did_you_mean(key, known)}"
        yield errors.Fault(file=variable, path=key, message=message)
