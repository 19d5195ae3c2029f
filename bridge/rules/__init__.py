"""What a mail means to the admin: the contract.

``evaluate(mail, moment) → verdicts`` is pure, ordered, and explains itself: it does no I/O, and what needs the world
(the clock, what is proven of the sender, counts) enters as a value in ``Moment``. ``wants(mail)`` says, after the
first fetch, which sections the rules that are still alive need, so that a source downloads no more than that.

A rule whose condition raises counts as not matched and is reported in its verdict; if it has ``stop``, evaluation
stops there. An action that cannot be rendered costs itself alone: the rule matches, the delivery is dead from the
start (``Delivery.dead``), and the rule's other actions go out.

**Events.** A rule looks only at mails to which its event has happened (``Mail.event``). What a rule with
``event: count`` sends is about no one mail, so that ``evaluate`` only says which of them match; whoever keeps the
numbers asks ``counted_by`` of each mail, again when it has changed and at the time that ``counts_until`` gives, and
``count`` for what is sent. ``watched`` says what has to be told of a mailbox for all of this.

    settings.py      the pydantic models of one entry under ``rules:`` (sources.py: of ``extract``)
    arrival.py       when a mail came, or what happened to it did, for conditions and deliveries (wallclock.py: times
                     and days as people write them; happening.py: mails as if something had happened to them)
    text.py          the text forms of ``when``: word, /regex/, list, map (regex.py: RE2 with Unicode
                     classes; re2_syntax.py, word_marks.py)
    addresses.py     the forms of ``from``, ``to``, ``cc``, ``reply_to``
    expression.py    ``if``: comparisons of like with like
    template.py      strings with {{ … }}: native values, cleaned segments (tags.py: where they are; lookups.py: those
                     that only name a value; filters.py, values.py, view.py)
    conditions/      one file a key of ``when``
    extract/         one file a source of ``extract`` (searching.py; address_search.py: in addresses)
    kinds/           one file a type of a value: what was found → number, time, picture …
    written/         numbers, sums, times and codes as people write them, in many languages
    labels.py        what stands beside a label; fields.py: paths into schema.org data
    index.py         which of thousands of rules can match a mail (anchors.py: what a condition needs to be there;
                     literals.py: the same of a regex)
    sections.py      which octets of a mail have to be in hand before a text or a file of it can be looked at
    attachments.py   which attachments are meant (files.py: what is in one; json_path.py, csv_row.py)
    invitation.py    the calendar in a mail
    reading.py       subject and body, which both have
    timing.py        ``delay``, ``expires``, ``reset.after``: a duration or a moment
    aftermath.py     ``after`` and ``failed``: changes of the mail
    claims.py        ``throttle`` and ``repeated``: what is used up (counting.py: settings; ledger.py: without a store)
    engine.py        settings → ``Rules`` (compiled.py: one rule; count_rule.py: one that counts; when.py, matching.py:
                     ``when``; action.py, sink_fields.py: ``then``)
    verify.py        what is wrong with a rule beyond its shape: unknown sinks, names, templates (verify_action.py),
                     and what does not fit its event (verify_event.py)
    worst_case/      what check warns of: payloads that may not fit (cleaning.py: topics that are not sent as they are
                     written; unsure.py: values that may be missing; unused_keys.py: ``keys`` that mean no field;
                     too_large.py: files that no sink in question takes)
    failing.py       what is told of something that raised
    explanation.py   what ``mailwire explain`` says, as values
    golden.py        what a rule makes of a mail beside what its tests expect (expectation.py: as they are written)
"""

from __future__ import annotations

import abc
import dataclasses
import datetime
import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

from bridge import schema
from bridge.delivery import Delivery
from bridge.mail import Mail, limits
from bridge.rules import anchors, sections
from bridge.rules.sections import Sections
from bridge.sources import Search, Watch


