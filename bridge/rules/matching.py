"""``when``, compiled: conditions and the groups of them.

A group looks at its cheapest members first and stops as soon as it is decided. When explaining it goes on, but only
to show: what comes after the decision changes neither the result nor the values, so that explaining and evaluating
agree.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from bridge import rules
from bridge.mail import Mail
from bridge.rules import anchors, named, sections
from bridge.rules.sections import Sections
from bridge.rules.text import clip
from bridge.sources import Search


class Look:
    """One rule looking at one mail: what it has found so far, and, when explaining, the lines of the explanation."""

    __slots__ = ("lines", "mail", "moment", "values")

    def __init__(self, mail: Mail, moment: rules.Moment, values: dict[str, Any], *, explain: bool) -> None:
        self.mail = mail
        self.moment = moment
        self.values = values
        self.lines: list[rules.Checked] | None = [] if explain else None

    def aside(self) -> Look:
        """A look of the same mail, whose findings count only if somebody takes them over."""
        look = Look(self.mail, self.moment, dict(self.values), explain=False)
        look.lines = self.lines
        return look

    def into(self, mail: Mail) -> Look:
        """A look at another mail in its stead; what is found there is found here."""
        look = Look(mail, self.moment, self.values, explain=False)
        look.lines = self.lines
        return look

    def note(self, path: str, wanted: str, *, held: bool, saw: str) -> None:
        if self.lines is not None:
            self.add(rules.Checked(path=path, held=held, wanted=wanted, saw=saw))

    def add(self, line: rules.Checked) -> None:
        if self.lines is not None:
            self.lines.append(line)


class Node(abc.ABC):
    """A condition or a group."""

    __slots__ = ()

    need: rules.Need  # the most that any part of it needs
    late: bool  # whether any part of it looks at extracted values
    fleeting: bool  # whether any part of it may turn out otherwise later
    names: frozenset[str]  # the values that it may give
    mentions: frozenset[str]  # the values that it asks for
    beyond_text: bool  # whether any part of it may ask for other sections than the readable text

    @abc.abstractmethod
    def holds(self, look: Look) -> bool:
        """Adds what it finds to ``look``. Raises what a condition raises."""

    @abc.abstractmethod
    def possible(self, look: Look) -> bool:
        """Whether it can still hold, as far as what is in hand tells."""

    @abc.abstractmethod
    def sections(self, mail: Mail) -> Iterator[Sections]:
        """What has to be in hand for each part of it."""

    @abc.abstractmethod
    def must_show(self) -> anchors.Needed:
        """What a mail must show before it can hold (``rules.Condition.must_show``)."""

    def sought(self, moment: rules.Moment) -> Search:
        """What a server can be asked for that leaves out no mail for which it holds."""
        return rules.ANY_MAIL

    @abc.abstractmethod
    def until(self, look: Look) -> float | None:
        """When it may turn out otherwise by the clock alone (``rules.Condition.until``)."""


def beyond_text(asks: rules.Condition | rules.Finder) -> bool:
    """Whether it may ask for other sections than the readable text."""
    kind = rules.Condition if isinstance(asks, rules.Condition) else rules.Finder
    return asks.need > rules.Need.TEXT or (asks.need > rules.Need.HEAD and type(asks).sections is not kind.sections)


class Leaf(Node):
    """One condition."""

    __slots__ = ("beyond_text", "condition", "fleeting", "late", "mentions", "names", "need", "path")

    def __init__(self, path: str, condition: rules.Condition, *, is_passing: bool = False) -> None:
        """With ``is_passing`` what may be otherwise when the mail is gone (``rules.Condition.passing``) is fleeting."""
        self.path = path
        self.condition = condition
        self.need = condition.need
        self.late = isinstance(condition, rules.LateCondition | rules.CountedCondition)
        self.fleeting = condition.fleeting or (is_passing and condition.passing)
        self.names = condition.names
        self.mentions = condition.mentions
        self.beyond_text = beyond_text(condition)

    def holds(self, look: Look) -> bool:
        if look.lines is not None:
            return self._explained(look)
        outcome = self._outcome(look)
        if outcome.held and outcome.values:
            look.values.update(outcome.values)
        return outcome.held

    def _explained(self, look: Look) -> bool:
        try:
            outcome = self._outcome(look)
        except Exception as error:
            look.note(self.path, self.condition.wanted, held=False, saw=f"failed: {clip(str(error))}")
            raise
        look.note(self.path, self.condition.wanted, held=outcome.held, saw=outcome.saw)
        if outcome.held:
            look.values.update(outcome.values)
        return outcome.held

    def _outcome(self, look: Look) -> rules.Outcome:
        if self.late and isinstance(self.condition, rules.LateCondition):
            return self.condition.judge(look.values)
        return self.condition.check(look.mail, look.moment)

    def possible(self, look: Look) -> bool:
        return self.late or self.fleeting or any(self.sections(look.mail)) or self._outcome(look).held

    def sections(self, mail: Mail) -> Iterator[Sections]:
        if self.need > rules.Need.HEAD:
            yield self.condition.sections(mail)

    def must_show(self) -> anchors.Needed:
        return anchors.NOTHING if self.late or self.fleeting else self.condition.must_show()

    def sought(self, moment: rules.Moment) -> Search:
        return self.condition.sought(moment)

    def until(self, look: Look) -> float | None:
        return self.condition.until(look.mail, look.moment) if self.fleeting else None


class Group(Node):
    """Members, cheapest first; those that look at extracted values last."""

    __slots__ = ("beyond_text", "fleeting", "late", "members", "mentions", "names", "need", "written")

    def __init__(self, members: Iterable[Node]) -> None:
        self.written: Sequence[Node] = tuple(members)
        self.members: Sequence[Node] = tuple(sorted(self.written, key=lambda member: (member.late, member.need)))
        if self.members == self.written:
            self.members = self.written
        self.need = max((member.need for member in self.members), default=rules.Need.HEAD)
        self.late = any(member.late for member in self.members)
        self.fleeting = any(member.fleeting for member in self.members)
        self.names = named.together(member.names for member in self.members)
        self.mentions = named.together(member.mentions for member in self.members)
        self.beyond_text = any(member.beyond_text for member in self.members)

    def holds(self, look: Look) -> bool:
        return self._holds(look) if look.lines is None else self._explained(look, look.lines)

    def _explained(self, look: Look, lines: list[rules.Checked]) -> bool:
        places = {id(member): place for place, member in enumerate(self.written)}
        starts: list[tuple[int, int]] = []

        def begin(member: Node) -> None:
            starts.append((places[id(member)], len(lines)))

        try:
            return self._shown(look, begin)
        finally:
            _in_file_order(lines, starts)

    def sections(self, mail: Mail) -> Iterator[Sections]:
        return (one for member in self.members for one in member.sections(mail))

    def until(self, look: Look) -> float | None:
        return earliest(member.until(look) for member in self.members if member.fleeting)

    @abc.abstractmethod
    def _holds(self, look: Look) -> bool:
        """As ``holds``, where nothing is to be explained."""

    @abc.abstractmethod
    def _shown(self, look: Look, begin: Callable[[Node], None]) -> bool:
        """The same, with every member in the explanation; ``begin`` says that the lines from here on are its."""


class All(Group):
    __slots__ = ()

    def _holds(self, look: Look) -> bool:
        for member in self.members:  # noqa: SIM110 — a generator would cost as much as a condition
            if not member.holds(look):
                return False
        return True

    def _shown(self, look: Look, begin: Callable[[Node], None]) -> bool:
        held = True
        for member in self.members:
            begin(member)
            if held:
                held = member.holds(look)
            else:
                _show(member, look)
        return held

    def possible(self, look: Look) -> bool:
        return all(member.possible(look) for member in self.members)

    def must_show(self) -> anchors.Needed:
        return anchors.all_of(member.must_show() for member in self.members)

    def sought(self, moment: rules.Moment) -> Search:
        found = [member.sought(moment) for member in self.members]
        since = max((one.since for one in found if one.since is not None), default=None)
        return Search(flags=frozenset[str]().union(*(one.flags for one in found)), since=since)


class Any_(Group):  # noqa: N801 — Any is typing's
    """A branch that fails half way leaves nothing behind."""

    __slots__ = ()

    def _holds(self, look: Look) -> bool:
        for member in self.members:
            branch = look.aside()
            if member.holds(branch):
                look.values.update(branch.values)
                return True
        return False

    def _shown(self, look: Look, begin: Callable[[Node], None]) -> bool:
        held = False
        for member in self.members:
            begin(member)
            branch = look.aside()
            if held:
                _show(member, branch)
            elif member.holds(branch):
                look.values.update(branch.values)
                held = True
        return held

    def possible(self, look: Look) -> bool:
        return any(member.possible(look) for member in self.members)

    def must_show(self) -> anchors.Needed:
        return anchors.any_of(member.must_show() for member in self.members)


class Not(Node):
    """Holds when its member does not; what its member finds is no value."""

    names: frozenset[str] = frozenset()

    def __init__(self, member: Node) -> None:
        self.member = member
        self.need = member.need
        self.late = member.late
        self.fleeting = member.fleeting
        self.mentions = member.mentions
        self.beyond_text = member.beyond_text

    def holds(self, look: Look) -> bool:
        return not self.member.holds(look.aside())

    def possible(self, look: Look) -> bool:
        return self.late or self.fleeting or any(self.sections(look.mail)) or self.holds(look)

    def sections(self, mail: Mail) -> Iterator[Sections]:
        return self.member.sections(mail)

    def until(self, look: Look) -> float | None:
        return self.member.until(look)

    def must_show(self) -> anchors.Needed:
        return anchors.NOTHING


class Named(Node):
    """A group as it is written, with a line of its own in the explanation, above those of its members."""

    def __init__(self, path: str, wanted: str, group: Node, *, saw: tuple[str, str]) -> None:
        """``saw`` is what is said where it holds, and where it does not."""
        self._path = path
        self._wanted = wanted
        self._group = group
        self._held, self._not_held = saw
        self.need, self.late, self.fleeting = group.need, group.late, group.fleeting
        self.names, self.mentions = group.names, group.mentions
        self.beyond_text = group.beyond_text

    def holds(self, look: Look) -> bool:
        if look.lines is None:
            return self._group.holds(look)
        at = len(look.lines)
        held = self._group.holds(look)
        saw = self._held if held else self._not_held
        look.lines.insert(at, rules.Checked(path=self._path, held=held, wanted=self._wanted, saw=saw))
        return held

    def possible(self, look: Look) -> bool:
        return self._group.possible(look)

    def sections(self, mail: Mail) -> Iterator[Sections]:
        return self._group.sections(mail)

    def must_show(self) -> anchors.Needed:
        return self._group.must_show()

    def sought(self, moment: rules.Moment) -> Search:
        return self._group.sought(moment)

    def until(self, look: Look) -> float | None:
        return self._group.until(look)


class Carried(Node):
    """The same keys, for the mail that this one carries; without one it does not hold."""

    def __init__(self, path: str, group: Group) -> None:
        self._path = path
        self._group = group
        self.need = rules.Need.CONTENT
        self.beyond_text = True
        self.late, self.fleeting = group.late, group.fleeting
        self.names, self.mentions = group.names, group.mentions

    def holds(self, look: Look) -> bool:
        mail = look.mail.forwarded
        if look.lines is not None:
            saw = f'carries "{clip(mail.subject)}"' if mail else "carries no mail"
            look.note(self._path, "a mail that it carries", held=mail is not None, saw=saw)
        return mail is not None and self._group.holds(look.into(mail))

    def possible(self, look: Look) -> bool:
        if any(sections.forwarded(look.mail)):
            return True
        mail = look.mail.forwarded
        return mail is not None and self._group.possible(look.into(mail))

    def sections(self, mail: Mail) -> Iterator[Sections]:
        return sections.within(mail, self._group.sections)

    def must_show(self) -> anchors.Needed:
        """What the mail in it shows is nothing that this one must show."""
        return anchors.NOTHING

    def until(self, look: Look) -> float | None:
        mail = look.mail.forwarded
        return None if mail is None else self._group.until(look.into(mail))


def earliest(times: Iterable[float | None]) -> float | None:
    """The first of these moments; None where there are none."""
    return min((time for time in times if time is not None), default=None)


def _in_file_order(lines: list[rules.Checked], starts: list[tuple[int, int]]) -> None:
    """Members are looked at cheapest first, and shown as they are written."""
    if not starts:
        return
    ends = [*(start for _, start in starts[1:]), len(lines)]
    stretches = sorted((place, lines[start:end]) for (place, start), end in zip(starts, ends, strict=True))
    lines[starts[0][1] :] = [line for _, stretch in stretches for line in stretch]


def _show(member: Node, look: Look) -> None:
    try:
        member.holds(look.aside())
    except Exception as error:  # noqa: BLE001 — it is noted in the explanation, and was not asked for
        del error
