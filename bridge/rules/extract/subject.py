"""``subject``: from the decoded Subject."""

from __future__ import annotations

from bridge import rules
from bridge.rules import reading, searching

PLUGIN = rules.ExtractPlugin(setting=searching.Search, make=reading.SUBJECT.finder, summary="The subject.")
