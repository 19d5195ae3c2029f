"""Rules tried on the mails that a folder really holds: for ``mailwire backtest``. Nothing is marked, sent or kept.

Each mail is looked at as if it had just arrived, in the order of arrival, with the flags that it has now; what happened
to it later is not known, so that rules with another event than ``new`` are not tried.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator, Mapping, Sequence

from bridge import config, oauth, rules, sources
from bridge.mail import Mail
from bridge.rules import engine, explanation, ledger, sections
from bridge.sources.imap import lookback


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """Rules, and when and by whom they are looked at."""

    rule_set: engine.RuleSet
    settings: config.Settings
    counted: ledger.Ledger = dataclasses.field(default_factory=ledger.Ledger)

    def judge(self, mail: Mail) -> Sequence[rules.Verdict]:
        """What comes of it, after the mails that were judged before."""
        settings, most = self.settings, self.settings.limits.attachment
        moment = rules.Moment(
            now=mail.received.timestamp(), zone=settings.timezone, bridge=settings.name, attachment_bytes=most
        )
        return self.counted.judge(self.rule_set, mail, moment)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """One mail: what the rules make of it, and what other rules made of it (None where there are no others)."""

    mail: Mail
    verdicts: Sequence[rules.Verdict]
    before: Sequence[rules.Verdict] | None = None

    @property
    def changed(self) -> list[tuple[str, rules.Verdict | None, rules.Verdict | None]]:
        """(rule, before, now) of every rule that does something else than before; None where it does nothing."""
        now, before = (_by_rule(verdicts) for verdicts in (self.verdicts, self.before or ()))
        return [
            (name, before.get(name), now.get(name))
            for name in dict.fromkeys((*before, *now))
            if _what(self.mail, before.get(name)) != _what(self.mail, now.get(name))
        ]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """Some mails that were looked at, and those that could not be read."""

    tried: Sequence[Tried]
    lost: Sequence[sources.Lost]


def open_folder(
    settings: config.Settings, mailbox: str, folder: str, *, last: int, benches: Sequence[Bench]
) -> lookback.Lookback:
    """The last mails of this folder; what any of the benches needs of them is downloaded."""

    def wants(mail: Mail) -> sections.Sections:
        return sections.together(bench.rule_set.wants(mail) for bench in benches)

    account = settings.mailboxes[mailbox]
    tokens = oauth.tokens_of(mailbox, account.oauth, config.state_folder(settings.state))
    return lookback.Lookback(mailbox, account, folder, last=last, wants=wants, tokens=tokens)


async def run(looking: lookback.Lookback, bench: Bench, against: Bench | None = None) -> AsyncIterator[Piece]:
    """Looks at every mail.

    Raises:
        errors.SourceError: the connection ended.
    """
    async for batch in looking.batches():
        tried = [
            Tried(mail=mail, verdicts=bench.judge(mail), before=None if against is None else against.judge(mail))
            for mail in batch.mails
        ]
        yield Piece(tried=tried, lost=batch.lost)


def _by_rule(verdicts: Sequence[rules.Verdict]) -> Mapping[str, rules.Verdict]:
    return {verdict.rule: verdict for verdict in verdicts if verdict.matched}


def _what(mail: Mail, verdict: rules.Verdict | None) -> str | None:
    """All that a verdict does, to be compared."""
    if verdict is None:
        return None
    changes = [[(change.op, change.argument) for change in some] for some in (verdict.after, verdict.failed)]
    return json.dumps(
        [explanation.deliveries(mail, verdict), changes, verdict.stopped, verdict.suppressed], sort_keys=True
    )
