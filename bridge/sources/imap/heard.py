"""What a server says, in between, of mails that are there already: flags that changed, mails that went.

With QRESYNC (RFC 7162) it names the UIDs, and what it says is a fact. Else it names sequence numbers. No map of them is
kept: it is taken as a hint that something has changed, and the folder is compared with what is known of it.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import time
from collections.abc import Collection

from bridge import errors
from bridge.mail import Mail
from bridge.sources.imap import frames, response, uidset

MOST = 20_000  # mails of which flags are kept here; of more, comparing the folder says it in less
_PLAIN = re.compile(
    rb"\* \d{1,20} FETCH \((?:(?:UID \d{1,10}|FLAGS \([^()\"{}]*\)|MODSEQ \(\d{1,20}\))(?: (?!\))|(?=\))))+\) *",
    re.IGNORECASE,
)
_UID = re.compile(rb"UID (\d{1,10})", re.IGNORECASE)
_FLAGS = re.compile(rb"FLAGS \(([^()]*)\)", re.IGNORECASE)
_MODSEQ = re.compile(rb"MODSEQ \((\d{1,20})\)", re.IGNORECASE)
_VANISHED = re.compile(rb"\* VANISHED (\(EARLIER\) )?([\d:,]+) *", re.IGNORECASE)
_NO_FLAG = frozenset({"\\recent"})
_ODD_BYTES = 8_192  # of a response with more in it than flags


@dataclasses.dataclass(frozen=True, slots=True)
class Now:
    """How a mail is marked now."""

    flags: frozenset[str]
    modseq: int | None = None

    @classmethod
    def of(cls, mail: Mail) -> Now:
        """As it was fetched."""
        return cls(frozenset(flag.lower() for flag in mail.flags) - _NO_FLAG)

    @property
    def seen(self) -> bool:
        return "\\seen" in self.flags

    @property
    def flagged(self) -> bool:
        return "\\flagged" in self.flags


@functools.lru_cache(maxsize=256)
def lowered(flags: bytes) -> frozenset[str]:
    r"""``\Seen \Recent $Label1`` → ``\seen $label1``: flags have no case (RFC 9051, section 2.3.2), and \Recent is none
    of them. The same set for the same text.
    """
    return frozenset(flags.decode("ascii", "replace").lower().split()) - _NO_FLAG


class Changes:
    """Of one connection, since they were last taken."""

    __slots__ = ("at", "expunged", "flags", "full", "gone", "hint", "modseq", "since", "streaming")

    def __init__(self) -> None:
        self.flags: dict[int, Now] = {}
        self.gone: list[uidset.Uids] = []
        self.hint = False  # something has changed, and there is no telling what
        self.expunged = False  # and it may be that a mail went
        self.modseq = 0  # the highest of those
        self.full = False  # more has changed than is kept here
        self.streaming = False  # whether flags are asked for just now, and need not be kept anywhere else
        self.at: float | None = None  # monotonic time at which the first of it was read
        self.since: float | None = None  # the same as POSIX seconds

    def __bool__(self) -> bool:
        return self.hint or bool(self.flags) or bool(self.gone)

    def _dated(self, at: float) -> None:
        if self.at is None:
            self.at, self.since = at, time.time()

    def add(self, earlier: Changes, without: Collection[int]) -> None:
        """What was taken before this began."""
        if earlier.at is not None and (self.at is None or earlier.at < self.at):
            self.at, self.since = earlier.at, earlier.since
        self.flags = {uid: now for uid, now in earlier.flags.items() if uid not in without} | self.flags
        self.gone = [*earlier.gone, *self.gone]
        self.hint, self.expunged = self.hint or earlier.hint, self.expunged or earlier.expunged

    def expunges(self, *, at: float) -> None:
        self._dated(at)
        self.hint = self.expunged = True

    def fetched(self, pieces: frames.Pieces, *, at: float) -> bool:
        """Takes note of the flags in a FETCH; whether that was all of it, and no mail."""
        if len(pieces) == 1 and _PLAIN.fullmatch(pieces[0]):
            if flags := _FLAGS.search(pieces[0]):
                uid, modseq = _UID.search(pieces[0]), _MODSEQ.search(pieces[0])
                self._flags(int(uid[1]) if uid else None, flags[1], int(modseq[1]) if modseq else None, at)
            return True
        return b"BODY" not in pieces[0].upper() and self._odd(pieces, at)

    def _odd(self, pieces: frames.Pieces, at: float) -> bool:
        """Flags among other items that nobody asked for; mails are read elsewhere."""
        if sum(map(len, pieces)) > _ODD_BYTES:
            return False
        try:
            items = response.fetched(pieces) or {}
        except errors.MailError:
            self._flags(None, b"", None, at)
            return False
        flags, uid, modseq = items.get(b"FLAGS"), items.get(b"UID"), items.get(b"MODSEQ")
        if not isinstance(flags, tuple) or any(name.startswith((b"BODY", b"RFC822")) for name in items):
            return False
        told = modseq[0] if isinstance(modseq, tuple) and modseq and isinstance(modseq[0], int) else None
        text = b" ".join(flag for flag in flags if isinstance(flag, bytes))
        self._flags(uid if isinstance(uid, int) else None, text, told, at)
        return True

    def _flags(self, uid: int | None, flags: bytes, modseq: int | None, at: float) -> None:
        self._dated(at)
        self.modseq = max(self.modseq, modseq or 0)
        if uid is None or not 0 < uid <= response.MOST:
            self.hint = True
        elif len(self.flags) >= MOST and uid not in self.flags:
            self.hint = self.full = True
        else:
            self.flags[uid] = Now(lowered(flags), modseq or None)

    def vanished(self, line: bytes, *, at: float) -> int | None:
        """Takes note of a VANISHED (RFC 7162, section 3.2.10); by how many mails the folder is smaller now: none for
        those that went EARLIER. None: it is something else.
        """
        match = _VANISHED.fullmatch(line)
        if match is None:
            return None
        uids = uidset.Uids.read(match[2])
        self._dated(at)
        self.gone.append(uids)
        return 0 if match[1] else len(uids)
