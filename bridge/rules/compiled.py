"""One rule, compiled: a mail in, a verdict out."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bridge import plugins, rules, sinks
from bridge.delivery import Delivery
from bridge.mail import Mail
from bridge.rules import (
    action,
    aftermath,
    anchors,
    failing,
    filters,
    ledger,
    matching,
    named,
    sections,
    settings,
    sources,
    values,
    view,
    when,
)
from bridge.rules.sections import Sections
from bridge.rules.text import clip

_TEXT_NAMES = frozenset(("mail", "mail.text"))


class _Source:
    """One place to look for a value."""

    def __init__(self, source: sources.Source) -> None:
        self.finder: rules.Finder = plugins.find("extract", source.kind).make(source.setting)
        self.finder.octets, self.finder.links = source.octets, source.links
        self._convert = source.convert
        self.wanted = (self.finder.wanted or source.kind) + (f" ({source.type})" if source.type else "")

    def find(self, look: matching.Look) -> tuple[Any, str]:
        """(the value, "") or (None, why there is none)."""
        try:
            raw = self.finder.find(look.mail, look.moment)
        except ValueError as error:
            return None, clip(str(error))
        if raw is None:
            return None, "not found"
        try:
            return self._convert(raw, look.mail, look.moment), ""
        except ValueError as error:
            return None, f"{clip(filters.shown(raw))} {error}"


class _Value:
    """One entry of ``extract``: the first of its sources that is found, else the first default."""

    def __init__(self, name: str, extract: sources.Extract) -> None:
        self.name = name
        self._path = f"extract.{name}"
        self._sources = [_Source(source) for source in extract.sources]
        self._default = next((source for source in extract.sources if source.has_default), None)
        self.need = max(source.finder.need for source in self._sources)
        self.beyond_text = any(matching.beyond_text(source.finder) for source in self._sources)
        self._wanted = ", or ".join(source.wanted for source in self._sources)

    def sections(self, mail: Mail) -> Iterator[Sections]:
        """What has to be in hand for it."""
        return (one.finder.sections(mail) for one in self._sources if one.finder.need > rules.Need.HEAD)

    def must_show(self) -> anchors.Needed:
        """What a mail must show for it to be found, where the rule does not match without."""
        found = (source.finder.must_show() for source in self._sources)
        return anchors.NOTHING if self._default else anchors.any_of(found)

    def take(self, look: matching.Look) -> bool:
        """Whether there is a value; it is added to the look's."""
        reasons = []
        for source in self._sources:
            value, reason = source.find(look)
            if not reason:
                return self._took(look, value, "")
            reasons.append(reason)
        if self._default is not None:
            try:
                default = self._default.default_for(look.mail, look.moment)
                return self._took(look, default, f"{', '.join(reasons)}: default ")
            except ValueError as error:
                reasons.append(f"default {error}")
        look.note(self._path, self._wanted, held=False, saw=", ".join(reasons))
        return False

    def _took(self, look: matching.Look, value: Any, before: str) -> bool:
        look.values[self.name] = value
        if look.lines is not None:  # it may be large
            look.note(self._path, self._wanted, held=True, saw=before + clip(filters.shown(value)))
        return True


