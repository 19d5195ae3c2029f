"""How many mails the rules with ``event: count`` count: one mailbox's numbers, in memory. No I/O.

A source tells of the mails that may count (``sources.Census``), each is judged, and a number that is another than the
one that was told last is due: at the start too, once every folder has told, or the rest keeps silent for so long that
it is not waited for. A folder that tells anew counts as before until it has ended; one that can no longer be reached
counts as it did. The copies of a mail in several folders (labels) are one mail.

Some mails count only for a time (``since: midnight``). They are kept, header and all, and judged again then. Of more
than so many the rest counts until its folder tells anew.
"""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import heapq
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any

import structlog

from bridge import sources, turns
from bridge.mail import Mail

log = structlog.get_logger()
PATIENCE_S = 30.0  # without a census, before folders that have not told yet are no longer waited for
MOST_KEPT = 10_000  # mails that count for a time
MOST_KEPT_OCTETS = 32_000_000  # of their headers
_LONGEST_SLEEP_S = 60.0  # how late a clock that was set forward, or a suspended machine, is noticed
_LEAST_S = 0.1  # before a mail is judged again
_TURN_S = 0.01  # of judging, before the event loop gets its turn


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """Which rules count a mail, and when that may be otherwise by the clock alone (POSIX seconds)."""

    rules: frozenset[str] = frozenset()
    until: float | None = None


Judge = Callable[[Mail], Awaitable[Judged]]
_Place = tuple[str, int]  # folder, UID


@dataclasses.dataclass(frozen=True, slots=True)
class _Counted:
    """What is known of a mail that counts."""

    rules: frozenset[str]
    key: str  # the same for its copies; "" where there can be none


@dataclasses.dataclass(frozen=True, slots=True)
class _Told:
    """A mail of a census that has not ended."""

    counted: _Counted
    until: float | None
    mail: Mail | None  # where there is an `until`, unless they are too many


@dataclasses.dataclass(slots=True)
class _Folder:
    counted: dict[int, _Counted] = dataclasses.field(default_factory=dict)
    coming: dict[int, _Told | None] | None = None  # None: gone
    anew: bool = False  # what is coming is all there is


class Counts:
    """One mailbox's. ``rules`` are the names of those that count, ``folders`` those that will tell."""

    def __init__(
        self, mailbox: str, rules: Sequence[str], folders: Collection[str], *, clock: Callable[[], float] = time.time
    ) -> None:
        self.mailbox = mailbox
        self._rules = tuple(rules)
        self.clock = clock
        self._folders: dict[str, _Folder] = {}
        self._several = len(folders) > 1
        self._silent = set(folders)
        self._patient_until: float | None = None
        self._numbers = _Numbers()
        self._last: dict[str, int] = {}  # rule → what was told
        self._passing = _Passing()
        self._occurrence = 0

    # What is told.

    async def take(self, folder: str, census: sources.Census, judge: Judge) -> None:
        """Takes in what a source tells; the same once more changes nothing."""
        found = self._folders.setdefault(folder, _Folder())
        if census.begins or found.coming is None:
            found.coming, found.anew = {}, census.begins
        turn = turns.Turns(_TURN_S)
        for mail in census.mails:
            told = await self._judged(mail, judge)
            is_kept = len(found.coming) < MOST_KEPT
            found.coming[mail.place.uid] = told if is_kept else dataclasses.replace(told, mail=None)
            await turn.pause()
        found.coming.update(dict.fromkeys(census.gone))
        if census.ends:
            self._end(folder, found)
        if self._silent:
            self._patient_until = self.clock() + PATIENCE_S

    async def look_again(self, judge: Judge) -> None:
        """Judges those whose time has come."""
        turn = turns.Turns(_TURN_S)
        for (folder, uid), mail in self._passing.over(self.clock()):
            self._replace(folder, uid, await self._judged(mail, judge))
            await turn.pause()

    async def _judged(self, mail: Mail, judge: Judge) -> _Told:
        judged = await judge(mail)
        counted = _Counted(judged.rules, mail.fingerprint if self._several and judged.rules else "")
        if judged.until is None:
            return _Told(counted, None, None)
        return _Told(counted, max(judged.until, self.clock() + _LEAST_S), dataclasses.replace(mail))  # nothing read yet

    def _end(self, folder: str, found: _Folder) -> None:
        """What was told counts from now on."""
        coming, found.coming = found.coming or {}, None
        if found.anew:
            for uid in found.counted.keys() - coming.keys():
                self._replace(folder, uid, None)
            self._passing.forget_others(folder, coming.keys())
        for uid, told in coming.items():
            self._replace(folder, uid, told)
        self._silent.discard(folder)

    def _replace(self, folder: str, uid: int, told: _Told | None) -> None:
        counted = self._folders[folder].counted
        if (before := counted.pop(uid, None)) is not None:
            self._numbers.add(before, folder, -1)
        self._passing.forget((folder, uid))
        if told is None:
            return
        if told.counted.rules:
            counted[uid] = told.counted
            self._numbers.add(told.counted, folder, 1)
        if told.until is not None:
            self._passing.keep((folder, uid), told.until, told.mail)

    # What is due.

    @property
    def next_time(self) -> float | None:
        """When there may be something to do by the clock alone; POSIX seconds."""
        times = (self._passing.next_time, self._patient_until if self._silent else None)
        return min((time for time in times if time is not None), default=None)

    def changed(self) -> dict[str, int]:
        """The numbers that have to be told, by rule."""
        if self._silent and not self._is_impatient():
            return {}
        return {rule: self._numbers[rule] for rule in self._rules if self._last.get(rule) != self._numbers[rule]}

    def _is_impatient(self) -> bool:
        if self._patient_until is None or self.clock() < self._patient_until:
            return False
        log.info("mails are counted without the folders that have not told yet", folders=sorted(self._silent))
        self._silent.clear()
        return True

    def told(self, numbers: Mapping[str, int]) -> None:
        """They are recorded."""
        self._last.update(numbers)

    def occurrence(self) -> int:
        """Tells one time that a number is told from another: milliseconds, each time more."""
        self._occurrence = max(self._occurrence + 1, int(self.clock() * 1e3))
        return self._occurrence


