"""The index over many rules leaves out only rules that cannot match."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import rules
from bridge.mail import Mail, Place
from bridge.rules import engine, index, settings
from tests.unit.rules import making, odd


@contextlib.contextmanager
def few(number: int) -> Iterator[None]:
    with mock.patch.object(index, "FEW", number):
        yield


def indexed(*whens: dict[str, Any], **written: Any) -> engine.RuleSet:
    with few(0):
        return making.compiled(*(making.rule(name=str(n), when=when, **written) for n, when in enumerate(whens)))


def candidates(mail: Mail, *whens: dict[str, Any]) -> list[int]:
    """The places of the rules that are looked at."""
    (one,) = indexed(*whens)._shared.values()
    assert isinstance(one, index.Index)
    return [int(rule.name) for rule in one.candidates(mail)]


HALL = {"From": "Hall <hall@cameras.example>", "Subject": "Motion at hall"}


@pytest.mark.parametrize(
    ("met", "missed"),
    [
        ({"from": "HALL@cameras.example"}, {"from": "door@cameras.example"}),
        ({"from": "cameras.example"}, {"from": "example"}),
        ({"from": "*@cameras.example"}, {"from": "*@cameras.example.org"}),
        ({"from": "h*@Cameras.example"}, {"from": "h*@camera.example"}),
        ({"from": "hall@cam*"}, {"from": "door@cam*"}),
        ({"from": "*@*.example"}, {"from": "*@*.examples"}),
        ({"from": "h?ll[@]cameras.example"}, {"from": "b?ll[@]cameras.example"}),
        ({"from": {"name": "hall"}}, {"from": {"name": "door"}}),
        ({"from": ["nobody", {"name": "hall"}]}, {"from": ["nobody", {"name": "door"}]}),
        ({"to": "lists.example"}, {"to": "cameras.example"}),
        ({"subject": "motion  at"}, {"subject": "motion at door"}),
        ({"subject": {"is": "motion at hall"}}, {"subject": {"is": "motion at halls"}}),
        ({"subject": {"starts": "motion", "ends": "hall"}}, {"subject": {"starts": "motion", "ends": "door"}}),
        ({"subject": {"glob": "m*hall"}}, {"subject": {"glob": "m*door"}}),
        ({"subject": r"/motion at (?P<x>\w+)/"}, {"subject": r"/motion in (?P<x>\w+)/"}),
        ({"subject": ["door", "/h.ll|hall/"]}, {"subject": ["door", "/dall|ball/"]}),
        ({"body": "seen by"}, {"body": "heard by"}),
        ({"header": {"X-Unit": "/7/"}}, {"header": {"X-Unit": "/8/"}}),
        ({"header": {"x-unit": r"/\d/"}}, {"header": {"x-units": r"/\d/"}}),
        ({"flags": ["flagged", "!seen"]}, {"flags": ["answered", "!seen"]}),
        ({"folder": "Alarm*"}, {"folder": "Archive"}),
        ({"folder": ["a/b", "alarms"]}, {"folder": ["a/b", "c"]}),
        ({"any": [{"subject": "door"}, {"body": "seen"}]}, {"any": [{"subject": "door"}, {"body": "heard"}]}),
        ({"any": [{"subject": "door"}, {"size": ">1B"}]}, {"any": [{"subject": "door"}, {"subject": "floor"}]}),
        ({"all": [{"subject": "hall"}, {"body": "seen"}]}, {"all": [{"subject": "hall"}, {"body": "heard"}]}),
        ({"not": {"subject": "door"}}, {"not": {"subject": "x"}, "from": "door@cameras.example"}),
    ],
)
def test_a_rule_is_looked_at_only_where_what_it_needs_is_there(met: dict[str, Any], missed: dict[str, Any]) -> None:
    shown = {**HALL, "To": "all@lists.example", "X_Unit": "unit 7"}
    mail = making.mail("Seen  by camera", folder="Alarms", flags=("\\Flagged",), **shown)
    assert candidates(mail, missed, met, missed) == [1]
    assert [verdict.rule for verdict in indexed(missed, met).evaluate(mail, making.moment())] == ["1"]


@pytest.mark.parametrize(
    "when",
    [
        {"size": "<1MB"},
        {"not": {"subject": "nothing"}},
        {"subject": r"/\w+/"},
        {"any": [{"subject": "nothing"}, {"subject": r"/\w+/"}]},
        {"if": "{{ 1 < 2 }}"},
        {},
    ],
)
def test_what_needs_nothing_is_looked_at_for_every_mail(when: dict[str, Any]) -> None:
    assert candidates(making.mail(), {"subject": "absent"}, when) == [1]


def test_a_rule_is_filed_where_the_fewest_others_are() -> None:
    whens = [{"from": "*@cameras.example", "subject": f"motion at unit {n}!"} for n in range(9)]
    assert candidates(making.mail(Subject="Motion at unit 7!"), *whens) == [7]


def test_a_header_that_many_rules_name_is_searched_and_one_that_few_name_is_only_looked_for() -> None:
    whens = [{"header": {"X-Unit": f"unit {n}!"}} for n in range(9)]
    assert candidates(making.mail(X_Unit="Unit 7!"), *whens, {"header": {"X-Other": "/./"}}) == [7]


def test_a_value_that_must_be_found_is_something_a_mail_must_show() -> None:
    with few(0):
        rule_set = making.compiled(
            making.rule(extract={"t": {"body": r"/temp=(\d)/"}}),
            making.rule(extract={"t": {"body": r"/temp=(\d)/", "default": 0}}),
        )
    (one,) = rule_set._shared.values()
    assert len(one.candidates(making.mail("temp=3"))) == 2
    assert len(one.candidates(making.mail("none"))) == 1


def test_the_text_is_not_looked_at_where_no_rule_is_left_that_it_decides() -> None:
    mail = making.mail("seen", **HALL)
    with mock.patch("bridge.mail.text.readable", side_effect=AssertionError("it is decoded")):
        assert candidates(mail, {"from": "door@cameras.example", "body": "seen"}, {"subject": "motion"}) == [1]


@pytest.mark.parametrize(
    ("when", "body"),
    [
        ({"body": "/cafe/"}, "cafe\u0301"),  # an accent that the word takes in and the regex does not
        ({"body": "caf\u00e9"}, "cafe\u0301"),
        ({"body": "/=a/"}, "\u2260 =\u0338 =a"),
        ({"body": "/strasse/"}, "Stra\u017f\u017fe"),
        ({"body": "stra\u00dfe"}, "STRASSE"),
        ({"body": "/kelvin/"}, "\u212aelvin"),
        ({"body": {"glob": "*kelvin*"}}, "5 \u212aelvin"),
        ({"body": r"/\bfoo bar/"}, "foo\ufdd0bar"),  # the mark of regexes in a text is a blank to them
        ({"body": "foo\ufdd0bar"}, "foo\ufdd0bar"),
        ({"body": "/a  b/"}, "a  b"),
        ({"body": "a b"}, "a\u2028\u00a0b"),
        ({"body": "/d\u0130ng/"}, "d\u0130ng"),
        ({"body": "softhyphen"}, "soft\u00adhyphen"),
    ],
)
def test_letters_that_are_not_what_they_seem_lose_no_match(when: dict[str, Any], body: str) -> None:
    assert making.matches(making.mail(body), when=when)
    assert candidates(making.mail(body), {"body": "absent"}, when) == [1]


@pytest.mark.parametrize("at", [0, 16_379, 16_384, 40_000])
def test_a_stretch_is_found_wherever_it_stands_in_a_long_text(at: int) -> None:
    mail = making.mail(f"{'x' * at}in the cellar{'x' * 9000}")
    assert candidates(mail, {"body": "absent"}, {"body": "in the cellar"}, {"body": "x" * 9 + "y"}) == [1]


def test_a_place_that_cannot_be_read_leaves_the_telling_to_the_rules() -> None:
    mail = making.mail()
    with mock.patch.object(Mail, "addresses", side_effect=ZeroDivisionError):
        (verdict,) = indexed({"from": "x@y.example"}, {"subject": "absent"}).evaluate(mail, making.moment())
    assert "ZeroDivisionError" in verdict.error


def test_rules_come_in_their_order_and_one_that_stops_ends_it() -> None:
    with few(0):
        rule_set = making.compiled(
            making.rule(name="a", when={"body": "hello"}),
            making.rule(name="off", when={"body": "hello"}, enabled=False),
            making.rule(name="b", when={"from": "cameras.example"}),
            making.rule(name="elsewhere", mailboxes=["work"]),
            making.rule(name="c", stop=True),
            making.rule(name="d", when={"subject": "motion"}),
        )
    verdicts = rule_set.evaluate(making.mail(), making.moment())
    assert [verdict.rule for verdict in verdicts] == ["a", "b", "c"]
    verdicts = rule_set.evaluate(making.mail(mailbox="work"), making.moment())
    assert [verdict.rule for verdict in verdicts] == ["a", "b", "elsewhere", "c"]


def test_mailboxes_with_the_same_rules_share_one_index() -> None:
    with few(0):
        rule_set = making.compiled(making.rule(name="a", mailboxes=["home", "work"]), making.rule(name="b"))
        for mailbox in ("home", "work", "else", "other"):
            rule_set.evaluate(making.mail(mailbox=mailbox), making.moment())
    assert len(rule_set._shared) == 2


def test_the_library_for_many_rules_is_not_loaded_for_few() -> None:
    with mock.patch.dict("sys.modules", {"ahocorasick_rs": None}):
        making.compiled(*(making.rule(name=str(n), when={"subject": str(n)}) for n in range(index.FEW)))
        with pytest.raises(ImportError):
            making.compiled(*(making.rule(name=str(n), when={"subject": str(n)}) for n in range(index.FEW + 1)))


def test_a_text_that_is_not_in_hand_is_asked_for_only_by_rules_that_the_header_leaves() -> None:
    mail = making.without_text()
    wanted = {"1": 131_072}
    cases = [
        ([{"body": "a word"}], wanted),
        ([{"body": "a word", "from": "door@cameras.example"}, {"subject": "motion"}], {}),
        ([{"body": "a word", "from": "cam@cameras.example"}], wanted),
        ([{"any": [{"body": "a word"}, {"subject": "no"}]}], wanted),
        ([{"body": "a word", "size": ">1GB"}], {}),
        ([{"body": "a word", "size": ">1GB"}, {"body": "another", "size": "<1GB"}], wanted),
        ([{"not": {"body": "a word"}}], wanted),
    ]
    for whens, expected in cases:
        assert indexed(*whens).wants(mail) == expected == making.compiled(*map(_rule, whens)).wants(mail)


def _rule(when: dict[str, Any]) -> settings.Rule:
    return making.rule(when=when)


def test_a_body_that_is_in_hand_is_asked_for_by_none() -> None:
    rule_set = indexed(*({"body": f"word {n}"} for n in range(5)))
    with mock.patch("bridge.mail.text.readable", side_effect=AssertionError("it is decoded")):
        assert rule_set.wants(making.mail()) == {}


def test_of_thousands_of_rules_on_the_body_only_one_is_asked_whether_it_wants_it() -> None:
    rule_set = indexed(*({"body": f"word {n}"} for n in range(50)))
    with mock.patch("bridge.rules.compiled.CompiledRule.possible", return_value=True) as possible:
        assert rule_set.wants(making.without_text()) == {"1": 131_072}
    assert possible.call_count == 1


_fields = st.fixed_dictionaries(
    {"Subject": odd.texts, "From": st.one_of(odd.texts, st.tuples(odd.words, odd.words).map("@".join))},
    optional={
        "To": st.tuples(odd.texts, odd.words, odd.words).map(lambda to: f"{to[0]} <{to[1]}@{to[2]}>"),
        "X-K": odd.texts,
    },
)
_conditions: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.one_of(
        odd.forms.map(lambda form: {"subject": form}),
        odd.forms.map(lambda form: {"body": form}),
        odd.forms.map(lambda form: {"header": {"X-K": form}}),
        odd.addresses.map(lambda form: {"from": form}),
        odd.addresses.map(lambda form: {"to": form}),
        odd.words.map(lambda word: {"folder": f"{word}*"}),
        st.just({"flags": ["flagged"]}),
    ),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=2).map(lambda some: {"any": some}),
        st.lists(inner, min_size=1, max_size=2).map(lambda some: {"all": some}),
        st.lists(inner, min_size=2, max_size=2).map(lambda two: {**two[0], **two[1]}),
        inner.map(lambda one: {"not": one}),
        st.lists(inner, min_size=1, max_size=3).map(lambda several: {"not": several}),
    ),
    max_leaves=4,
)


@given(whens=st.lists(_conditions, min_size=1, max_size=6), fields=_fields, body=odd.texts, folder=odd.texts)
def test_what_matches_without_the_index_matches_with_it(
    whens: list[dict[str, Any]], fields: dict[str, str], body: str, folder: str
) -> None:
    written = list(_accepted(whens))
    mail = _mail(fields, body, folder)
    with few(len(written)):
        plain = making.compiled(*written)
    with few(0):
        fast = making.compiled(*written)
    assert fast.evaluate(mail, making.moment()) == plain.evaluate(mail, making.moment())
    assert fast.wants(mail) == plain.wants(mail)


def _accepted(whens: list[dict[str, Any]]) -> Iterator[settings.Rule]:
    for n, when in enumerate(whens):
        with contextlib.suppress(pydantic.ValidationError):  # a regex that RE2 refuses, an empty text
            yield making.rule(name=str(n), when=when)


def _mail(fields: dict[str, str], body: str, folder: str) -> Mail:
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    raw = f"{head}Content-Type: text/plain; charset=utf-8\r\n\r\n{body}".encode()
    place = Place(mailbox="home", folder=folder, uidvalidity=1, uid=1)
    received = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
    return Mail.from_bytes(raw, place=place, received=received, flags=("\\Flagged",))


def test_explaining_looks_at_every_rule() -> None:
    explained = indexed({"subject": "absent"}, {"from": "x@y.example"}).evaluate(
        making.mail(), making.moment(), explain=True
    )
    assert [verdict.rule for verdict in explained] == ["0", "1"]
    assert isinstance(explained[0].conditions[0], rules.Checked)
