"""``mailwire backtest``: what is told of the mails that were looked at."""

from __future__ import annotations

import json

import pytest

from bridge import backtest, config
from bridge.cli import backtest as command
from tests.unit.rules import making

THROTTLED = making.rule(when={"subject": "motion"}, then=[{"sink": "broker", "topic": "a"}], throttle="1/1h")


def tried(*subjects: str) -> list[backtest.Tried]:
    """One mail after the other."""
    settings = config.Settings(name="test", rules=(THROTTLED,))
    bench = backtest.Bench(rule_set=making.compiled(THROTTLED), settings=settings)
    mails = [making.mail(Subject=subject, uid=uid) for uid, subject in enumerate(subjects, 1)]
    return [backtest.Tried(mail=mail, verdicts=bench.judge(mail)) for mail in mails]


def told(report: command._Report, capsys: pytest.CaptureFixture[str], *subjects: str) -> list[str]:
    for one in tried(*subjects):
        report.add(one)
    report.end()
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_what_a_throttle_suppresses_is_shown_and_does_not_count_as_firing(capsys: pytest.CaptureFixture[str]) -> None:
    report = command._Tables(config.Settings(name="test", rules=(THROTTLED,)), compares=False)
    lines = told(report, capsys, "Motion 1", "News", "Motion 2", "Motion 3")
    assert [line.endswith("r suppressed by its throttle") for line in lines].count(True) == 2
    assert lines[-2:] == ["4 mails, 1 fire a rule", "1 r, 2 suppressed"]


def test_the_json_says_so_too(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(command._Json(), capsys, "Motion 1", "Motion 2")
    assert [json.loads(line)["rules"][0].get("suppressed") for line in lines] == [None, True]


def test_rules_of_other_events_are_not_tried_and_that_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    starred = making.rule(name="starred", event="flagged")
    report = command._Tables(config.Settings(name="test", rules=(THROTTLED, starred)), compares=False)
    assert told(report, capsys, "Motion 1")[-3:] == [
        "1 mails, 1 fire a rule",
        "1 r",
        "- starred: not tried, its event is flagged",
    ]