class CompiledRule:
    """Made once at load. Pure: the same mail and moment give the same verdict."""

    def __init__(self, written: settings.Rule, *, kinds_of_sinks: Mapping[str, tuple[str, sinks.Plugin]]) -> None:
        """
        Raises:
            ValueError, LookupError: the rule is wrong in a way that ``verify`` tells of.
        """
        self.name = written.name
        self.event: str = written.event
        self.mailboxes = None if written.mailboxes is None else frozenset(written.mailboxes)
        self.enabled = written.enabled
        self.stop = written.stop
        self._after = aftermath.Changes("after", written.after.changes)
        self._failed = aftermath.Changes("failed", written.failed.changes)
        self._when = when.compile_when(written.when, is_passing=written.event == "gone")
        self._first, self._late = when.split(self._when)
        self._repeated = when.counted(self._when)
        self._throttle = written.throttle.counter if written.throttle is not None else None
        self._unasked = _not_automatic() if not when.mentions_key(written.when, "automatic") else None
        self._extract = [_Value(name, extract) for name, extract in written.extract.items()]
        document = self._document(written)
        self._actions = [
            action.Action(one, rule=written.name, index=index, sink=kinds_of_sinks[one.sink], document=document)
            for index, one in enumerate(written.then)
        ]
        self.shows_text = self._shows_text()
        needs = [self._when.need, *(value.need for value in self._extract)]
        self.needs_more = self.shows_text or max(needs) > rules.Need.HEAD
        self.needs_content = self._when.beyond_text or any(value.beyond_text for value in self._extract)
        self.must_show = anchors.all_of([self._when.must_show(), *(value.must_show() for value in self._extract)])

    def _document(self, written: settings.Rule) -> values.Value:
        """What is sent where the rule says nothing of the payload."""
        return values.Document(self._when.names | frozenset(written.extract))

    def _shows_text(self) -> bool:
        """Whether a template has the readable text in it."""
        mentions = self._when.mentions.union(*(one.names for one in self._actions))
        counted = self._throttle.names if self._throttle is not None else named.NOBODY
        return bool((mentions | counted | self._after.names | self._failed.names) & _TEXT_NAMES)

    def sections(self, mail: Mail) -> Sections:
        """What of this mail has to be in hand before the rule looks at it. Asked only where ``needs_more``."""
        conditions = self._when.sections(mail)
        shown = [sections.text(mail)] if self.shows_text else []
        return sections.together(
            [*conditions, *(one for value in self._extract for one in value.sections(mail)), *shown]
        )

    def possible(self, mail: Mail, moment: rules.Moment) -> bool:
        """Whether it can still match, as far as the header tells. A condition that raises is looked at again with all
        of the mail.
        """
        look = matching.Look(mail, moment, {}, explain=False)
        try:
            return (self._unasked is None or self._unasked.possible(look)) and self._when.possible(look)
        except Exception:  # noqa: BLE001 — whatever it is, it is told of when the rule is evaluated
            return True

    def judge(self, mail: Mail, moment: rules.Moment) -> rules.Verdict | None:
        """None where it does not match.

        Raises:
            Exception: what a condition or a template raised; the caller turns it into a verdict.
        """
        found: dict[str, Any] = {}
        look = matching.Look(mail, moment, found, explain=False)
        if not self._first.holds(look) or not (self._unasked is None or self._unasked.holds(look)):
            return None
        if not all(value.take(look) for value in self._extract) or not self._late_holds(look):
            return None
        return self._matched(look)

    def explain(self, mail: Mail, moment: rules.Moment) -> rules.Verdict:
        """The same, with a line for everything that was looked at."""
        look = matching.Look(mail, moment, {}, explain=True)
        try:
            verdict = self._matched(look) if self._all_hold(look) else self._unmatched(look)
        except Exception as error:  # noqa: BLE001 — any failure is this rule's, and is told
            verdict = self.failure(error)
        return _with_lines(verdict, look)

    def _all_hold(self, look: matching.Look) -> bool:
        """Looks at everything; what comes after the first failure is only shown."""
        held = self._first.holds(look)
        if held and self._unasked is not None:
            held = self._unasked.quietly_holds(look)
        for value in self._extract:
            held = self._shown(value.take, look, held=held)
        return self._shown(self._late_holds, look, held=held)

    @staticmethod
    def _shown(step: Callable[[matching.Look], bool], look: matching.Look, *, held: bool) -> bool:
        if held:
            return bool(step(look))
        try:
            step(look)
        except Exception as error:  # noqa: BLE001 — it is noted in the explanation, and would not have been asked for
            del error
        return False

    def _late_holds(self, look: matching.Look) -> bool:
        if not self._late.members:
            return True
        held_values = look.values
        look.values = view.values(look.mail, look.moment.zone, rule=self.name, found=held_values)
        try:
            return self._late.holds(look)
        finally:
            held_values.update((name, look.values[name]) for name in self._late.names if name in look.values)
            look.values = held_values

    def _matched(self, look: matching.Look) -> rules.Verdict:
        """What comes of it. An action that cannot be rendered costs itself alone: its delivery is dead from the start,
        and what is not sent at all, a reset or a payload that the rule drops, is told in ``error``.
        """
        known = view.values(look.mail, look.moment.zone, rule=self.name, found=look.values)
        claims = self._repeats(look, known)
        deliveries, encodings, missing = self._made(look, known)
        claims += self._throttles(look, known, deliveries)
        for claim in claims:
            look.add(ledger.unsettled(claim))
        (after, unmade), (failed, unmade_too) = self._after.render(known), self._failed.render(known)
        missing += [*unmade, *unmade_too]
        for path, reason in missing:
            look.note(
                path, "to be sent" if path.startswith("then") else "to be done", held=False, saw=clip(reason, 200)
            )
        return rules.Verdict(
            rule=self.name,
            matched=True,
            stopped=self.stop,
            values={name: view.cap(value) for name, value in look.values.items()},
            deliveries=tuple(deliveries),
            encodings=tuple(encodings),
            after=after,
            failed=failed,
            claims=claims,
            error="; ".join([f"{path}: {reason}" for path, reason in missing]),
        )

    def _made(
        self, look: matching.Look, known: Mapping[str, Any]
    ) -> tuple[list[Delivery], list[str], list[tuple[str, str]]]:
        """The deliveries, how each is encoded, and of those that there are not, (path, why)."""
        deliveries: list[Delivery] = []
        encodings: list[str] = []
        missing: list[tuple[str, str]] = []
        for one in self._actions:
            for part in one.parts(look.mail, look.moment, known):
                if isinstance(part, action.Made):
                    deliveries.append(part.delivery)
                    encodings.append(part.encoding)
                else:
                    missing.append((part.path, part.reason))
        return deliveries, encodings, missing

    def _repeats(self, look: matching.Look, known: Mapping[str, Any]) -> tuple[rules.Claim, ...]:
        """All other keys hold: what ``repeated`` asks for yet."""
        one = self._repeated
        return () if one is None else (one.claim(self.name, look.mail, look.moment, known),)

    def _throttles(
        self, look: matching.Look, known: Mapping[str, Any], made: Sequence[Delivery]
    ) -> tuple[rules.Claim, ...]:
        """Only a firing that sends something counts."""
        if self._throttle is None or not any(_will_be_sent(one) for one in made):
            return ()
        return (self._throttle.claim(self.name, look.moment.now, known),)

    def _unmatched(self, look: matching.Look) -> rules.Verdict:
        """When explaining."""
        if self._repeated is not None:
            look.add(ledger.not_counted(self._repeated.wanted))
        return rules.Verdict(rule=self.name, matched=False)

    def failure(self, error: Exception) -> rules.Verdict:
        """A rule that raised counts as not matched."""
        return rules.Verdict(rule=self.name, matched=False, stopped=self.stop, error=failing.reason(error))

    def skipped(self, path: str, wanted: str, saw: str) -> rules.Verdict:
        """When explaining: it was not looked at."""
        line = rules.Checked(path=path, held=False, wanted=wanted, saw=saw)
        return rules.Verdict(rule=self.name, matched=False, conditions=(line,))


def _will_be_sent(one: Delivery) -> bool:
    return not one.dead and (one.expires is None or one.expires > one.created)


class _Unasked(matching.Leaf):
    """``automatic: false`` where the rule does not say: a line of the explanation only if it does not hold."""

    __slots__ = ()

    def quietly_holds(self, look: matching.Look) -> bool:
        outcome = self._outcome(look)
        if not outcome.held:
            look.note(self.path, self.condition.wanted, held=False, saw=outcome.saw)
        return outcome.held


@functools.cache
def _not_automatic() -> _Unasked:
    """One for all rules."""
    plugin: rules.ConditionPlugin = plugins.find("conditions", "automatic")
    return _Unasked("when.automatic", plugin.make(plugin.setting.parse(False)))


def _with_lines(verdict: rules.Verdict, look: matching.Look) -> rules.Verdict:
    lines: Sequence[rules.Checked] = look.lines or ()
    values = verdict.values or {name: view.cap(value) for name, value in look.values.items()}
    return dataclasses.replace(verdict, conditions=tuple(lines), values=values)
