"""``code``: the one-time code near its keyword (``written.codes`` has the rules); without a place, in the body.

What a regex found is one if it looks like one; the keyword was for the regex to see.
"""

from __future__ import annotations

from typing import Any

from bridge import rules
from bridge.mail import Mail
from bridge.rules import kinds
from bridge.rules.written import candidates, codes


def convert(raw: Any, mail: Mail, moment: rules.Moment) -> str:
    text = kinds.text(raw)
    return candidates.only(text) or codes.find(text, mail.subject)


PLUGIN = rules.KindPlugin(make=lambda _: convert, summary="The one-time code, such as 123456.", source=("body", True))
