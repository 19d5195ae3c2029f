"""What is said to the server about canaries: APPEND, and looking for those that are there.

Functions on one connection that has nothing else to do; ``commands`` lends it, and ``changes`` deletes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

from bridge import errors
from bridge.mail import header
from bridge.sources import canary as canary_
from bridge.sources.imap import asking, client, opening, response
from bridge.sources.imap import connection as connection_

_SWEPT = 100  # left over canaries at one time
_HEAD_BYTES = 8_192
_EACH_LITERAL, _SMALL_LITERAL, _SMALL_BYTES = b"LITERAL+", b"LITERAL-", 4_096  # RFC 7888

Uids = tuple[int, Sequence[int]]  # under this UIDVALIDITY
Wanted = Callable[[canary_.Token], bool]


class Refused(errors.SourceError):
    """The server does not take the canary."""


async def append(connection: connection_.Connection, *, folder: str, mail: bytes) -> Uids | None:
    """Where it is now, if the server says so (UIDPLUS, RFC 4315, section 3).

    Raises:
        Refused: the server does not take it.
        errors.Disconnected: it is not known whether it did.
    """
    able = connection.capabilities
    command = b"APPEND %s (\\Seen) {%d" % (client.folder_name(folder), len(mail))
    if _EACH_LITERAL in able or (_SMALL_LITERAL in able and len(mail) <= _SMALL_BYTES):
        (answer,) = await connection.run(b"%s+}\r\n%s" % (command, mail))
    else:
        answer = await connection.converse(command + b"}", lambda _: mail)
    if not answer.ok:
        raise Refused(_refusal(folder, answer))
    code, argument = response.code(answer.text)
    place = argument.split()
    if code != b"APPENDUID" or len(place) != 2 or not all(map(bytes.isdigit, place)):
        return None
    return int(place[0][:20]), [response.checked(int(place[1][:20]), "UID")]


def _refusal(folder: str, answer: connection_.Answer) -> str:
    text = client.readable(answer.text)
    if answer.code == b"OVERQUOTA" or any(
        sign in text.lower() for sign in ("quota", "mailbox full", "mailbox is full")
    ):
        return f"the mailbox is over quota: no mail gets into it ({text})"
    return f"the mail server does not take a mail into {folder!r}: {text}"


async def found(
    connection: connection_.Connection, *, folder: str, seal: canary_.Seal, user: str, wanted: Wanted
) -> Uids:
    """The canaries in this folder that prove to be this bridge's and are ``wanted``."""
    if connection.selected is None or connection.selected[0] != folder:
        await opening.select(connection, folder, read_only=False)
    uidvalidity = connection.selected[1] if connection.selected else 0
    name = canary_.HEADER.encode("ascii")
    (answer,) = await connection.run(b"UID SEARCH HEADER %s %s" % (name, client.quoted(seal.bridge)))
    uids = response.uids(answer.untagged)[-_SWEPT:]
    if not uids:
        return uidvalidity, []
    (answer,) = await connection.run(b"UID FETCH %s (UID BODY.PEEK[HEADER]<0.%d>)" % (asking.ranges(uids), _HEAD_BYTES))
    wanted_uids = []
    for pieces in answer.untagged:
        with contextlib.suppress(errors.MailError):
            items = response.fetched(pieces) or {}
            head = items.get(b"BODY[HEADER]")
            token = seal.read(header.parse(head), user) if isinstance(head, bytes) else None
            if token is not None and items.get(b"UID") in uids and wanted(token):
                wanted_uids.append(items[b"UID"])
    return uidvalidity, wanted_uids
