"""FETCH: UIDs → mails, and what is wrong with those that cannot be read.

One first fetch of header, structure and the beginning of the text, in ranges (``assembling`` reads the answers); a
second one, for the mails of which a rule needs more, takes exactly that part (``contents``). A range that the server
will not give is halved down to the mail that is to blame.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence

from bridge import errors
from bridge.mail import Place, limits
from bridge.sources import Wants
from bridge.sources.imap import assembling, contents, frames, response, session
from bridge.sources.imap.asking import Withheld, halves, ranges
from bridge.sources.imap.assembling import Found

CHUNK = 250  # mails a command: a few MB at most in memory, and the next is on its way while these are handled
ITEMS = b"UID FLAGS INTERNALDATE RFC822.SIZE BODYSTRUCTURE BODY.PEEK[HEADER]<0.%d> BODY.PEEK[TEXT]<0.%d>" % (
    limits.HEADER_BYTES,
    limits.TEXT_PREFIX_BYTES,
)
FIRST = b"(%s)" % ITEMS
_HEAD = b"(UID BODY.PEEK[HEADER]<0.%d>)" % limits.HEADER_BYTES
_FOR_NOW = {b"UNAVAILABLE", b"INUSE", b"LIMIT"}  # RFC 5530: nothing is wrong with the mail


def search_date(day: datetime.date) -> bytes:
    """``01-Nov-2026``, whatever the locale (RFC 9051, section 9, date)."""
    return b"%02d-%s-%04d" % (day.day, response.MONTHS[day.month - 1].encode(), day.year)


def command(uids: Sequence[int]) -> bytes:
    """The first fetch of these mails."""
    return b"UID FETCH %s %s" % (ranges(uids), FIRST)


class Fetcher:
    """Fetches mails of one opened folder over one connection; what they need beyond that is fetched by ``complete``."""

    __slots__ = ("_place", "_proven", "_session", "_wants")

    def __init__(self, asks: session.Session, *, place: Callable[[int], Place]) -> None:
        self._session = asks
        self._place = place
        self._wants: Wants = lambda _: {}  # of the fetch under way
        self._proven = False  # whether the server gave a mail just now, so that a refusal is about the mail

    async def since(self, uid: int, *, wants: Wants, idle: bool) -> Found | None:
        """The mails from this UID on in one round trip; None where it takes a closer look (``SEARCH`` and ``uids``)."""
        (answer,) = await self._session.ask(b"UID FETCH %d:* %s" % (uid, FIRST), idle=idle)
        found = await assembling.Assembler(self._place, wants).read(answer, lambda found: found >= uid)
        return None if found.refused or found.unnamed else found

    async def pushed(self, responses: Sequence[frames.Pieces], first: int, *, wants: Wants) -> Found:
        """The mails from this UID on that the server sent by itself."""
        return await assembling.Assembler(self._place, wants).of(responses, lambda uid: uid >= first)

    async def uids(
        self, uids: Sequence[int], *, wants: Wants, proven: bool = False, ahead: session.Ahead | None = None
    ) -> Found:
        """These mails. ``proven``: the server has shown just before that it gives mails (``gives``). ``ahead`` is the
        command for them, if it was sent already.

        Raises:
            Withheld: the server refuses one for now, or gives none at all, which does not speak against the mails.
            errors.Disconnected: the connection ended.
        """
        self._wants, self._proven = wants, proven
        return await self._first(uids, among=uids, ahead=ahead)

    async def complete(self, found: Found, uids: Sequence[int], *, idle: bool = False) -> None:
        """Gets what the rules need of these mails beyond the first fetch.

        Raises:
            Withheld: the server refuses a part.
            errors.Disconnected: the connection ended.
        """
        if any(uid in found.needs for uid in uids):
            await contents.complete(self._session.ask, found, uids, idle=idle)

    async def gives(self, uid: int, *, head_only: bool = False) -> bool:
        """Whether the server gives this mail now, or just its header. The mail itself is not kept.

        Raises:
            errors.Disconnected: the connection ended.
        """
        (answer,) = await self._session.ask(b"UID FETCH %d %s" % (uid, _HEAD if head_only else FIRST))
        return answer.ok and any(_has_header(pieces, uid) for pieces in answer.untagged)

    async def _first(self, uids: Sequence[int], *, among: Sequence[int], ahead: session.Ahead | None = None) -> Found:
        if ahead is not None:
            answer = await self._session.answer(ahead)
        else:
            (answer,) = await self._session.ask(command(uids))
        found = await assembling.Assembler(self._place, self._wants).read(answer, frozenset(uids).__contains__)
        self._proven = self._proven or bool(found.mails)
        missing = [uid for uid in uids if uid not in found.mails and uid not in found.bad]
        if missing and not (found.refused or found.unnamed):
            # Exchange answers OK without a word about a mail that it cannot convert: gone is what is not listed either
            missing = await self._listed(missing)
            found.refused = "nothing of it comes" if missing else ""
        if not missing:
            return found
        if len(uids) > 1:
            for half in halves(missing):
                found.add(await self._first(half, among=among))
        else:
            found.bad[uids[0]] = await self._verdict(uids[0], found, among)
        return found

    async def _listed(self, uids: Sequence[int]) -> list[int]:
        """Which of these the server still has, as far as it says so."""
        asked = frozenset(uids)
        (answer,) = await self._session.ask(b"UID SEARCH UID " + ranges(uids))
        return [uid for uid in response.uids(answer.untagged) if uid in asked] if answer.ok else list(uids)

    async def _verdict(self, uid: int, found: Found, among: Sequence[int]) -> str:
        if found.refused:
            for other in {among[0], among[len(among) // 2], among[-1]} - {uid}:
                self._proven = self._proven or await self.gives(other)
        if found.refused and (found.code in _FOR_NOW or not self._proven):
            raise Withheld(uid, found.refused, proven=self._proven)
        if found.refused:
            return f"the server does not give it: {found.refused}"
        return "the server's answer about it cannot be read"


def together(found: Found, uids: Sequence[int]) -> Iterator[Sequence[int]]:
    """These mails in groups whose needed parts may be in hand at one time; one that is larger goes alone."""
    group: list[int] = []
    heavy = 0
    for uid in uids:
        weight = contents.weight(found.needs.get(uid, {}))
        if group and heavy + weight > contents.BATCH_BYTES:
            yield group
            group, heavy = [], 0
        group.append(uid)
        heavy += weight
    if group:
        yield group


def _has_header(pieces: list[bytes], uid: int) -> bool:
    try:
        fetched = response.fetched(pieces)
    except errors.MailError:
        return False
    return bool(fetched and fetched.get(b"UID") == uid and b"BODY[HEADER]" in fetched)
