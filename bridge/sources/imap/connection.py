"""One IMAP connection: commands, their answers, and what the server says in between.

Nothing here locks, and nothing blocks: a connection has one owner at a time, who waits for an answer in the event loop,
for at most ``timeout``.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable
from typing import Literal

from bridge import errors
from bridge.sources import settings as settings_
from bridge.sources.imap import client, dialling, frames, news, response, wire
from bridge.sources.imap import hub as hub_

_GREETING = re.compile(rb"\* (OK|PREAUTH|BYE)(?: (.*))?\Z", re.IGNORECASE | re.DOTALL)
_EVENT = re.compile(rb"\* (\d{1,20}) (EXISTS|EXPUNGE|FETCH)\b", re.IGNORECASE)
_STATUS = re.compile(rb"\* (OK|BYE)(?: (.*))?\Z", re.IGNORECASE | re.DOTALL)
_TAGGED = re.compile(rb"[A-Za-z0-9]+ (OK|NO|BAD)(?: (.*))?\Z", re.IGNORECASE | re.DOTALL)
# The answer to DONE, UID SEARCH and IDLE where there is nothing new: of UIDs that of the last mail, and not a word more
_NOTHING_NEW = re.compile(
    rb"(\w+) OK\b[^\r\n]*\r\n(?:\* SEARCH ?(\d{0,10}) ?\r\n)?(\w+) OK\b[^\r\n]*\r\n\+[^\r\n]*\r\n"
)
_BEGINS_SO = re.compile(rb"(?:(?:\w+ OK|\* SEARCH)\b[^\r\n]{0,500}\r\n){0,3}[^\r\n]{0,500}\r?")
_ANSWER_BYTES = 256 * 1024 * 1024  # of one command; chunks are far below
_TURNS = 4  # of an AUTHENTICATE

Kind = Literal["command", "fetch", "idle", "done"]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What one command brought: the tagged line, and the untagged responses before it."""

    status: str  # OK | NO | BAD; "+" for an IDLE that has begun
    text: bytes
    untagged: list[frames.Pieces]
    tag: bytes = b""

    @property
    def ok(self) -> bool:
        return self.status in {"OK", "+"}

    @property
    def code(self) -> bytes:
        return response.code(self.text)[0]


