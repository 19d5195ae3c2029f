"""``event``: which rules look at what has happened to a mail, and what has to be told of a mailbox for them."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import rules
from bridge.mail import Mail
from bridge.rules import arrival, engine, happening
from bridge.rules import settings as rule_settings
from bridge.sources import Search, Watch
from tests.unit.rules import making

EVENTS = ("new", "flagged", "unflagged", "seen", "gone")
LAMP = [{"sink": "lamp", "path": "x", "payload": "{{ rule }}"}]


def of(event: str, name: str = "", **written: Any) -> rule_settings.Rule:
    return making.rule(name=name or event, event=event, then=LAMP, **written)


def happened(event: str, at: float = making.NOW, **fields: Any) -> Mail:
    return happening.as_if(making.mail(**fields), event, at)


def fired(made: engine.RuleSet, mail: Mail) -> list[str]:
    """Explaining has to agree."""
    found = [one.rule for one in made.evaluate(mail, making.moment()) if one.matched]
    assert found == [one.rule for one in made.evaluate(mail, making.moment(), explain=True) if one.matched]
    return found


def watched(*written: rule_settings.Rule, mailbox: str = "home", now: float = making.NOW) -> Watch:
    return making.compiled(*written).watched(mailbox, now)


# Which rules look.


@pytest.mark.parametrize("event", EVENTS)
def test_a_rule_looks_only_at_mails_to_which_its_event_has_happened(event: str) -> None:
    made = making.compiled(*map(of, EVENTS))
    assert fired(made, happened(event)) == [event]


def test_a_rule_of_another_event_stops_none_of_this_one() -> None:
    made = making.compiled(of("seen", stop=True), of("new", "a"), of("new", "b", stop=True), of("new", "c"))
    assert fired(made, making.mail()) == ["a", "b"]


def test_of_many_rules_only_those_of_the_event_are_found() -> None:
    many = [of(event, f"{event} {n}", when={"subject": f"no{n}"}) for event in EVENTS for n in range(30)]
    made = making.compiled(*many)
    assert fired(made, happened("seen", Subject="no7")) == ["seen 7"]


def test_only_rules_of_its_event_say_what_is_still_needed_of_a_mail() -> None:
    made = making.compiled(of("seen", when={"body": "x"}))
    mail = making.without_text()
    assert not made.wants(mail)
    assert made.wants(dataclasses.replace(mail, event="seen"))


def test_that_it_was_another_event_is_explained() -> None:
    made = making.compiled(of("flagged"), of("new", enabled=False))
    flagged, _ = made.evaluate(making.mail(), making.moment(), explain=True)
    assert flagged.conditions == (rules.Checked(path="event", held=False, wanted="flagged", saw="new"),)


def test_each_event_has_deliveries_of_its_own() -> None:
    made = making.compiled(*map(of, EVENTS))
    mails = [dataclasses.replace(happened(event), occurrence=n) for event in EVENTS for n in (1, 2)]
    ids = {verdict.deliveries[0].id for mail in mails for verdict in made.evaluate(mail, making.moment())}
    assert len(ids) == len(mails)


# When it happened.

WEEK_S = 7 * 86_400.0


def test_age_and_expiry_count_from_the_event_and_hours_from_the_arrival() -> None:
    then = [{**LAMP[0], "expires": "5m"}]
    when = {"max_age": "10m", "hours": "12:00-12:01"}
    made = making.compiled(making.rule(event="seen", when=when, then=then))
    at = making.NOW + WEEK_S
    (verdict,) = made.evaluate(happened("seen", at), making.moment(at + 60))
    assert verdict.deliveries[0].expires == at + 300
    assert not made.evaluate(happened("seen", at), making.moment(at + 601))
    (late,) = made.evaluate(happened("seen", at), making.moment(at + 601), explain=True)
    assert [(line.path, line.held, line.saw) for line in late.conditions if line.path == "when.max_age"] == [
        ("when.max_age", False, "seen 10m ago")
    ]


def test_it_happened_to_the_mail_that_it_carries_as_well() -> None:
    inner = making.mail()
    mail = making.carrying(("a.eml", "message/rfc822", inner.head + b"\r\nHi"))
    made = making.compiled(of("seen", when={"forwarded": {"max_age": "10m"}}))
    assert fired(made, happening.as_if(mail, "seen", making.NOW - 60)) == ["seen"]
    assert fired(made, happening.as_if(mail, "seen", making.NOW - 601)) == []


def test_an_event_of_which_no_time_is_known_is_as_old_as_the_mail() -> None:
    mail = dataclasses.replace(making.mail(), event="seen")
    assert arrival.arrived(mail, making.NOW) == arrival.arrived(making.mail(), making.NOW)


def test_repeated_counts_by_the_time_of_the_event() -> None:
    made = making.compiled(of("seen", when={"repeated": "2/1m"}))
    (verdict,) = made.evaluate(happened("seen", making.NOW - 30), making.moment())
    assert verdict.claims[0].at == making.NOW - 30


@pytest.mark.parametrize(
    ("event", "had", "has"),
    [
        ("flagged", ("\\Seen",), {"\\Seen", "\\Flagged"}),
        ("unflagged", ("\\FLAGGED", "$a"), {"$a"}),
        ("seen", ("\\Flagged",), {"\\Seen", "\\Flagged"}),
        ("gone", ("\\Flagged",), {"\\Flagged"}),
        ("count", ("\\Seen",), {"\\Seen"}),
        ("new", ("\\Seen",), {"\\Seen"}),
    ],
)
def test_a_mail_is_marked_as_it_is_after_the_event(event: str, had: tuple[str, ...], has: set[str]) -> None:
    assert happened(event, flags=had).flags == has


# What has to be told.


def test_without_rules_of_other_events_nothing_has_to_be_told() -> None:
    assert watched(of("new")) == Watch(remembers=watched().remembers)
    assert not watched(of("new")).remembers(making.mail())


def test_the_events_of_a_mailbox_are_those_of_its_rules() -> None:
    written = (
        of("seen"),
        of("flagged", mailboxes=["work"]),
        of("gone", enabled=False),
        of("count", when={"flags": "flagged"}),
    )
    assert watched(*written).events == {"seen"}
    assert watched(*written, mailbox="work").events == {"seen", "flagged"}


@pytest.mark.parametrize(
    ("when", "remembered"),
    [
        ({}, True),
        ({"subject": "motion"}, True),
        ({"subject": "door"}, False),
        ({"flags": ["seen", "!flagged"]}, True),  # it may have been seen by then
        ({"flags": "seen", "subject": "door"}, False),
        ({"not": {"flags": "flagged"}}, True),
        ({"any": [{"flags": "seen"}, {"subject": "door"}]}, True),
        ({"all": [{"flags": "seen"}, {"subject": "door"}]}, False),
        ({"max_age": "1s"}, True),
        ({"not": {"since": "midnight"}}, True),
        ({"folder": "Trash"}, False),
        ({"size": ">1MB"}, False),
        ({"if": "{{ mail.size > 1000000 }}"}, True),
        ({"repeated": "3/1m"}, True),
        ({"automatic": True}, False),
    ],
)
@pytest.mark.parametrize("more", [0, 40], ids=["few", "many"])
def test_a_mail_is_remembered_where_a_rule_may_ask_for_it_when_it_is_gone(
    when: dict[str, Any], remembered: bool, more: int
) -> None:
    others = [of("gone", f"no{n}", when={"subject": f"no{n}", "flags": "flagged"}) for n in range(more)]
    assert watched(of("gone", when=when), *others).remembers(making.mail()) is remembered


def test_only_rules_of_the_mailbox_remember() -> None:
    assert not watched(of("gone", mailboxes=["work"]), of("seen")).remembers(making.mail())


leaves = st.sampled_from(
    [
        {"flags": ["seen"]},
        {"flags": ["!flagged", "$x"]},
        {"subject": "motion"},
        {"subject": "door"},
        {"max_age": "1h"},
        {"since": "midnight"},
        {"since": "2026-10-30"},
        {"max_age": "2d", "flags": "!seen"},
    ]
)
whens = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda members: {"any": members}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda members: {"all": members}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda member: {"not": member}, inner),
        st.builds(lambda one, other: {**one, **other}, inner, inner),
    ),
    max_leaves=5,
)
flag_sets = st.sets(st.sampled_from(["\\Seen", "\\Flagged", "$x", "\\SEEN"]))
ages_s = st.one_of(st.integers(-5, 200_000), st.integers(-1, 1).map(lambda n: 3_600 + n))
zones = st.integers(-12, 14).map(lambda hours: datetime.timezone(datetime.timedelta(hours=hours)))


def aged(age_s: float, flags: set[str], event: str) -> Mail:
    received = datetime.datetime.fromtimestamp(int(making.NOW - age_s), datetime.UTC)
    mail = making.mail(flags=tuple(sorted(flags)), received=received)
    return dataclasses.replace(mail, event=event)


def finds(search: Search, mail: Mail, zone: datetime.tzinfo) -> bool:
    """Whether a server in this zone finds the mail (RFC 9051, section 6.4.4)."""
    flags = {flag.lower() for flag in mail.flags}
    marked = all((flag.lstrip("!").lower() in flags) is not flag.startswith("!") for flag in search.flags)
    return marked and (search.since is None or mail.received.astimezone(zone).date() >= search.since)


@given(whens, flag_sets, ages_s, st.integers(0, 90_000), zones)
def test_what_a_server_is_asked_for_leaves_out_no_mail_that_counts(
    when: dict[str, Any], flags: set[str], age_s: float, asked_s: float, zone: datetime.tzinfo
) -> None:
    """It may have been asked for long before."""
    made = making.compiled(of("count", when=when))
    mail = aged(age_s, flags, "count")
    (search,) = made.watched("home", making.NOW - asked_s).searches
    assert not made.counted_by(mail, making.moment()) or finds(search, mail, zone)


@given(whens, flag_sets, flag_sets, ages_s)
def test_no_rule_asks_for_a_mail_that_was_not_remembered(
    when: dict[str, Any], before: set[str], after: set[str], age_s: float
) -> None:
    made = making.compiled(of("gone", when=when))
    known, gone = aged(age_s, before, "new"), aged(age_s, after, "gone")
    matched = made.evaluate(dataclasses.replace(gone, happened=making.NOW), making.moment())
    assert not matched or made.watched("home", making.NOW).remembers(known)


@given(whens, flag_sets, ages_s, st.floats(0, 200_000), st.sampled_from([datetime.UTC, making.BERLIN]))
def test_until_then_a_mail_counts_or_does_not_as_it_did(
    when: dict[str, Any], flags: set[str], age_s: float, later_s: float, zone: datetime.tzinfo
) -> None:
    made = making.compiled(of("count", when=when))
    mail, now = aged(age_s, flags, "count"), making.moment(zone=zone)
    until = made.counts_until(mail, now)
    assert until is None or until > now.now
    if until is None or now.now + later_s < until:
        assert made.counted_by(mail, now) == made.counted_by(mail, making.moment(now.now + later_s, zone))
