"""What a mailbox may be told."""

from __future__ import annotations

import pydantic
import pytest

from bridge.sources.settings import Mailbox


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"folders": ["INBOX", "Alarms", "INBOX"]}, "'INBOX' stands here twice"),
        ({"folders": []}, "at least 1"),
        ({"idle_renew": "0s"}, "must be longer"),
        ({"timeout": "0ms"}, "must be longer"),
        ({"poll": "soon"}, "no duration"),
        ({"port": 0}, "greater than or equal to 1"),
        ({"tls": "maybe"}, "implicit"),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=message):
        Mailbox.model_validate({"host": "imap.example.org", "user": "me", "password": "x", **settings})
