"""The sink's own keys of an action: which are templates, and what they become."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any

from bridge import errors, sinks
from bridge.rules import failing, named, template, values

PATH = "path"  # the field whose leading slash is only a way of writing


class Fields:
    """The sink's own keys of an action, compiled by the marks of the sink's ``Action`` model."""

    def __init__(self, plugin: sinks.Plugin, written: Mapping[str, Any]) -> None:
        """
        Raises:
            ValueError: the sink does not know such an action (``pydantic.ValidationError``), or a template does not
            parse.
        """
        model = plugin.action.model_validate(dict(written))
        self._target = plugin.target
        self._fixed: dict[str, Any] = {}
        self._rendered: dict[str, Callable[[Mapping[str, Any]], Any]] = {}
        names: set[str] = set()
        for name, value in model.model_dump(mode="json", exclude_none=True).items():
            made = compile_field(name, value, kind(plugin.action, name))
            if made is None:
                self._fixed[name] = value
                continue
            self._rendered[name] = made.render
            names |= made.names
        self.names = named.of(names)

    def render(self, found: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """The options of one delivery, and what kept the others from being rendered ("" where there are none)."""
        options, wrong = dict(self._fixed), []
        for name, render in self._rendered.items():
            try:
                value = render(found)
                options[name] = "/".join(value) if isinstance(value, tuple) else _plain(value)
            except Exception as error:  # noqa: BLE001 — whatever it is, it costs this delivery alone
                wrong.append(f"{name}: {failing.reason(error)}")
        return options, "; ".join(wrong)

    def target(self, options: Mapping[str, Any]) -> str:
        return str(options.get(self._target) or "")


def _plain(value: Any) -> Any:
    """The value as JSON has it: options are stored.

    Raises:
        errors.RuleError: JSON has no such value.
    """
    if isinstance(value, Mapping):
        return {str(key): _plain(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(member) for member in value]
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise errors.RuleError(f"{type(value).__name__} cannot stand here")


def kind(model: type[sinks.Action], field: str) -> str | None:
    """Which strings of a field are templates: ``template``, ``segments`` or None."""
    info = model.model_fields.get(field)
    marks = [mark.kind for mark in info.metadata if isinstance(mark, sinks.Marker)] if info else []
    return marks[0] if marks else None


def compile_field(name: str, value: Any, mark: str | None) -> template.Segments | values.Value | None:
    """None for a field that is taken as it is.

    Raises:
        ValueError: a template does not parse.
    """
    if mark == "segments" and isinstance(value, str):
        return template.Segments(value, path=name == PATH)
    return values.compiled(value) if mark == "template" else None
