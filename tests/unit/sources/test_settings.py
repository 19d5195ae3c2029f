"""What a mailbox may be told."""

from __future__ import annotations

import pydantic
import pytest

from bridge.sources.settings import Canary, Mailbox

WAITS = ("timeout", "idle_renew", "poll", "reconcile", "retry_min", "retry_max", "retry_refused")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"folders": ["INBOX", "Alarms", "INBOX"]}, '"INBOX" stands here twice'),
        ({"folders": []}, "at least 1"),
        ({"folders": ["INBOX", "inbox"]}, '"inbox" stands here twice'),
        *(({name: "0s"}, "is too short; 1ms is the least") for name in WAITS),
        *(({name: "366d"}, "is too long") for name in WAITS),
        ({"poll": "soon"}, "no duration"),
        ({"port": 0}, "greater than or equal to 1"),
        ({"tls": "maybe"}, "implicit"),
        ({"canary": {"folder": "Alarms"}}, "must be one of `folders`: INBOX"),
        ({"canary": {"every": "1m"}}, r"`late` \(60s\) must be shorter than `every` \(60s\)"),
        ({"canary": {"every": "0s"}}, "is too short"),
        ({"canary": {"often": "1m"}}, "Extra inputs"),
        ({"canary": "often"}, "dictionary"),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=message):
        Mailbox.model_validate({"host": "imap.example.org", "user": "me", "password": "x", **settings})


def test_folders_that_differ_in_case_are_two_but_for_the_inbox() -> None:
    folders = ("INBOX", "Alarms", "alarms")
    assert Mailbox(host="imap.example.org", user="me", password="x", folders=folders).folders == folders  # type: ignore[arg-type]


def test_a_canary_is_off_unless_it_is_asked_for() -> None:
    def canary(**settings: object) -> Canary | None:
        return Mailbox.model_validate({"host": "imap.example.org", "user": "me", "password": "x", **settings}).canary

    assert canary() is None
    assert canary(canary=False) is None
    assert canary(canary=True) == canary(canary={}) == Canary()
    assert (Canary().every, Canary().late) == (900, 60)


@pytest.mark.parametrize(("canary", "folder"), [({}, "Alarms"), ({"canary": {"folder": "INBOX"}}, "INBOX")])
def test_a_canary_goes_into_the_first_folder_unless_told_otherwise(canary: dict[str, object], folder: str) -> None:
    written = {"host": "imap.example.org", "user": "me", "password": "x", "folders": ["Alarms", "INBOX"], **canary}
    assert Mailbox.model_validate(written).canary_folder == folder
