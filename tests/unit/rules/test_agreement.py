"""Whatever a rule says, explaining and evaluating agree, and ``wants`` never lets a rule miss its text."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.rules import engine
from tests.unit.rules import making

FORWARDED = "---- Forwarded message ----\r\nFrom: a@b.example\r\nSubject: inner\r\n\r\nLevel 7"

leaves = st.sampled_from(
    [
        ("subject", "/(?P<a>motion)/"),
        ("subject", "/(?P<b>door)/"),
        ("body", "/(?P<c>level)/"),
        ("body", "nothing"),
        ("from", "cameras.example"),
        ("from", {"name": "/(?P<d>nobody)/"}),
        ("if", "{{ a == 'Motion' }}"),
        ("if", "{{ c == e }}"),
        ("automatic", True),
        ("forwarded", {"subject": "/(?P<f>inner)/", "body": "/(?P<g>level)/"}),
        ("forwarded", {"if": "{{ a == 'Motion' }}", "not": {"from": "x@y"}}),
        ("body", {"fresh": "/(?P<h>level)/"}),
    ]
)


def grown(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    groups = st.lists(inner, min_size=1, max_size=3)
    return st.builds(
        lambda items, group, members, one: dict([*items, (group[:3], members if group != "not" else one)]),
        st.lists(leaves, max_size=2),
        st.sampled_from(["any", "all", "not", "not a list"]),
        groups,
        inner,
    )


whens = st.recursive(st.lists(leaves, max_size=3).map(dict), grown, max_leaves=8)
extracts = st.sampled_from(
    [
        *({}, {"e": {"body": "/(level)/"}}, {"e": {"subject": "/nope/"}}, {"e": {"body": "/x/", "default": "l"}}),
        {"e": {"forwarded.subject": "/(inner)/"}},
    ]
)
actions = st.lists(
    st.sampled_from([{"sink": "broker", "topic": "{{ a }}"}, {"sink": "lamp", "path": "/{{ rule }}"}]), max_size=2
)
written = st.fixed_dictionaries({"when": whens, "extract": extracts, "then": actions, "stop": st.booleans()})


@settings(deadline=None, max_examples=200)
@given(st.lists(written, min_size=1, max_size=3), st.sampled_from(["Level 7", "x", FORWARDED]))
def test_explaining_and_evaluating_agree(rules: list[dict[str, Any]], text: str) -> None:
    made = making.compiled(*(making.rule(**{**one, "name": f"r{n}"}) for n, one in enumerate(rules)))
    mail = making.mail(text)
    evaluated = made.evaluate(mail, making.moment())
    explained = made.evaluate(mail, making.moment(), explain=True)
    assert [v.rule for v in explained] == [f"r{n}" for n in range(len(rules))]
    told = [v for v in explained if v.matched or v.error]
    for one, other in zip(told, evaluated, strict=False):
        assert (one.rule, one.matched, one.stopped, one.error) == (
            other.rule,
            other.matched,
            other.stopped,
            other.error,
        )
        assert one.deliveries == other.deliveries
        if one.matched:
            assert one.values == other.values
    assert [v.rule for v in told][: len(evaluated)] == [v.rule for v in evaluated]
    assert all(v.matched is False for v in told[len(evaluated) :])
    assert not any(v.matched for v in explained if v.rule not in {one.rule for one in evaluated})


@settings(deadline=None, max_examples=100)
@given(written)
def test_a_rule_that_matches_has_asked_for_the_text_that_it_looks_at(rule: dict[str, Any]) -> None:
    made: engine.RuleSet = making.compiled(making.rule(**rule))
    mail = making.mail("Level 7")
    looks = "body" in str(rule)
    if looks and any(v.matched and "c" in v.values for v in made.evaluate(mail, making.moment())):
        assert made.wants(making.without_text())
