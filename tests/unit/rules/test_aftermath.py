"""What becomes of the mail itself, with values from it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.rules import Change, flags
from tests.unit.rules import making

WHEN = {"body": r"/place=(?P<place>.*)/"}


def verdict(place: str, **written: Any) -> Any:
    (found,) = making.evaluate(making.mail(f"place={place}"), making.rule(when=WHEN, **written))
    return found


@pytest.mark.parametrize(
    ("written", "place", "folder"),
    [
        ("Alarms/{{ place }}", "hall", "Alarms/hall"),
        ("INBOX.Alarms.{{ place | upper }}", "hall", "INBOX.Alarms.HALL"),
        ("Alarms/{{ place }}", "a/b.c\\d", "Alarms/a_b_c_d"),
        ("Alarms/{{ place }}", "..", "Alarms/__"),
        ("Alarms/{{ place }}-{{ rule }}", "a*b%c", "Alarms/a_b_c-r"),
        ("{{ place }}", "#news", "_news"),
        ("{{ place }}", "~root", "_root"),
        ("Alarms/{{ place }}", "   ", "Alarms/_"),
        ("Alarms/{{ place }}", "x" * 500, "Alarms/" + "x" * 100),
        ("Done", "hall", "Done"),
    ],
)
def test_a_value_stays_one_level_of_a_folders_name(written: str, place: str, folder: str) -> None:
    found = verdict(place, after={"move": written}, failed={"copy": [written, "Log"]})
    assert found.after == (Change(op="move", argument=folder),)
    assert found.failed == (Change(op="copy", argument=folder), Change(op="copy", argument="Log"))
    assert found.error == ""


@pytest.mark.parametrize(
    ("written", "place", "flag"),
    [
        ("{{ place }}", "hall", "hall"),
        ("$at-{{ place }}", "hall", "$at-hall"),
        ("{{ place }}", "\\Deleted", "_Deleted"),
        ("{{ place }}", "deleted", "deleted"),  # a keyword, not the system flag
        ("{{ place }}", "$Junk", "_Junk"),
        ("x{{ place }}", "a b(c)\u00fc", "xa_b_c__"),
        ("flagged", "hall", "\\Flagged"),
    ],
)
def test_a_value_in_a_flag_is_a_keyword(written: str, place: str, flag: str) -> None:
    assert verdict(place, after={"flag": written}).after == (Change(op="flag", argument=flag),)


@given(st.text(max_size=20))
def test_no_mail_gets_out_of_its_level_or_writes_a_flag_that_is_none(place: str) -> None:
    rule = making.rule(after={"move": "A/{{ mail.subject }}", "flag": "x{{ mail.subject }}"})
    subject = "".join(char for char in place if char not in "\r\n")
    (found,) = making.evaluate(making.mail(Subject=subject), rule)
    flag, move = found.after
    assert move.argument.count("/") == 1
    assert not set(move.argument) & set(".\\*%")
    assert flags.keyword(flag.argument) == flag.argument


def test_a_change_that_cannot_be_named_costs_itself_alone() -> None:
    when = {"any": [{"subject": "/(?P<x>nope)/"}, {"subject": "motion"}]}
    rule = making.rule(when=when, after={"seen": True, "move": "A/{{ x }}"}, then={"sink": "lamp", "path": "p"})
    (found,) = making.evaluate(making.mail(), rule)
    assert (found.matched, found.after, len(found.deliveries)) == (True, (Change(op="seen"),), 1)
    assert found.error == 'after.move: there is no value "x"'


def test_a_folder_with_the_text_in_it_asks_for_the_text() -> None:
    rule = making.rule(failed={"move": "A/{{ mail.text }}"})
    assert making.compiled(rule).wants(making.without_text())
