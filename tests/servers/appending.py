"""An account that is played and takes mails by APPEND: for canaries."""

from __future__ import annotations

from tests.servers import played


class Appending(played.Account):
    """Takes mails; ``tells`` is whether who is in IDLE hears of them, ``refusal`` why it takes none."""

    after = "IMAP4rev1 IDLE UIDPLUS LITERAL-"
    tells = True
    refusal = ""

    def __init__(self) -> None:
        super().__init__()
        self.heads: dict[int, str] = {}

    def append(self, session: played.Session, tag: str, command: str) -> None:
        mail = session.peer.octets(int(command.rpartition("{")[2].rstrip("+}")))
        session.peer.line()
        if self.refusal:
            session.peer.send(f"{tag} NO {self.refusal}\r\n")
            return
        self.at_once = self.tells
        letter = self.arrive("Mailwire canary")
        self.heads[letter.uid] = mail.decode().partition("\r\n\r\n")[0] + "\r\n\r\n"
        session.peer.send(f"{tag} OK [APPENDUID {self.uidvalidity} {letter.uid}] done\r\n")

    def given(self, letter: played.Letter, items: str) -> str:
        head = self.heads.get(letter.uid, "From: a@b.example\r\nSubject: hello\r\n\r\n")
        number = self.letters.index(letter) + 1
        shape = '("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 7 1)'
        rest = f"BODYSTRUCTURE {shape} BODY[TEXT]<0> {{7}}\r\nhello\r\n" if "BODYSTRUCTURE" in items else ""
        return f"* {number} FETCH (UID {letter.uid} FLAGS () BODY[HEADER]<0> {{{len(head)}}}\r\n{head} {rest})\r\n"

    def uid_expunge(self, session: played.Session, tag: str, command: str) -> None:
        gone = self.among(command.split(" ")[1])
        self.letters = [letter for letter in self.letters if letter not in gone]
        session.peer.send(f"{tag} OK done\r\n")
