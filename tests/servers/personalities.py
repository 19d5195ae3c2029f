"""Gmail and Exchange, as people met them: what they say, octet for octet, where it was written down in public."""

from __future__ import annotations

from tests.servers.played import Account, Letter, Session
from tests.servers.scripted_imap import Gone

GMAIL_CONNECTIONS = 15


class Gmail(Account):
    """Gmail. Greeting, capabilities and answers: jstedfast/MailKit#1396, home-assistant/core#155699.

    No NOTIFY. At most 15 connections an account, beyond which the login is refused (zone-eu/wildduck#35,
    imapsync/imapsync#61). A session is ended after an hour or a few (emailjs/emailjs-imap-client#142,
    Flying-Toast/yugo#38).
    """

    greeting = "OK Gimap ready for requests from 203.0.113.7 x2mb241876667wmk"
    before = (
        "IMAP4rev1 UNSELECT IDLE NAMESPACE QUOTA ID XLIST CHILDREN X-GM-EXT-1 XYZZY SASL-IR AUTH=XOAUTH2 AUTH=PLAIN "
        "AUTH=PLAIN-CLIENTTOKEN AUTH=OAUTHBEARER"
    )
    after = (
        "IMAP4rev1 UNSELECT IDLE NAMESPACE QUOTA ID XLIST CHILDREN X-GM-EXT-1 UIDPLUS COMPRESS=DEFLATE ENABLE MOVE "
        "CONDSTORE ESEARCH UTF8=ACCEPT LIST-EXTENDED LIST-STATUS LITERAL- SPECIAL-USE APPENDLIMIT=35651584"
    )
    logged_in = "OK me@gmail.com authenticated (Success)"
    full = "NO [ALERT] Too many simultaneous connections. (Failure)"
    expired = "* BYE Session expired, please login again.\r\n"

    def __init__(self, *, others: int = 0) -> None:
        """``others`` are connections of the account's other programs."""
        super().__init__()
        self.others = others

    def login(self, session: Session, tag: str, command: str) -> None:
        if len(self.sessions) + self.others > GMAIL_CONNECTIONS:
            session.peer.send(f"{tag} {self.full}\r\n")
        else:
            super().login(session, tag, command)

    def examine(self, session: Session, tag: str, _command: str) -> None:
        session.peer.send(
            "* FLAGS (\\Answered \\Flagged \\Draft \\Deleted \\Seen $NotPhishing $Phishing)\r\n"
            "* OK [PERMANENTFLAGS ()] Flags permitted.\r\n"
            f"* OK [UIDVALIDITY {self.uidvalidity}] UIDs valid.\r\n"
            f"* {len(self.letters)} EXISTS\r\n* 0 RECENT\r\n"
            f"* OK [UIDNEXT {self.uidnext}] Predicted next UID.\r\n* OK [HIGHESTMODSEQ 10677203]\r\n"
            f"{tag} OK [READ-ONLY] INBOX selected. (Success)\r\n"
        )


class Exchange(Account):
    """Exchange and Microsoft 365. Greeting, capabilities, answers: jstedfast/MailKit#1494, mscdex/node-imap#689.

    No CONDSTORE, no NOTIFY. Mail is told of late or not at all (d99kris/nmail#112), and EXISTS may come before the
    ``+`` that begins IDLE (Webklex/php-imap#258).
    """

    greeting = "OK The Microsoft Exchange IMAP4 service is ready. [RgBSADMAUAAyADgAMQBDAEEAMAAxADUANwAuAEQA]"
    before = "IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+"
    after = (
        "IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT CLIENTACCESSRULES "
        "CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE CHILDREN IDLE NAMESPACE LITERAL+"
    )
    idling = "IDLE accepted, awaiting DONE command."
    at_once = False
    unconnected = "BAD User is authenticated but not connected."
    token_expired = "* BYE Session invalidated - AccessTokenExpired\r\n"

    def idle(self, session: Session, tag: str, _command: str) -> None:
        session.idle_tag = tag
        told = f"* {len(self.letters)} EXISTS\r\n" if self.letters else ""
        session.peer.send(f"{told}+ {self.idling}\r\n")


class Unconnected(Exchange):
    """The login is accepted, everything after it is not, and then the server hangs up: a mailbox that this user may
    not open, a wrong scope, or too many connections (mscdex/node-imap#523, simonrob/email-oauth2-proxy#74).
    """

    connected = False

    def examine(self, session: Session, tag: str, command: str) -> None:
        if self.connected:
            super().examine(session, tag, command)
        else:
            session.peer.send(f"{tag} {self.unconnected}\r\n")

    def list(self, session: Session, tag: str, _command: str) -> None:
        session.peer.send(f"{tag} {self.unconnected}\r\n* BYE Connection closed. 14\r\n")
        session.peer.hang_up()
        raise Gone


class WholeTexts(Exchange):
    """The whole text comes where a part of it was asked for (jakartaee/mail-api#370), and RFC822.SIZE is another than
    that of what comes (stalwartlabs/vandelay#12).
    """

    part_octets = 1 << 30

    def given(self, letter: Letter, items: str) -> str:
        return super().given(letter, items).replace("[TEXT]<0>", "[TEXT]").replace("RFC822.SIZE ", "RFC822.SIZE 1")


class Silent(Exchange):
    """A mail that the server cannot convert is listed, and its FETCH is answered OK without it
    (OfflineIMAP/offlineimap#62).
    """

    inconvertible: frozenset[int] = frozenset()

    def given(self, letter: Letter, items: str) -> str:
        return "" if letter.uid in self.inconvertible else super().given(letter, items)


