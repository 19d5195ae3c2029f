"""FETCH: UIDs → mails, and what is wrong with those that cannot be read.

One first fetch of header, structure and the beginning of the text, in ranges; a second one, for the mails of which a
rule needs more, takes exactly that part. A range that the server will not give is halved down to the mail that is to
blame.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import structlog

from bridge import errors
from bridge.mail import Mail, Place, limits
from bridge.sources import Wants
from bridge.sources.imap import client, faults, frames, response
from bridge.sources.imap import connection as connection_

log = structlog.get_logger()
T = TypeVar("T")

CHUNK = 250  # mails a command: a few MB at most in memory, and the next is on its way while these are handled
FIRST = b"(UID FLAGS INTERNALDATE RFC822.SIZE BODYSTRUCTURE BODY.PEEK[HEADER]<0.%d> BODY.PEEK[TEXT]<0.%d>)" % (
    limits.HEADER_BYTES,
    limits.TEXT_PREFIX_BYTES,
)
_HEAD = b"(UID BODY.PEEK[HEADER]<0.%d>)" % limits.HEADER_BYTES
_SECOND_BYTES = 16 * 1024 * 1024  # of one command of the second fetch
_SECTION = re.compile(r"[0-9A-Z.]{1,200}")
_FOR_NOW = {b"UNAVAILABLE", b"INUSE", b"LIMIT"}  # RFC 5530: nothing is wrong with the mail


class Ask(Protocol):
    """Sends commands, in one write if the server stands it, and hands their answers to ``then`` in a worker thread."""

    def __call__(
        self, *commands: bytes, then: Callable[[list[connection_.Answer]], T], idle: bool = False
    ) -> Awaitable[T]: ...


@dataclasses.dataclass(kw_only=True)
class Found:
    """What one or several fetches brought. A UID in neither is gone."""

    mails: dict[int, Mail] = dataclasses.field(default_factory=dict)
    bad: dict[int, str] = dataclasses.field(default_factory=dict)  # UID → what is wrong with it
    needs: dict[int, Mapping[str, int]] = dataclasses.field(default_factory=dict)  # UID → section → octets
    unnamed: bool = False  # something came that could not be read, and does not say for which mail
    refused: str = ""  # the server's NO or BAD
    code: bytes = b""

    def add(self, other: Found) -> None:
        self.mails.update(other.mails)
        self.bad.update(other.bad)
        self.needs.update(other.needs)


def ranges(uids: Iterable[int]) -> bytes:
    """A UID set, runs compressed: 3,4,5,9 → ``3:5,9`` (RFC 9051, section 9, sequence-set)."""
    runs: list[list[int]] = []
    for uid in sorted(uids):
        if runs and uid == runs[-1][1] + 1:
            runs[-1][1] = uid
        else:
            runs.append([uid, uid])
    return b",".join(b"%d" % low if low == high else b"%d:%d" % (low, high) for low, high in runs)


def search_date(day: datetime.date) -> bytes:
    """``01-Nov-2026``, whatever the locale (RFC 9051, section 9, date)."""
    return b"%02d-%s-%04d" % (day.day, response.MONTHS[day.month - 1].encode(), day.year)


class Fetcher:
    """Fetches mails of one opened folder over one connection."""

    def __init__(self, ask: Ask, *, place: Callable[[int], Place]) -> None:
        self._ask = ask
        self._place = place
        self._wants: Wants = lambda _: {}  # of the fetch under way
        self._proven = False  # whether the server gave a mail just now, so that a refusal is about the mail

    async def since(self, uid: int, *, wants: Wants, idle: bool) -> Found | None:
        """The mails from this UID on in one round trip; None where it takes a closer look (``SEARCH`` and ``uids``)."""

        def then(answers: list[connection_.Answer]) -> Found:
            return self._read(answers[0], lambda found: found >= uid)

        self._wants = wants
        found = await self._ask(b"UID FETCH %d:* %s" % (uid, FIRST), then=then, idle=idle)
        if found.refused or found.unnamed:
            return None
        await self._complete(found, idle=idle)
        return found

    async def uids(self, uids: Sequence[int], *, wants: Wants, proven: bool = False) -> Found:
        """These mails. ``proven``: the server has shown just before that it gives mails (``gives``).

        Raises:
            Withheld: the server refuses one for now, or gives none at all, which does not speak against the mails.
            errors.Disconnected: the connection ended.
        """
        self._wants, self._proven = wants, proven
        found = await self._first(uids, among=uids)
        await self._complete(found, idle=False)
        return found

    async def gives(self, uid: int, *, head_only: bool = False) -> bool:
        """Whether the server gives this mail now, or just its header. The mail itself is not kept.

        Raises:
            errors.Disconnected: the connection ended.
        """

        def then(answers: list[connection_.Answer]) -> bool:
            return answers[0].ok and any(_has_header(pieces, uid) for pieces in answers[0].untagged)

        return await self._ask(b"UID FETCH %d %s" % (uid, _HEAD if head_only else FIRST), then=then)

    async def _first(self, uids: Sequence[int], *, among: Sequence[int]) -> Found:
        asked = frozenset(uids)

        def then(answers: list[connection_.Answer]) -> Found:
            return self._read(answers[0], asked.__contains__)

        found = await self._ask(b"UID FETCH %s %s" % (ranges(uids), FIRST), then=then)
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

        def then(answers: list[connection_.Answer]) -> list[int]:
            if not answers[0].ok:
                return list(uids)
            return [uid for uid in response.uids(answers[0].untagged) if uid in asked]

        asked = frozenset(uids)
        return await self._ask(b"UID SEARCH UID " + ranges(uids), then=then)

    async def _verdict(self, uid: int, found: Found, among: Sequence[int]) -> str:
        if found.refused:
            for other in {among[0], among[len(among) // 2], among[-1]} - {uid}:
                self._proven = self._proven or await self.gives(other)
        if found.refused and (found.code in _FOR_NOW or not self._proven):
            raise Withheld(uid, found.refused, proven=self._proven)
        if found.refused:
            return f"the server does not give it: {found.refused}"
        return "the server's answer about it cannot be read"

    # In the worker thread

    def _read(self, answer: connection_.Answer, asked: Callable[[int], bool]) -> Found:
        found = Found(refused="" if answer.ok else client.readable(answer.text) or answer.status, code=answer.code)
        items: dict[int, dict[bytes, Any]] = {}
        for pieces in answer.untagged:
            try:
                self._sort(pieces, items)
            except errors.MailError as error:
                self._blame(found, response.uid_of(pieces), str(error), asked)
        for uid in sorted(items):
            if asked(uid) and b"BODYSTRUCTURE" in items[uid] and uid not in found.bad:
                self._assemble(uid, items[uid], found)
        return found

    @staticmethod
    def _sort(pieces: frames.Pieces, items: dict[int, dict[bytes, Any]]) -> None:
        fetched = response.fetched(pieces)
        uid = fetched.get(b"UID") if fetched else None
        if fetched and isinstance(uid, int):
            items.setdefault(uid, {}).update(fetched)

    @staticmethod
    def _blame(found: Found, uid: int | None, reason: str, asked: Callable[[int], bool]) -> None:
        if uid is None:
            found.unnamed = True
        elif asked(uid):
            found.bad[uid] = f"the server's answer about it cannot be read: {reason}"

    def _assemble(self, uid: int, items: dict[bytes, Any], found: Found) -> None:
        try:
            mail = self._mail(uid, items)
            needs = needed(mail, self._wants(mail))
        except errors.MailError as error:
            found.bad[uid] = str(error)
        except Exception as error:  # noqa: BLE001 - see below
            # One mail that trips a bug of ours must not hold up its folder. No traceback: its values would hold it
            log.error("a mail could not be read", uid=uid, error=type(error).__name__, at=faults.place(error))
            found.bad[uid] = f"it could not be read ({type(error).__name__})"
        else:
            found.mails[uid] = mail
            if needs:
                found.needs[uid] = needs

    def _mail(self, uid: int, items: dict[bytes, Any]) -> Mail:
        return Mail.from_fetch(
            place=self._place(uid),
            head=_octets(items, b"BODY[HEADER]", limits.HEADER_BYTES),
            size=_number(items, b"RFC822.SIZE"),
            flags=[flag for flag in items.get(b"FLAGS") or () if isinstance(flag, bytes)],
            received=response.internal_date(items.get(b"INTERNALDATE")) or datetime.datetime.now(datetime.UTC),
            bodystructure=items[b"BODYSTRUCTURE"],
            text_prefix=_octets(items, b"BODY[TEXT]", limits.TEXT_PREFIX_BYTES),
        )

    # The second fetch

    async def _complete(self, found: Found, *, idle: bool) -> None:
        """Gets what the rules need beyond the first fetch."""
        commands: list[tuple[Sequence[int], tuple[tuple[str, int], ...]]] = [
            (uids, items) for items, uids in _alike(found.needs)
        ]
        for at in range(0, len(commands), 4):  # as many in one write; each may bring _SECOND_BYTES
            await self._contents(found, commands[at : at + 4], idle=idle)

    async def _contents(
        self, found: Found, wanted: list[tuple[Sequence[int], tuple[tuple[str, int], ...]]], *, idle: bool
    ) -> None:
        def then(answers: list[connection_.Answer]) -> list[tuple[bool, str]]:
            return [self._fill(answer, dict(items), found) for answer, (_, items) in zip(answers, wanted, strict=False)]

        commands = [b"UID FETCH %s (UID %s)" % (ranges(uids), _partials(items)) for uids, items in wanted]
        results = await self._ask(*commands, then=then, idle=idle)
        for (uids, items), (ok, text) in zip(wanted, results, strict=True):
            missing = [uid for uid in uids if uid in found.needs]
            if ok or not missing:
                continue  # what is not there by now is gone: the rules see what there is of it
            if len(uids) == 1:
                raise Withheld(uids[0], f"a part of it: {text}", proven=True)  # its header was given just before
            for half in halves(missing):
                await self._contents(found, [(half, items)], idle=idle)

    @staticmethod
    def _fill(answer: connection_.Answer, wanted: Mapping[str, int], found: Found) -> tuple[bool, str]:
        ok = answer.ok
        for pieces in answer.untagged:
            try:
                fetched = response.fetched(pieces)
            except errors.MailError:
                ok = False
                continue
            uid = fetched.get(b"UID") if fetched else None
            if fetched and uid in found.needs and uid in found.mails:
                given = {section: fetched.get(b"BODY[%s]" % section.encode()) for section in wanted}
                if any(b"BODY[%s]" % section.encode() in fetched for section in wanted):
                    found.mails[uid] = filled(found.mails[uid], given, wanted)
                    del found.needs[uid]
        return ok, client.readable(answer.text)


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


def needed(mail: Mail, wanted: Mapping[str, int]) -> dict[str, int]:
    """Of what the rules want, that which is not in hand."""
    return {
        section: octets
        for section, octets in wanted.items()
        if section not in mail.whole and octets > len(mail.content.get(section, b"")) and _SECTION.fullmatch(section)
    }


def filled(mail: Mail, given: Mapping[str, Any], wanted: Mapping[str, int]) -> Mail:
    """The mail with the sections that came, each cut to what was asked for: not every server honours that."""
    content = {section: (octets or b"")[: wanted[section]] for section, octets in given.items() if _is_octets(octets)}
    sizes = {part.section: part.size for part in mail.parts}
    whole = {s for s, octets in content.items() if len(octets) < wanted[s] or len(octets) >= sizes.get(s, 1 << 62)}
    return mail.with_content(content, frozenset(whole))


def _has_header(pieces: frames.Pieces, uid: int) -> bool:
    try:
        fetched = response.fetched(pieces)
    except errors.MailError:
        return False
    return bool(fetched and fetched.get(b"UID") == uid and b"BODY[HEADER]" in fetched)


def _is_octets(value: Any) -> bool:
    return value is None or isinstance(value, bytes)


def _alike(needs: Mapping[int, Mapping[str, int]]) -> list[tuple[tuple[tuple[str, int], ...], list[int]]]:
    """Mails that need the same sections, together, in commands of bounded size."""
    groups: dict[tuple[tuple[str, int], ...], list[int]] = {}
    for uid, wanted in needs.items():
        groups.setdefault(tuple(sorted(wanted.items())), []).append(uid)
    together = []
    for items, uids in groups.items():
        step = max(1, _SECOND_BYTES // max(1, sum(octets for _, octets in items)))
        together += [(items, uids[at : at + step]) for at in range(0, len(uids), step)]
    return together


def _partials(items: tuple[tuple[str, int], ...]) -> bytes:
    return b" ".join(b"BODY.PEEK[%s]<0.%d>" % (section.encode(), octets) for section, octets in items)


def _octets(items: Mapping[bytes, Any], name: bytes, most: int) -> bytes:
    value = items.get(name)
    if isinstance(value, int):  # a text that is a bare number, sent as an atom
        return b"%d" % value
    if not _is_octets(value):
        raise errors.MailError(f"the server sent no text as {name.decode()}")
    return (value or b"")[:most]


def _number(items: Mapping[bytes, Any], name: bytes) -> int:
    value = items.get(name)
    return value if isinstance(value, int) else 0
