"""What is said to a mail server with an access token, octet for octet, and what its refusals lead to."""

from __future__ import annotations

import asyncio
import base64
import re

from bridge.oauth.settings import OAuth
from tests import watching
from tests.servers.scripted_imap import Peer, ScriptedImap

CHALLENGE = base64.b64encode(b'{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}').decode()


class Tokens:
    """One token after the other."""

    def __init__(self, *tokens: str) -> None:
        self.given = list(tokens)
        self.refused: list[str] = []

    async def access_token(self) -> str:
        return self.given[0]

    async def renewed(self, refused: str) -> str:
        self.refused.append(refused)
        return self.given[-1]

    async def signed_in(self) -> None:
        await asyncio.Event().wait()  # nobody does


def mailbox(server: ScriptedImap) -> watching.settings_.Mailbox:
    oauth = OAuth.model_validate({"provider": "google", "client_id": "x"})
    return watching.settings(server, user="ada@example.org", password=None, oauth=oauth)


def xoauth2(token: str) -> str:
    return base64.b64encode(f"user=ada@example.org\x01auth=Bearer {token}\x01\x01".encode()).decode()


def greet(peer: Peer, capabilities: str) -> None:
    peer.send("* OK ready\r\n")
    peer.ok("CAPABILITY", f"CAPABILITY IMAP4rev1 IDLE {capabilities}")


def let_in(peer: Peer, tag: str) -> None:
    peer.send(f"{tag} OK welcome\r\n")
    peer.ok("CAPABILITY", "CAPABILITY IMAP4rev1 IDLE")
    peer.ok("EXAMINE", "0 EXISTS", "OK [UIDVALIDITY 7] valid", "OK [UIDNEXT 1] next")


async def test_without_sasl_ir_the_token_waits_for_the_plus() -> None:
    def script(peer: Peer) -> None:
        greet(peer, "AUTH=XOAUTH2 AUTH=PLAIN")
        tag = peer.expect(r"AUTHENTICATE XOAUTH2\Z")
        peer.send("+ \r\n")
        assert peer.line() == xoauth2("t1")
        let_in(peer, tag)
        peer.idle()
        peer.wait_for_close()

    with ScriptedImap(script) as server:
        async with watching.Watching(mailbox(server), tokens=Tokens("t1")) as watched:
            await watched.are("live")


async def test_a_refused_token_is_renewed_once_and_the_challenge_is_answered_by_an_empty_line() -> None:
    def refuse(peer: Peer) -> None:
        greet(peer, "SASL-IR AUTH=XOAUTH2")
        tag = peer.expect("AUTHENTICATE XOAUTH2 " + re.escape(xoauth2("t1")))
        peer.send(f"+ {CHALLENGE}\r\n")
        assert peer.line() == ""
        peer.send(f"{tag} NO SASL authentication failed\r\n")

    def accept(peer: Peer) -> None:
        greet(peer, "SASL-IR AUTH=XOAUTH2")
        let_in(peer, peer.expect("AUTHENTICATE XOAUTH2 " + re.escape(xoauth2("t2"))))
        peer.idle()
        peer.wait_for_close()

    tokens = Tokens("t1", "t2")
    with ScriptedImap(refuse, accept) as server:
        async with watching.Watching(mailbox(server), tokens=tokens) as watched:
            await watched.are("live")
    assert tokens.refused == ["t1"]


async def test_a_server_that_repeats_the_token_does_not_get_it_into_the_log() -> None:
    token = "t" * 60

    def refuse(peer: Peer) -> None:
        greet(peer, "SASL-IR AUTH=XOAUTH2")
        tag = peer.expect("AUTHENTICATE")
        peer.send(f"{tag} NO no {token} and no {xoauth2(token)}\r\n")

    with ScriptedImap(refuse) as server:
        async with watching.Watching(mailbox(server), tokens=Tokens(token, token)) as watched:
            reason = (await watched.are("refused")).reason
    assert "(no *** and no ***)" in reason
    assert "is ada@example.org the account that signed in" in reason
    assert "`mailwire login home`" in reason


async def test_a_scope_that_is_too_small_is_not_renewed_again_and_again() -> None:
    told = base64.b64encode(b'{"status":"insufficient_scope","scope":"imap"}').decode()

    def refuse(peer: Peer) -> None:
        greet(peer, "SASL-IR AUTH=OAUTHBEARER")
        tag = peer.expect("AUTHENTICATE OAUTHBEARER ")
        peer.send(f"+ {told}\r\n")
        assert peer.line() == "AQ=="
        peer.send(f"{tag} NO failed\r\n")

    tokens = Tokens("t1")
    with ScriptedImap(refuse) as server:
        async with watching.Watching(mailbox(server), tokens=tokens) as watched:
            reason = (await watched.are("refused")).reason
    assert "it wants the scope imap" in reason
    assert tokens.refused == []


async def test_a_server_that_cannot_say_now_is_asked_again_with_the_same_token() -> None:
    def later(peer: Peer) -> None:
        greet(peer, "SASL-IR AUTH=XOAUTH2")
        tag = peer.expect("AUTHENTICATE")
        peer.send(f"{tag} NO [UNAVAILABLE] the issuer does not answer\r\n")

    tokens = Tokens("t1")
    with ScriptedImap(later) as server:
        async with watching.Watching(mailbox(server), tokens=tokens) as watched:
            reason = (await watched.are("retrying")).reason
    assert "accepts no login now" in reason
    assert tokens.refused == []


async def test_a_server_that_asks_on_and_on_is_left() -> None:
    def ask(peer: Peer) -> None:
        greet(peer, "SASL-IR AUTH=XOAUTH2")
        peer.expect("AUTHENTICATE")
        while True:
            peer.send(f"+ {CHALLENGE}\r\n")
            peer.line()

    with ScriptedImap(ask) as server:
        async with watching.Watching(mailbox(server), tokens=Tokens("t1")) as watched:
            assert "asks on and on" in (await watched.are("retrying")).reason


async def test_a_provider_that_takes_no_password_any_more_says_what_to_write() -> None:
    def refuse(peer: Peer) -> None:
        greet(peer, "AUTH=PLAIN AUTH=XOAUTH2")
        peer.no("LOGIN", "Basic authentication is disabled.")

    with ScriptedImap(refuse) as server:
        async with watching.Watching(watching.settings(server)) as watched:
            reason = (await watched.are("refused")).reason
    assert "write `oauth:` instead of a password, and run `mailwire login`" in reason
