"""What ``mailwire check`` warns of: a topic or a path that is written in the rule so that the cleaning of its segments
changes it: ``/garden/temp`` is sent as ``_/garden/temp``. Pure.

What a mail fills in is nobody's slip: only what stands outside of ``{{ … }}`` is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bridge import plugins
from bridge.rules import settings, sink_fields, tags, template
from bridge.rules.nested import Place

_VALUE = "x"  # stands for what a tag becomes


def warnings(rule: settings.Rule, *, sinks: Mapping[str, str]) -> Iterator[tuple[Place, str]]:
    """(place within the rule, message). ``sinks`` is each sink's name → its type. The rule has no faults."""
    for index, one in enumerate(rule.then):
        model = plugins.find("sinks", sinks[one.sink]).action
        for name, written in one.own.items():
            is_segments = isinstance(written, str) and sink_fields.kind(model, name) == "segments"
            if is_segments and (message := _warning(written, path=name == sink_fields.PATH)):
                yield (*rule.place(index), name), message


def _warning(source: str, *, path: bool) -> str:
    """What to say of it; nothing where it is sent as it is written."""
    written = template.Segments(source, path=path).written
    cleaned = [_cleaned(segment) for segment in written]
    if list(written) == cleaned:
        return ""
    slash = "/" if path and source.startswith("/") else ""
    reasons = dict.fromkeys(reason for n in range(len(written)) for reason in _reasons(written, n))
    return f'is sent as "{slash}{"/".join(cleaned)}": {"; ".join(reasons)}'


def _cleaned(segment: str) -> str:
    """As it is sent, the tags as they are written."""
    found = list(tags.pieces(segment))
    if all(piece.kind == "text" for piece in found):
        return template.clean(segment)
    return "".join(_beside_value(piece, first=not n) for n, piece in enumerate(found))


def _beside_value(piece: tags.Piece, *, first: bool) -> str:
    if piece.kind != "text":
        return piece.text
    if first:
        return template.clean(piece.text + _VALUE).removesuffix(_VALUE)
    return template.clean(_VALUE + piece.text).removeprefix(_VALUE)


def _reasons(written: tuple[str, ...], n: int) -> Iterator[str]:
    """Why the segment is not sent as it is written."""
    segment = written[n]
    if not segment:
        where = {0: ' (leave out the "/" at the start)', len(written) - 1: ' (leave out the "/" at the end)'}
        yield f"a segment cannot be empty{where.get(n, '')}"
    elif segment in (".", ".."):
        yield f'a segment cannot be "{segment}"'
    elif segment.startswith("$"):
        yield 'a segment cannot begin with "$"'
    text = "".join(piece.text for piece in tags.pieces(segment) if piece.kind == "text")
    for char in text:
        if template.clean(_VALUE + char) != _VALUE + char:
            what = f'"{char}"' if char.isprintable() else "control characters"
            yield f"a segment cannot have {what}"
