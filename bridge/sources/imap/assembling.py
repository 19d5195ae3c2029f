"""What a FETCH brought → mails, in slices: a mail that takes long to read is read in a thread, and the event loop has
its turn between others.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from bridge import errors, turns
from bridge.mail import Mail, Place, limits
from bridge.sources import Wants
from bridge.sources.imap import client, faults, frames, response
from bridge.sources.imap import connection as connection_

log = structlog.get_logger()

_HEAVY_BYTES = 24_576  # of one mail's answer: a long header, or a structure of many parts
_TURN_S = 0.005  # of reading mails, before the event loop gets its turn


@dataclasses.dataclass(kw_only=True)
class Found:
    """What one or several fetches brought. A UID in neither is gone."""

    mails: dict[int, Mail] = dataclasses.field(default_factory=dict)
    bad: dict[int, str] = dataclasses.field(default_factory=dict)  # UID → what is wrong with it
    needs: dict[int, Mapping[str, int]] = dataclasses.field(default_factory=dict)  # UID → section → octets
    unnamed: bool = False  # something came that could not be read, and does not say for which mail
    refused: str = ""  # the server's NO or BAD
    code: bytes = b""
    proven: bool = False  # whether the server had shown, right before, that it gives mails (``blame``)

    def add(self, other: Found) -> None:
        self.mails.update(other.mails)
        self.bad.update(other.bad)
        self.needs.update(other.needs)

    @property
    def uids(self) -> list[int]:
        return sorted((*self.mails, *self.bad))


class Assembler:
    """Reads mails of one folder, for rules that want more or less of them."""

    def __init__(self, place: Callable[[int], Place], wants: Wants) -> None:
        self._place = place
        self._wants = wants

    async def read(self, answer: connection_.Answer, asked: Callable[[int], bool]) -> Found:
        """The mails in an answer to the first fetch, of those that were asked for."""
        found = await self.of(answer.untagged, asked)
        found.refused = "" if answer.ok else client.readable(answer.text) or answer.status
        found.code = answer.code
        return found

    async def of(self, responses: Sequence[frames.Pieces], asked: Callable[[int], bool]) -> Found:
        """The mails in these responses; what is about something else is passed over."""
        found, turn = Found(), turns.Turns(_TURN_S)
        items: dict[int, dict[bytes, Any]] = {}
        heavy: set[int] = set()
        for pieces in responses:
            large = sum(map(len, pieces)) > _HEAVY_BYTES
            try:
                uid = (await asyncio.to_thread(_sort, pieces, items)) if large else _sort(pieces, items)
            except errors.MailError as error:
                _blame(found, response.uid_of(pieces), str(error), asked)
                continue
            if large and uid is not None:
                heavy.add(uid)
            await turn.pause()
        for uid in sorted(items):
            if asked(uid) and b"BODYSTRUCTURE" in items[uid] and uid not in found.bad:
                if uid in heavy:
                    await asyncio.to_thread(self._assemble, uid, items[uid], found)
                else:
                    self._assemble(uid, items[uid], found)
                await turn.pause()
        return found

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


def needed(mail: Mail, wanted: Mapping[str, int]) -> dict[str, int]:
    """Of what the rules want, that which is not in hand."""
    return {
        section: octets
        for section, octets in wanted.items()
        if section not in mail.whole and octets > len(mail.content.get(section, b"")) and response.is_section(section)
    }


def _sort(pieces: frames.Pieces, items: dict[int, dict[bytes, Any]]) -> int | None:
    fetched = response.fetched(pieces)
    uid = fetched.get(b"UID") if fetched else None
    if not fetched or not isinstance(uid, int):
        return None
    items.setdefault(uid, {}).update(fetched)
    return uid


def _blame(found: Found, uid: int | None, reason: str, asked: Callable[[int], bool]) -> None:
    if uid is None:
        found.unnamed = True
    elif asked(uid):
        found.bad[uid] = f"the server's answer about it cannot be read: {reason}"


def _octets(items: Mapping[bytes, Any], name: bytes, most: int) -> bytes:
    value = items.get(name)
    if isinstance(value, int):  # a text that is a bare number, sent as an atom
        return b"%d" % value
    if value is not None and not isinstance(value, bytes):
        raise errors.MailError(f"the server sent no text as {name.decode()}")
    return (value or b"")[:most]


def _number(items: Mapping[bytes, Any], name: bytes) -> int:
    value = items.get(name)
    return value if isinstance(value, int) else 0
