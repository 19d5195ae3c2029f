"""What the rules ask to be told of a mailbox beyond new mails, and when that is another than before."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Sequence

from bridge import rules, sources
from bridge.mail import Mail
from bridge.rules import settings


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Watching:
    """For one mailbox."""

    watched: sources.Watch
    counting: tuple[settings.Rule, ...]  # the rules that count its mails
    by: tuple[datetime.tzinfo, str]  # and whose numbers hang on this: time zone, name of the bridge

    @property
    def settings(self) -> object:
        """A mailbox for which this is another than before is opened anew, so that all is told again. (Its searches
        follow from the rules and the date.)
        """
        return self.watched.events, self.counting, self.by if self.counting else ()

    @property
    def numbers(self) -> tuple[str, ...]:
        """The names of the rules that count."""
        return tuple(rule.name for rule in self.counting)

    def watch(self, remembers: Callable[[Mail], bool]) -> sources.Watch:
        """``remembers`` asks the rules that are in force at the time."""
        if not self.watched.events and not self.watched.searches:
            return sources.Watch()
        return dataclasses.replace(self.watched, remembers=remembers)


def of(
    mailbox: str,
    rule_set: rules.Rules,
    written: Sequence[settings.Rule],
    *,
    by: tuple[datetime.tzinfo, str],
    now: float,
) -> Watching:
    """``written`` are the settings that ``rule_set`` was made from; ``now`` is POSIX seconds."""
    counting = tuple(rule for rule in written if _counts(rule, mailbox))
    return Watching(watched=rule_set.watched(mailbox, now), counting=counting, by=by)


def _counts(rule: settings.Rule, mailbox: str) -> bool:
    event: str = rule.event
    return event == "count" and rule.enabled and (rule.mailboxes is None or mailbox in rule.mailboxes)
