"""Which mail is a canary of ours: proven, and never believed."""

from __future__ import annotations

import dataclasses
import stat
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

from bridge import errors, sources, testing
from bridge.mail import Mail, Place, header
from bridge.sources import canary
from bridge.sources.imap import canary as flying

USER = "me@example.org"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return tmp_path / "state" / "mailwire.db.canary-key"


@pytest.fixture
def seal(key: Path) -> canary.Seal:
    return canary.Seal(key, bridge="house")


def head(mail: bytes) -> header.Headers:
    return header.parse(mail)


def arrived(raw: bytes, uid: int = 1, event: str = "new") -> Mail:
    place = Place(mailbox="home", folder="INBOX", uidvalidity=7, uid=uid)
    return dataclasses.replace(Mail.from_bytes(raw, place=place), event=event)


def test_every_process_of_a_state_knows_the_canaries_of_all(seal: canary.Seal, key: Path) -> None:
    token = seal.new("run")
    mail = seal.mail(token, USER)
    assert canary.Seal(key, bridge="cellar").read(head(mail), USER) == token
    assert seal.read(head(mail), USER) == token


def test_no_two_are_alike_and_none_can_be_guessed(seal: canary.Seal) -> None:
    tokens = [seal.new("run") for _ in range(100)]
    assert len({token.nonce for token in tokens}) == 100
    assert all(len(token.nonce) == 32 for token in tokens)


def test_a_token_does_not_show_its_nonce(seal: canary.Seal) -> None:
    token = seal.new("run")
    assert token.nonce not in repr(token)


def test_the_mail_is_small_plain_and_its_lines_are_those_of_a_mail(seal: canary.Seal) -> None:
    mail = seal.mail(seal.new("run"), USER)
    assert len(mail) < 1_000
    assert all(len(line) < 120 for line in mail.split(b"\r\n"))
    assert b"\n" not in mail.replace(b"\r\n", b"")
    found = arrived(mail)
    assert (found.subject, found.headers.first("From")) == ("Mailwire canary", USER)
    assert found.addresses("to") == found.addresses("from")
    assert found.headers.first("Auto-Submitted") == "auto-generated"
    assert found.date is not None


@pytest.mark.parametrize(
    "user", ["ada", "a\r\nBcc: x@example.org", "ü@example.org", "a@b.example, c@d.example", "<me@example.org>", ""]
)
def test_a_user_that_is_no_address_is_not_written_as_one(seal: canary.Seal, user: str) -> None:
    mail = seal.mail(seal.new("run"), user)
    assert head(mail).all("From") == ["mailwire@mailwire.invalid"]
    assert seal.read(head(mail), user) is not None


@pytest.mark.parametrize("name", ["my house", "Häuschen", "x" * 500, "a\tb", "%"])
def test_a_bridge_may_have_any_name(key: Path, name: str) -> None:
    seal = canary.Seal(key, bridge=name)
    token = seal.new("run")
    assert seal.read(head(seal.mail(token, USER)), USER) == token
    assert len(seal.bridge) <= 40
    assert seal.bridge.isascii()


def test_without_a_key_there_is_no_canary(seal: canary.Seal, tmp_path: Path) -> None:
    other = canary.Seal(tmp_path / "another", bridge="house")
    assert seal.read(head(other.mail(other.new("run"), USER)), USER) is None
    (tmp_path / "state").mkdir()
    seal._path.write_bytes(b"")  # a key that is none proves nothing
    assert seal.read(head(other.mail(other.new("run"), USER)), USER) is None


def test_a_key_that_is_made_later_or_anew_is_noticed(seal: canary.Seal, key: Path) -> None:
    """A bridge that runs learns of the key that a self-test has made."""
    token = seal.new("run")
    mail = seal.mail(token, USER)
    running = canary.Seal(key, bridge="house")
    assert running.read(head(mail), USER) == token
    key.rename(key.with_name("kept"))
    assert running.read(head(mail), USER) is None
    key.with_name("kept").rename(key)
    assert running.read(head(mail), USER) == token


def test_the_key_is_ours_alone_and_stays_the_same(seal: canary.Seal, key: Path) -> None:
    seal.mail(seal.new("run"), USER)
    first = key.read_bytes()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key.chmod(0o644)
    canary.Seal(key, bridge="house").mail(seal.new("run"), USER)
    assert key.read_bytes() == first
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert list(key.parent.iterdir()) == [key]


