"""Recognising mails that were handled before, under another folder or uidvalidity."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from bridge.mail import Place
from bridge.outbox import keys
from bridge.outbox.tables import folders, mails


def handled(connection: sa.Connection, found: Sequence[tuple[Place, str]]) -> list[bool]:
    """Which of these mails (place and fingerprint), of one folder and in order, this mailbox has handled under another
    folder or uidvalidity.

    Mails are counted, not only looked up: the second mail of a fingerprint in one folder is the second one in another.
    """
    here: collections.Counter[str] = collections.Counter()
    elsewhere: collections.Counter[str] = collections.Counter()
    place = found[0][0]
    for fingerprint, folder, uidvalidity, count in _counted(connection, place, {one for _, one in found if one}):
        if (folder, uidvalidity) == (place.folder, place.uidvalidity):
            here[fingerprint] = count
        else:
            elsewhere[fingerprint] = max(elsewhere[fingerprint], count)
    return _known_in_order([fingerprint for _, fingerprint in found], here, elsewhere)


def _counted(connection: sa.Connection, place: Place, fingerprints: set[str]) -> Iterator[Any]:
    """(fingerprint, folder, uidvalidity, how many) over all that this mailbox has handled."""
    for some in keys.chunks(sorted(fingerprints)):
        yield from connection.execute(
            sa.select(mails.c.fingerprint, folders.c.folder, mails.c.uidvalidity, sa.func.count())
            .join(folders, folders.c.id == mails.c.folder_id)
            .where(folders.c.mailbox == place.mailbox, mails.c.fingerprint.in_(some))
            .group_by(mails.c.fingerprint, folders.c.folder, mails.c.uidvalidity)
        )


def _known_in_order(
    fingerprints: Sequence[str], here: collections.Counter[str], elsewhere: Mapping[str, int]
) -> list[bool]:
    known = []
    for fingerprint in fingerprints:
        known.append(bool(fingerprint) and elsewhere.get(fingerprint, 0) > here[fingerprint])
        here[fingerprint] += 1
    return known
