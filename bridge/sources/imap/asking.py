"""What the two fetches share: how they ask, and what is said of a mail that the server does not give."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Sequence
from typing import Protocol

from bridge import errors
from bridge.sources.imap import connection


class Ask(Protocol):
    """Sends commands, in one write if the server stands it; their answers in order.

    ``idle`` asks for IDLE behind them.
    """

    def __call__(self, *commands: bytes, idle: bool = False) -> Awaitable[list[connection.Answer]]: ...


class Withheld(errors.SourceError):
    """The server does not give a mail, and it is not clear that the mail is to blame.

    ``proven`` says that the server did give something else just then.
    """

    def __init__(self, uid: int, text: str, *, proven: bool) -> None:
        super().__init__(f"the server does not give mail {uid}: {text}")
        self.uid = uid
        self.proven = proven


def halves(uids: Sequence[int]) -> list[Sequence[int]]:
    middle = (len(uids) + 1) // 2
    return [half for half in (uids[:middle], uids[middle:]) if half]


def ranges(uids: Iterable[int]) -> bytes:
    """A UID set, runs compressed: 3,4,5,9 → ``3:5,9`` (RFC 9051, section 9, sequence-set)."""
    runs: list[list[int]] = []
    for uid in sorted(uids):
        if runs and uid == runs[-1][1] + 1:
            runs[-1][1] = uid
        else:
            runs.append([uid, uid])
    return b",".join(b"%d" % low if low == high else b"%d:%d" % (low, high) for low, high in runs)
