"""The files of grants: their rights, a crash at any point, one process at a time."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest

from bridge import errors
from bridge.oauth import vault as vault_
from bridge.oauth.grant import Grant


def grant(token: str = "a1") -> Grant:
    return Grant(issuer="https://i", client_id="c", access_token=token, refresh_token="r", obtained=0, expires=3600)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    kept = vault_.Vault(tmp_path / "state")
    before = os.umask(0)
    try:
        path = kept.write("home", grant())
    finally:
        os.umask(before)
    assert (mode(path), mode(path.parent), mode(tmp_path / "state")) == (0o600, 0o700, 0o700)
    assert kept.read("home") == grant()


def test_rights_that_somebody_widened_are_taken_back(tmp_path: Path) -> None:
    kept = vault_.Vault(tmp_path)
    path = kept.write("home", grant())
    path.chmod(0o644)
    assert kept.read("home") == grant()
    assert mode(path) == 0o600


def test_an_admin_who_signs_in_as_root_leaves_the_file_to_the_owner_of_the_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: list[tuple[int, int]] = []
    monkeypatch.setattr(vault_.os, "geteuid", lambda: 0)
    monkeypatch.setattr(vault_.os, "fchown", lambda _, *owner: handed.append(owner))
    vault_.Vault(tmp_path).write("home", grant())
    owner = tmp_path.stat()
    assert handed == [(owner.st_uid, owner.st_gid)] * 2  # the folder, then the file


def test_there_is_none_before_somebody_signs_in(tmp_path: Path) -> None:
    assert vault_.Vault(tmp_path).read("home") is None
    assert vault_.Vault(tmp_path).stamp("home") is None


@pytest.mark.parametrize("point", ["fsync", "replace"])
def test_a_crash_while_it_is_written_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    kept = vault_.Vault(tmp_path)
    kept.write("home", grant("old"))

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(vault_.Path if point == "replace" else vault_.os, point, crash)
        with pytest.raises(KeyboardInterrupt):
            kept.write("home", grant("new"))
    assert kept.read("home") == grant("old")
    kept.write("home", grant("new"))  # what the crash left does not stand in the way
    assert kept.read("home") == grant("new")


def test_it_is_on_the_disk_before_it_takes_the_place_of_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = vault_.Vault(tmp_path)
    kept.write("home", grant("old"))
    seen: list[str] = []
    fsync = os.fsync

    def watch(descriptor: int) -> None:
        found = kept.read("home")
        assert found is not None
        seen.append(found.access_token)
        fsync(descriptor)

    monkeypatch.setattr(vault_.os, "fsync", watch)
    kept.write("home", grant("new"))
    assert seen == ["old", "new"]  # the file, then the folder


@pytest.mark.parametrize(
    ("octets", "told"), [(b"{", "is damaged; run `mailwire login home`"), (b"{}", "holds no access token")]
)
def test_a_file_of_no_use_says_what_to_do(tmp_path: Path, octets: bytes, told: str) -> None:
    kept = vault_.Vault(tmp_path)
    kept.write("home", grant()).write_bytes(octets)
    with pytest.raises(errors.LoginRefused, match=told):
        kept.read("home")


def test_what_cannot_be_written_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "oauth").write_text("a file where the folder should be")
    with pytest.raises(errors.StoreError, match=r"home\.json cannot be written"):
        vault_.Vault(tmp_path).write("home", grant())


@pytest.mark.parametrize("mailbox", ["home", "a.b-c", "büro", "x" * 300, "ä" * 100])
def test_any_name_of_a_mailbox_has_a_file_of_its_own(tmp_path: Path, mailbox: str) -> None:
    kept = vault_.Vault(tmp_path)
    assert kept.write(mailbox, grant()).parent == kept.folder
    assert kept.read(mailbox) == grant()
    assert kept.path(mailbox) != kept.path(mailbox + "x")


async def test_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault_, "LOCK_WAIT_S", 0.05)
    async with vault_.Vault(tmp_path).held("home"):
        async with vault_.Vault(tmp_path).held("work"):
            pass
        with pytest.raises(errors.Disconnected, match="another process"):
            async with vault_.Vault(tmp_path).held("home"):
                pass
    async with asyncio.timeout(5), vault_.Vault(tmp_path).held("home"):
        pass