class Need(enum.IntEnum):
    """What has to be in hand before a condition can be looked at; they are looked at in this order."""

    HEAD = 0  # header, structure, flags, size: always there
    TEXT = 1  # the readable text
    CONTENT = 2  # some other part


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """When, and by whom, a mail is looked at."""

    now: float  # POSIX seconds
    zone: datetime.tzinfo = datetime.UTC
    bridge: str = ""
    attachment_bytes: int = limits.STREAMED_BYTES  # the most that an attached file may have


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What one condition made of one mail. ``saw`` is shown to people: short, and never a whole body."""

    held: bool
    saw: str = ""
    values: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # named groups


ANY_MAIL = Search()


class Condition(abc.ABC):
    """One key of ``when`` with its setting. Made once at load, looked at for every mail."""

    need: Need = Need.HEAD
    names: frozenset[str] = frozenset()  # the values that it may give (named groups)
    mentions: frozenset[str] = frozenset()  # the values that it asks for, where it is looked at after `extract`: `temp`
    fleeting: bool = False  # it may hold for a mail now and not later: nothing is left undone because of it
    passing: bool = False  # it looks at what may be otherwise by the time that the mail is gone: its flags
    parts: bool = False  # it looks at the list of parts, which is at hand but no header tells

    @property
    @abc.abstractmethod
    def wanted(self) -> str:
        """What it asks for, for people."""

    def sections(self, mail: Mail) -> Sections:
        """What of this mail has to be in hand beyond the header. Pure; asked only where ``need`` says that there may be
        something.
        """
        return sections.text(mail) if self.need == Need.TEXT else {}

    def must_show(self) -> anchors.Needed:
        """What a mail must show before it can hold, for the index over many rules; nothing: any mail may do."""
        return anchors.NOTHING

    def sought(self, moment: Moment) -> Search:
        """What a server can be asked for that leaves out no mail for which it holds, now or later."""
        return ANY_MAIL

    def until(self, mail: Mail, moment: Moment) -> float | None:
        """When it may turn out otherwise by the clock alone: POSIX seconds, later than ``moment``; None: never."""
        return None

    @abc.abstractmethod
    def check(self, mail: Mail, moment: Moment) -> Outcome:
        """Whether it holds. Pure; may raise, which counts as not held and is reported."""


class CountedCondition(Condition):
    """A condition on how often the others have held: settled last of all, when the mail is recorded. Stands at the top
    of ``when`` only. ``check`` cannot know, and does not hold.
    """

    per: str = ""  # the template that says what is counted together

    @abc.abstractmethod
    def claim(self, rule: str, mail: Mail, moment: Moment, values: Mapping[str, Any]) -> Claim:
        """What has to hold yet. Pure; may raise, like ``check``."""


class LateCondition(Condition):
    """A condition on the values that the rule has found: looked at after ``extract``."""

    @abc.abstractmethod
    def judge(self, values: Mapping[str, Any]) -> Outcome:
        """Whether it holds for these values. Pure; may raise, like ``check``."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """One line of an explanation: ``path`` is ``when.subject``, ``when.any.0.from``, ``extract.temp``, ``when.if``."""

    path: str
    held: bool
    wanted: str
    saw: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One entry of ``after`` or ``failed``; ``argument`` is the flag or the folder."""

    op: str  # seen | flag | copy | move | delete
    argument: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """What a rule that matched asks of those that matched before: settled, and used up, when the mail is recorded (see
    ``claims.py``).
    """

    kind: Literal["repeated", "throttle"]
    rule: str
    key: str  # what is counted together: a hash over rule, kind and the rendered `per`
    number: int  # `min` or `max`
    within_s: float
    at: float  # POSIX seconds: the mail's arrival for `repeated`, the time of looking for `throttle`
    shown: str = ""  # the rendered `per`, for people: short


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What one rule made of one mail."""

    rule: str
    matched: bool
    stopped: bool = False  # no later rule looks at this mail
    conditions: tuple[Checked, ...] = ()  # all of them when explaining; else none
    values: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    deliveries: tuple[Delivery, ...] = ()  # main and reset parts, in the order of `then`
    encodings: tuple[str, ...] = ()  # parallel to deliveries: the value of `as`
    after: tuple[Change, ...] = ()
    failed: tuple[Change, ...] = ()
    claims: tuple[Claim, ...] = ()  # what it hangs on yet
    suppressed: bool = False  # its throttle has dropped its deliveries
    error: str = ""  # why it counts as not matched although it might; if it matched, what is not sent, and why

    @property
    def pending(self) -> bool:
        """Whether it is known only when the mail is recorded if the rule matches (and stops)."""
        return any(claim.kind == "repeated" for claim in self.claims)


class Rules(Protocol):
    """A compiled rule set."""

    def wants(self, mail: Mail) -> Mapping[str, int]:
        """Section → octets at most, for the rules that are still alive after the first fetch; never raises."""

    def heavy(self, mail: Mail) -> bool:
        """Whether evaluating it may take so long that it must not hold the event loop. Cheap."""

    def evaluate(self, mail: Mail, moment: Moment, *, explain: bool = False) -> Sequence[Verdict]:
        """One verdict a rule that matched or raised; when explaining, one for every rule, each with all of its
        conditions. A rule that counts sends nothing by itself (``count``).
        """

    def watched(self, mailbox: str, now: float) -> Watch:
        """What has to be told of this mailbox. ``now`` is POSIX seconds: its searches hold from then on."""

    def counted_by(self, mail: Mail, moment: Moment) -> frozenset[str]:
        """The names of the rules that count this mail, whose ``event`` is ``count``, as it is now; never raises."""

    def counts_until(self, mail: Mail, moment: Moment) -> float | None:
        """When ``counted_by`` may say otherwise of this mail by the clock alone: POSIX seconds, later than ``moment``.
        It may be counted from then on, as well as no longer. None: never. Never raises.
        """

    def count(self, rule: str, number: int, mail: Mail, moment: Moment) -> Verdict:
        """What a rule that counts sends when it counts so many. ``mail`` stands for all of them: it is blank but for
        its place (of which only the mailbox is known), its event and the occurrence (``happening.blank``).

        Raises:
            KeyError: no rule of that name counts.
        """


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ConditionPlugin:
    """What a file in ``conditions/`` exports.

    ``setting`` is the type that pydantic validates the key's value with (its schema and its errors are those of the
    file); ``make(setting)`` is the condition.
    """

    setting: Any
    make: Any  # Callable[[Any], Condition]
    summary: str  # one line for the schema and the reference


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ExtractPlugin:
    """What a file in ``extract/`` exports: ``make(setting)`` gives a ``Finder``. With ``dotted`` an admin may write
    ``header.X-Temp: …`` for ``header: {X-Temp: …}``.
    """

    setting: Any
    make: Any  # Callable[[Any], Finder]
    summary: str
    dotted: bool = False
    maps: bool = False  # without a type, what it finds may be a map or a list


class Finder(abc.ABC):
    """Finds one raw value in a mail. Made once at load."""

    need: Need = Need.HEAD
    wanted: str = ""  # what it looks for, for people
    octets: bool = False  # the value's type takes a file as it is, not as its text (``KindPlugin.octets``)
    links: bool = False  # the value's type asks for an address, not for the text of a link (``KindPlugin.links``)

    @abc.abstractmethod
    def find(self, mail: Mail, moment: Moment) -> Any:
        """The value as it is found (``str``, ``bytes``, a number, a datetime), or None where there is none. Pure.

        Raises:
            ValueError: there is none, and why, for people.
        """

    def must_show(self) -> anchors.Needed:
        """As ``Condition.must_show``: what a mail must show before there is a value."""
        return anchors.NOTHING

    def sections(self, mail: Mail) -> Sections:
        """As ``Condition.sections``."""
        return sections.text(mail) if self.need == Need.TEXT else {}


class NoOptions(schema.Model):
    """A type that has no keys of its own."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class KindPlugin:
    """What a file in ``kinds/`` exports: a type of value.

    ``make(options)`` gives ``convert(raw, mail, moment) → value``: pure, and raises ``ValueError`` with what is wrong
    (``is no number``), which counts as not found. ``options`` are the keys beside ``type`` that are its own;
    ``source`` is the place (key, setting) that is looked at where the rule names none.
    """

    make: Callable[[Any], Callable[[Any, Mail, Moment], Any]]
    summary: str
    options: type[schema.Model] = NoOptions
    source: tuple[str, Any] | None = None
    octets: bool = False  # made from octets: a file is handed over as it is, not as its text
    links: bool = False  # an address: of a link it is where that leads to
    texts: bool = False  # its values are texts: an empty one may stand for none, as a default
