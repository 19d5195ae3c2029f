"""Rules that count: what they claim, what is explained of it, and that both agree with what a store would do."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import rules
from bridge.mail import Mail
from bridge.rules import claims, explanation, ledger
from bridge.rules import settings as rule_settings
from tests.unit.rules import making

REPEATED = {"min": 3, "within": "10m"}
LAMP = [{"sink": "lamp", "path": "x"}]


def counting(name: str = "r", **written: Any) -> rule_settings.Rule:
    return making.rule(**{"name": name, "when": {"subject": "motion", "repeated": REPEATED}, "then": LAMP, **written})


def arriving(second: float, **fields: Any) -> Mail:
    return making.mail(received=making.ARRIVED + datetime.timedelta(seconds=second), **fields)


def test_a_rule_that_counts_claims_and_decides_nothing() -> None:
    (verdict,) = making.evaluate(making.mail(), counting(throttle="5/1m"))
    repeated, throttle = verdict.claims
    assert (verdict.matched, verdict.pending, len(verdict.deliveries)) == (True, True, 1)
    assert (repeated.kind, repeated.number, repeated.within_s) == ("repeated", 3, 600.0)
    assert repeated.at == making.ARRIVED.timestamp(), "by the mail's arrival"
    assert (throttle.kind, throttle.number, throttle.within_s, throttle.at) == ("throttle", 5, 60.0, making.NOW)
    assert repeated.key != throttle.key


def test_a_mail_from_the_future_counts_as_one_that_came_now() -> None:
    (verdict,) = making.evaluate(arriving(3_600), counting())
    assert verdict.claims[0].at == making.NOW


@pytest.mark.parametrize("key", ["throttle", "repeated"])
def test_what_is_counted_together_is_said_by_per(key: str) -> None:
    per = {"within": "1m", "per": "{{ mail.from }}/{{ place }}"}
    when: dict[str, Any] = {"subject": r"/at (?P<place>\w+)/"}
    rule = (
        counting(when=when, throttle={"max": 5, **per})
        if key == "throttle"
        else counting(when={**when, "repeated": {"min": 5, **per}})
    )
    made = [making.evaluate(making.mail(Subject=f"at {place}"), rule)[0].claims[0] for place in ("a", "b", "a")]
    assert [one.shown for one in made] == [f"cam@cameras.example/{place}" for place in "aba"]
    assert (made[0].key == made[2].key, made[0].key == made[1].key) == (True, False)


def test_a_per_that_has_no_value_is_reported_and_the_rule_does_not_fire() -> None:
    when = {"any": [{"subject": r"/(?P<x>nope)/"}, {"subject": "motion"}]}
    (verdict,) = making.evaluate(
        making.mail(), counting(when=when, throttle={"max": 1, "within": "1m", "per": "{{ x }}"})
    )
    assert (verdict.matched, verdict.error) == (False, 'there is no value "x"')


def test_a_per_with_the_text_asks_for_it() -> None:
    rule = making.compiled(counting(throttle={"max": 1, "within": "1m", "per": "{{ mail.text }}"}))
    assert rule.wants(making.without_text())
    assert not making.compiled(counting()).wants(making.without_text())


@pytest.mark.parametrize(
    "then",
    [[], [{"sink": "broker", "topic": "{{ nope }}"}], [{"sink": "lamp", "path": "x", "expires": "1s"}]],
    ids=["nothing", "dead", "expired"],
)
def test_a_firing_that_sends_nothing_uses_up_no_throttle(then: list[dict[str, Any]]) -> None:
    (verdict,) = making.evaluate(making.mail(), counting(when={}, throttle="1/1h", then=then))
    assert (verdict.matched, verdict.claims) == (True, ())


def test_rules_behind_a_stop_that_is_not_certain_are_looked_at() -> None:
    behind = making.rule(name="behind")
    assert [v.rule for v in making.evaluate(making.mail(), counting(stop=True), behind)] == ["r", "behind"]
    sure = counting(stop=True, when={}, throttle="1/1h")
    assert [v.rule for v in making.evaluate(making.mail(), sure, behind)] == ["r"], "a throttle does not hinder a stop"


def explained(
    mails: list[Mail], *written: rule_settings.Rule, counted: ledger.Ledger | None = None
) -> list[list[dict[str, Any]]]:
    counted = counted or ledger.Ledger(note=ledger.EXPLAINING)
    made = making.compiled(*written)
    return [explanation.explain(mail, made, making.moment(), counted).as_json()["rules"] for mail in mails]


def test_explaining_several_mails_counts_them_in_order() -> None:
    found = explained([arriving(second) for second in (0, 1, 2)], counting())
    assert [(rule["matched"], len(rule["deliveries"])) for (rule,) in found] == [(False, 0), (False, 0), (True, 1)]
    lines = [line for (rule,) in found for line in rule["conditions"] if line["path"] == "when.repeated"]
    assert [(line["held"], line["wanted"]) for line in lines] == [
        (held, "at least 3 within 10m") for held in (False, False, True)
    ]
    assert [line["saw"] for line in lines] == [
        f"{nth} within 10m (explain keeps no state)" for nth in ("1st", "2nd", "3rd or later")
    ]


def test_explaining_one_mail_knows_of_no_other() -> None:
    for _ in range(3):
        (verdict,) = explanation.explain(making.mail(), making.compiled(counting()), making.moment()).verdicts
        assert not verdict.matched


def test_a_throttle_is_explained_and_what_it_suppresses_is_not_sent() -> None:
    rule = counting(when={"subject": "motion"}, throttle={"max": 1, "within": "1m", "per": "{{ mail.from }}"})
    (first,), (second,) = explained([making.mail()] * 2, rule)
    assert [len(one["deliveries"]) for one in (first, second)] == [1, 0]
    assert (first["matched"], second["matched"]) == (True, True)
    assert [one["conditions"][-1] for one in (first, second)] == [
        {
            "path": "throttle",
            "held": held,
            "wanted": "at most 1 within 1m",
            "saw": f"{nth} within 1m for cam@cameras.example{what} (explain keeps no state)",
        }
        for held, nth, what in ((True, "1st", ""), (False, "2nd", ": suppressed"))
    ]


def test_a_rule_that_does_not_match_says_why_before_it_says_that_it_was_not_counted() -> None:
    rule = counting(when={"repeated": REPEATED, "subject": "door"}, throttle="1/1m")
    (verdict,) = explanation.explain(making.mail(), making.compiled(rule), making.moment()).verdicts
    assert [(line.path, line.held) for line in verdict.conditions] == [
        ("when.subject", False),
        ("when.repeated", False),
    ]
    reason = explanation.reason(verdict)
    assert reason is not None
    assert reason.path == "when.subject"


def test_a_rule_that_stops_only_when_it_is_repeated_is_explained_so() -> None:
    written = [counting(stop=True, when={"repeated": {**REPEATED, "min": 2}}), making.rule(name="b", then=LAMP)]
    first, second = explained([making.mail()] * 2, *written, making.rule(name="off", enabled=False))
    assert [(one["matched"], one["stopped"]) for one in first] == [(False, False), (True, False), (False, False)]
    assert [(one["matched"], one["stopped"]) for one in second] == [(True, True), (False, False), (False, False)]
    assert [one["conditions"][0]["saw"] for one in second[1:]] == ["r stopped", "false"]


rule_sets = st.lists(
    st.fixed_dictionaries(
        {
            "when": st.sampled_from(
                [
                    {"repeated": {"min": 2, "within": "10s"}},
                    {"subject": "door", "repeated": {"min": 2, "within": "5s", "per": "{{ mail.subject }}"}},
                    {"subject": "motion"},
                    {"if": "{{ nope > 1 }}"},
                    {},
                ]
            ),
            "stop": st.booleans(),
            "then": st.sampled_from([[], LAMP]),
        },
        optional={
            "throttle": st.sampled_from(["1/3s", "2/10s", {"max": 1, "within": "5s", "per": "{{ mail.subject }}"}])
        },
    ),
    min_size=1,
    max_size=4,
)
mails = st.lists(st.tuples(st.sampled_from(["Motion", "Door"]), st.integers(0, 4)), max_size=8)


@settings(deadline=None, max_examples=150)
@given(rule_sets, mails)
def test_explained_or_not_a_ledger_says_the_same(
    written: list[dict[str, Any]], arrivals: list[tuple[str, int]]
) -> None:
    made = making.compiled(*(making.rule(**{**one, "name": f"r{n}"}) for n, one in enumerate(written)))
    plain, explaining = ledger.Ledger(), ledger.Ledger()
    second = 0
    for subject, gap in arrivals:
        second += gap
        mail, moment = arriving(second, Subject=subject), rules.Moment(now=making.ARRIVED.timestamp() + second)
        one = plain.settle(made.evaluate(mail, moment))
        other = explaining.settle(made.evaluate(mail, moment, explain=True), explain=True)
        assert [v.rule for v in other] == [f"r{n}" for n in range(len(written))]
        assert [(v.rule, v.stopped, v.suppressed, v.deliveries) for v in one if v.matched] == [
            (v.rule, v.stopped, v.suppressed, v.deliveries) for v in other if v.matched
        ]
        assert not any(line.saw == "known when the mail is recorded" for v in other for line in v.conditions)


def test_what_did_not_fire_is_no_verdict() -> None:
    verdicts = [
        rules.Verdict(rule="broken", matched=False, error="x"),
        rules.Verdict(rule="a", matched=True, stopped=True),
        rules.Verdict(rule="b", matched=True, deliveries=(), encodings=()),
        rules.Verdict(rule="c", matched=True, stopped=True),
        rules.Verdict(rule="d", matched=True),
        rules.Verdict(rule="late", matched=False, error="x"),
    ]
    fates: list[claims.Fate] = ["unmet", "suppressed", "fired", "stopped"]
    found = ledger.settled(verdicts, fates)
    assert [(one.rule, one.suppressed) for one in found] == [("broken", False), ("b", True), ("c", False)]
