"""``str``: a text."""

from __future__ import annotations

from bridge import rules
from bridge.rules import kinds

PLUGIN = rules.KindPlugin(make=lambda _: lambda raw, mail, moment: kinds.text(raw), summary="A text.", texts=True)
