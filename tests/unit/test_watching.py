"""What the rules ask to be told of a mailbox, and when it is opened anew for it."""

from __future__ import annotations

import datetime
from typing import Any, cast

from bridge import rules, sources, watching
from bridge.mail import Mail
from bridge.rules import settings

ZONES = datetime.UTC, datetime.timezone(datetime.timedelta(hours=1))


class Asking:
    """A rule set that asks for this."""

    def __init__(self, **watched: Any) -> None:
        self._watched = sources.Watch(**watched)

    def watched(self, _mailbox: str, _now: float) -> sources.Watch:
        return self._watched


def rule(name: str = "unread", event: str = "count", **fields: Any) -> settings.Rule:
    made = settings.Rule(name=name, **fields)
    return made.model_copy(update={"event": event})


def of(*written: settings.Rule, zone: datetime.tzinfo = ZONES[0], **watched: Any) -> watching.Watching:
    asking = cast("rules.Rules", Asking(**watched))
    return watching.of("home", asking, written, by=(zone, "house"), now=0.0)


def remembers(_: Mail) -> bool:
    return True


def test_without_rules_that_ask_nothing_is_watched() -> None:
    assert of(rule(event="new")).watch(remembers) == sources.Watch() == sources.Watch()


def test_what_rules_ask_for_is_what_the_source_is_told() -> None:
    since = datetime.date(2026, 11, 1)
    sought = sources.Search(flags=frozenset({"!\\Seen"}), since=since)
    watch = of(events=frozenset({"gone"}), searches=frozenset({sought})).watch(remembers)
    assert watch.events == {"gone"}
    assert watch.searches == {sources.Search(flags=frozenset({"!\\Seen"}), since=since)}
    assert watch.remembers is remembers


def test_only_rules_that_are_in_force_for_a_mailbox_count_its_mails() -> None:
    written = [rule("a"), rule("b", enabled=False), rule("c", mailboxes=("work",)), rule("d", mailboxes=("home",))]
    assert of(*written, rule("e", event="new")).numbers == ("a", "d")


def test_a_mailbox_is_opened_anew_for_other_events_and_other_rules_that_count() -> None:
    same = of(rule(), rule("x", event="new"), events=frozenset({"seen"})).settings
    others = [
        of(rule(), events=frozenset({"gone"})),
        of(rule(then=()), rule("more"), events=frozenset({"seen"})),
        of(rule(when={"subject": "x"}), events=frozenset({"seen"})),
        of(rule(), zone=ZONES[1], events=frozenset({"seen"})),
    ]
    assert all(other.settings != same for other in others)


def test_a_mailbox_is_left_alone_when_only_other_rules_have_changed() -> None:
    before = of(rule(), rule("x", event="new"), events=frozenset({"seen"}))
    after = of(rule(), rule("y", event="seen", stop=True), events=frozenset({"seen"}), remembers=remembers)
    assert before.settings == after.settings
    assert of(zone=ZONES[0]).settings == of(zone=ZONES[1]).settings, "nothing is counted"
