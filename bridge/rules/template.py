"""Strings with ``{{ … }}``: checked at load, rendered for each mail. The one place that knows minijinja.

A ``Template`` is the admin's; the values are the mail's, and nothing of them is ever read as a template. A string
that is exactly one ``{{ … }}`` keeps its value's type. A value that is not there is an error, never an empty string.

``Segments`` is a topic or a path: split at the ``/`` written in the rule, each segment rendered, then cleaned whole,
so that no mail gets out of its segment.

    syntax: https://docs.rs/minijinja/latest/minijinja/syntax/
"""

from __future__ import annotations

import datetime
import functools
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import minijinja

from bridge import errors, spelling
from bridge.mail.large import MARK
from bridge.rules import filters, lookups, named, tags

_BUILT_IN = (  # the engine's own filters that rules have a use for; it does not list them
    *("abs", "bool", "capitalize", "default", "first", "float", "int", "items", "join", "last", "length", "lower"),
    *("max", "min", "replace", "reverse", "round", "sort", "split", "string", "sum", "title", "trim", "unique"),
    *("upper", "urlencode"),
)
LARGE = "_large"  # the name of a file among the values that is not in memory, where there is one: as ``ZONE``
ZONE = "_zone"  # the name of the bridge's time zone among the values: for the filters, no rule can write it
FUEL = 1_000_000  # instructions a render; a template with a loop over a mail's attachments needs some hundred
_USES = re.compile(rf"{tags.QUOTED}|(\||\bis\b(?:\s+not\b)?)\s*([A-Za-z_]\w*)")
_OTHERS = re.compile(r"\s*(?:include|import|from|extends)\b")
_UNSAFE = re.compile(r"[/+#\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")

_GAPS = (  # a text for each undefined value, however deep in lists and maps
    "{%- macro _gaps(value) -%}{%- if value is undefined -%}!"
    "{%- elif value is mapping -%}{%- for key in value -%}{{- _gaps(value[key]) -}}{%- endfor -%}"
    "{%- elif value is sequence and value is not string -%}"
    "{%- for one in value -%}{{- _gaps(one) -}}{%- endfor -%}{%- endif -%}{%- endmacro -%}"
)


@functools.cache
def _engine(*, large: bool = False) -> minijinja.Environment:
    """One for all templates; nothing is added to it later, so that it is no state. ``large`` is for values of which one
    is not in memory.
    """
    engine = minijinja.Environment(undefined_behavior="strict", fuel=FUEL, keep_trailing_newline=True)
    add_filters(engine, large=large)
    return engine


def add_filters(engine: minijinja.Environment, *, large: bool = False) -> None:
    """All of ``filters``; the bridge's zone is among the values (``ZONE``)."""
    for name, function in filters.FILTERS.items():
        engine.add_filter(name, _zoned(function) if name in filters.ZONED else function)
    if large:
        engine.add_filter("length", filters.length)


def _zoned(function: Callable[[Any, datetime.tzinfo], Any]) -> Callable[..., Any]:
    def found(state: Any, value: Any) -> Any:
        return function(value, state.lookup(ZONE) or datetime.UTC)

    made: Callable[..., Any] = minijinja.pass_state(found)
    return made


@functools.cache
def functions() -> frozenset[str]:
    """What every template can call without a value of that name."""
    return frozenset({*_engine().globals, "loop", "true", "false", "none", "True", "False", "None"})


def names(source: str) -> frozenset[str]:
    """The values that a template mentions, as far down as it is plain to see: ``place``, ``mail.text``, ``mail``.

    Raises:
        ValueError: it does not parse; the message says where.
    """
    try:
        found = _engine().undeclared_variables_in_str(source, True)
    except minijinja.TemplateError as error:
        line = f" (line {error.line})" if error.line and error.line > 1 else ""
        raise ValueError(f"the template does not parse: {error.detail or error.message}{line}") from None
    return frozenset(found) - functions()


def unknown_uses(source: str) -> Iterator[str]:
    """What to say of each filter and test that the engine does not have."""
    for piece in tags.pieces(source):
        for use in _USES.finditer(piece.inner) if piece.kind in ("{{", "{%") else ():
            if use[2] and not _has(use[1] == "|", use[2]):
                is_filter = use[1] == "|"
                hint = spelling.did_you_mean(use[2], (*filters.FILTERS, *_BUILT_IN)) if is_filter else ""
                yield f'unknown {"filter" if is_filter else "test"} "{use[2]}"{hint}'


def _has(is_filter: bool, name: str) -> bool:
    if name == "not":
        return True
    try:
        _engine().eval_expr(f"x|{name}" if is_filter else f"x is {name}", x="")
    except minijinja.TemplateError as error:
        return error.kind not in ("UnknownFilter", "UnknownTest", "SyntaxError")
    except Exception:  # noqa: BLE001 — a filter that is there has complained about its argument
        return True
    return True


