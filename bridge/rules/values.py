"""A payload as the rule has it, compiled: a value whose strings are templates."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping
from typing import Any

from bridge import errors
from bridge.rules import named, template

Place = tuple[str | int, ...]


class Value(abc.ABC):
    """Something that renders to a value."""

    names: frozenset[str] = frozenset()

    @abc.abstractmethod
    def render(self, values: Mapping[str, Any]) -> Any:
        """
        Raises:
            errors.RuleError: a value is missing, or a filter cannot take it.
        """


class Fixed(Value):
    """Says the same for every mail."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def render(self, values: Mapping[str, Any]) -> Any:
        return self._value


class One(Value):
    def __init__(self, made: template.Template) -> None:
        self._template = made
        self.names = made.names

    def render(self, values: Mapping[str, Any]) -> Any:
        return self._template.render(values)


class Key(Value):
    """Always a text."""

    def __init__(self, made: template.Template) -> None:
        self._template = made
        self.names = made.names

    def render(self, values: Mapping[str, Any]) -> Any:
        return self._template.text(values)


class Map(Value):
    """Keys are rendered, too."""

    def __init__(self, items: Mapping[Any, Value]) -> None:
        self._items = [(_key(key), item) for key, item in items.items()]
        self.names = named.together(one.names for pair in self._items for one in pair)

    def render(self, values: Mapping[str, Any]) -> Any:
        found = {key.render(values): item.render(values) for key, item in self._items}
        if len(found) < len(self._items):
            raise errors.RuleError("two keys of a map are the same")
        return found


def _key(written: Any) -> Value:
    made = template.Template(written) if isinstance(written, str) else None
    return Fixed(written) if made is None or made.is_literal else Key(made)


class Listed(Value):
    def __init__(self, items: list[Value]) -> None:
        self._items = items
        self.names = named.together(item.names for item in items)

    def render(self, values: Mapping[str, Any]) -> Any:
        return [item.render(values) for item in self._items]


class Document(Value):
    """What is sent by a rule that says nothing of the payload: a map of the values that it has found; without any,
    who wrote what.
    """

    def __init__(self, found: frozenset[str]) -> None:
        self._found = sorted(found)

    def render(self, values: Mapping[str, Any]) -> Any:
        found = {name: values[name] for name in self._found if name in values}
        return found or {"subject": values["mail"].subject, "from": getattr(values["mail"], "from")}


def compiled(written: Any) -> Value:
    """
    Raises:
        ValueError: a template does not parse (``templates`` tells which).
    """
    if isinstance(written, str):
        made = template.Template(written)
        return Fixed(written) if made.is_literal else One(made)
    if isinstance(written, Mapping):
        return Map({key: compiled(item) for key, item in written.items()})
    if isinstance(written, list | tuple):
        return Listed([compiled(item) for item in written])
    return Fixed(written)


def strings(written: Any, at: Place = ()) -> Iterator[tuple[Place, str]]:
    """Every string in a payload, keys as well, and its place."""
    if isinstance(written, str):
        yield at, written
    elif isinstance(written, Mapping):
        for key, item in written.items():
            if isinstance(key, str):
                yield (*at, key), key
            yield from strings(item, (*at, key))
    elif isinstance(written, list | tuple):
        for n, item in enumerate(written):
            yield from strings(item, (*at, n))
