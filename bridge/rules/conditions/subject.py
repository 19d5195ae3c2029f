"""``subject``: a text."""

from __future__ import annotations

from bridge import rules
from bridge.mail import Mail
from bridge.rules.text import NOTHING, Text, clip


class Subject(rules.Condition):
    """The decoded Subject; "" where there is none."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self.names = text.names

    @property
    def wanted(self) -> str:
        return self._text.wanted

    def check(self, mail: Mail, moment: rules.Moment) -> rules.Outcome:
        values = self._text.find(mail.subject)
        return rules.Outcome(held=values is not None, saw=clip(mail.subject), values=values or NOTHING)


PLUGIN = rules.ConditionPlugin(setting=Text, make=Subject, summary="A text on the subject.")
