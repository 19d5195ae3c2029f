"""``body``: a text on what people read: text/plain, else HTML turned to text."""

from __future__ import annotations

from bridge import rules
from bridge.rules import reading
from bridge.rules.text import Text

PLUGIN = rules.ConditionPlugin(setting=Text, make=reading.BODY.condition, summary="A text on the readable text.")
