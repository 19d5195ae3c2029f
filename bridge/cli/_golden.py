"""The rules' own tests, for ``mailwire check --tests``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import click

from bridge import config, errors, rules
from bridge.cli import _mails
from bridge.mail import Mail
from bridge.rules import engine, expectation, golden, happening, ledger
from bridge.rules import settings as rules_


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """One test that was run, and what was not as expected."""

    rule: str
    faults: Sequence[errors.Fault]


def run(loaded: config.Loaded) -> Iterator[Outcome]:
    """Every test of every rule, in file order."""
    whole = _mails.compiled(loaded.settings)
    for n, rule in enumerate(loaded.settings.rules):
        alone = _mails.compiled(loaded.settings, rule) if rule.tests else whole
        for k, test in enumerate(rule.tests):
            faults = [
                loaded.fault(("rules", n, "tests", k, *place), message)
                for place, message in _Run(loaded.settings, rule, test, whole, alone).differences()
            ]
            yield Outcome(rule=rule.name, faults=faults)


class _Run:
    """One test. The rule is looked at where it stands, behind the others: one of these may stop. Its event is what has
    happened to the mails.
    """

    def __init__(
        self,
        settings: config.Settings,
        rule: rules_.Rule,
        test: expectation.GoldenTest,
        whole: engine.RuleSet,
        alone: engine.RuleSet,
    ) -> None:
        self._settings = settings
        self._rule = rule
        self._test = test
        self._whole = whole
        self._alone = alone
        self._counted = ledger.Ledger()
        self._counted_alone = ledger.Ledger()

    def differences(self) -> list[golden.Difference]:
        key, test = "mailbox", self._test
        try:
            mailbox = test.mailbox or next(iter(self._rule.mailboxes or ()), None)
            place = _mails.place(self._settings, mailbox, folder=test.folder)
            key = "at"
            when = _mails.looked_at(test.at, self._settings.timezone)
            key = "mail"
            mails = [
                _mails.read(one.path, dataclasses.replace(place, uid=uid), flags=[*test.flags], name=one.written)
                for uid, one in enumerate(test.mail, 1)
            ]
        except click.BadParameter as error:
            return [((key,), error.message)]
        except errors.MailError as error:
            return [((key,), str(error))]
        for mail in mails:
            verdict = self._verdict(happening.as_if(mail, self._rule.event, when(mail)), when(mail))
        return golden.differences(test.expect, happening.as_if(mails[-1], self._rule.event, when(mails[-1])), verdict)

    def _verdict(self, mail: Mail, now: float) -> rules.Verdict:
        moment = _mails.moment(self._settings, now)
        found = self._counted.judge(self._whole, mail, moment)
        (alone,) = self._counted_alone.judge(self._alone, mail, moment, explain=True)
        if mine := next((verdict for verdict in found if verdict.rule == self._rule.name), None):
            return mine
        if not alone.matched:
            return alone
        stopper = next((one.rule for one in found if one.stopped), "")
        line = rules.Checked(path="stop", held=False, wanted="no earlier rule stops", saw=f"{stopper} stopped")
        return rules.Verdict(rule=alone.rule, matched=False, conditions=(line,))
