"""What the server tells of an open folder, whichever answer it comes in: how many mails there are, which it announced,
and those that it sent by itself (NOTIFY, RFC 5465).
"""

from __future__ import annotations

from collections.abc import Collection

from bridge.sources.imap import frames, heard

_PUSHED_BYTES = 4 * 1024 * 1024  # of mails that the server sent by itself


class News:
    """Of one connection.

    Mails are announced by EXISTS. Some answer brings them, or with NOTIFY the server itself, behind the EXISTS. What
    nobody has brought yet has ``arrived``.
    """

    __slots__ = (
        *("_brought", "_octets", "announced", "arrived", "at", "changes", "exists", "notified", "responses"),
        *("stirred", "woken"),
    )

    def __init__(self) -> None:
        self.exists = 0
        self.changes: heard.Changes | None = None  # of mails that are there already, where anybody asks for them
        self.stirred = False  # whether anything has changed since the mails were counted
        self.woken = False  # whether that, or a change, has still to be looked at by who waits
        self.notified = False  # whether the server sends new mails by itself
        self._brought = 0  # the highest message that the answers under way have brought
        self.looking()

    def looking(self) -> None:
        """What is asked next brings whatever was announced or sent so far; an EXISTS from here on is news again."""
        self.arrived = 0  # how many mails were announced and not brought
        self.announced = 0  # and how many in all
        self.at: float | None = None  # monotonic time at which the first of them was announced
        self.responses: list[frames.Pieces] = []  # the mails that the server sent by itself
        self._octets = 0

    @property
    def is_complete(self) -> bool:
        """Whether all that was announced is in hand, sent by the server itself."""
        return bool(self.responses) and not self.arrived

    @property
    def is_ripe(self) -> bool:
        """Whether there is something to take, or to ask for: what is announced with NOTIFY comes by itself."""
        return (self.is_complete if self.notified else self.arrived > 0) or (self.woken and not self.arrived)

    @property
    def is_quiet(self) -> bool:
        """Whether nobody need be woken for what the server told so far."""
        return not (self.arrived or self.responses or self.woken)

    def answers_begin(self) -> None:
        """Of what they bring, an EXISTS among them is no news."""
        self._brought = 0

    answers_end = answers_begin  # and any EXISTS is again

    def tells(self, number: int, *, at: float) -> None:
        """EXISTS. Any counts as news, even one that names no more than we know of: some servers leave out an EXPUNGE.
        Only mails that this very answer has brought already are none (a push that DONE flushed out before the FETCH).
        """
        self.stirred = True
        if number > self._brought:
            more = max(number - self.exists, 1)
            self.arrived += more
            self.announced += more
            self.at = at if self.at is None else self.at
        self.exists = number

    def _stirs(self) -> None:
        if not (self.stirred and self.changes is None):
            self.stirred = self.woken = True

    def removes(self, *, at: float) -> None:
        """EXPUNGE."""
        self.exists -= 1
        self._brought -= 1
        self._stirs()
        if self.changes is not None:
            self.changes.expunges(at=at)

    def vanishes(self, line: bytes, *, at: float) -> None:
        """VANISHED, in place of EXPUNGE."""
        count = None if self.changes is None else self.changes.vanished(line, at=at)
        if count is not None:
            self.exists = max(self.exists - count, 0)
            self._brought = max(self._brought - count, 0)
            self._stirs()

    @property
    def streaming(self) -> bool:
        """Whether flags that come are in ``changes`` and nobody else looks at them."""
        return self.changes is not None and self.changes.streaming

    def taken(self, *, streaming: bool = False) -> heard.Changes:
        """What has changed so far; what comes from here on is news, or ``streaming``."""
        changes, self.changes = self.changes or heard.Changes(), heard.Changes()
        self.changes.streaming = streaming
        return changes

    def put_back(self, *taken: heard.Changes, without: Collection[int]) -> None:
        """These changes are still to be looked at, but for the flags of those mails."""
        if self.changes is not None:
            for changes in taken:
                self.changes.add(changes, without)
            self.woken = self.woken or bool(self.changes)

    def marks(self, pieces: frames.Pieces, *, at: float) -> bool:
        """FETCH, with flags in it or not; whether there was nothing else in it."""
        if self.changes is None:
            if len(pieces) == 1 and not self.stirred and b"FLAGS" in pieces[0].upper():
                self._stirs()
            return len(pieces) == 1
        plain = self.changes.fetched(pieces, at=at)
        if self.changes:
            self._stirs()
        return plain

    def brings(self, number: int, pieces: frames.Pieces, *, asked: bool) -> bool:
        """FETCH, with a mail in it; ``asked`` where a command under way asks for mails. Whether it was sent by the
        server itself: it is kept here, but no more than memory allows. What is then missing is asked for.
        """
        if self.notified and asked:
            return False  # who asked may not have asked for this one: what was announced stays news
        self._brought = max(self._brought, number)
        if number < self.exists:
            pass
        elif self.notified:
            self.arrived = 0
        else:
            self.looking()
        if self.notified and self._octets < _PUSHED_BYTES:
            self.responses.append(pieces)
            self._octets += sum(map(len, pieces))
        return self.notified
