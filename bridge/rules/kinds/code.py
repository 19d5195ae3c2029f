"""``code``: the one-time code near its keyword (``written.codes`` has the rules); without a place, in the body.

What a regex found is one if it looks like one; the keyword was for the regex to see.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bridge import rules, schema
from bridge.mail import Mail
from bridge.rules import kinds


def make(options: schema.Model) -> Callable[[Any, Mail, rules.Moment], str]:
    from bridge.rules.written import candidates, codes

    def convert(raw: Any, mail: Mail, moment: rules.Moment) -> str:
        text = kinds.text(raw)
        return candidates.only(text) or codes.find(text, mail.subject)

    return convert


PLUGIN = rules.KindPlugin(make=make, summary="The one-time code, such as 123456.", source=("body", True), texts=True)