STRUCTURES = {
    # strings that are NIL: kisli/vmime#159
    "nil": (
        '((NIL NIL ("charset" NIL) NIL NIL NIL NIL NIL NIL NIL NIL NIL)("text" "html" ("charset" "utf-8") NIL NIL '
        '"8bit" 7130 0 NIL NIL NIL NIL) "alternative" ("boundary" NIL))'
    ),
    # multiparts without parts: jstedfast/MailKit#371
    "no parts": (
        '(("TEXT" "PLAIN" ("CHARSET" "UTF-8" "DELSP" "yes") NIL NIL "7BIT" 7 1 NIL NIL NIL)("RELATED" NIL '
        '("ATTACHMENT" NIL) NIL)("RELATED" NIL ("ATTACHMENT" NIL) NIL) "MIXED" ("BOUNDARY" "94eb2c1cd0507") NIL NIL)'
    ),
    # quotes that are not escaped: emersion/go-imap#659
    "quotes": (
        '(("text" "html" ("charset" "UTF-8") NIL NIL "quoted-printable" 1224 16)("application" "octet-stream" ("name" '
        '"2154973550.pdf") NIL """" "base64" 65322) "MIXED")'
    ),
    # nothing at all
    "none": "NIL",
    "empty": "()",
}


class Chatty(Account):
    """Says more than it was asked, wherever it can (ProtonMail/proton-bridge#221, Webklex/php-imap#331,
    mattnenterprise/rust-imap#81).
    """

    chat = (
        "* OK Still here\r\n* 1 FETCH (FLAGS (NonJunk) UID 1)\r\n* 1 RECENT\r\n* SEARCH\r\n* FLAGS (\\Seen \\SEEN)\r\n"
        '* LIST () "/" Elsewhere\r\n* STATUS INBOX (MESSAGES 9)\r\n* X-UNHEARD-OF 1 2 3\r\n* OK [ALERT] Sale!\r\n'
    )

    def answer(self, session: Session, line: str) -> None:
        if session.selected:
            session.peer.send(self.chat)
        super().answer(session, line)
        if session.idle_tag:
            session.peer.send(self.chat)


class Chopped(Account):
    """Each answer about mails, and each push, arrives octet by octet."""

    def uid_fetch(self, session: Session, tag: str, command: str) -> None:
        _, uid_set, items = command.split(" ", 2)
        given = "".join(self.given(letter, items) for letter in self.among(uid_set))
        session.peer.send(*(f"{given}{tag} OK FETCH completed.\r\n"))

    def tell(self, *segments: str | bytes) -> None:
        super().tell(*(octet for segment in segments for octet in str(segment)))


class Literal(Account):
    """Strings are literals where others quote them, and quoted where others send literals; items in another order."""

    def given(self, letter: Letter, items: str) -> str:
        if "BODYSTRUCTURE" not in items:
            return super().given(letter, items)
        number, head = self.letters.index(letter) + 1, f"Subject: {letter.subject}\r\n\r\n"
        return (
            f'* {number} FETCH (BODY[TEXT]<0> "hello" BODY[HEADER]<0> {{{len(head)}}}\r\n{head} '
            "BODYSTRUCTURE ({4}\r\ntext {5}\r\nplain ({7}\r\ncharset {8}\r\nus-ascii) NIL NIL {4}\r\n7bit 5 1) "
            f"RFC822.SIZE 50 INTERNALDATE {{26}}\r\n02-Nov-2026 10:00:00 +0000 FLAGS (\\Seen) UID {letter.uid})\r\n"
        )


class Miscounting(Account):
    """Its EXISTS is too low, too high, or of nothing; and an EXPUNGE comes for what never was."""

    def tell(self, *segments: str | bytes) -> None:
        super().tell("* 0 EXISTS\r\n", "* 4000000000 EXISTS\r\n", "* 17 EXPUNGE\r\n", *segments, "* 1 EXISTS\r\n")


class Strange(Account):
    """Answers a FETCH with all the mails that it has, twice, and with one that it has not."""

    def uid_fetch(self, session: Session, tag: str, command: str) -> None:
        items = command.split(" ", 2)[2]
        all_of_them = "".join(self.given(letter, items) for letter in self.letters)
        beyond = "* 90 FETCH (UID 90 FLAGS ())\r\n* 91 FETCH (UID 91)\r\n* 92 FETCH (FLAGS (\\Seen))\r\n"
        session.peer.send(f"{all_of_them}{beyond}{all_of_them}{tag} OK FETCH completed.\r\n")


class NoUidnext(Account):
    """Does not say UIDNEXT, and finds nothing under ``*``: Courier."""

    def examine(self, session: Session, tag: str, command: str) -> None:
        session.peer.send(
            f"* {len(self.letters)} EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY {self.uidvalidity}] Ok\r\n{tag} OK Ok\r\n"
        )

    def _found(self, criteria: str) -> list[Letter]:
        return [] if criteria == "UID *" else super()._found(criteria)


class RefusesIdle(Account):
    """Offers IDLE, and does not do it."""

    def idle(self, session: Session, tag: str, _command: str) -> None:
        session.peer.send(f"{tag} NO not today\r\n")


class IgnoresDone(Account):
    """Never answers DONE, nor what stands behind it."""

    def done(self, session: Session) -> None:
        session.idle_tag = "ignored"

    def answer(self, session: Session, line: str) -> None:
        if session.idle_tag != "ignored":
            super().answer(session, line)


BROKEN = (Chatty, Chopped, Literal, Miscounting, Strange, NoUidnext, RefusesIdle, IgnoresDone)
