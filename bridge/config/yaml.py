"""YAML 1.2 with places: every value knows its file, line and column.

The C parser gives events (it is fast and does not recurse); they are put together here, by the rules of the YAML 1.2
core schema (https://yaml.org/spec/1.2.2/#103-core-schema): only ``true false null`` and numbers are no texts, so
``on``, ``no`` and ``22:30`` are what they look like. Keys are always texts. Anchors and merge keys (``<<``) work; how
far aliases multiply and how deep everything nests is bounded.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import yaml

from bridge import errors, schema

VALUES = 2_000_000  # after aliases are expanded; 10,000 rules have half a million

_CONSTANTS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
_INT = re.compile(r"[-+]?[0-9]{1,300}")
_RADIX = re.compile(r"0o([0-7]{1,300})|0x([0-9a-fA-F]{1,300})")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_MAY_BE_MORE = frozenset("+-.0123456789~nNtTfF")  # the first characters of everything that is no text
_TEMPLATE = 'a template goes in quotes: "{{ … }}"'
_TAG = "tag:yaml.org,2002:"

Path = tuple[str | int, ...]


class Broken:
    """Stands where a value could not be had; the fault is already noted."""

    def __repr__(self) -> str:
        return "…"


BROKEN = Broken()


@dataclasses.dataclass(slots=True)
class Node:
    """A value and its place; ``children`` of a map is key → (the key's node, the value's node)."""

    plain: Any
    file: str
    line: int
    column: int
    children: list[Node] | dict[str, tuple[Node, Node]] | None = None
    weight: int = 1  # values in it, aliases expanded
    height: int = 1
    secret: bool = False  # must not be shown

    def find(self, path: Path) -> tuple[Node | None, Node] | None:
        """The (key, value) nodes at ``path``, None for what has no key (in a list, at the top); None: no such place."""
        key, node = None, self
        for step in path:
            if isinstance(node.children, dict) and step in node.children:
                key, node = node.children[str(step)]
            elif isinstance(node.children, list) and isinstance(step, int) and step < len(node.children):
                key, node = None, node.children[step]
            else:
                return None
        return key, node


class WrongTag(Exception):
    """A tag's handler cannot give a value; the text says why."""


Tag = Callable[[str, Path, Node], Node]
"""What stands behind ``!secret NAME`` or ``!include FILE``: (text, path, the scalar's own node) → the value's node.
Raises ``WrongTag``, or ``errors.ConfigError`` with faults of another file."""


def compose(text: str, file: str, *, tags: Mapping[str, Tag], at: Path = ()) -> tuple[Node, list[errors.Fault]]:
    """The document in ``text``, and what is wrong with it although it could be read.

    Raises:
        errors.ConfigError: it is no YAML.
    """
    composer = _Composer(text, file, tags)
    try:
        node = composer.document(at)
    except yaml.YAMLError as error:
        raise errors.ConfigError([_syntax(error, text, file)]) from None
    except UnicodeEncodeError as error:
        line, column = _position(text[: error.start])
        raise errors.ConfigError([_fault(file, line, column, "holds a character that is no character")]) from None
    return node, composer.faults


def scalar(text: str) -> Any:
    """A plain scalar's value by the core schema: None, a bool, an int, a float, or the text itself."""
    if text and text[0] not in _MAY_BE_MORE:
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INT.fullmatch(text):
        return int(text)
    if match := _RADIX.fullmatch(text):
        return int(match[1], 8) if match[1] else int(match[2], 16)
    return float(text) if _FLOAT.fullmatch(text) else text


