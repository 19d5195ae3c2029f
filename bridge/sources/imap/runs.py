"""Which changes go together in one command. Pure."""

from __future__ import annotations

import collections
from collections.abc import Sequence

from bridge.delivery import MailChange

MOST = 500  # mails in one command: a line of a few kilobytes at most
_RANK = {"seen": 0, "flag": 1, "copy": 2, "move": 3, "delete": 4}

Mail = tuple[str, int, int]
_Alike = tuple[str, int, int, str, str]


def mail(change: MailChange) -> Mail:
    return change.folder, change.uidvalidity, change.uid


def runs(changes: Sequence[MailChange]) -> list[list[int]]:
    """The places of those in ``changes`` that one command can carry out, in the order in which to send the commands.

    A burst of mails that are each marked and moved takes two commands. A change of a mail never comes before an earlier
    one of the same mail: of each mail the first that is left is ready, and of all that are ready those go first that
    take nothing away.
    """
    left: dict[Mail, collections.deque[int]] = {}
    for at, change in enumerate(changes):
        left.setdefault(mail(change), collections.deque()).append(at)
    ready: dict[_Alike, list[int]] = {}
    for queue in left.values():
        _next(queue, changes, ready)
    found = []
    while ready:
        together = sorted(ready.pop(min(ready)))
        found += [together[low : low + MOST] for low in range(0, len(together), MOST)]
        for at in together:
            _next(left[mail(changes[at])], changes, ready)
    return found


def _next(queue: collections.deque[int], changes: Sequence[MailChange], ready: dict[_Alike, list[int]]) -> None:
    if queue:
        at = queue.popleft()
        change = changes[at]
        alike = (change.folder, change.uidvalidity, _RANK[change.op], change.op, change.argument)
        ready.setdefault(alike, []).append(at)
