"""Settings → ``Rules``: which rules look at a mail, in which order, and what comes of it.

The rules of a mailbox are picked once (``_of``); a mail is shown to each of them in turn. Everything that can be
known at load is compiled, so that a rule that does not match costs one or two conditions; of thousands of rules an
index leaves out those that cannot match (``index``). Explaining looks at every rule.

Whether a rule with ``repeated`` has matched is known only when its mail is recorded: a ``stop`` of its own lets the
rules behind it be looked at, and recording ends it (``claims.py``).
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence

import structlog

from bridge import collecting, errors, rules, sinks
from bridge.mail import Mail
from bridge.rules import compiled, index, ledger, sections, settings

log = structlog.get_logger()
HEAVY_TEXT_OCTETS = 100_000


def compile_rules(
    written: Sequence[settings.Rule],
    *,
    sinks: Mapping[str, tuple[str, sinks.Plugin]],
    bridge: str = "",
    zone: datetime.tzinfo = datetime.UTC,
) -> RuleSet:
    """The rules of a configuration without faults. ``sinks`` is each sink's name → (its type, its plugin).

    Raises:
        errors.ConfigError: a rule is wrong in a way that ``verify`` tells of.
    """
    found, faults = [], []
    with collecting.paused():
        for n, rule in enumerate(written):
            try:
                found.append(compiled.CompiledRule(rule, kinds_of_sinks=sinks))
            except (ValueError, LookupError) as error:
                reason = f'no sink is called "{error.args[0]}"' if isinstance(error, KeyError) else str(error)
                faults.append(errors.Fault(file="rules", path=f"rules.{n}", message=reason))
        if faults:
            raise errors.ConfigError(faults)
        return RuleSet(found, bridge=bridge, zone=zone)


class RuleSet:
    """A compiled rule set: the contract is ``rules.Rules``."""

    def __init__(self, found: Sequence[compiled.CompiledRule], *, bridge: str, zone: datetime.tzinfo) -> None:
        self._rules = tuple(found)
        self._bridge = bridge
        self._zone = zone
        self._shared: dict[tuple[int, ...], index.Few] = {}  # by the numbers of its rules: many mailboxes have the same
        self._picked: dict[str, index.Few] = {}
        for mailbox in {"", *(name for rule in found for name in rule.mailboxes or ())}:
            self._of(mailbox)  # made now, not when the first mail waits for it

    def _of(self, mailbox: str) -> index.Few:
        if (picked := self._picked.get(mailbox)) is None:
            picked = self._picked[mailbox] = self._pick(mailbox)
        return picked

    def _pick(self, mailbox: str) -> index.Few:
        numbers = tuple(
            n
            for n, rule in enumerate(self._rules)
            if rule.enabled and (rule.mailboxes is None or mailbox in rule.mailboxes)
        )
        if numbers not in self._shared:
            self._shared[numbers] = index.of([self._rules[n] for n in numbers])
        return self._shared[numbers]

    def wants(self, mail: Mail) -> Mapping[str, int]:
        """Section → octets at most, for the rules that are still alive after the first fetch; never raises."""
        try:
            return self._wants(mail)
        except Exception:
            log.exception("what a mail needs could not be told", mailbox=mail.place.mailbox, uid=mail.place.uid)
            return {}

    def _wants(self, mail: Mail) -> sections.Sections:
        moment = rules.Moment(now=mail.received.timestamp(), zone=self._zone, bridge=self._bridge)
        some = self._of(mail.place.mailbox)
        wanted = [rule.sections(mail) for rule in some.needing_content(mail) if rule.possible(mail, moment)]
        if (text := sections.text(mail)) and any(rule.possible(mail, moment) for rule in some.needing_text(mail)):
            wanted.append(text)
        return sections.together(wanted)

    def heavy(self, mail: Mail) -> bool:
        """A file, a long text or a long header is in hand: to make something of it may take many milliseconds."""
        if mail.is_long or not mail.has_more:
            return mail.is_long
        text = mail.text_part
        section = text.section if text else ""
        return len(mail.content.get(section, b"")) > HEAVY_TEXT_OCTETS or bool(mail.whole - {section})

    def evaluate(self, mail: Mail, moment: rules.Moment, *, explain: bool = False) -> Sequence[rules.Verdict]:
        """One verdict a rule that matched or raised; when explaining, one for every rule, each with all of its
        conditions.
        """
        return list(self._explained(mail, moment) if explain else self._evaluated(mail, moment))

    def _evaluated(self, mail: Mail, moment: rules.Moment) -> Iterator[rules.Verdict]:
        for rule in self._of(mail.place.mailbox).candidates(mail):
            try:
                verdict = rule.judge(mail, moment)
            except Exception as error:  # noqa: BLE001 — any failure is this rule's: it is reported, and the others go on
                verdict = rule.failure(error)
            if verdict is not None:
                yield verdict
                if verdict.stopped and not verdict.pending:
                    return

    def _explained(self, mail: Mail, moment: rules.Moment) -> Iterator[rules.Verdict]:
        stopped = ""
        for rule in self._rules:
            if not rule.enabled:
                yield rule.skipped("enabled", "true", "false")
            elif rule.mailboxes is not None and mail.place.mailbox not in rule.mailboxes:
                yield rule.skipped("mailboxes", ", ".join(sorted(rule.mailboxes)), mail.place.mailbox)
            elif stopped:
                yield ledger.after_stop(rule.explain(mail, moment), stopped)
            else:
                verdict = rule.explain(mail, moment)
                stopped = rule.name if verdict.stopped and not verdict.pending else ""
                yield verdict

    # STAND-IN: the rules' side of events is built elsewhere, and takes the place of what follows.

    def watched(self, mailbox: str, now: float) -> rules.Watched:
        return rules.Watched()

    def counted_by(self, mail: Mail, moment: rules.Moment) -> frozenset[str]:
        return frozenset()

    def counts_until(self, mail: Mail, moment: rules.Moment) -> float | None:
        return None

    def count(self, rule: str, number: int, mail: Mail, moment: rules.Moment) -> rules.Verdict:
        raise KeyError(rule)
