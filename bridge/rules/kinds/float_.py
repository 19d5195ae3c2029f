"""``float``: a number."""

from __future__ import annotations

import math
import re
from typing import Any

from bridge import rules
from bridge.mail import Mail
from bridge.rules import kinds

_FLOAT = re.compile(r"[+-]?(?:\d{1,300}(?:\.\d{0,300})?|\.\d{1,300})(?:[eE][+-]?\d{1,3})?")


def convert(raw: Any, mail: Mail, moment: rules.Moment) -> float:
    text = kinds.text(raw).strip().replace("\N{MINUS SIGN}", "-")
    if not _FLOAT.fullmatch(text) or not math.isfinite(value := float(text)):
        raise ValueError("is no number")
    return value


PLUGIN = rules.KindPlugin(make=lambda _: convert, summary="A number.")