class _Composer:
    """Puts one document together. ``path`` is where it is: faults name it."""

    def __init__(self, text: str, file: str, tags: Mapping[str, Tag]) -> None:
        self._events: Iterator[Any] = iter(yaml.parse(text, Loader=yaml.CLoader))
        self._file = file
        self._tags = tags
        self._anchors: dict[str, Node] = {}
        self._path: list[str | int] = []
        self.faults: list[errors.Fault] = []

    def document(self, at: Path) -> Node:
        self._path.extend(at)
        next(self._events)  # the stream's start
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            return Node(None, self._file, 1, 1)
        node = self._node(next(self._events))
        next(self._events)  # the document's end
        event = next(self._events)
        if isinstance(event, yaml.DocumentStartEvent):
            self._note(self._place(event), "a second document begins here; a file is one")
        return node

    def _place(self, event: Any, plain: Any = None) -> Node:
        mark = event.start_mark
        return Node(plain, self._file, mark.line + 1, mark.column + 1)

    def _note(self, node: Node, message: str) -> None:
        self.faults.append(_fault(node.file, node.line, node.column, message, self._path))

    def _stop(self, node: Node, message: str) -> errors.ConfigError:
        self._note(node, message)
        return errors.ConfigError(self.faults)

    def _node(self, event: Any, depth: int = 0) -> Node:
        node = self._place(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, node)
        if depth >= schema.DEPTH:
            raise self._stop(node, f"nested deeper than {schema.DEPTH} levels")
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event, node)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._list(node, depth)
        else:
            self._map(node, depth)
        if event.tag and not isinstance(event, yaml.ScalarEvent):
            self._check_collection_tag(event, node)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _check_collection_tag(self, event: Any, node: Node) -> None:
        if event.tag not in {"!", _TAG + ("map" if isinstance(node.children, dict) else "seq")}:
            self._note(node, f"{_shown(event.tag)} cannot stand before a list or map")
            node.plain, node.children = BROKEN, None

    def _alias(self, event: Any, node: Node) -> Node:
        found = self._anchors.get(event.anchor)
        if found is None:
            self._note(node, f"no anchor &{event.anchor} comes before this alias")
            node.plain = BROKEN
            return node
        return found

    def _list(self, node: Node, depth: int) -> None:
        children: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            self._path.append(len(children))
            children.append(self._grow(node, self._node(event, depth + 1)))
            self._path.pop()
        node.children = children
        node.plain = [child.plain for child in children]

    def _map(self, node: Node, depth: int) -> None:
        children: dict[str, tuple[Node, Node]] = {}
        merged: list[Node] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, depth)
            merge = isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]
            self._path.append(str(key.plain))
            value = self._grow(node, self._node(next(self._events), depth + 1))
            if merge:
                merged += self._merged(value)
            elif key.plain in children:
                self._note(key, f"given twice; first in line {children[key.plain][0].line}")
            elif key.plain is not BROKEN:
                children[key.plain] = key, value
            self._path.pop()
        for source in merged:  # what is written here counts more, and an earlier source more than a later one
            self._grow(node, source)
            children = {**source.children, **children} if isinstance(source.children, dict) else children
        node.children = children
        node.plain = {name: value.plain for name, (_, value) in children.items()}

    def _key(self, event: Any, depth: int) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            node = self._place(event, event.value)
            if event.anchor:
                self._anchors[event.anchor] = node
            return node
        node, place = self._node(event, depth + 1), self._place(event)
        if isinstance(node.plain, str):
            return dataclasses.replace(node, line=place.line, column=place.column)
        braces = isinstance(event, yaml.MappingStartEvent) and event.flow_style
        hint = f"; {_TEMPLATE}" if braces else ""  # {{ place }} is a map whose key is a map
        self._note(place, f"a key is a text, not a list or map{hint}")
        return dataclasses.replace(place, plain=BROKEN)

    def _merged(self, value: Node) -> list[Node]:
        sources = value.children if isinstance(value.children, list) else [value]
        if all(isinstance(source.children, dict) for source in sources):
            return sources
        if value.plain is not BROKEN:
            self._note(value, "<< takes a map, or a list of maps")
        return []

    def _grow(self, node: Node, child: Node) -> Node:
        node.weight += child.weight
        node.height = max(node.height, child.height + 1)
        if node.weight > VALUES:
            raise self._stop(child, f"more than {VALUES:,} values, with its aliases expanded")
        if node.height > schema.DEPTH:
            raise self._stop(child, f"nested deeper than {schema.DEPTH} levels, with its aliases expanded")
        return child

    def _scalar(self, event: Any, node: Node) -> Node:
        if event.tag is None or event.tag == "!":
            node.plain = scalar(event.value) if event.implicit[0] else event.value
            return node
        node.plain = BROKEN
        try:
            if handler := self._tags.get(event.tag):
                return handler(event.value, tuple(self._path), node)
            node.plain = _tagged(event.tag, event.value, self._tags)
        except WrongTag as wrong:
            self._note(node, str(wrong))
        except errors.ConfigError as error:
            self.faults += error.faults
        return node


def _tagged(tag: str, text: str, tags: Mapping[str, Tag]) -> Any:
    """``!!str 5`` and the like."""
    kind = tag.removeprefix(_TAG)
    if kind == "str":
        return text
    value = scalar(text)
    kinds: dict[str, Any] = {"int": int, "float": (int, float), "bool": bool, "null": type(None)}
    if tag.startswith(_TAG) and kind in kinds:
        if isinstance(value, kinds[kind]) and (kind == "bool" or not isinstance(value, bool)):
            return float(value) if kind == "float" else value
        raise WrongTag(f"this is no !!{kind}")
    known = " and ".join(sorted(tags))
    raise WrongTag(f"unknown tag {_shown(tag)}" + (f"; there are {known}" if known else ""))


def _shown(tag: str) -> str:
    return tag.replace(_TAG, "!!")


def _fault(file: str, line: int, column: int, message: str, path: list[str | int] | Path = ()) -> errors.Fault:
    return errors.Fault(file=file, line=line, column=column, path=".".join(map(str, path)), message=message)


def _syntax(error: yaml.YAMLError, text: str, file: str) -> errors.Fault:
    """A complaint of libyaml's as a fault. It never quotes a value."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        return _fault(file, line, column, f"no valid YAML: {_plainly(error, text.splitlines(), line, column)}")
    position = getattr(error, "position", 0)  # ReaderError: octets of UTF-8
    line, column = _position(text.encode("utf-8", "replace")[:position].decode("utf-8", "replace"))
    return _fault(file, line, column, f"no valid YAML: {getattr(error, 'reason', error)}")


def _plainly(error: yaml.MarkedYAMLError, lines: list[str], line: int, column: int) -> str:
    """What libyaml calls a token, for people: the slips that are made most."""
    found = lines[line - 1] if line <= len(lines) else ""
    indent = found[: len(found) - len(found.lstrip())]
    here = found[column - 1 : column]
    if "\t" in here or ("\t" in indent and column <= len(indent) + 1):
        return "indent with spaces, not tabs"
    if "start any token" in (error.problem or "") and here:
        return f"a value cannot begin with {here}; put it in quotes"
    if "scanning an a" in (error.context or ""):  # an alias or an anchor, or what was not meant as one
        return "what begins with * or & refers to an anchor; put a text in quotes"
    if here == "{" and "{{" in found[max(0, column - 2) : column + 1]:
        return _TEMPLATE
    return error.problem or error.context or "cannot be read"


def _position(before: str) -> tuple[int, int]:
    """(line, column), from 1, of what comes after this text."""
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
