"""The second fetch: exactly the parts that the rules which are still alive want; alike mails in one command, and large
parts in chunks.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bridge import errors
from bridge.mail import Mail
from bridge.sources.imap import assembling, client, response
from bridge.sources.imap import connection as connection_
from bridge.sources.imap.asking import Ask, Withheld, halves, ranges

BATCH_BYTES = 16 * 1024 * 1024  # of parts in hand at a time; one part alone may be as large as a rule may want it
_COMMAND_BYTES = 4 * 1024 * 1024
_COMMANDS = 4  # in one write
CHUNK_BYTES = 1024 * 1024  # of one large part: its answer stands in the buffer, too

_Items = tuple[tuple[str, int], ...]  # sections, and octets of each
_Command = tuple[Sequence[int], _Items]


def weight(needs: Mapping[str, int]) -> int:
    """How many octets these parts may have."""
    return sum(needs.values())


async def complete(ask: Ask, found: assembling.Found, uids: Sequence[int], *, idle: bool) -> None:
    """Puts into these mails what they need beyond the first fetch.

    Raises:
        Withheld: the server refuses a part of a mail.
        errors.Disconnected: the connection ended.
    """
    small: dict[int, Mapping[str, int]] = {}
    for uid in uids:
        needs = found.needs.get(uid, {})
        for section, octets in needs.items():
            if octets > CHUNK_BYTES:
                await _large(ask, found, uid, section, octets)
        if left := {section: octets for section, octets in needs.items() if octets <= CHUNK_BYTES}:
            small[uid] = left
        else:
            found.needs.pop(uid, None)
    for commands in _some(_alike(small), _COMMANDS):
        await _contents(ask, found, commands, idle=idle)


async def _large(ask: Ask, found: assembling.Found, uid: int, section: str, octets: int) -> None:
    """In chunks, some in one write, until one is short: the size that the structure tells is not always true."""
    content = bytearray()
    size = next((part.size for part in found.mails[uid].parts if part.section == section), octets)
    while len(content) < octets:
        origins = range(len(content), min(octets, max(size, len(content) + 1)), CHUNK_BYTES)[:_COMMANDS]
        counts = [min(CHUNK_BYTES, octets - origin) for origin in origins]
        answers = await ask(
            *(
                b"UID FETCH %d (UID BODY.PEEK[%s]<%d.%d>)" % (uid, section.encode(), origin, count)
                for origin, count in zip(origins, counts, strict=True)
            )
        )
        for answer in answers:
            if not answer.ok:
                raise Withheld(uid, f"a part of it: {client.readable(answer.text)}", proven=True)
        brought = chunks(Brought(answers), uid, section)
        for origin, count in zip(origins, counts, strict=True):
            chunk = brought.get(origin, b"")[:count]
            content += chunk
            if len(chunk) < count:
                _put(found, uid, {section: bytes(content)}, {section: octets})
                return
    _put(found, uid, {section: bytes(content)}, {section: octets})


class Brought:
    """What all of some answers brought, read once: a server that works on several commands at once answers one in the
    other's place (Dovecot).
    """

    def __init__(self, answers: Sequence[connection_.Answer]) -> None:
        self.items: dict[int, list[Mapping[bytes, Any]]] = {}  # by UID
        self.illegible: set[int | None] = set()  # the UIDs; None is in it where not even that is plain
        for pieces in (pieces for answer in answers for pieces in answer.untagged):
            try:
                fetched = response.fetched(pieces)
            except errors.MailError:
                self.illegible.add(response.uid_of(pieces))
                continue
            uid = fetched.get(b"UID") if fetched else None
            if fetched and isinstance(uid, int):
                self.items.setdefault(uid, []).append(fetched)


def chunks(brought: Brought, uid: int, section: str) -> dict[int, bytes]:
    """Origin → octets."""
    found: dict[int, bytes] = {}
    for item, value in (pair for items in brought.items.get(uid, ()) for pair in items.items()):
        name, _, origin = item.removesuffix(b">").partition(b"<")
        if name == b"BODY[%s]" % section.encode() and isinstance(value, bytes):
            found[int(origin or 0)] = value
    return found


async def _contents(ask: Ask, found: assembling.Found, wanted: Sequence[_Command], *, idle: bool) -> None:
    commands = [b"UID FETCH %s (UID %s)" % (ranges(uids), _partials(items)) for uids, items in wanted]
    answers = await ask(*commands, idle=idle)
    brought = Brought(answers)
    for (uids, items), answer in zip(wanted, answers, strict=True):
        for uid in uids:
            _fill(found, uid, dict(items), brought.items.get(uid, ()))
        missing = [uid for uid in uids if uid in found.needs]
        if not missing or (answer.ok and brought.illegible.isdisjoint((None, *missing))):
            continue  # what is not there by now is gone: the rules see what there is of it
        if len(uids) == 1:  # its header was given just before
            raise Withheld(uids[0], f"a part of it: {client.readable(answer.text)}", proven=True)
        for half in halves(missing):
            await _contents(ask, found, [(half, items)], idle=idle)


def _fill(found: assembling.Found, uid: int, wanted: Mapping[str, int], brought: Sequence[Mapping[bytes, Any]]) -> None:
    for items in brought:
        given = {section: items[name] for section in wanted if (name := b"BODY[%s]" % section.encode()) in items}
        if given and uid in found.needs and uid in found.mails:
            _put(found, uid, dict.fromkeys(wanted) | given, wanted)
            del found.needs[uid]


def _put(found: assembling.Found, uid: int, given: Mapping[str, Any], wanted: Mapping[str, int]) -> None:
    found.mails[uid] = filled(found.mails[uid], given, wanted)


def filled(mail: Mail, given: Mapping[str, Any], wanted: Mapping[str, int]) -> Mail:
    """The mail with the sections that came, each cut to what was asked for: not every server honours that."""
    content = {
        section: (octets or b"")[: wanted[section]]
        for section, octets in given.items()
        if octets is None or isinstance(octets, bytes)
    }
    sizes = {part.section: part.size for part in mail.parts}
    # What is as long as was asked for, and longer than the server says that it is, may be longer yet
    whole = {s for s, octets in content.items() if len(octets) < wanted[s] or len(octets) == sizes.get(s)}
    return mail.with_content(content, frozenset(whole))


def _alike(needs: Mapping[int, Mapping[str, int]]) -> list[_Command]:
    """Mails that need the same sections, together, in commands of bounded size."""
    groups: dict[_Items, list[int]] = {}
    for uid, wanted in needs.items():
        groups.setdefault(tuple(sorted(wanted.items())), []).append(uid)
    together: list[_Command] = []
    for items, uids in groups.items():
        step = max(1, _COMMAND_BYTES // max(1, sum(octets for _, octets in items)))
        together += [(uids[at : at + step], items) for at in range(0, len(uids), step)]
    return together


def _some(commands: Sequence[_Command], count: int) -> Iterator[Sequence[_Command]]:
    rest = iter(commands)
    while some := list(itertools.islice(rest, count)):
        yield some


def _partials(items: _Items) -> bytes:
    return b" ".join(b"BODY.PEEK[%s]<0.%d>" % (section.encode(), octets) for section, octets in items)
