"""``event: count``: which mails are counted, until when, what a server is asked for, and what the number becomes."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest

from bridge import rules
from bridge.mail import Mail
from bridge.rules import engine, explanation, happening, ledger, unused_keys
from bridge.rules import settings as rule_settings
from bridge.rules.worst_case import warnings
from bridge.sources import Search
from tests.unit.rules import making

LAMP = {"sink": "lamp", "path": "x"}
FUTURE = making.ARRIVED + datetime.timedelta(days=3)


def counting(name: str = "r", **written: Any) -> rule_settings.Rule:
    return making.rule(**{"name": name, "event": "count", "then": LAMP, **written})


def counted(**fields: Any) -> Mail:
    return dataclasses.replace(making.mail(**fields), event="count")


def count(number: int, *, occurrence: int = 1, now: float = making.NOW, **written: Any) -> rules.Verdict:
    blank = happening.blank("home", now, occurrence)
    return making.compiled(counting(**written)).count("r", number, blank, making.moment(now))


# Which mails.


def test_a_mail_is_counted_by_the_rules_whose_when_holds() -> None:
    made = making.compiled(
        counting("unread", when={"flags": "!seen"}),
        counting("flagged", when={"flags": "flagged"}),
        counting("all"),
        counting("elsewhere", mailboxes=["work"]),
        counting("off", enabled=False),
        counting("there", when={"folder": "Alarms"}),
        making.rule(name="new", then=LAMP),
    )
    assert made.counted_by(counted(flags=("\\Flagged",)), making.moment()) == {"unread", "flagged", "all"}
    assert made.counted_by(counted(flags=("\\Seen",), folder="Alarms"), making.moment()) == {"all", "there"}


def test_a_bounce_is_counted_only_where_the_rule_says_so() -> None:
    made = making.compiled(counting("a"), counting("b", when={"automatic": "any"}))
    assert made.counted_by(counted(Return_Path="<>"), making.moment()) == {"b"}


def test_what_decides_may_look_at_the_values_of_the_mail() -> None:
    when = {"subject": r"/at (?P<place>\w+)/", "if": '{{ place == "Hall" and mail.size > 10 }}'}
    made = making.compiled(counting(when=when))
    assert made.counted_by(counted(), making.moment()) == {"r"}
    assert not made.counted_by(counted(Subject="at Attic"), making.moment())


def test_a_rule_that_raises_does_not_count_and_is_told_of_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(engine.log, "warning", lambda _, **what: told.append(what), raising=False)
    made = making.compiled(counting("broken", when={"subject": "motion"}), counting("sound"))
    monkeypatch.setattr(Mail, "subject", property(lambda _: 1 / 0))
    for _ in range(3):
        assert made.counted_by(counted(), making.moment()) == {"sound"}
    assert [(one["rule"], one["reason"]) for one in told] == [("broken", told[0]["reason"])]


def test_looking_at_a_mail_sends_nothing() -> None:
    (verdict,) = making.compiled(counting()).evaluate(counted(), making.moment())
    assert (verdict.matched, verdict.deliveries) == (True, ())


# Until when.


def seconds(
    when: dict[str, Any], received: datetime.datetime = making.ARRIVED, now: float = making.NOW
) -> float | None:
    until = making.compiled(counting(when=when)).counts_until(counted(received=received), making.moment(now))
    return None if until is None else round(until - making.ARRIVED.timestamp(), 3)


@pytest.mark.parametrize(
    ("when", "until_s"),
    [
        ({}, None),
        ({"flags": "!seen"}, None),
        ({"max_age": "10m"}, 601.001),  # the first whole second has passed at most
        ({"not": {"max_age": "10m"}}, 601.001),  # it begins to count
        ({"any": [{"max_age": "10m"}, {"max_age": "5m"}]}, 301.001),
        ({"all": [{"max_age": "10m"}, {"since": "midnight"}]}, 601.001),
        ({"max_age": "5s"}, None),  # it is over
        ({"since": "midnight"}, 12 * 3_600.0),
        ({"since": "13:00"}, 3_600.0),
        ({"since": "11:00"}, 23 * 3_600.0),
        ({"since": "sunday"}, 6.5 * 86_400.0),  # it came on one
        ({"since": "2026-11-01"}, None),
        ({"since": "midnight", "subject": "door"}, None),
    ],
)
def test_until_when_the_clock_leaves_a_mail_counted(when: dict[str, Any], until_s: float | None) -> None:
    assert seconds(when) == until_s


def test_a_mail_that_came_before_does_not_count_again() -> None:
    assert seconds({"since": "13:00"}, received=making.ARRIVED - datetime.timedelta(days=1)) is None


def test_a_day_on_which_the_clock_is_put_back_is_longer() -> None:
    """In Berlin 25 October 2026 has 25 hours."""
    received = datetime.datetime(2026, 10, 24, 22, 30, tzinfo=datetime.UTC)
    made = making.compiled(counting(when={"since": "midnight"}))
    moment = making.moment(received.timestamp(), making.BERLIN)
    until = made.counts_until(counted(received=received), moment)
    assert until == datetime.datetime(2026, 10, 25, 23, 0, tzinfo=datetime.UTC).timestamp()


def test_a_time_that_the_clock_shows_twice_on_a_day_is_twice() -> None:
    received = datetime.datetime(2026, 10, 25, 0, 45, tzinfo=datetime.UTC)  # 02:45 for the first time
    made = making.compiled(counting(when={"since": "02:30"}))
    moment = making.moment(received.timestamp(), making.BERLIN)
    until = made.counts_until(counted(received=received), moment)
    assert until == datetime.datetime(2026, 10, 25, 1, 30, tzinfo=datetime.UTC).timestamp()


# What a server is asked for.


def day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


@pytest.mark.parametrize(
    ("when", "flags", "since"),
    [
        ({}, (), None),
        ({"subject": "x"}, (), None),
        ({"flags": ["flagged", "!seen", "$Label", "!$label2"]}, ("\\Flagged", "!\\Seen", "$Label", "!$label2"), None),
        ({"since": "midnight"}, (), "2026-10-31"),  # a day earlier, since a server may be behind
        ({"since": "13:00"}, (), "2026-10-30"),
        ({"since": "2026-10-20"}, (), "2026-10-19"),
        ({"max_age": "1h"}, (), "2026-10-31"),
        ({"max_age": "12h"}, (), "2026-10-31"),
        ({"max_age": "13h"}, (), "2026-10-30"),
        ({"since": "1960-01-01"}, (), None),
        ({"max_age": "43207s"}, (), "2026-10-30"),  # to the second at midnight: it may have come a second earlier
        ({"since": "midnight", "max_age": "5d", "flags": "seen"}, ("\\Seen",), "2026-10-31"),
        ({"flags": "seen", "all": [{"flags": "flagged"}, {"all": [{"since": "midnight"}]}]},
         ("\\Seen", "\\Flagged"), "2026-10-31"),
        ({"any": [{"flags": "seen"}], "not": {"flags": "draft", "max_age": "1h"}}, (), None),
        ({"not": [{"flags": "seen"}], "forwarded": {"flags": "seen"}}, (), None),
    ],
)  # fmt: skip
def test_a_server_is_asked_for_what_it_can_tell(
    when: dict[str, Any], flags: tuple[str, ...], since: str | None
) -> None:
    found = making.compiled(counting(when=when)).watched("home", making.NOW)
    wanted = Search(flags=frozenset(flags), since=None if since is None else day(since))
    assert (found.searches, found.events) == ({wanted}, frozenset())


def test_each_rule_of_the_mailbox_that_counts_is_a_search() -> None:
    made = making.compiled(
        counting("a", when={"flags": "seen"}),
        counting("b", when={"flags": "flagged"}, mailboxes=["work"]),
        counting("c", enabled=False),
    )
    assert [one.flags for one in made.watched("home", making.NOW).searches] == [{"\\Seen"}]
    assert len(made.watched("work", making.NOW).searches) == 2


# The number.


def test_the_number_is_what_is_sent() -> None:
    (one,) = count(3).deliveries
    assert (one.payload, one.media_type.partition(";")[0], one.mailbox, one.folder) == (b"3", "text/plain", "home", "")


def test_the_number_is_a_number_in_templates() -> None:
    then = [
        {**LAMP, "payload": {"n": "{{ count }}", "some": "{{ count > 0 }}", "who": "{{ rule }} {{ mailbox }}"}},
        {"sink": "broker", "topic": "mail/{{ mailbox }}/{{ count }}", "payload": "{{ delivery_id }}", "retain": True},
    ]
    first, second = count(0, then=then).deliveries
    assert first.payload == b'{"n":0,"some":false,"who":"r home"}'
    assert (second.target, second.payload.decode()) == ("mail/home/0", second.id)


def test_each_change_has_a_delivery_of_its_own() -> None:
    ids = [count(3, occurrence=occurrence).deliveries[0].id for occurrence in (1, 2, 1)]
    assert (ids[0] == ids[2], ids[0] == ids[1]) == (True, False)


def test_a_count_expires_after_it_was_told_and_can_be_reset_and_throttled() -> None:
    then = {**LAMP, "expires": "5m", "delay": "1m", "reset": {"after": "1m", "payload": "{{ count }} no more"}}
    verdict = count(3, then=then, throttle="1/1m")
    main, reset = verdict.deliveries
    assert (main.not_before, main.expires) == (making.NOW + 60, making.NOW + 360)
    assert (reset.payload, reset.follows) == (b"3 no more", main.id)
    assert [claim.kind for claim in verdict.claims] == ["throttle"]


def test_what_cannot_be_rendered_is_told() -> None:
    assert count(3, then={**LAMP, "payload": "{{ count | split }}"}).deliveries[0].dead
    throttle = {"max": 1, "within": "1m", "per": "{{ count | split }}"}
    assert (count(3, throttle=throttle).matched, bool(count(3, throttle=throttle).error)) == (False, True)


def test_only_rules_that_count_have_a_number() -> None:
    with pytest.raises(KeyError):
        making.compiled(making.rule(name="r")).count("r", 1, happening.blank("home", 0, 1), making.moment())


def test_the_mails_that_are_shown_are_counted_one_after_the_other() -> None:
    made = making.compiled(counting(when={"flags": "!seen"}, throttle="2/1m"), making.rule(name="new"))
    book = ledger.Ledger(note=ledger.EXPLAINING)
    shown = [
        explanation.explain(counted(flags=flags), made, making.moment(), book).as_json()["rules"]
        for flags in ((), ("\\Seen",), (), ())
    ]
    assert [(one["matched"], [sent["payload"] for sent in one["deliveries"]], one["values"]) for one, _ in shown] == [
        (True, ["1"], {"count": 1}),
        (False, [], {}),
        (True, ["2"], {"count": 2}),
        (True, [], {"count": 3}),
    ]
    assert [line["path"] for line in shown[0][0]["conditions"]] == ["when.flags", "throttle"]
    assert [other["conditions"][0]["path"] for _, other in shown] == ["event"] * 4


def test_what_is_told_of_a_count_is_timed_from_the_count() -> None:
    made = making.compiled(counting(then={**LAMP, "expires": "5m"}))
    moment = making.moment(FUTURE.timestamp())
    (rule,) = explanation.explain(counted(), made, moment).as_json()["rules"]
    assert rule["deliveries"][0]["options"]["expires_s"] == 300


# What check says.


@pytest.mark.parametrize(("most", "warned"), [(10, False), (3, True)])
def test_a_number_may_not_fit(most: int, warned: bool) -> None:
    rule = counting(then={"sink": "lamp", "path": "x", "max_bytes": most})
    found = list(warnings(rule, sinks={"lamp": "coap"}, mailboxes={"home": ["INBOX"]}))
    assert bool(found) is warned


def test_integer_keys_mean_nothing_to_a_number() -> None:
    rule = counting(then={"sink": "lamp", "path": "x", "as": "cbor", "keys": {"subject": 1}})
    flat, document = unused_keys.plain(rule), unused_keys.document(rule.event, ())
    found = unused_keys.unused(rule.then[0], document, flat, certain=True)
    assert list(found) == [(("keys", "subject"), 'no field of the payload is called "subject"')]
