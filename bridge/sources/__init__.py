"""Where mails come from: the contract.

A ``Source`` is an async context manager whose entry does not need the server to be up. ``batches()`` yields
``Batch``es: the mails of one folder in the order of their UIDs, each with the ``Cursor`` that stands behind them. **A
batch is acknowledged by the commit that holds its cursor, and by nothing else**: whoever consumes ``batches()``
records a batch before asking for the next, and a source that is opened again starts behind the cursor that
``Memory.cursor`` gives it, so what was not committed is seen again. A consumer that ends before it asked for the next
one finds the same batch first when it calls ``batches()`` again.

A source never marks a mail by looking at it (only ``BODY.PEEK``), downloads nothing that ``wants`` does not ask for,
gives a file that is too large for memory when it is asked for (``file``), and carries out ``MailChange``s by UID under
the UIDVALIDITY that the mail was read with. A UID that is gone counts as done; a UIDVALIDITY that has changed makes the
change ``Permanent``.

A mail that cannot be fetched or parsed is a ``Lost`` in its batch: the cursor passes it, and it is recorded as dead
with its reason. A server or network that gives no mails at all makes none of them ``Lost``: they are asked for again,
for ever.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Literal, Protocol, Self

from bridge.delivery import MailChange, Receipt
from bridge.mail import Mail, Place
from bridge.mail.part import Part

Wants = Callable[[Mail], Mapping[str, int]]
"""Which sections of this mail the rules (for ``mail.event``) that are still alive need, and at most how many octets of
each. Pure, and never raises; ``{}`` for most mails. Called after the first fetch, for a heavy mail in a thread."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """Mails that a rule with ``event: count`` may count, as far as a server can tell. All keys hold; none: any mail."""

    flags: frozenset[str] = frozenset()  # as servers write them, "!" before one that is not set: "\\Flagged", "!\\Seen"
    since: datetime.date | None = None  # INTERNALDATE is of this day or later, in whichever zone the server counts days


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
    """What the rules of a mailbox ask to be told beyond new mails. With nothing in it, nothing is asked or kept."""

    events: frozenset[str] = frozenset()  # of: flagged, unflagged, seen, gone
    searches: frozenset[Search] = frozenset()  # one for each rule that counts; many may be alike
    remembers: Callable[[Mail], bool] = lambda _: False  # whether a rule may ask for this mail when it is gone

    @property
    def marks(self) -> bool:
        """Whether it matters how mails were marked before."""
        return bool(self.events)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Cursor:
    """How far a folder has been handled: every UID up to and including ``uid`` under this ``uidvalidity``."""

    mailbox: str
    folder: str
    uidvalidity: int
    uid: int
    committed: float = 0.0  # POSIX seconds of the last commit; set by the store
    marked: Marked | None = None  # set by the store


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Marked:
    """Up to where the store knows how the mails of a folder are marked."""

    uidvalidity: int
    modseq: int | None  # RFC 7162; None where the server has none
    at: float  # POSIX seconds: when that was so


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """How a mail is marked, and, where ``Watch.remembers`` asks for it, what it was: it can be gone when it is asked
    for. A mail of which nothing is kept counts as seen and not flagged.
    """

    seen: bool = True
    flagged: bool = False
    head: bytes | None = None  # the raw header; None leaves what is kept as it is
    size: int = 0
    received: float = 0.0  # POSIX seconds
    fingerprint: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Marks:
    """What has changed among the mails of a folder; kept by the commit of its batch."""

    uidvalidity: int
    modseq: int | None = None
    at: float = 0.0  # POSIX seconds: when the server told
    mails: Mapping[int, Mark] = dataclasses.field(default_factory=dict)  # UID → how it is now
    gone: frozenset[int] = frozenset()  # UIDs
    whole: bool = False  # these are all that are unseen or flagged: forget what was kept of this folder
    dropped: bool = False  # no rule asks any more: forget it, and keep nothing


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Census:
    """Mails that rules with ``event: count`` may count, as they are now: each takes the place of what was told of it
    before. A mail that no longer meets any ``Watch.searches`` is told of all the same, so that it can be taken out.
    """

    mails: tuple[Mail, ...] = ()  # with ``event`` "count"
    gone: frozenset[int] = frozenset()  # UIDs
    begins: bool = False  # all of the folder is told anew: forget what was told of it before
    ends: bool = True  # nothing follows that belongs to this one: the counts are right again


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Lost:
    """A mail that cannot be handled, and why."""

    place: Place
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Some mails of one folder in UID order, and the cursor that their commit moves to.

    **The mails may be of another UIDVALIDITY than the cursor.** After a change of UIDVALIDITY all batches but the last
    hold mails with new UIDs, and the old cursor once more: after a crash between them the folder is read again from the
    beginning, instead of from a new cursor that would make mails of before look new. Who and where a mail is says its
    ``Place`` alone, and such mails may come twice.

    ``mails`` may be empty: at the first sight of a folder the batch only sets the cursor. ``renewed`` says that the
    folder's UIDVALIDITY changed, so that mails handled before have to be recognised by their fingerprint. ``pushed``
    is the monotonic time at which the server's push for it was read (None: found by looking).

    ``wants`` is what was asked how much of these mails to fetch, the same for all of them: other rules may need what
    was not downloaded, so a batch that was under way when the rules changed belongs to the rules before.

    **Events.** Beside new mails ``mails`` may have some to which something happened (``Mail.event``: flagged,
    unflagged, seen, gone; ``happened`` and ``occurrence`` say when, and which time), with ``marks`` that say so. A
    source tells of what it finds to be otherwise than ``Memory.marks`` says; whether it was the bridge's own doing is
    for the store to say when it records the batch. Of a mail that is gone there is what ``Mark`` kept.
    """

    cursor: Cursor
    mails: tuple[Mail, ...] = ()
    lost: tuple[Lost, ...] = ()
    renewed: bool = False
    pushed: float | None = None
    wants: Wants | None = None
    marks: Marks | None = None
    census: Census | None = None


