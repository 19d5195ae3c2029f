"""``if: "{{ temp > 30 }}"``: comparisons of like with like.

The template engine compares anything with anything (``"29" > 30`` is true, and so is a missing value ``< 30``). So
every comparison in an ``if`` is rewritten, token by token, into a call of ``compare``, which raises on unlike types:
``temp > 30 and place == "hall"`` is run as ``_compare(temp, ">", 30) and _compare(place, "==", "hall")``. A chain
``1 < temp < 5`` means what it means in Python.
"""

from __future__ import annotations

import datetime
import functools
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

import minijinja

from bridge import errors
from bridge.rules import filters, tags, template
from bridge.rules.text import clip

_TOKEN = re.compile(
    r"""(?: "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*'       # a text
        | \d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)? | \w+    # a number, a name
        | [=!<>]= | // | \*\* | . )\s*""",
    re.VERBOSE | re.DOTALL,
)
_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TESTS = {  # `temp is gt(30)`, and the same in `select("gt", 30)`
    **dict.fromkeys(("eq", "equalto", "=="), "=="),
    **dict.fromkeys(("ne", "!="), "!="),
    **dict.fromkeys(("lt", "lessthan", "<"), "<"),
    **dict.fromkeys(("le", "<="), "<="),
    **dict.fromkeys(("gt", "greaterthan", ">"), ">"),
    **dict.fromkeys(("ge", ">="), ">="),
}
_BETWEEN = frozenset({"and", "or", "not", "if", "else", ",", ":", "="})
_CLOSERS = {"(": ")", "[": "]", "{": "}"}
_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (type(None), "nothing"),
    (bool, "true or false"),  # before int, whose subclass it is
    ((int, float), "a number"),
    (str, "a text"),
    (datetime.datetime, "a time"),
    (bytes, "bytes"),
    (list, "a list"),
    (dict, "a map"),
)


class Unlike(Exception):
    """Two values of different types were compared."""


def compare(left: Any, sign: str, right: Any) -> bool:
    """Like with like.

    Raises:
        Unlike: their types differ (int and float are alike), or have no order.
    """
    kinds = _kind(left), _kind(right)
    if kinds[0] != kinds[1]:
        raise Unlike(f"{kinds[0]} {_shown(left)}{sign} {kinds[1]} {_shown(right)}".strip())
    try:
        return bool(_COMPARISONS[sign](left, right))
    except TypeError:
        raise Unlike(f"{kinds[0]} {sign} {kinds[1]}: these have no order") from None


def _kind(value: Any) -> str:
    return next((name for kinds, name in _KINDS if isinstance(value, kinds)), type(value).__name__)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return clip(f'"{value}"' if isinstance(value, str) else str(value), 40) + " "


def _engine(values: Mapping[str, Any]) -> minijinja.Environment:
    return _made(large=template.LARGE in values)


@functools.cache
def _made(*, large: bool) -> minijinja.Environment:
    """One for all expressions; nothing is added to it later, so that it is no state."""
    engine = minijinja.Environment(undefined_behavior="strict", fuel=template.FUEL)
    template.add_filters(engine, large=large)
    engine.add_global("_compare", compare)
    for name, sign in _TESTS.items():
        engine.add_test(name, functools.partial(_test, sign))
    return engine


def _test(sign: str, left: Any, right: Any) -> bool:
    return compare(left, sign, right)


class Expression:
    """One condition on values."""

    __slots__ = ("_rewritten", "names", "source")

    def __init__(self, source: Any) -> None:
        """
        Raises:
            ValueError: it is not exactly one ``{{ … }}``, or does not parse.
        """
        parts = list(tags.pieces(source.strip())) if isinstance(source, str) else []
        if len(parts) != 1 or parts[0].kind != "{{":
            raise ValueError('write one expression, in quotes: "{{ temp > 30 }}"')
        self.source = parts[0].inner.strip()
        self.names = template.names(source)
        self._rewritten = rewrite(self.source)

    def holds(self, values: Mapping[str, Any]) -> tuple[bool, str]:
        """Whether it holds, and what it saw."""
        try:
            result = _engine(values).eval_expr(self._rewritten, **values)
        except Unlike as unlike:
            return False, self._missing(values) or f"unlike types: {unlike}"
        except minijinja.TemplateError as error:
            return False, self._missing(values) or f"template: {error.detail or error.message}"
        except errors.RuleError as error:
            return False, str(error)
        except Exception as error:  # noqa: BLE001 — a filter raises what it likes; then it does not hold
            return False, f"a filter cannot take its value ({type(error).__name__})"
        if result is None and (missing := self._missing(values)):
            return False, missing
        return bool(result), self._saw(values) or clip(filters.shown(result))

    def _missing(self, values: Mapping[str, Any]) -> str:
        missing = sorted(name for name in self.names if name.partition(".")[0] not in values)
        return f"no value {', '.join(missing)}" if missing else ""

    def _saw(self, values: Mapping[str, Any]) -> str:
        """Each value that it names, as far down as is plain to see."""
        inner = {name.rpartition(".")[0] for name in self.names}
        found = ((name, _value(name, values)) for name in sorted(self.names - inner))
        return ", ".join(f"{name} = {clip(filters.shown(value), 40)}" for name, value in found)


def _value(name: str, values: Mapping[str, Any]) -> Any:
    """None where there is none."""
    try:
        return _engine(values).eval_expr(name, **values)
    except minijinja.TemplateError:
        return None


def rewrite(source: str) -> str:
    """The same expression, with each comparison a call of ``_compare``.

    Raises:
        ValueError: ``in`` stands beside a comparison, where which comes first is anyone's guess.
    """
    tokens = [match[0] for match in _TOKEN.finditer(source)]
    return _Level(tokens).rewrite()


class _Level:
    """One pair of brackets: text that is done, and the comparison that is being read."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens  # shared with the levels inside; taken from the front

    def rewrite(self, closer: str = "") -> str:
        done: list[str] = []
        operands: list[str] = [""]
        signs: list[str] = []
        has_in = False
        before = ""
        while self._tokens:
            written = self._tokens.pop(0)
            word = written.strip()
            if word == closer:
                break
            if word in _CLOSERS:
                operands[-1] += written + _Level(self._tokens).rewrite(_CLOSERS[word]) + _CLOSERS[word]
            elif word in _COMPARISONS:
                signs.append(word)
                operands.append("")
            elif word in _BETWEEN and before != "is":
                done.append(_chain(operands, signs) + f" {written} ")
                operands, signs, has_in = [""], [], has_in and word == "not"
            else:
                operands[-1] += written
                has_in = has_in or word == "in"
            if has_in and signs:
                raise ValueError('put parentheses around the part with "in"')
            before = word
        return "".join(done) + _chain(operands, signs)


def _chain(operands: list[str], signs: list[str]) -> str:
    if not signs:
        return operands[0]
    pairs = zip(operands, signs, operands[1:], strict=False)
    calls = [f'_compare({left}, "{sign}", {right})' for left, sign, right in pairs]
    return calls[0] if len(calls) == 1 else f"({' and '.join(calls)})"
