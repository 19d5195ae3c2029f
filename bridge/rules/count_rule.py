"""A rule with ``event: count``, compiled. It matches the mails that it counts, and sends their number: what it sends is
about no one mail.
"""

from __future__ import annotations

from bridge import rules
from bridge.mail import Mail
from bridge.rules import compiled, matching, settings, values
from bridge.sources import Search

COUNT = "count"  # the event, and the name of the number


class CountRule(compiled.CompiledRule):
    """Who keeps the numbers is not its business."""

    def _document(self, written: settings.Rule) -> values.Value:
        return values.compiled(f"{{{{ {COUNT} }}}}")

    def _matched(self, look: matching.Look) -> rules.Verdict:
        """That it counts this mail; what is sent says ``send``."""
        return rules.Verdict(rule=self.name, matched=True)

    def send(self, number: int, mail: Mail, moment: rules.Moment) -> rules.Verdict:
        """What is sent when it counts so many (``rules.Rules.count``).

        Raises:
            Exception: what a template raised; the caller turns it into a verdict.
        """
        return super()._matched(matching.Look(mail, moment, {COUNT: number}, explain=False))

    def sought(self, moment: rules.Moment) -> Search:
        """What a server can be asked for that leaves out no mail which it counts."""
        return self._when.sought(moment)

    def until(self, mail: Mail, moment: rules.Moment) -> float | None:
        """When it may count this mail, or count it no longer, by the clock alone."""
        if not self._when.fleeting or not self.possible(mail, moment):
            return None
        return self._when.until(matching.Look(mail, moment, {}, explain=False))
