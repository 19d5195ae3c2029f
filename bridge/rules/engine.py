"""Settings → ``Rules``: which rules look at a mail, in which order, and what comes of it.

The rules of a mailbox and an event are picked once (``_of``); a mail is shown to each of them in turn. Everything that
can be known at load is compiled, so that a rule that does not match costs one or two conditions; of thousands of rules
an index leaves out those that cannot match (``index``). Explaining looks at every rule. A rule of another event is as
if it were not there: it stops none.

Whether a rule with ``repeated`` has matched is known only when its mail is recorded: a ``stop`` of its own lets the
rules behind it be looked at, and recording ends it (``claims.py``).
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterator, Mapping, Sequence

import structlog

from bridge import collecting, errors, rules, sinks
from bridge.mail import Mail
from bridge.rules import compiled, count_rule, failing, index, ledger, matching, sections, settings
from bridge.sources import Watch

log = structlog.get_logger()
HEAVY_TEXT_OCTETS = 100_000
_NEW, _GONE, _COUNT = "new", "gone", count_rule.COUNT


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
                kind = count_rule.CountRule if rule.event == _COUNT else compiled.CompiledRule
                found.append(kind(rule, kinds_of_sinks=sinks))
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
        self._picked: dict[tuple[str, str], index.Few] = {}
        self._events = frozenset({_NEW, *(rule.event for rule in found if rule.enabled)})
        self._counting = {rule.name: rule for rule in found if isinstance(rule, count_rule.CountRule)}
        self._failed: set[str] = set()  # the rules that count of which it is told that they failed
        for mailbox in {"", *(name for rule in found for name in rule.mailboxes or ())}:
            for event in self._events:
                self._of(mailbox, event)  # made now, not when the first mail waits for it

    def _of(self, mailbox: str, event: str) -> index.Few:
        if (picked := self._picked.get((mailbox, event))) is None:
            picked = self._picked[mailbox, event] = self._pick(mailbox, event)
        return picked

    def _pick(self, mailbox: str, event: str) -> index.Few:
        numbers = tuple(
            n
            for n, rule in enumerate(self._rules)
            if rule.enabled and rule.event == event and (rule.mailboxes is None or mailbox in rule.mailboxes)
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
        moment = self._moment(mail.received.timestamp())
        some = self._of(mail.place.mailbox, mail.event)
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
        for rule in self._of(mail.place.mailbox, mail.event).candidates(mail):
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
            elif rule.event != mail.event:
                yield rule.skipped("event", rule.event, mail.event)
            elif stopped:
                yield ledger.after_stop(rule.explain(mail, moment), stopped)
            else:
                verdict = rule.explain(mail, moment)
                stopped = rule.name if verdict.stopped and not verdict.pending else ""
                yield verdict

    def watched(self, mailbox: str, now: float) -> Watch:
        """What has to be told of this mailbox beyond new mails."""
        asked = {event for event in self._events if self._of(mailbox, event).rules}
        moment = self._moment(now)
        return Watch(
            events=frozenset(asked - {_NEW, _COUNT}),
            searches=frozenset(rule.sought(moment) for rule in self._counters(mailbox)),
            remembers=functools.partial(self._remembers, mailbox) if _GONE in asked else _never,
        )

    def _remembers(self, mailbox: str, mail: Mail) -> bool:
        """Whether a rule may match it when it is gone, whatever becomes of its flags. As to the event, the mail may be
        of any.
        """
        moment = self._moment(mail.received.timestamp())
        return any(rule.possible(mail, moment) for rule in self._of(mailbox, _GONE).candidates(mail))

    def counted_by(self, mail: Mail, moment: rules.Moment) -> frozenset[str]:
        """The names of the rules that count this mail. One that raises does not; that is told once."""
        return frozenset(
            rule.name
            for rule in self._of(mail.place.mailbox, _COUNT).candidates(mail)
            if self._counts(rule, mail, moment)
        )

    def _counts(self, rule: compiled.CompiledRule, mail: Mail, moment: rules.Moment) -> bool:
        try:
            return rule.judge(mail, moment) is not None
        except Exception as error:  # noqa: BLE001 — any failure is this rule's: it is reported, and the others go on
            if rule.name not in self._failed:
                self._failed.add(rule.name)
                where = {"mailbox": mail.place.mailbox, "folder": mail.place.folder, "uid": mail.place.uid}
                log.warning("a rule failed on a mail", **where, rule=rule.name, reason=failing.reason(error))
            return False

    def counts_until(self, mail: Mail, moment: rules.Moment) -> float | None:
        """When ``counted_by`` may say otherwise of this mail by the clock alone."""
        try:
            return matching.earliest(rule.until(mail, moment) for rule in self._counters(mail.place.mailbox))
        except Exception:
            log.exception("until when a mail counts could not be told", mailbox=mail.place.mailbox, uid=mail.place.uid)
            return None

    def count(self, rule: str, number: int, mail: Mail, moment: rules.Moment) -> rules.Verdict:
        """What a rule that counts sends when it counts so many.

        Raises:
            KeyError: no rule of that name counts.
        """
        found = self._counting[rule]
        try:
            return found.send(number, mail, moment)
        except Exception as error:  # noqa: BLE001 — it is reported, as of any rule
            return found.failure(error)

    def _counters(self, mailbox: str) -> Iterator[count_rule.CountRule]:
        """The rules of this mailbox that count."""
        some = self._of(mailbox, _COUNT).rules if _COUNT in self._events else ()
        return (rule for rule in some if isinstance(rule, count_rule.CountRule))

    def _moment(self, now: float) -> rules.Moment:
        return rules.Moment(now=now, zone=self._zone, bridge=self._bridge)


def _never(_: Mail) -> bool:
    """No rule asks."""
    return False
