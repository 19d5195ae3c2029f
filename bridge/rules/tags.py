"""What stands in a template: text, and tags with their braces. What they mean is the engine's to say."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Literal

QUOTED = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"  # a text within a tag
_OPENING = re.compile(r"\{[{%#]")
_INSIDE = re.compile(rf"{QUOTED}|%\}}|[{{}}]", re.DOTALL)
_TOJSON = re.compile(r"\|\s*tojson\s*(?:\(.*\)\s*)?$", re.DOTALL)
_QUOTED_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)

Kind = Literal["text", "{{", "{%", "{#"]


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of plain text, or one tag with its braces."""

    kind: Kind
    text: str

    @property
    def inner(self) -> str:
        """What stands between a tag's braces, without the marks that eat white space."""
        return self.text[2:-2].removeprefix("-").removeprefix("+").removesuffix("-").removesuffix("+")


def pieces(source: str) -> Iterator[Piece]:
    """A template cut into text and tags. A tag that is never closed is one piece to the end."""
    at = 0
    while opening := _OPENING.search(source, at):
        if opening.start() > at:
            yield Piece("text", source[at : opening.start()])
        kind: Kind = opening[0]  # type: ignore[assignment]  # the pattern has no others
        end = _end(source, kind, opening.end())
        yield Piece(kind, source[opening.start() : end])
        at = end
    if at < len(source):
        yield Piece("text", source[at:])


def _end(source: str, kind: Kind, at: int) -> int:
    """Behind the tag that was opened before ``at``: braces within it have to be closed first, and quoted ones do not
    count.
    """
    if kind == "{#":
        return source.find("#}", at) + 2 if "#}" in source[at:] else len(source)
    depth = 0
    while match := _INSIDE.search(source, at):
        at = match.end()
        if match[0] == "{":
            depth += 1
        elif match[0] == "}" and kind == "{{" and not depth and source.startswith("}", at):
            return at + 1
        elif match[0] == "}":
            depth = max(0, depth - 1)
        elif match[0] == "%}" and kind == "{%":
            return at
        elif match[0] == "%}":
            at -= 1  # a brace behind a remainder sign
    return len(source)


def is_template(written: object) -> bool:
    """Whether there is a tag in it."""
    return isinstance(written, str) and _OPENING.search(written) is not None


def bare_json(source: str) -> bool:
    """Whether a string looks like JSON and has a value in it that is not put there whole by ``tojson``. In quotes it is
    no better: a quote in the mail ends them.
    """
    written, is_bare = "", False
    for part in pieces(source):
        if part.kind == "text":
            written += part.text
        elif part.kind == "{{":
            in_quotes = '"' in _QUOTED_TEXT.sub("", written)
            is_bare = is_bare or in_quotes or not _TOJSON.search(part.inner)
            written += "0" if in_quotes else '"0"'  # a text can stand for a key, too
    return is_bare and written.lstrip()[:1] in ("{", "[") and _is_json(written)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
