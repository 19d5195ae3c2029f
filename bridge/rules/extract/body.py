"""``body``: from the readable text; ``body: {fresh: …}`` from that without quoted history and signature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge import rules
from bridge.rules import nested, reading, searching

_FRESH = "fresh"


class BodySearch(nested.Parsed):
    """What is searched for, and in which of the two texts."""

    def __init__(self, written: Any) -> None:
        is_fresh = isinstance(written, Mapping)
        if wrong := [((key,), nested.unknown(key, (_FRESH,))) for key in written if key != _FRESH] if is_fresh else []:
            raise nested.error(wrong)
        if is_fresh and not written:
            raise ValueError("write {fresh: '/a regex/'}")
        self.reading = reading.FRESH if is_fresh else reading.BODY
        found = nested.each(searching.Search.parse, written.items()) if is_fresh else [searching.Search.parse(written)]
        self.search = found[0]

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        search = searching.Search.json_schema()
        fresh = {
            "type": "object",
            "properties": {_FRESH: search},
            "required": [_FRESH],
            "additionalProperties": False,
        }
        return {"anyOf": [search, fresh]}


def _finder(setting: BodySearch) -> rules.Finder:
    return setting.reading.finder(setting.search)


PLUGIN = rules.ExtractPlugin(setting=BodySearch, make=_finder, summary="The readable text.")
