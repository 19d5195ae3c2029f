"""Carries out changes to mails: by UID, under the UIDVALIDITY that the mail was read with, and never one of somebody
else's mails.

Blocking functions on one connection that has nothing else to do; ``commands`` keeps it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from bridge import errors
from bridge.delivery import MailChange, Receipt
from bridge.sources.imap import client, fetch, response
from bridge.sources.imap import connection as connection_

_ATOM = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$&'+,-./:;<=>?@^_`|~")
_LATER = {b"UNAVAILABLE", b"INUSE", b"SERVERBUG", b"EXPUNGEISSUED"}  # RFC 5530: it may work in a while
_NO_FOLDER = {b"TRYCREATE", b"NONEXISTENT"}
_ONLY_MARKED = "ok, but only marked \\Deleted: the server has no UIDPLUS"


_RANK = {"seen": 0, "flag": 0, "copy": 1, "move": 2, "delete": 2}


class HalfDone(errors.Permanent):
    """Some of it was done, and doing it again would do that part twice."""


def grouped(changes: Sequence[MailChange]) -> list[int]:
    """Their indexes, so that those alike are neighbours: a burst that is marked and copied takes two commands. What is
    done to one mail keeps its order: marks, copies, then moves and deletes.
    """

    def key(index: int) -> tuple[object, ...]:
        change = changes[index]
        return change.folder, change.uidvalidity, _RANK[change.op], change.op, change.argument

    return sorted(range(len(changes)), key=key)


def runs(changes: Sequence[MailChange]) -> list[list[MailChange]]:
    """Neighbours that one command can carry out."""

    def alike(change: MailChange) -> tuple[object, ...]:
        return change.folder, change.uidvalidity, change.op, change.argument

    return [list(run) for _, run in itertools.groupby(changes, alike)]


def carry_out(connection: connection_.Connection, run: Sequence[MailChange]) -> list[Receipt]:
    """Carries out a run of alike changes. Blocks.

    Raises:
        errors.Permanent: it will never work; the message says why.
        errors.Retryable: it may work later.
        errors.Disconnected: the connection ended; what was done is not known.
    """
    change = run[0]
    _open(connection, change)
    uids = fetch.ranges({each.uid for each in run})
    code = _OPS[change.op](connection, uids, change.argument)
    return [Receipt(delivery_id=each.id, code=code) for each in run]


def _open(connection: connection_.Connection, change: MailChange) -> None:
    if connection.selected is None or connection.selected[0] != change.folder:
        try:
            connection.select(change.folder, read_only=False)
        except errors.FolderMissing as error:
            raise errors.Permanent(str(error)) from error
    if connection.selected is not None and connection.selected[1] != change.uidvalidity:
        raise errors.Permanent(
            f"the folder {change.folder!r} was made anew (UIDVALIDITY changed): the mail's UID says nothing now"
        )


def _seen(connection: connection_.Connection, uids: bytes, _argument: str) -> str:
    return _store(connection, uids, b"\\Seen")


def _flag(connection: connection_.Connection, uids: bytes, argument: str) -> str:
    return _store(connection, uids, flag_name(argument))


def flag_name(flag: str) -> bytes:
    r"""``flagged`` and ``\Flagged`` are the system flag; anything else is a keyword, which has to be an atom.

    Raises:
        errors.Permanent: it is neither.
    """
    system = {"answered", "deleted", "draft", "flagged", "seen"}
    bare = flag.removeprefix("\\")
    if bare.lower() in system:
        return b"\\" + bare.capitalize().encode("ascii")
    if not flag or not set(flag) <= _ATOM:
        raise errors.Permanent(f"{flag!r} cannot be a flag")
    return flag.encode("ascii")


def _store(connection: connection_.Connection, uids: bytes, flag: bytes) -> str:
    return _done(connection, b"UID STORE %s +FLAGS.SILENT (%s)" % (uids, flag))


def _copy(connection: connection_.Connection, uids: bytes, target: str) -> str:
    return _into(connection, b"UID COPY", uids, target)


def _move(connection: connection_.Connection, uids: bytes, target: str) -> str:
    if b"MOVE" in connection.capabilities:
        return _into(connection, b"UID MOVE", uids, target)
    _into(connection, b"UID COPY", uids, target)
    try:
        return _delete(connection, uids, "")
    except (errors.Permanent, errors.Retryable) as error:
        raise HalfDone(f"copied to {target!r}, but still here as well: {error}") from error


def _delete(connection: connection_.Connection, uids: bytes, _argument: str) -> str:
    """Never a bare EXPUNGE: it would take mails with it that somebody else has marked."""
    _store(connection, uids, b"\\Deleted")
    if b"UIDPLUS" not in connection.capabilities:
        return _ONLY_MARKED
    return _done(connection, b"UID EXPUNGE " + uids)


_OPS = {"seen": _seen, "flag": _flag, "copy": _copy, "move": _move, "delete": _delete}


def _into(connection: connection_.Connection, verb: bytes, uids: bytes, target: str) -> str:
    command = b"%s %s %s" % (verb, uids, client.folder_name(target))
    (answer,) = connection.run(command)
    if answer.ok:
        return _code(answer)
    if not _exist(connection, uids):
        return "ok, gone"  # some servers say NO to UIDs that are gone
    if answer.code in _NO_FOLDER or target not in connection.folders():
        (created,) = connection.run(b"CREATE " + client.folder_name(target))
        if not created.ok:
            raise _no_target(connection, target, created)
        (answer,) = connection.run(command)
    if not answer.ok:
        raise _refused(answer)
    return _code(answer)


def _exist(connection: connection_.Connection, uids: bytes) -> bool:
    (answer,) = connection.run(b"UID SEARCH UID " + uids)
    return not answer.ok or bool(response.uids(answer.untagged))


def _no_target(connection: connection_.Connection, target: str, created: connection_.Answer) -> errors.Permanent:
    there = ", ".join(connection.folders())
    said = client.readable(created.text)
    return errors.Permanent(f"there is no folder {target!r}, and it cannot be made ({said}); the mailbox has: {there}")


def _done(connection: connection_.Connection, command: bytes) -> str:
    (answer,) = connection.run(command)
    if not answer.ok:
        raise _refused(answer)
    return _code(answer)


def _code(answer: connection_.Answer) -> str:
    return answer.code.decode("ascii", "replace").lower() or "ok"


def _refused(answer: connection_.Answer) -> Exception:
    text, code = client.readable(answer.text), answer.code
    if answer.status == "BAD" or code in {b"OVERQUOTA", b"NOPERM", b"CANNOT", b"ALREADYEXISTS", b"LIMIT", b"TOOBIG"}:
        return errors.Permanent(f"the mail server refuses: {text}", code=code.decode("ascii", "replace"))
    if code in _LATER or "quota" not in text.lower():
        return errors.Retryable(f"the mail server refuses for now: {text}", code=code.decode("ascii", "replace"))
    return errors.Permanent(f"the mail server refuses: {text}")