class Template:
    """One string of a rule."""

    __slots__ = ("_expression", "_filled", "_lookup", "is_literal", "names", "source")

    def __init__(self, source: str) -> None:
        """
        Raises:
            ValueError: it does not parse.
        """
        self.source = source
        self.names = named.NOBODY
        self._expression: str | None = None
        self._lookup: lookups.Lookup | None = None
        self._filled: lookups.Filled | None = None
        self.is_literal = not tags.is_template(source)
        if not self.is_literal:
            self._compile(list(tags.pieces(source)))

    def _compile(self, parts: Sequence[tags.Piece]) -> None:
        if any(part.kind == "{%" and _OTHERS.match(part.inner) for part in parts):
            raise ValueError("a template cannot include another")
        self.names = named.of(names(self.source))
        if len(parts) == 1 and parts[0].kind == "{{":
            self._expression = parts[0].inner
            self._lookup = self._plain(self._expression)
        self._filled = self._pieced(parts)

    def render(self, values: Mapping[str, Any]) -> Any:
        """The native value where the string is exactly one ``{{ … }}``, else a string.

        Raises:
            errors.RuleError: a value is missing, or a filter cannot take it.
        """
        if self._expression is None:
            return self.text(values)
        if self._lookup is not None and (value := self._lookup.value(values)) is not None:
            return value
        return evaluate(self._expression, values)

    def text(self, values: Mapping[str, Any]) -> str:
        """Always a string.

        Raises:
            errors.RuleError: as ``render``.
        """
        if self.is_literal:
            return self.source
        if self._filled is not None and (filled := lookups.fill(self._filled, values)) is not None:
            return filled
        rendered: str = _run("render_str", self.source, values)
        return rendered

    def _plain(self, inner: str) -> lookups.Lookup | None:
        """A tag that is a lookup; None for others, and for what only looks like one: ``true``, ``range``."""
        found = lookups.lookup(inner)
        return found if found is not None and found.name in self.names else None

    def _pieced(self, parts: Sequence[tags.Piece]) -> lookups.Filled | None:
        """Text and lookups; None where there is anything else. A tag that eats the white space around it is more than
        a lookup.
        """
        found: list[str | lookups.Lookup] = []
        for part in parts:
            whole = part.kind == "{{" and len(part.inner) == len(part.text) - 4
            one = part.text if part.kind == "text" else self._plain(part.inner) if whole else None
            if one is None:
                return None
            found.append(one)
        return tuple(found) if found else None


def evaluate(expression: str, values: Mapping[str, Any]) -> Any:
    """An expression's native value.

    Raises:
        errors.RuleError: a value is missing, or a filter cannot take it.
    """
    value = _run("eval_expr", expression, values)
    if _has_nothing(value) and _run("render_str", f"{_GAPS}{{{{ _gaps({expression}) }}}}", values):
        raise errors.RuleError(f'there is no value "{expression.strip()}"')
    return value


def _has_nothing(value: Any) -> bool:
    """Whether there is a None in it: outside of the engine, an undefined value is one, too."""
    if isinstance(value, dict):
        return any(map(_has_nothing, value.values()))
    return any(map(_has_nothing, value)) if isinstance(value, list | tuple) else value is None


def _run(call: Literal["eval_expr", "render_str"], source: str, values: Mapping[str, Any]) -> Any:
    file = values.get(LARGE)
    try:
        made = getattr(_engine(large=file is not None), call)(source, **values)
    except minijinja.TemplateError as error:
        raise errors.RuleError(_reason(error) + (f"; {file.too_large}" if file is not None else "")) from None
    except errors.RuleError:
        raise
    except Exception as error:  # noqa: BLE001 — a filter raises what it likes
        # Its message may quote the mail, and this one is logged.
        raise errors.RuleError(f"a filter cannot take its value ({type(error).__name__})") from None
    if file is not None and isinstance(made, str) and MARK in made:
        raise errors.RuleError(file.too_large)
    return made


def _reason(error: minijinja.TemplateError) -> str:
    """In plain words, and never with the values of a mail."""
    if error.kind == "UndefinedError":
        name = (error.detail or "").removesuffix(" is undefined").strip("`")
        return f'there is no value "{name or "of that name"}"'
    return f"template: {error.detail or error.message}"


class Segments:
    """A topic or a path."""

    __slots__ = ("_parts", "names", "source", "written")

    def __init__(self, source: str, *, path: bool = False) -> None:
        """With ``path`` one leading ``/`` is taken off: ``/light`` is the path of one segment.

        Raises:
            ValueError: a segment does not parse by itself.
        """
        self.source = source
        written = source.removeprefix("/") if path else source
        made = [Template(segment) for segment in _split(written)] if written else []
        self.written = tuple(part.source for part in made)  # the segments before they are rendered
        self.names = named.together(part.names for part in made)
        self._parts = tuple(sys.intern(clean(part.source)) if part.is_literal else part for part in made)

    def render(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        """The segments, clean; none for an empty path.

        Raises:
            errors.RuleError: as ``Template.render``.
        """
        return tuple([part if isinstance(part, str) else clean(part.text(values)) for part in self._parts])


def _split(source: str) -> list[str]:
    """At each ``/`` that does not stand within a tag."""
    segments = [""]
    for piece in tags.pieces(source):
        first, *others = piece.text.split("/") if piece.kind == "text" else [piece.text]
        segments[-1] += first
        segments += others
    return segments


def clean(segment: str) -> str:
    """A segment that stays one, whatever was rendered into it."""
    segment = _UNSAFE.sub("_", segment)
    if segment.startswith("$"):
        segment = "_" + segment[1:]
    return "_" if segment in ("", ".", "..") else segment