class _Numbers:
    """Rule → how many mails. Of copies in several folders those count that one folder has most of."""

    def __init__(self) -> None:
        self._of: collections.Counter[str] = collections.Counter()
        self._copies: dict[tuple[str, str], collections.Counter[str]] = {}  # (rule, key) → folder → how many

    def __getitem__(self, rule: str) -> int:
        return self._of[rule]

    def add(self, counted: _Counted, folder: str, number: int) -> None:
        for rule in counted.rules:
            self._of[rule] += self._copied(rule, counted.key, folder, number) if counted.key else number

    def _copied(self, rule: str, key: str, folder: str, number: int) -> int:
        here = self._copies.setdefault((rule, key), collections.Counter())
        before = max(here.values(), default=0)
        here[folder] += number
        if not here[folder]:
            del here[folder]
        if not here:
            del self._copies[rule, key]
        return max(here.values(), default=0) - before


class _Passing:
    """Mails that have to be judged again at a time of their own."""

    def __init__(self) -> None:
        self._kept: dict[_Place, tuple[float, Mail]] = {}
        self._heap: list[tuple[float, _Place]] = []  # some of it is over
        self._octets = 0
        self._is_full = False  # that is told once

    def keep(self, place: _Place, until: float, mail: Mail | None) -> None:
        if mail is None or len(self._kept) >= MOST_KEPT or self._octets + len(mail.head) > MOST_KEPT_OCTETS:
            self._tell_once(place)
            return
        self._kept[place] = until, mail
        self._octets += len(mail.head)
        heapq.heappush(self._heap, (until, place))
        if len(self._heap) > 2 * len(self._kept) + 100:
            self._heap = [(time, one) for one, (time, _) in self._kept.items()]
            heapq.heapify(self._heap)

    def forget(self, place: _Place) -> None:
        if (kept := self._kept.pop(place, None)) is not None:
            self._octets -= len(kept[1].head)

    def forget_others(self, folder: str, uids: Collection[int]) -> None:
        for place in [one for one in self._kept if one[0] == folder and one[1] not in uids]:
            self.forget(place)

    @property
    def next_time(self) -> float | None:
        while self._heap and self._is_stale(*self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def over(self, now: float) -> list[tuple[_Place, Mail]]:
        """Those whose time has come; they stay until they are judged."""
        return [(place, mail) for place, (until, mail) in self._kept.items() if until <= now]

    def _is_stale(self, until: float, place: _Place) -> bool:
        return self._kept.get(place, (None,))[0] != until

    def _tell_once(self, place: _Place) -> None:
        if not self._is_full:
            self._is_full = True
            what = "too many mails count only for a time: the rest counts until its folder is looked at anew"
            log.warning(what, folder=place[0], most=MOST_KEPT, octets=MOST_KEPT_OCTETS)


class Alarm:
    """One timer that is there only while there is something to wait for."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, None]], *, clock: Callable[[], float]) -> None:
        self._work = work
        self._clock = clock
        self._at: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._working: asyncio.Task[None] | None = None

    def set(self, at: float | None) -> None:
        """Works then (POSIX seconds), and no longer at another time; None: never."""
        self._at = at
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if at is not None:
            wait_s = min(max(0.0, at - self._clock()), _LONGEST_SLEEP_S)
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._at is not None and self._at > self._clock():
            self.set(self._at)
        elif self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work(), name="counts")

    async def close(self) -> None:
        self.set(None)
        if self._working is not None:
            self._working.cancel()
            await asyncio.wait([self._working])
