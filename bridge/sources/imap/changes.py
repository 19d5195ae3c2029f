"""Carries out changes to mails: by UID, under the UIDVALIDITY that the mail was read with, and never one of somebody
else's mails.

Functions on one connection that has nothing else to do; ``commands`` keeps it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from bridge import errors
from bridge.delivery import MailChange, Receipt
from bridge.sources.imap import asking, client, opening, response
from bridge.sources.imap import connection as connection_

_ATOM = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$&'+,-./:;<=>?@^_`|~")
_LATER = {b"UNAVAILABLE", b"INUSE", b"SERVERBUG", b"EXPUNGEISSUED"}  # RFC 5530: it may work in a while
_NO_FOLDER = {b"TRYCREATE", b"NONEXISTENT"}
ONLY_MARKED = "ok, but only marked \\Deleted: the server has no UIDPLUS"

_THERE = "ok, it is there"

Copied = dict[str, None]
"""The ids of the moves whose mail was copied and is still to be deleted, so that nothing is ever copied twice."""


class ForAll(errors.Permanent):
    """It will never work, and for none of the run: trying each by itself is of no use."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """What the server said to a run; ``places`` is where the single mails are now."""

    code: str
    places: Mapping[int, str] = dataclasses.field(default_factory=dict)  # UID → "copyuid 8 3 17"


async def carry_out(connection: connection_.Connection, run: Sequence[MailChange], copied: Copied) -> list[Receipt]:
    """Carries out a run of alike changes.

    Raises:
        ForAll: it will never work; the message says why.
        errors.Permanent: the same, but one of the run may be to blame.
        errors.Retryable: it may work later.
        errors.Disconnected: the connection ended; what was done is not known.
    """
    change = run[0]
    if change.op in {"copy", "move"} and client.same_folder(change.folder, change.argument):
        return [Receipt(delivery_id=each.id, code=_THERE) for each in run]
    await _open(connection, change)
    if change.op == "move" and b"MOVE" not in connection.capabilities:
        done = await _copy_and_delete(connection, run, copied)
    else:
        done = await _OPS[change.op](connection, asking.ranges({each.uid for each in run}), change.argument)
    return [Receipt(delivery_id=each.id, code=done.places.get(each.uid, done.code)) for each in run]


async def _open(connection: connection_.Connection, change: MailChange) -> None:
    if connection.selected is None or connection.selected[0] != change.folder:
        try:
            await opening.select(connection, change.folder, read_only=False)
        except errors.FolderMissing as error:
            raise ForAll(str(error)) from error
    if connection.selected is not None and connection.selected[1] != change.uidvalidity:
        raise ForAll(
            f"the folder {change.folder!r} was made anew (UIDVALIDITY changed): the mail's UID says nothing now"
        )


async def _seen(connection: connection_.Connection, uids: bytes, _argument: str) -> Done:
    return await _store(connection, uids, b"\\Seen")


async def _flag(connection: connection_.Connection, uids: bytes, argument: str) -> Done:
    return await _store(connection, uids, flag_name(argument))


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


async def _store(connection: connection_.Connection, uids: bytes, flag: bytes) -> Done:
    return await _done(connection, b"UID STORE %s +FLAGS.SILENT (%s)" % (uids, flag))


async def _copy(connection: connection_.Connection, uids: bytes, target: str) -> Done:
    return await _into(connection, b"UID COPY", uids, target)


async def _move(connection: connection_.Connection, uids: bytes, target: str) -> Done:
    return await _into(connection, b"UID MOVE", uids, target)


async def _copy_and_delete(connection: connection_.Connection, run: Sequence[MailChange], copied: Copied) -> Done:
    """A move where the server has no MOVE. What was copied is never copied again: a connection that ends between the
    two leaves the rest to the next try, and a refusal of the second is the end.
    """
    target, places = run[0].argument, {}
    if new := {each.id: each.uid for each in run if each.id not in copied}:
        places = dict((await _into(connection, b"UID COPY", asking.ranges(set(new.values())), target)).places)
        copied.update(dict.fromkeys(new))
    try:
        done = await _delete(connection, asking.ranges({each.uid for each in run}), "")
    except (errors.Permanent, errors.Retryable) as error:
        raise ForAll(f"copied to {target!r}, but still here as well: {error}", code=error.code) from error
    for each in run:
        copied.pop(each.id, None)
    return done if done.code == ONLY_MARKED else Done(code=done.code, places=places)


async def _delete(connection: connection_.Connection, uids: bytes, _argument: str) -> Done:
    """Never a bare EXPUNGE: it would take mails with it that somebody else has marked."""
    await _store(connection, uids, b"\\Deleted")
    if b"UIDPLUS" not in connection.capabilities:
        return Done(code=ONLY_MARKED)
    return await _done(connection, b"UID EXPUNGE " + uids)


_OPS = {"seen": _seen, "flag": _flag, "copy": _copy, "move": _move, "delete": _delete}


async def _into(connection: connection_.Connection, verb: bytes, uids: bytes, target: str) -> Done:
    command = b"%s %s %s" % (verb, uids, client.folder_name(target))
    (answer,) = await connection.run(command)
    if answer.ok:
        return _told(answer)
    if not await _exist(connection, uids):
        return Done(code="ok, gone")  # some servers say NO to UIDs that are gone
    if answer.code in _NO_FOLDER or target not in (await opening.folders(connection)):
        (created,) = await connection.run(b"CREATE " + client.folder_name(target))
        if not created.ok:
            raise await _no_target(connection, target, created)
        (answer,) = await connection.run(command)
    if not answer.ok:
        raise _refused(answer)
    return _told(answer)


async def _exist(connection: connection_.Connection, uids: bytes) -> bool:
    (answer,) = await connection.run(b"UID SEARCH UID " + uids)
    return not answer.ok or bool(response.uids(answer.untagged))


async def _no_target(connection: connection_.Connection, target: str, created: connection_.Answer) -> ForAll:
    there = ", ".join(await opening.folders(connection))
    said = client.readable(created.text)
    return ForAll(f"there is no folder {target!r}, and it cannot be made ({said}); the mailbox has: {there}")


async def _done(connection: connection_.Connection, command: bytes) -> Done:
    (answer,) = await connection.run(command)
    if not answer.ok:
        raise _refused(answer)
    return _told(answer)


def _told(answer: connection_.Answer) -> Done:
    """COPYUID says where the copies are (RFC 4315, section 3); MOVE tells it before its end (RFC 6851, section 4.3)."""
    texts = [answer.text, *(pieces[0][5:] for pieces in answer.untagged if connection_.is_named(pieces, b"OK ["))]
    for code, argument in map(response.code, texts):
        if code == b"COPYUID":
            return Done(code="copyuid", places=response.copied(argument))
    return Done(code=answer.code.decode("ascii", "replace").lower() or "ok")


def _refused(answer: connection_.Answer) -> Exception:
    text, code = client.readable(answer.text), answer.code
    if answer.status == "BAD" or code in {b"OVERQUOTA", b"NOPERM", b"CANNOT", b"ALREADYEXISTS", b"LIMIT", b"TOOBIG"}:
        return errors.Permanent(f"the mail server refuses: {text}", code=code.decode("ascii", "replace"))
    if code in _LATER or "quota" not in text.lower():
        return errors.Retryable(f"the mail server refuses for now: {text}", code=code.decode("ascii", "replace"))
    return errors.Permanent(f"the mail server refuses: {text}")