class Memory(Protocol):
    """What a source asks the store: how far was I?"""

    async def cursor(self, mailbox: str, folder: str) -> Cursor | None:
        """The committed cursor, or None at the first sight of the folder."""

    async def marks(self, mailbox: str, folder: str, uids: Collection[int] | None = None) -> Mapping[int, Mark]:
        """What is kept of these mails (without: of all), under the UIDVALIDITY of ``Cursor.marked``; without heads."""

    async def remembered(self, mailbox: str, folder: str, uids: Collection[int]) -> Mapping[int, Mark]:
        """The same with heads, of those of these mails that have one."""

    async def attempt(self, place: Place) -> int:
        """Notes durably that this mail is about to be handled, and returns how often that was noted before.

        Asked only while ``careful`` holds (after an unclean stop, when mails go one by one): a mail that took the
        process down three times is recognised by it. A process asks once a mail, however often it reconnects. The
        commit of a batch forgets the attempts of its mails.
        """

    @property
    def careful(self) -> bool:
        """Whether mails must go one by one for now."""


State = Literal["connecting", "live", "retrying", "refused"]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RoundTrip:
    """What became of a canary: a mail that the bridge put into a folder itself, to see that it is told of."""

    mailbox: str
    folder: str
    at: float  # POSIX seconds: when it was sent
    append_s: float | None = None  # until the server had taken it
    push_s: float | None = None  # from there until the server told of it; 0 where it told of it before
    fetch_s: float | None = None  # from there until the mail was in hand
    total_s: float | None = None  # from sending it to having it in hand
    delete_s: float | None = None
    failed: Literal["", "append", "push"] = ""  # where it was lost
    reason: str = ""
    left: str = ""  # why it could not be deleted again; "" where it was


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class FolderState:
    """What an admin is shown of one watched folder."""

    mailbox: str
    folder: str
    state: State
    since: float  # POSIX seconds
    last_heard: float | None = None
    reason: str = ""
    unseen: int | None = None  # how many mails are not seen; None: not known yet
    total: int | None = None
    bytes_read: int = 0  # octets received from the server over all connections of this folder
    round_trips: int = 0
    canary: RoundTrip | None = None  # the last one


class Source(Protocol):
    """Watches the folders of one mailbox."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None:
        """Stops watching; what was yielded and not committed will be seen again."""

    def batches(self) -> AsyncIterator[Batch]:
        """Every new mail, for ever; ends only when the source is closed."""
        ...

    def file(self, place: Place, part: Part) -> AsyncGenerator[bytes, None]:
        """An attached file that is too large to be held in memory, as it was before it was made a mail, in pieces of a
        megabyte at most. As patient as ``batches``: a connection that ends is made anew, and it goes on. To be closed
        by who asks.

        Raises:
            errors.MailError: the mail is gone, or the server does not give the file; the message says which.
        """
        ...

    async def change(self, changes: Sequence[MailChange]) -> Sequence[Receipt | Exception]:
        """Carries out changes of this mailbox, in order, neighbours that are alike in one command.

        One result a change, in order: a receipt, ``errors.Retryable`` or ``errors.Permanent``.
        """

    def states(self) -> Sequence[FolderState]: ...
