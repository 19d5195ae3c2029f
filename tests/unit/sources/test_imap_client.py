from __future__ import annotations

import pytest

from bridge.sources.imap import client


@pytest.mark.parametrize(
    "line",
    [b"* LIST NIL NIL NIL", b'* LIST 5 "/" Box', b'* LIST "x" "/" Box', b"* LIST (", b"* LIST", b"* LIST NIL\x00\x00"],
)
def test_a_line_that_is_malformed_names_no_folder(line: bytes) -> None:
    assert client.folders([[line], [b'* LIST (\\HasNoChildren) "/" INBOX']]) == ["INBOX"]


def test_folders_that_cannot_be_opened_are_left_out() -> None:
    lines = [[b'* LIST (\\Noselect) "/" Top'], [b'* LIST () "/" {3}', b"Box", b""], [b'* LIST () "/" &AOQ-']]
    assert client.folders(lines) == ["Box", "ä"]
