"""``body``: from the readable text."""

from __future__ import annotations

from bridge import rules
from bridge.rules import reading, searching

PLUGIN = rules.ExtractPlugin(setting=searching.Search, make=reading.BODY.finder, summary="The readable text.")
