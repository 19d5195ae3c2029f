"""``body``: from the readable text; ``body: {fresh: …}`` from that without quoted history and signature."""

from __future__ import annotations

from bridge import rules
from bridge.rules import reading, searching


class BodySearch(searching.Beside):
    """What is searched for, and in which of the two texts."""

    key = "fresh"
    example = "{fresh: '/a regex/'}"


def _finder(setting: BodySearch) -> rules.Finder:
    return (reading.FRESH if setting.is_beside else reading.BODY).finder(setting.search)


PLUGIN = rules.ExtractPlugin(setting=BodySearch, make=_finder, summary="The readable text.")
