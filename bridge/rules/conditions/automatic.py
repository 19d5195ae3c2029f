"""``automatic``: bounces, auto-replies, receipts. A rule that does not say otherwise does not fire for them.

- bounces: multipart/report with delivery-status (RFC 3464), or a null Return-Path (RFC 5321, section 4.5.5)
- auto-replies: Auto-Submitted: auto-replied (RFC 3834, section 5), and what mailers without it write
- receipts: multipart/report with disposition-notification (RFC 8098)
- a canary of some other bridge's, or what pretends to be one: this bridge's own never come as far as here

``Auto-Submitted: auto-generated`` alone is not automatic: cameras send it.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from bridge import rules
from bridge.mail import Mail
from bridge.mail.header import Headers
from bridge.rules import nested

_REPORT = re.compile(r"multipart/report\b.*?;\s*report-type\s*=\s*\"?([\w-]+)", re.IGNORECASE | re.DOTALL)
_REPORTS = {"delivery-status": "a bounce", "disposition-notification": "a receipt"}
_NULL_PATH = re.compile(r"<\s*>")


def kind(mail: Mail) -> str:
    """What makes it automatic, for people; "" where nothing does."""
    return _kind(mail.headers)


@functools.lru_cache(maxsize=2)  # one mail's, for all rules
def _kind(headers: Headers) -> str:
    if (report := _REPORT.match(headers.first("Content-Type").strip())) and (found := _REPORTS.get(report[1].lower())):
        return found
    if _NULL_PATH.fullmatch(headers.first("Return-Path").strip()):
        return "a bounce (null Return-Path)"
    if headers.first("Auto-Submitted").partition(";")[0].strip().lower() == "auto-replied":
        return "an auto-reply"
    if headers.first("X-Autoreply") or headers.first("X-Autorespond"):
        return "an auto-reply"
    if headers.first("X-Mailwire-Canary"):
        return "a bridge's canary"
    return ""


class Setting(nested.Parsed):
    """``true``, ``false`` or ``any``."""

    def __init__(self, value: Any) -> None:
        if not (isinstance(value, bool) or value == "any"):
            raise ValueError("write true, false or any")
        self.value: bool | None = None if value == "any" else value

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        return {"enum": [True, False, "any"], "default": False}


class Automatic(rules.Condition):
    """Whether a person or a device sent it, or a mail system by itself."""

    def __init__(self, setting: Setting) -> None:
        self._value = setting.value

    @property
    def wanted(self) -> str:
        return "any" if self._value is None else str(self._value).lower()

    def check(self, mail: Mail, moment: rules.Moment) -> rules.Outcome:
        found = kind(mail)
        return rules.Outcome(held=self._value is None or self._value == bool(found), saw=found or "not automatic")


PLUGIN = rules.ConditionPlugin(
    setting=Setting, make=Automatic, summary="Bounces, auto-replies and receipts: true, false (default) or any."
)
