"""The delivery semantics: what is promised, and by whom. Where this text and the code disagree, the code is wrong.

**Record.** ``record(entries)`` writes, in one transaction, the folder's cursor, a row for each mail handled, and
every delivery that the mails caused. Before it the mail will be seen again; after it the deliveries survive any
crash. A delivery's id is UNIQUE: recording a mail a second time adds nothing.

**States of a delivery.**

    held ──────▶ pending ──▶ delivered          acknowledged by the far end
      │             ├──────▶ dead               permanent failure, or retried for `retry_for`: kept with its reason
      │             └──────▶ expired            a stale "open the door" is not an hour late: dropped and reported
      └──▶ dropped                              by hand, or a reset that was restarted, or whose main was never sent

``held`` is what waits for something else: a reset for the acknowledgement of what it resets, a mail's changes for all
of its deliveries.

**Order** is kept per lane (folder, sink, target): a lane's second delivery waits while its first is being retried;
other lanes go on. (What a pipelined sink had taken before it refused the first, as MQTT's quota may have it, is not
taken back.) A delayed delivery takes its place in its lane when it is due, and blocks nobody before.

**Resets.** A reset is recorded ``held`` beside its main. The acknowledgement of the main makes it pending, due
``reset_after`` later (or at ``reset_at``, and at once if that has passed), and drops the earlier resets of the same
rule, sink and target that are still waiting (a firing restarts them). It never expires. A main that ends without
having been sent takes its reset with it, and leaves an earlier one alone; one that ends after a try whose answer was
lost may have arrived, so its reset follows. A dead main that is retried by hand gets its reset back.

**Mail changes** are deliveries to the sink ``@<mailbox>``: one row a change, ``held`` until all of the mail's
deliveries (resets apart) have ended. Then each rule's ``after`` counts if all its deliveries were acknowledged, its
``failed`` if one is dead or expired; flags go first, then copies, then the first rule's move or delete; the rest of
its moves and deletes falls away. A mail leaves its folder only when its other changes are made: if one is dead, it
stays. A mail without deliveries gets its changes at once.

**Events.** What happens to a mail later (flagged, unflagged, seen, gone) is an entry of its own: its plans are held
until its own deliveries have ended, and it makes no mail a known one. Sources tell of what is otherwise than the
store's marks say, and ``record`` takes it for news only if it is (``happening.py``): the marks said otherwise until
now, and the bridge did not do it. A change of its own is known as such while it is pending, since it may have been
made; when it is settled as delivered, the marks are as if it had been told, and what was told before is no news. One
act that shows in two folders of a mailbox is one event. What is no news has the fate ``known``.

A **count** is an entry of a folder of its own (its name is ""), so that all counts of a mailbox share one order. A
newer one drops the older ones of its rule, sink and target that wait and were not tried, and their resets.

**What is used up.** A rule that matched may hang on claims yet: ``repeated`` (the third mail within ten minutes) and
``throttle`` (five within a minute). ``record`` settles them in its transaction, for mails that it has not recorded
before, in the order of their UIDs and of the rules, and returns what became of each rule. One that is unmet is as if
it had not matched; one that is suppressed has matched, and its changes are made, but its deliveries are not recorded:
a burst would fill the store with what nobody sends. They are counted, and when the throttle lets one through again,
one summary says how many there were (``summaries.py``). What is counted outlives a restart.

**Files.** What is too large to be held in memory is put into the store in pieces before its mail is recorded; the
mail's commit ties it to its deliveries. It is erased when the last of them has ended, and so is what no delivery names;
a dead delivery keeps it (``files.py``).

**Settle.** ``settle(outcomes)`` writes what became of deliveries, and all that follows from it, in one transaction.
What was sent and not settled is sent again after a crash, with the same id.

**One at a time.** All writes go through one task that commits as many as wait (group commit). A SQLite state belongs
to one bridge: a second one that opens it gets ``errors.StoreInUse``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

from bridge.delivery import Delivery
from bridge.mail import Place
from bridge.rules import Change, Claim
from bridge.rules.claims import Fate

State = Literal["held", "pending", "delivered", "dead", "expired", "dropped"]
ENDED: frozenset[str] = frozenset({"delivered", "dead", "expired", "dropped"})
SUMMARIES = "#suppressed"  # the name under which summaries hear of news; no sink is called that
CHANGES = "@"  # `@home` is the sink that carries out the changes of the mails of the mailbox `home`


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What one rule wants done to a mail when its deliveries have ended."""

    rule: str
    after: tuple[Change, ...] = ()
    failed: tuple[Change, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Firing:
    """One rule that matched a mail, and all that comes of it if its claims hold."""

    rule: str
    deliveries: Sequence[Delivery] = ()
    plan: Plan | None = None
    claims: Sequence[Claim] = ()
    stop: bool = False  # if it holds, the later rules count for nothing


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One mail that was handled: what is recorded of it, in the transaction that moves the cursor past it."""

    place: Place
    event: str = "new"
    occurrence: int = 0  # 0 for `new`; a mail's events are recorded, and their deliveries end, each by itself
    fingerprint: str = ""  # "" for a mail that has nothing to recognise it by
    firings: Sequence[Firing] = ()  # in the order of the rules
    dead: str = ""  # why the mail itself could not be handled

    @property
    def deliveries(self) -> list[Delivery]:
        """All that the mail causes if every claim holds."""
        return [delivery for firing in self.firings for delivery in firing.deliveries]


Fates = Mapping[int, Sequence[Fate]]
"""What became of the firings of a batch: entry's index → a fate a firing. An entry that is not there claimed nothing,
and all of it has fired. An event that was none is there even if it has no firings."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of one attempt to deliver. ``pending`` is another try at ``due``."""

    delivery_id: str
    state: State
    code: str = ""
    reason: str = ""
    due: float = 0.0
    tried: bool = True  # it ended with a try, not while it waited for one
    maybe_sent: bool = False  # it ended unacknowledged, but an earlier try may have reached the far end


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Queued:
    """A delivery as it stands in the outbox."""

    seq: int  # order of recording
    delivery: Delivery
    state: State
    attempts: int
    due: float  # POSIX seconds; 0 is at once
    reason: str = ""
    ended: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """What a dispatcher reads at once."""

    deliveries: Sequence[Queued]
    more: bool
    next_due: float | None  # when the next one that cannot be sent yet can be; only where there is no more


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """A sink has something new to do."""

    deadline: float | None = None  # the first moment at which something of it expires or is given up
    dropped: frozenset[str] = frozenset()  # deliveries that must no longer be sent
    foreign: bool = False  # somebody else changed the outbox: all that was read of it may be wrong


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """What a settlement set in motion."""

    news: Mapping[str, News]  # sink → what is new to it
    dropped: frozenset[str]  # deliveries that must no longer be sent
