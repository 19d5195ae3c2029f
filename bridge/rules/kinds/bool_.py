"""``bool``: true or false."""

from __future__ import annotations

from typing import Any

from bridge import rules
from bridge.mail import Mail
from bridge.rules import kinds

_TRUE = frozenset(("true", "yes", "on", "1", "ja", "oui"))
_FALSE = frozenset(("false", "no", "off", "0", "nein", "non"))


def convert(raw: Any, mail: Mail, moment: rules.Moment) -> bool:
    word = kinds.text(raw).strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("is neither true, yes, on, 1 nor false, no, off, 0")
    return word in _TRUE


PLUGIN = rules.KindPlugin(make=lambda _: convert, summary="true, yes, on, 1, ja, oui; false, no, off, 0, nein, non.")
