"""Which changes go together, and what a flag is called."""

from __future__ import annotations

from typing import Any

import pytest

from bridge import delivery, errors
from bridge.sources.imap import changes


def change(**values: Any) -> delivery.MailChange:
    return delivery.MailChange(
        **{"id": "1", "mailbox": "home", "folder": "INBOX", "uidvalidity": 7, "uid": 1, "op": "seen", **values}
    )


def test_neighbours_that_are_alike_go_together_and_order_is_kept() -> None:
    these = [
        change(uid=1),
        change(uid=2),
        change(uid=1, op="flag", argument="x"),
        change(uid=3),
        change(uid=4, uidvalidity=8),
    ]
    assert [len(run) for run in changes.runs(these)] == [2, 1, 1, 1]
    assert [each for run in changes.runs(these) for each in run] == these


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        ("flagged", b"\\Flagged"),
        ("\\Seen", b"\\Seen"),
        ("\\ANSWERED", b"\\Answered"),
        ("$Label1", b"$Label1"),
        ("Done", b"Done"),
    ],
)
def test_flags(flag: str, expected: bytes) -> None:
    assert changes.flag_name(flag) == expected


@pytest.mark.parametrize("flag", ["", "two words", "a)", "x\r\ny LOGOUT", "\\Own", "é", '"'])
def test_what_cannot_be_a_flag_is_never_sent(flag: str) -> None:
    with pytest.raises(errors.Permanent):
        changes.flag_name(flag)


def test_a_burst_that_is_marked_and_copied_takes_two_commands() -> None:
    given = [change(uid=uid, op=op) for uid in (1, 2, 3) for op in ("seen", "copy")]
    order = changes.grouped(given)
    assert [("seen", 1), ("seen", 2), ("seen", 3), ("copy", 1), ("copy", 2), ("copy", 3)] == [
        (given[index].op, given[index].uid) for index in order
    ]
