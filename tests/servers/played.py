"""An IMAP account that is played: it keeps its mails in memory, answers what the bridge asks, and a personality
overrides what a real server does in another way.

    account = Account()
    with account.served() as server:
        account.arrive("motion")

The answers are worded as the server's own are. Whoever is in IDLE is told of what arrives, unless the personality is
slow. Each personality's own text says where its behaviour was seen.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import threading

from tests.servers.scripted_imap import Gone, Peer, ScriptedImap, fetched


@dataclasses.dataclass
class Letter:
    """A mail in the account."""

    uid: int
    subject: str
    text: str = "hello\r\n"
    structure: str = ""
    flags: set[str] = dataclasses.field(default_factory=set)


class Session:
    """One connection's state."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.idle_tag = ""
        self.selected = False


class Account:
    """One folder, INBOX, of a server that does as the standard says."""

    greeting = "OK ready"
    before = "IMAP4rev1 IDLE AUTH=PLAIN"  # the login
    after = "IMAP4rev1 IDLE UIDPLUS MOVE"
    logged_in = "OK LOGIN completed."
    idling = "idling"
    part_octets = 8192  # of a text in the answer to the first fetch
    at_once = True  # whether who is in IDLE is told of a mail when it arrives

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.uidnext = 1
        self.uidvalidity = 7
        self.turn = threading.RLock()
        self.sessions: list[Session] = []
        self.logins = 0

    def served(self) -> ScriptedImap:
        return ScriptedImap(self)

    # What a test does with it

    def arrive(self, subject: str = "", **values: str) -> Letter:
        """A mail comes, and who is in IDLE is told."""
        with self.turn:
            letter = Letter(uid=self.uidnext, subject=subject or f"mail {self.uidnext}", **values)
            self.letters.append(letter)
            self.uidnext += 1
            if self.at_once:
                self.tell(f"* {len(self.letters)} EXISTS\r\n")
            return letter

    def tell(self, *segments: str | bytes) -> None:
        """Says this to who is in IDLE, each segment in a write of its own."""
        with self.turn:
            for session in self.sessions:
                if session.idle_tag:
                    with contextlib.suppress(Gone):
                        session.peer.send(*segments)

    def hang_up(self, *last_words: str) -> None:
        """Ends every connection."""
        with self.turn:
            for session in self.sessions:
                with contextlib.suppress(Gone):
                    session.peer.send(*last_words)
                session.peer.hang_up()

    @property
    def idlers(self) -> int:
        with self.turn:
            return sum(bool(session.idle_tag) for session in self.sessions)

    # What the bridge hears

    def __call__(self, peer: Peer) -> None:
        session = Session(peer)
        with self.turn:
            self.sessions.append(session)
            peer.send(f"* {self.greeting}\r\n")
        try:
            while True:
                line = peer.line()
                with self.turn:
                    self.answer(session, line)
        finally:
            with self.turn:
                self.sessions.remove(session)

    def answer(self, session: Session, line: str) -> None:
        tag, _, command = line.partition(" ")
        if tag == "DONE":
            self.done(session)
            return
        verb = command.split(" ", 1)[0].upper()
        if verb == "UID":
            verb, command = "UID_" + command.split(" ")[1].upper(), command[4:]
        getattr(self, verb.lower())(session, tag, command)

    def capability(self, session: Session, tag: str, _command: str) -> None:
        told = self.after if session.selected or self.logins else self.before
        session.peer.send(f"* CAPABILITY {told}\r\n{tag} OK CAPABILITY completed.\r\n")

    def login(self, session: Session, tag: str, _command: str) -> None:
        self.logins += 1
        session.peer.send(f"{tag} {self.logged_in}\r\n")

    def examine(self, session: Session, tag: str, command: str) -> None:
        session.selected = True
        session.peer.send(
            f"* {len(self.letters)} EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY {self.uidvalidity}] UIDVALIDITY value\r\n"
            f"* OK [UIDNEXT {self.uidnext}] The next unique identifier value\r\n"
            f"{tag} OK [READ-ONLY] {command.split(maxsplit=1)[0]} completed.\r\n"
        )

    def select(self, session: Session, tag: str, command: str) -> None:
        self.examine(session, tag, command)

    def list(self, session: Session, tag: str, _command: str) -> None:
        session.peer.send(f'* LIST (\\Marked \\HasNoChildren) "/" INBOX\r\n{tag} OK LIST completed.\r\n')

    def noop(self, session: Session, tag: str, _command: str) -> None:
        session.peer.send(f"* {len(self.letters)} EXISTS\r\n{tag} OK NOOP completed.\r\n")

    def idle(self, session: Session, tag: str, _command: str) -> None:
        session.idle_tag = tag
        session.peer.send(f"+ {self.idling}\r\n")

    def done(self, session: Session) -> None:
        tag, session.idle_tag = session.idle_tag, ""
        session.peer.send(f"{tag} OK IDLE completed.\r\n")

    def uid_search(self, session: Session, tag: str, command: str) -> None:
        found = " ".join(str(letter.uid) for letter in self._found(command.partition(" ")[2]))
        session.peer.send(f"* SEARCH {found}".rstrip() + f"\r\n{tag} OK SEARCH completed.\r\n")

    def _found(self, criteria: str) -> list[Letter]:
        if criteria.startswith("UID "):
            return self.among(criteria[4:])
        return [letter for letter in self.letters if criteria != "UNSEEN" or "\\Seen" not in letter.flags]

    def among(self, uid_set: str) -> list[Letter]:
        """The letters of a UID set; ``n:*`` has the last one in it, always."""
        last = self.letters[-1].uid if self.letters else 0
        wanted: set[int] = set()
        for low, _, high in (run.partition(":") for run in uid_set.split(",")):
            ends = sorted(last if end == "*" else int(end) for end in (low, high or low))
            wanted.update(range(ends[0], ends[1] + 1))
        return [letter for letter in self.letters if letter.uid in wanted]

    def uid_fetch(self, session: Session, tag: str, command: str) -> None:
        _, uid_set, items = command.split(" ", 2)
        given = "".join(self.given(letter, items) for letter in self.among(uid_set))
        session.peer.send(f"{given}{tag} OK FETCH completed.\r\n")

    def given(self, letter: Letter, items: str) -> str:
        """The answer about one mail."""
        number = self.letters.index(letter) + 1
        if "BODYSTRUCTURE" in items:
            text = letter.text[: self.part_octets]
            return fetched(number, letter.uid, subject=letter.subject, text=text, structure=self.structure(letter))
        if part := re.search(r"BODY\.PEEK\[([\d.]+)\]<0\.(\d+)>", items):
            text = letter.text[: int(part[2])]
            return f"* {number} FETCH (UID {letter.uid} BODY[{part[1]}]<0> {{{len(text)}}}\r\n{text})\r\n"
        return f'* {number} FETCH (UID {letter.uid} INTERNALDATE "02-Nov-2026 10:00:00 +0000")\r\n'

    def structure(self, letter: Letter) -> str:
        size = len(letter.text)
        return letter.structure or f'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" {size} 1 NIL NIL NIL NIL)'

    def uid_store(self, session: Session, tag: str, command: str) -> None:
        _, uid_set, _, flags = command.split(" ", 3)
        for letter in self.among(uid_set):
            letter.flags.update(flags.strip("()").split())
        session.peer.send(f"{tag} OK STORE completed.\r\n")

    def uid_move(self, session: Session, tag: str, command: str) -> None:
        uid_set = command.split(" ")[1]
        gone = self.among(uid_set)
        told = "".join(f"* {self.letters.index(letter) + 1} EXPUNGE\r\n" for letter in reversed(gone))
        self.letters = [letter for letter in self.letters if letter not in gone]
        session.peer.send(f"* OK [COPYUID 9 {uid_set} {uid_set}] \r\n{told}{tag} OK MOVE completed.\r\n")
