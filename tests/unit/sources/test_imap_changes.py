"""Which changes go together, and what a flag is called."""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
from hypothesis import strategies

from bridge import delivery, errors
from bridge.sources.imap import changes, runs


def change(**values: Any) -> delivery.MailChange:
    return delivery.MailChange(
        **{"id": "1", "mailbox": "home", "folder": "INBOX", "uidvalidity": 7, "uid": 1, "op": "seen", **values}
    )


def test_a_burst_that_is_marked_and_moved_takes_two_commands() -> None:
    given = [change(uid=uid, op=op) for uid in range(1, 251) for op in ("seen", "move")]
    assert runs.runs(given) == [list(range(0, 500, 2)), list(range(1, 500, 2))]


def test_what_differs_in_folder_uidvalidity_operation_or_argument_goes_apart() -> None:
    given = [change(), change(uid=2, folder="x"), change(uid=3, uidvalidity=8), change(uid=4, op="flag", argument="x")]
    assert sorted(runs.runs(given)) == [[0], [1], [2], [3]]


def test_a_run_has_a_largest_size() -> None:
    given = [change(uid=uid) for uid in range(1, 1102)]
    assert [len(run) for run in runs.runs(given)] == [500, 500, 101]


CHANGES = strategies.builds(
    change,
    uid=strategies.integers(1, 4),
    uidvalidity=strategies.integers(1, 2),
    op=strategies.sampled_from(["seen", "flag", "copy", "move", "delete"]),
    argument=strategies.sampled_from(["a", "b"]),
)


@hypothesis.given(strategies.lists(CHANGES))
def test_every_change_is_made_once_and_none_of_a_mail_before_an_earlier_one_of_it(
    given: list[delivery.MailChange],
) -> None:
    order = [at for run in runs.runs(given) for at in run]
    assert sorted(order) == list(range(len(given)))
    for mail in {runs.mail(each) for each in given}:
        of_it = [at for at in order if runs.mail(given[at]) == mail]
        assert of_it == sorted(of_it)


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
