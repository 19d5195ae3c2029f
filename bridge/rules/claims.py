"""What is used up: ``throttle`` and ``repeated``, which ask how often a rule has matched.

Looking at a mail is pure, so that it can only *claim*: ``Verdict.claims``. A claim is settled where the mail is
recorded, in the same transaction, in the order of the UIDs, and only once a mail; ``use`` decides, from nothing but
the times that are kept under the claim's key. The store (``outbox/tallies.py``) and the ledger of ``explain``
(``ledger.py``) both ask it, and both walk the rules of a mail with ``fates``.

``repeated`` counts by the mails' arrival. A mail that is met later than newer ones counts with them if it arrived in
their span, else it is one of its own and changes nothing.

``throttle`` counts by the time of looking. A firing that lies a whole span ahead was made before the clock was set
back: it is forgotten, so that no wrong clock shuts a rule for long.
"""

from __future__ import annotations

import bisect
import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from bridge.rules import Claim

MOST = 1_000  # the largest `min` or `max`: so many times are kept under one key

Fate = Literal["fired", "suppressed", "unmet", "stopped", "known"]
"""What became of a rule that matched: ``suppressed`` by its throttle, ``unmet`` because it is not yet repeated often
enough, ``stopped`` by an earlier rule whose claim has held, ``known`` because its mail was recorded before."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """What is kept under one key."""

    times: tuple[float, ...] = ()  # POSIX seconds, sorted; no more than the claim's number
    suppressed: int = 0  # since the last summary
    since: float | None = None  # the first of them
    report_at: float | None = None  # when the throttle lets one through again, and they are told of


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Used:
    """A settled claim."""

    held: bool
    nth: int  # which one in its span it is; a repeated one counts no further than its number
    tally: Tally


def key(rule: str, kind: str, per: str) -> str:
    """What is counted together."""
    text = f"{rule}\x1f{kind}\x1f{per}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def use(claim: Claim, tally: Tally) -> Used:
    """Whether the claim holds, and what is kept from now on."""
    return _repeated(claim, tally) if claim.kind == "repeated" else _throttled(claim, tally)


def _repeated(claim: Claim, tally: Tally) -> Used:
    newest = max(claim.at, tally.times[-1]) if tally.times else claim.at
    together = tally.times[bisect.bisect_right(tally.times, newest - claim.within_s) :]
    if claim.at <= newest - claim.within_s:
        return Used(held=False, nth=1, tally=tally)
    nth = min(len(together) + 1, claim.number)
    kept = _with(together, claim.at)[-claim.number :]
    return Used(held=nth >= claim.number, nth=nth, tally=dataclasses.replace(tally, times=kept))


def _throttled(claim: Claim, tally: Tally) -> Used:
    first = bisect.bisect_right(tally.times, claim.at - claim.within_s)
    behind = bisect.bisect_left(tally.times, claim.at + claim.within_s)
    kept = tally.times[first:behind]
    nth = len(kept) + 1
    if nth <= claim.number:
        return Used(held=True, nth=nth, tally=dataclasses.replace(tally, times=_with(kept, claim.at)))
    fresh = not tally.suppressed
    suppressed = Tally(
        times=kept,
        suppressed=tally.suppressed + 1,
        since=claim.at if fresh else tally.since,
        report_at=kept[-claim.number] + claim.within_s if fresh else tally.report_at,
    )
    return Used(held=False, nth=nth, tally=suppressed)


def _with(times: tuple[float, ...], at: float) -> tuple[float, ...]:
    place = bisect.bisect_right(times, at)
    return (*times[:place], at, *times[place:])


def fates(firings: Iterable[tuple[Sequence[Claim], bool]], use_up: Callable[[Claim], bool]) -> list[Fate]:
    """What becomes of the rules that matched one mail, each with its claims and its ``stop``, in their order.

    ``use_up`` settles a claim for good. A throttle counts only what would be sent: it is not asked where ``repeated``
    does not hold. A rule that is suppressed has matched all the same, and stops.
    """
    found: list[Fate] = []
    stopped = False
    for claims, stops in firings:
        fate: Fate = "stopped" if stopped else _fate(claims, use_up)
        found.append(fate)
        stopped = stopped or (stops and fate != "unmet")
    return found


def _fate(claims: Sequence[Claim], use_up: Callable[[Claim], bool]) -> Fate:
    if not all(use_up(claim) for claim in claims if claim.kind == "repeated"):
        return "unmet"
    return "fired" if all(use_up(claim) for claim in claims if claim.kind == "throttle") else "suppressed"


# For people.


def wanted(claim: Claim) -> str:
    """``at least 3 within 10m``."""
    return phrase(claim.kind, claim.number, claim.within_s)


def phrase(kind: str, number: int, within_s: float) -> str:
    return f"{'at least' if kind == 'repeated' else 'at most'} {number} within {span(within_s)}"


def saw(claim: Claim, used: Used) -> str:
    """``2nd within 10m``, and for whom."""
    later = " or later" if claim.kind == "repeated" and used.held else ""
    whose = f" for {claim.shown}" if claim.shown else ""
    dropped = "" if used.held or claim.kind == "repeated" else ": suppressed"
    return f"{_ordinal(used.nth)}{later} within {span(claim.within_s)}{whose}{dropped}"


def span(seconds: float) -> str:
    """As admins write it: ``600`` → ``10m``."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{int(seconds // length)}{unit}"
    return f"{seconds:g}s" if seconds >= 1 else f"{seconds * 1e3:g}ms"


def _ordinal(number: int) -> str:
    ending = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
