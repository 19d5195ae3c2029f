"""``body``: a text on what people read: text/plain, else HTML turned to text."""

from __future__ import annotations

from bridge import rules
from bridge.mail import Mail
from bridge.rules.text import NOTHING, Text, clip


class Body(rules.Condition):
    """The readable text; "" where there is none."""

    need = rules.Need.TEXT

    def __init__(self, text: Text) -> None:
        self._text = text
        self.names = text.names

    @property
    def wanted(self) -> str:
        return self._text.wanted

    def check(self, mail: Mail, moment: rules.Moment) -> rules.Outcome:
        values = self._text.find(mail.text)
        return rules.Outcome(held=values is not None, saw=clip(mail.text) or "no text", values=values or NOTHING)


PLUGIN = rules.ConditionPlugin(setting=Text, make=Body, summary="A text on the readable text.")
