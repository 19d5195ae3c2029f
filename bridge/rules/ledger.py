"""What verdicts say when their claims are settled and their mails counted: by the store, or by a ledger, where there
is none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from bridge.mail import Mail
from bridge.rules import Checked, Claim, Moment, Rules, Verdict, claims, files, happening

EXPLAINING = "explain keeps no state"
REPEATED, THROTTLE = "when.repeated", "throttle"  # where their lines stand
_LATER = "known when the mail is recorded"
_NOT_COUNTED = "not counted: the rule does not match"
_NOT_LOOKED_AT = frozenset(("enabled", "mailboxes", "event", "stop"))


class Ledger:
    """Counts the mails that it is shown, in that order, as the store would: those of one mailbox. ``note`` tells people
    what it does not know.
    """

    def __init__(self, *, note: str = "") -> None:
        self._note = f" ({note})" if note else ""
        self._tallies: dict[str, claims.Tally] = {}
        self._numbers: dict[str, int] = {}

    def judge(self, rule_set: Rules, mail: Mail, moment: Moment, *, explain: bool = False) -> list[Verdict]:
        """What comes of this mail, after those that were judged before. A rule that counts sends the number of those
        that it has counted up to this one. Files of it that are too large for memory are measured where they are.
        """
        _, verdicts = files.measured(mail, lambda known: rule_set.evaluate(known, moment, explain=explain))
        if mail.event == "count":
            verdicts = [self._numbered(one, rule_set, mail, moment) if one.matched else one for one in verdicts]
        return self.settle(verdicts, explain=explain)

    def _numbered(self, verdict: Verdict, rule_set: Rules, mail: Mail, moment: Moment) -> Verdict:
        number = self._numbers[verdict.rule] = self._numbers.get(verdict.rule, 0) + 1
        blank = happening.blank(mail.place.mailbox, moment.now, number)
        sent = rule_set.count(verdict.rule, number, blank, moment)
        return dataclasses.replace(sent, conditions=(*verdict.conditions, *map(unsettled, sent.claims)))

    def settle(self, verdicts: Sequence[Verdict], *, explain: bool = False) -> list[Verdict]:
        """One mail's verdicts, and what would have come of them. With ``explain`` they are explained ones: each of them
        stays, with what its claims saw.
        """
        told: dict[Claim, Checked] = {}
        matched = [(one.claims, one.stopped) for one in verdicts if one.matched]
        fates = claims.fates(matched, lambda claim: self._use(claim, told))
        return list(_explained(verdicts, fates, told)) if explain else settled(verdicts, fates)

    def _use(self, claim: Claim, told: dict[Claim, Checked]) -> bool:
        used = claims.use(claim, self._tallies.get(claim.key, claims.Tally()))
        self._tallies[claim.key] = used.tally
        saw = claims.saw(claim, used) + self._note
        told[claim] = dataclasses.replace(unsettled(claim), held=used.held, saw=saw)
        return used.held


def settled(verdicts: Sequence[Verdict], fates: Sequence[claims.Fate]) -> list[Verdict]:
    """One mail's verdicts (not explained ones) by what became of those that matched: what did not fire is left out, and
    so is all that comes after the rule that stopped.
    """
    fate_of = iter(fates)
    found: list[Verdict] = []
    for verdict in verdicts:
        fate = next(fate_of) if verdict.matched else "fired"
        if fate in ("fired", "suppressed"):
            found.append(_sent(verdict, fate))
            if verdict.stopped:
                break
    return found


def unsettled(claim: Claim) -> Checked:
    """A claim in an explanation, as long as nobody has settled it."""
    path = THROTTLE if claim.kind == "throttle" else REPEATED
    return Checked(path=path, held=True, wanted=claims.wanted(claim), saw=_LATER)


def not_counted(wanted: str) -> Checked:
    """``repeated`` in the explanation of a rule that does not match anyway."""
    return Checked(path=REPEATED, held=False, wanted=wanted, saw=_NOT_COUNTED)


def after_stop(verdict: Verdict, stopped: str) -> Verdict:
    """A rule that was not looked at because an earlier one stopped: its conditions are shown all the same."""
    first = Checked(path="stop", held=False, wanted="no earlier rule stops", saw=f"{stopped} stopped")
    return Verdict(rule=verdict.rule, matched=False, conditions=(first, *_lines(verdict, {})))


def _explained(
    verdicts: Sequence[Verdict], fates: Sequence[claims.Fate], told: Mapping[Claim, Checked]
) -> Iterator[Verdict]:
    fate_of = iter(fates)
    stopped = ""
    for one in verdicts:
        fate = next(fate_of) if one.matched else "unmet"
        verdict = dataclasses.replace(one, conditions=tuple(_lines(one, told)))
        if stopped:
            yield verdict if _not_looked_at(verdict) else after_stop(verdict, stopped)
        elif fate in ("fired", "suppressed"):
            yield _sent(verdict, fate)
            stopped = verdict.rule if verdict.stopped else ""
        else:
            yield _unmet(verdict) if one.matched else verdict


def _lines(verdict: Verdict, told: Mapping[Claim, Checked]) -> Iterator[Checked]:
    """With what each claim saw, in place of what was known before; a throttle that was not asked has no line."""
    claim_of = {unsettled(claim): claim for claim in verdict.claims}
    for line in verdict.conditions:
        claim = claim_of.get(line)
        if claim is None or claim in told:
            yield line if claim is None else told[claim]
        elif claim.kind == "repeated":
            yield not_counted(line.wanted)


def _not_looked_at(verdict: Verdict) -> bool:
    return any(line.path in _NOT_LOOKED_AT for line in verdict.conditions[:1])


def _sent(verdict: Verdict, fate: claims.Fate) -> Verdict:
    if fate != "suppressed":
        return verdict
    return dataclasses.replace(verdict, deliveries=(), encodings=(), suppressed=True)


def _unmet(verdict: Verdict) -> Verdict:
    return Verdict(rule=verdict.rule, matched=False, conditions=verdict.conditions, values=verdict.values)
