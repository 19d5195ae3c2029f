"""``int``: a whole number."""

from __future__ import annotations

import re
from typing import Any

from bridge import rules
from bridge.mail import Mail
from bridge.rules import kinds

_INT = re.compile(r"[+-]?\d{1,300}")


def convert(raw: Any, mail: Mail, moment: rules.Moment) -> int:
    text = kinds.text(raw).strip().replace("\N{MINUS SIGN}", "-")
    if not _INT.fullmatch(text):
        raise ValueError("is no whole number")
    return int(text)


PLUGIN = rules.KindPlugin(make=lambda _: convert, summary="A whole number.")
