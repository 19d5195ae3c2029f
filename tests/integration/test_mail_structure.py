"""A real IMAP server and our own reading of a whole message agree on every part: section, type, size, octets."""

from __future__ import annotations

import random
from collections.abc import Iterator

import imapclient
import pytest

from bridge.mail import limits, structure
from tests.servers import dovecot
from tests.unit.mail import nested

CORPUS = {**nested.MAILS, **{f"seed {n}": nested.HEAD + nested.anything(random.Random(n)) for n in range(60)}}
FIRST = ["BODYSTRUCTURE", "BODY.PEEK[HEADER]", f"BODY.PEEK[TEXT]<0.{limits.TEXT_PREFIX_BYTES}>"]


@pytest.fixture(scope="module")
def inbox() -> Iterator[tuple[imapclient.IMAPClient, dict[str, int]]]:
    """A connection to a server that holds the corpus, and the UID of each mail of it."""
    with dovecot.Dovecot() as server, server.client(folder="INBOX") as client:
        for raw in CORPUS.values():
            client.append("INBOX", raw)
        yield client, dict(zip(CORPUS, sorted(client.search()), strict=True))


@pytest.mark.parametrize("name", CORPUS)
def test_parts_are_what_the_server_says(inbox: tuple[imapclient.IMAPClient, dict[str, int]], name: str) -> None:
    client, uids = inbox
    answer = client.fetch(uids[name], FIRST)[uids[name]]
    parts = structure.from_bodystructure(answer[b"BODYSTRUCTURE"])
    head, ours, content = structure.from_message(CORPUS[name])
    assert (head, ours) == (answer[b"BODY[HEADER]"], parts)

    sections = {part.section: f"BODY[{part.section}]".encode() for part in parts}
    bodies = client.fetch(uids[name], [f"BODY.PEEK[{section}]" for section in sections])[uids[name]]
    theirs = {section: bodies[key] or b"" for section, key in sections.items()}
    assert content == theirs

    found, whole = structure.slice_prefix(head, answer[b"BODY[TEXT]<0>"], parts)
    assert {section: found[section] for section in whole} == {section: theirs[section] for section in whole}