def test_a_key_that_cannot_be_had_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    seal = canary.Seal(tmp_path / "file" / "key", bridge="house")
    with pytest.raises(errors.StoreError, match="cannot be"):
        seal.mail(seal.new("run"), USER)
    assert seal.read(head(b"X-Mailwire-Canary: house run 1 2 3\r\n\r\n"), USER) is None


def test_each_state_has_a_key_of_its_own(tmp_path: Path) -> None:
    assert canary.key_file(f"sqlite:///{tmp_path}/a.db", tmp_path) == tmp_path / "a.db.canary-key"
    assert canary.key_file("postgresql://db/x", tmp_path) == tmp_path / "canary-key"


@pytest.mark.parametrize("altered", range(5))
def test_nothing_of_a_proven_header_can_be_altered(seal: canary.Seal, altered: int) -> None:
    name, *words = seal.mail(seal.new("run"), USER).decode().partition("X-Mailwire")[2].splitlines()[0].split()
    assert seal.read(head(f"X-Mailwire{name} {' '.join(words)}\r\n\r\n".encode()), USER) is not None
    words[altered] = {2: "1"}.get(altered, words[altered][:-1] + "!")
    assert seal.read(head(f"X-Mailwire{name} {' '.join(words)}\r\n\r\n".encode()), USER) is None


def test_a_proof_holds_for_its_mailbox_and_its_key_alone(seal: canary.Seal, tmp_path: Path) -> None:
    mail = seal.mail(seal.new("run"), USER)
    assert seal.read(head(mail), "somebody@example.org") is None
    other = canary.Seal(tmp_path / "another", bridge="house")
    other.mail(other.new("run"), USER)
    assert other.read(head(mail), USER) is None


@hypothesis.given(st.binary(max_size=200), st.text(max_size=60))
def test_no_value_of_a_stranger_s_is_believed_or_raises(value: bytes, user: str) -> None:
    class Known(canary.Seal):
        def _kept(self) -> bytes:
            return b"k" * 32

    seal = Known(Path("nowhere"), bridge="house")
    assert seal.read(head(b"X-Mailwire-Canary: " + value + b"\r\n\r\n"), user) is None


OLD = canary.STALE_S + 60


@pytest.mark.parametrize(
    ("by", "bridge", "maker", "age_s", "left_over"),
    [
        ("run", "house", "run", 1, True),  # made before this process began
        ("run", "house", "run", -1, False),  # by this one, just now
        ("run", "house", "selftest", 1, False),  # it may still run
        ("run", "house", "selftest", OLD, True),
        ("run", "cellar", "run", OLD, False),  # shares the state's folder: not ours to judge
        ("selftest", "house", "run", OLD, False),  # a bridge that runs may wait for it
        ("selftest", "house", "selftest", 1, False),
        ("selftest", "house", "selftest", OLD, True),
    ],
)
def test_what_is_left_over(
    seal: canary.Seal, by: canary.Maker, bridge: str, maker: str, age_s: float, *, left_over: bool
) -> None:
    made = seal._began - int(1000 * age_s)
    token = canary.Token(bridge=bridge, maker=maker, made=made, nonce="0" * 32)
    assert seal.is_left_over(token, by=by) is left_over


def test_a_batch_is_as_if_there_were_no_canary(seal: canary.Seal) -> None:
    raw = seal.mail(seal.new("run"), USER)
    mine, other = arrived(raw, uid=3), testing.mail(uid=4)
    counted = arrived(raw, uid=3, event="count")
    seen: list[Mail] = []
    batch = sources.Batch(
        cursor=sources.Cursor(mailbox="home", folder="INBOX", uidvalidity=7, uid=4),
        mails=(mine, other),
        marks=sources.Marks(uidvalidity=7, mails={3: sources.Mark(), 4: sources.Mark()}),
        census=sources.Census(mails=(counted,)),
    )
    kept = flying.without(batch, seal, USER, seen=lambda mail, _token: seen.append(mail))
    assert kept.cursor == batch.cursor
    assert kept.mails == (other,)
    assert kept.marks is not None
    assert set(kept.marks.mails) == {4}
    assert kept.census is not None
    assert kept.census.mails == ()
    assert seen == [mine], "counting it is no news of it"


def test_a_batch_without_one_is_handed_on_as_it_is(seal: canary.Seal) -> None:
    batch = sources.Batch(
        cursor=sources.Cursor(mailbox="home", folder="INBOX", uidvalidity=7, uid=4), mails=(testing.mail(uid=4),)
    )
    assert flying.without(batch, seal, USER, seen=lambda *_: None) is batch
