"""What a server answered → values. Pure, and linear in the size of the answer whatever it says.

imapclient's own lexer walks over every octet in Python, and gives up on the whole answer when one mail's part of it is
malformed; here each response is read by itself. Structures come out as nested tuples of ``bytes``, ``int`` and ``None``
(RFC 9051, section 9).
"""

from __future__ import annotations

import datetime
import functools
import re
from typing import Any

from bridge import errors
from bridge.sources.imap import frames

_TOKEN = re.compile(
    rb"""\s*(?:
        (?P<open>\() | (?P<close>\)) |
        "(?P<quoted>(?:[^"\\]|\\.)*)" |
        (?P<literal>\{\d+\+?\})\Z |
        (?P<atom>[^\s()"\[{]+(?:\[[^\]]*\](?:<\d+>)?)?|\[[^\]]*\])
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_DEPTH = 200  # of nested lists; a multipart costs about two
_FETCH = re.compile(rb"\* (\d+) FETCH (?=\()", re.IGNORECASE)
_UID = re.compile(rb"\bUID (\d{1,10})\b", re.IGNORECASE)
_CODE = re.compile(rb"\[([^\s\]]+)(?: ([^\]]*))?\]")
_DATE = re.compile(rb"\s*(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)\s*")
_SET = rb"\d{1,10}(?::\d{1,10})?(?:,\d{1,10}(?::\d{1,10})?)*"
_COPIED = re.compile(rb"(\d{1,10}) (%s) (%s)" % (_SET, _SET))
_ESEARCH = re.compile(rb'\* ESEARCH \(TAG "?([^\s"()]+)"?\)(.*)', re.IGNORECASE | re.DOTALL)
_COPIED_AT_ONCE = 1_000
_SECTION = re.compile(r"[0-9A-Z.]{1,200}")
MOST = 2**32 - 1  # the largest number that there is in IMAP, but for sizes
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name.lower().encode(): number for number, name in enumerate(MONTHS, 1)}


def values(pieces: frames.Pieces) -> tuple[Any, ...]:
    """The values of one response, literals in their places.

    Raises:
        errors.MailError: it is malformed.
    """
    done: list[Any] = []
    stack: list[list[Any]] = []
    current = done
    for number in range(0, len(pieces), 2):
        text, position = pieces[number].rstrip(), 0
        while position < len(text):
            token = _TOKEN.match(text, position)
            if token is None:
                raise errors.MailError(f"malformed at octet {position} of {_shown(text)}")
            position = token.end()
            kind = token.lastgroup
            if kind == "open":
                if len(stack) >= _DEPTH:
                    raise errors.MailError("lists nested too deep")
                stack.append(current)
                current = []
            elif kind == "close":
                if not stack:
                    raise errors.MailError(f"a list is closed that was not opened: {_shown(text)}")
                stack[-1].append(tuple(current))
                current = stack.pop()
            else:
                current.append(_leaf(kind, token, pieces, number))
    if stack:
        raise errors.MailError("a list is not closed")
    return tuple(done)


def _leaf(kind: str | None, token: re.Match[bytes], pieces: frames.Pieces, number: int) -> bytes | int | None:
    if kind == "quoted":
        quoted = token["quoted"]
        return _ESCAPED.sub(rb"\1", quoted) if b"\\" in quoted else quoted
    if kind == "literal":
        if number + 1 >= len(pieces):
            raise errors.MailError("a literal is announced and does not come")
        return pieces[number + 1]
    atom = token["atom"]
    if atom.isdigit() and len(atom) < 19 and (atom[:1] != b"0" or len(atom) == 1):
        return int(atom)
    return None if atom.upper() == b"NIL" else atom


def _shown(text: bytes) -> str:
    return repr(text[:60].decode("ascii", "replace"))


def fetched(pieces: frames.Pieces) -> dict[bytes, Any] | None:
    """``* 12 FETCH (UID 5 …)`` → ``{b"UID": 5, …}``; None for any other response.

    Item names are upper case, and a partial's origin is left off: ``BODY.PEEK[TEXT]<0.8192>`` comes back as
    ``BODY[TEXT]``.

    Raises:
        errors.MailError: it is malformed.
        errors.SourceError: its UID is none that can be.
    """
    start = _FETCH.match(pieces[0])
    if start is None:
        return None
    (items, *_rest) = values([pieces[0][start.end() :], *pieces[1:]])
    if len(items) % 2:
        raise errors.MailError("an item without a value")
    found = {_name(items[at]): items[at + 1] for at in range(0, len(items), 2)}
    uid = found.get(b"UID")
    if isinstance(uid, int) or (isinstance(uid, bytes) and uid.isdigit()):
        checked(uid, "UID")
    return found


def checked(number: Any, what: str) -> int:
    """A UID or UIDVALIDITY: 32 bits, and not zero (RFC 9051, section 9, nz-number).

    Raises:
        errors.SourceError: it is not that; nothing this server says of mails can be relied on.
    """
    if not isinstance(number, int) or not 0 < number <= MOST:
        raise errors.SourceError(f"the server gives {what} {str(number)[:40]}, which is not from 1 to {MOST}")
    return number


@functools.lru_cache(maxsize=256)
def _name(atom: Any) -> bytes:
    if not isinstance(atom, bytes):
        raise errors.MailError(f"{atom!r} is no name of an item")
    return atom.upper().removesuffix(b"<0>")


def uid_of(pieces: frames.Pieces) -> int | None:
    """The UID of a FETCH response that cannot be read, if it can be seen in it."""
    for number in range(0, len(pieces), 2):
        if (match := _UID.search(pieces[number])) and 0 < int(match[1]) <= MOST:
            return int(match[1])
    return None


def uids(untagged: list[frames.Pieces]) -> list[int]:
    """The UIDs of a SEARCH's answer, ascending (RFC 9051, section 7.3.4; ``extended`` reads ESEARCH).

    Raises:
        errors.SourceError: one of them is none that can be.
    """
    found: set[int] = set()
    for pieces in untagged:
        if pieces[0][:9].upper() == b"* SEARCH ":
            found.update(int(word[:20]) for word in pieces[0][9:].split() if word.isdigit())
    for extreme in (min(found), max(found)) if found else ():
        checked(extreme, "UID")
    return sorted(found)


def listed(untagged: list[frames.Pieces]) -> int:
    """How many a SEARCH found."""
    return sum(len(pieces[0].split()) - 2 for pieces in untagged if pieces[0][:9].upper() == b"* SEARCH ")


def extended(untagged: list[frames.Pieces]) -> dict[bytes, dict[bytes, bytes]]:
    """The answers to searches with RETURN: tag → ``{b"COUNT": b"5", b"ALL": b"1:5"}`` (RFC 4731, section 3.1)."""
    found: dict[bytes, dict[bytes, bytes]] = {}
    for pieces in untagged:
        if match := _ESEARCH.fullmatch(pieces[0]):
            words = match[2].split()
            words = words[1:] if words and words[0].upper() == b"UID" else words
            found[match[1]] = {name.upper(): value for name, value in zip(words[::2], words[1::2], strict=False)}
    return found


def copied(argument: bytes) -> dict[int, str]:
    """``8 3:4 17:18`` → ``{3: "copyuid 8 3 17", 4: "copyuid 8 4 18"}``; {} where it is not like that."""
    match = _COPIED.fullmatch(argument)
    if match is None:
        return {}
    old, new = _listed(match[2]), _listed(match[3])
    if len(old) != len(new):
        return {}
    return {uid: f"copyuid {int(match[1])} {uid} {copy}" for uid, copy in zip(old, new, strict=True)}


def _listed(uid_set: bytes) -> list[int]:
    """The UIDs of a set in its order, but no more than a command of ours can have been about."""
    found: list[int] = []
    for run in uid_set.split(b","):
        low, _, high = run.partition(b":")
        ends = sorted((int(low), int(high or low)))
        found += range(ends[0], min(ends[1] + 1, ends[0] + _COPIED_AT_ONCE + 1))
        if len(found) > _COPIED_AT_ONCE:
            return []
    return found


def is_section(text: str) -> bool:
    """Whether this may stand in ``BODY.PEEK[…]``: what comes from a mail must not put a command into the stream."""
    return _SECTION.fullmatch(text) is not None


def code(text: bytes) -> tuple[bytes, bytes]:
    """The response code in brackets and its argument: ``[TRYCREATE] No such…`` → ``(b"TRYCREATE", b"")``."""
    match = _CODE.match(text)
    return (match[1].upper(), match[2] or b"") if match else (b"", b"")


@functools.lru_cache(maxsize=1024)
def internal_date(text: Any) -> datetime.datetime | None:
    """``17-Jul-1996 02:44:25 -0700`` → aware; None where it is no date (RFC 9051, section 9, date-time)."""
    match = _DATE.fullmatch(text) if isinstance(text, bytes) else None
    if match is None or match[2].lower() not in _MONTHS:
        return None
    day, _, year, hour, minute, second, sign, zone_hours, zone_minutes = match.groups()
    offset = datetime.timedelta(hours=int(zone_hours), minutes=int(zone_minutes)) * (-1 if sign == b"-" else 1)
    try:
        zone = datetime.timezone(offset)
        return datetime.datetime(
            int(year), _MONTHS[match[2].lower()], int(day), int(hour), int(minute), int(second), tzinfo=zone
        )
    except ValueError:
        return None
