"""Which mails are to blame for a connection that ends, and which are not: most often the network or the provider is.

A mail over which a connection ended, or which was withheld, is a suspect. It is fetched alone, and right before that
the server has to show on the same connection that it gives mails at all: only then does another failure count against
the mail. Without that proof it is tried again for ever.
"""

from __future__ import annotations

import collections
import dataclasses
import heapq

from bridge.mail import Place
from bridge.sources.imap import fetch, session

STRIKES = 3  # a mail that ends the connection, or the process, so often is given up
_NEIGHBOURS = 8  # that are tried for a proof, before the mail's own header has to do


@dataclasses.dataclass(kw_only=True, slots=True)
class Blame:
    """What is known of the mails of one folder; outlives its connections."""

    suspects: set[Place] = dataclasses.field(default_factory=set)
    strikes: collections.Counter[Place] = dataclasses.field(default_factory=collections.Counter)
    attempts: dict[Place, int] = dataclasses.field(default_factory=dict)  # as the memory counts them, asked once
    in_vain: set[Place] = dataclasses.field(default_factory=set)  # neighbours that gave no proof

    def suspect(self, place: Place, *, proven: bool) -> None:
        self.suspects.add(place)
        if proven:
            self.strikes[place] += 1

    def handled(self, place: Place) -> None:
        self.suspects.discard(place)
        self.strikes.pop(place, None)
        self.in_vain.clear()


async def proven(place: Place, blame: Blame, fetcher: fetch.Fetcher, session: session.Session) -> bool:
    """Whether the server shows, on this connection, that it gives mails: a neighbour as a whole, or where none is left
    to ask for, at least this mail's header.

    Raises:
        errors.SourceError: the connection ended, or the server refuses to search.
    """
    if len(blame.in_vain) < _NEIGHBOURS:
        there = await session.search(b"UID 1:*")
        known = {each.uid for each in (place, *blame.suspects, *blame.in_vain)}
        nearest = heapq.nsmallest(_NEIGHBOURS + len(known), there, key=lambda uid: abs(uid - place.uid))
        for uid in [uid for uid in nearest if uid not in known][: _NEIGHBOURS - len(blame.in_vain)]:
            other = dataclasses.replace(place, uid=uid)
            blame.in_vain.add(other)  # before it is asked for, which may end the connection
            if await fetcher.gives(uid):
                blame.in_vain.discard(other)
                return True
    return await fetcher.gives(place.uid, head_only=True)