class Connection:
    """Made without I/O; ``open`` comes first."""

    __slots__ = (
        *("_awaited", "_hub", "_idle_tag", "_tags", "_wire"),
        *("capabilities", "news", "selected", "settings"),
    )

    def __init__(self, settings: settings_.Mailbox, hub: hub_.Hub) -> None:
        self.settings = settings
        self._hub = hub
        self._wire: wire.Wire | None = None
        self._tags = 0
        self._awaited: list[tuple[bytes, Kind]] = []  # a few at most
        self._idle_tag: bytes | None = None
        self.capabilities: frozenset[bytes] = frozenset()
        self.selected: tuple[str, int] | None = None  # folder, uidvalidity
        self.news = news.News()

    # Opening

    async def open(self) -> bool:
        """Connects and secures; ``login`` follows. Whether the server takes us as logged in already (PREAUTH).

        Raises:
            errors.Disconnected: nobody answers, or not in time.
            errors.SourceError: TLS cannot be had, or the other end is no IMAP server.
        """
        self._wire = await dialling.connected(self.settings, self._hub)
        greeting = (await self._line.response())[0]
        known = _GREETING.match(greeting)
        if known is None:
            raise errors.SourceError(f"this is no IMAP server: {client.readable(greeting)}")
        kind, text = known[1].upper(), known[2] or b""
        if kind == b"BYE":
            raise errors.Disconnected(f"the server says goodbye: {client.readable(text)}")
        if not self._learn(text):
            await self._ask_capabilities()
        if self.settings.tls == "starttls":
            await self._start_tls()
        return kind == b"PREAUTH"

    async def _start_tls(self) -> None:
        """STARTTLS (RFC 9051, section 6.2.1)."""
        if b"STARTTLS" not in self.capabilities:
            raise errors.SourceError("the server offers no STARTTLS; `tls: implicit` (port 993) may do")
        (answer,) = await self.run(b"STARTTLS")
        if not answer.ok:
            raise errors.SourceError(f"the server refuses STARTTLS: {client.readable(answer.text)}")
        if len(self._line.frames):
            raise errors.SourceError("the server sent something before TLS began that is not protected by it")
        await dialling.secure(self._line, self.settings)
        await self._ask_capabilities()  # what was said before TLS is void

    async def _ask_capabilities(self) -> None:
        """Asks what the server can do."""
        (answer,) = await self.run(b"CAPABILITY")
        told = (pieces[0] for pieces in answer.untagged if is_named(pieces, b"CAPABILITY"))
        self.capabilities = _shared(frozenset(word.upper() for text in told for word in text.split()[2:]))

    def _learn(self, text: bytes) -> bool:
        """What it can do, where it says so unasked: a round trip less (RFC 9051, section 7.1)."""
        code, argument = response.code(text)
        if code == b"CAPABILITY":
            self.capabilities = _shared(frozenset(argument.upper().split()))
        return code == b"CAPABILITY"

    async def logged_in(self, answer: Answer | None) -> None:
        """Many servers have more to offer after the login; most say so in its answer."""
        if answer is None or not self._learn(answer.text):
            await self._ask_capabilities()

    # Commands

    @property
    def _line(self) -> wire.Wire:
        if self._wire is None:
            raise errors.Disconnected("not connected")
        return self._wire

    @property
    def idling(self) -> bool:
        return self._idle_tag is not None

    def post(self, *commands: bytes, idle: bool = False) -> None:
        """Sends commands in one write, ending an IDLE before and beginning one behind them if asked. ``collect``
        follows.
        """
        out = []
        if self._idle_tag is not None:
            out.append(b"DONE\r\n")
            self._awaited.append((self._idle_tag, "done"))
            self._idle_tag = None
        for number, command in enumerate((*commands, b"IDLE") if idle else commands):
            self._tags += 1
            tag = b"m%d" % self._tags
            out.append(tag + b" " + command + b"\r\n")
            fetches = command.startswith(b"UID FETCH ")
            self._awaited.append((tag, "idle" if number == len(commands) else "fetch" if fetches else "command"))
        self._line.send(b"".join(out))

    async def collect(self, count: int) -> list[Answer]:
        """The next answers to what was posted, in order; that to a DONE is left out.

        Raises:
            errors.Disconnected: the connection ended, an answer was late, or it is not IMAP.
        """
        answers: list[Answer] = []
        self.news.answers_begin()
        while len(answers) < count or (self._awaited and self._awaited[0][1] == "done"):
            tag, kind = self._awaited[0]
            answer = await self._answer(tag, kind)
            del self._awaited[0]
            if kind != "done":
                answers.append(answer)
        self.news.answers_end()
        return answers

    async def run(self, *commands: bytes) -> list[Answer]:
        """``post`` and ``collect``."""
        self.post(*commands)
        return await self.collect(len(commands))

    async def converse(self, command: bytes, reply: Callable[[bytes], bytes]) -> Answer:
        """A command whose ``+``, each with what stands behind it, ``reply`` answers (AUTHENTICATE)."""
        self.post(command)
        for _ in range(_TURNS):
            while (pieces := await self._line.response())[0].startswith(b"* "):
                self._note(pieces)
            if not pieces[0].startswith(b"+"):
                self._awaited.clear()
                return _tagged(pieces[0], [])
            self._line.send(reply(pieces[0][1:].strip()) + b"\r\n")
        raise errors.Disconnected("the server asks on and on")

    async def _answer(self, tag: bytes, kind: Kind) -> Answer:
        untagged: list[frames.Pieces] = []
        size = 0
        while True:
            pieces = await self._line.response()
            first = pieces[0]
            if first.startswith(b"* "):
                if self._note(pieces):
                    continue
                untagged.append(pieces)
                size += sum(map(len, pieces))
                if size > _ANSWER_BYTES:
                    raise errors.Disconnected("the server's answer is endless")
            elif kind == "idle" and first.startswith(b"+"):
                self._idle_tag = tag
                return Answer(status="+", text=b"", untagged=untagged)
            elif first.startswith(tag + b" "):
                return _tagged(first, untagged)
            else:
                raise errors.Disconnected(f"the server answered out of turn: {client.readable(first)}")

    def nothing_from(self, uid: int) -> bool | None:
        """Takes in what there is of the answer to ``UID SEARCH UID {uid}:*``, posted out of IDLE and with IDLE behind
        it, without waiting: True where it is whole, has no such mail and nothing else, so that nobody need look at it;
        False where it is anything more, and left to ``collect``; None while it is not whole.

        Raises:
            errors.Disconnected: the server closed the connection.
        """
        arrived = self._line.frames
        while self._line.read():
            if found := arrived.whole(_NOTHING_NEW):
                (done, _), (search, _), (idle, _) = self._awaited
                if (found[1], found[3]) != (done, search) or (found[2] and not 0 < int(found[2]) < uid):
                    return False
                arrived.clear()
                self._awaited.clear()
                self._idle_tag = idle
                return True
            if not arrived.whole(_BEGINS_SO):
                return False
        return None

    def hear(self) -> bool:
        """Takes in what the server says of itself while in IDLE, without waiting; whether there may be more at once.

        Raises:
            errors.Disconnected: it closed the connection, or said BYE.
        """
        closed: errors.Disconnected | None = None
        try:
            more = self._line.drain()
        except errors.Disconnected as error:
            more, closed = False, error  # its last words, which say why, came before
        while (pieces := self._line.frames.response()) is not None:
            if pieces[0].startswith(b"* "):
                self._note(pieces)
            elif self._idle_tag is not None and pieces[0].startswith(self._idle_tag + b" "):
                raise errors.Disconnected(f"the server ended IDLE: {client.readable(pieces[0])}")
        if closed is not None:
            raise closed
        return more

    def _note(self, pieces: frames.Pieces) -> bool:
        """Keeps count of the folder, in the order in which the server tells of it, whichever answer it comes in.
        Whether it was a mail that nobody asked for, which is kept.
        """
        if event := _EVENT.match(pieces[0]):
            number, kind = int(event[1]), event[2].upper()
            if kind == b"EXISTS":
                self.news.tells(number, at=self._line.read_at)
            elif kind == b"EXPUNGE":
                self.news.removes(at=self._line.read_at)
            elif self.news.marks(pieces, at=self._line.read_at):  # flags that changed, no mail
                return self.news.streaming
            elif len(pieces) > 1:
                self._line.extend()
                return self.news.brings(number, pieces, asked=any(kind == "fetch" for _, kind in self._awaited))
        elif status := _STATUS.match(pieces[0]):
            self._told(status[1].upper(), status[2] or b"")
        elif is_named(pieces, b"VANISHED "):
            self.news.vanishes(pieces[0], at=self._line.read_at)
        return False

    def _told(self, status: bytes, text: bytes) -> None:
        if status == b"BYE":
            raise errors.Disconnected(f"the server says goodbye: {client.readable(text)}")
        code, argument = response.code(text)
        if code == b"NOTIFICATIONOVERFLOW":  # RFC 5465, section 5.8: it tells of nothing any more
            raise errors.Disconnected("the server gives up telling of new mails")
        if code == b"UIDVALIDITY" and self.selected and argument.isdigit() and int(argument) != self.selected[1]:
            raise errors.Disconnected("the folder's UIDVALIDITY changed")

    # Ending

    @property
    def octets(self) -> int:
        return self._wire.bytes_read if self._wire else 0

    @property
    def round_trips(self) -> int:
        return self._wire.round_trips if self._wire else 0

    @property
    def tls(self) -> str:
        """The version of TLS, as in ``TLSv1.3``; "" where there is none."""
        return self._line.tls

    @property
    def heard(self) -> float | None:
        return self._wire.heard if self._wire else None

    @property
    def remaining_s(self) -> float:
        """Until the deadline of the answer that is under way."""
        return self._line.remaining_s

    def fileno(self) -> int:
        return self._line.fileno()

    def hang_up(self) -> None:
        """Ends it under whoever reads from it, who is told that it is closed. Any number of times."""
        if self._wire is not None:
            self._wire.hang_up()

    def close(self) -> None:
        """Closes without a word: LOGOUT would be one more answer to wait for. Any number of times."""
        if self._wire is not None:
            self._wire.close()


@functools.lru_cache(maxsize=64)
def _shared(capabilities: frozenset[bytes]) -> frozenset[bytes]:
    """The same set for all connections to servers that can do the same."""
    return capabilities


def from_on(uid: int) -> bytes:
    """What to search for; the last mail is in ``n:*`` too, however low its UID (RFC 9051, section 9, seq-range)."""
    return b"UID %d:*" % uid


def is_named(pieces: frames.Pieces, name: bytes) -> bool:
    return pieces[0][2 : 2 + len(name)].upper() == name


def _tagged(line: bytes, untagged: list[frames.Pieces]) -> Answer:
    match = _TAGGED.match(line)
    if match is None:
        raise errors.Disconnected(f"the server's answer cannot be read: {client.readable(line)}")
    status, text = match[1].upper().decode(), match[2] or b""
    return Answer(status=status, text=text, untagged=untagged, tag=line.partition(b" ")[0])
