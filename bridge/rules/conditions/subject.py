"""``subject``: a text."""

from __future__ import annotations

from bridge import rules
from bridge.rules import reading
from bridge.rules.text import Text

PLUGIN = rules.ConditionPlugin(setting=Text, make=reading.SUBJECT.condition, summary="A text on the subject.")
