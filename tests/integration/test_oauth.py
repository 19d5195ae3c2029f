"""Access tokens at a real Dovecot, whose passdb asks a small issuer: signing in, renewing, and being refused."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from bridge import errors
from bridge.oauth import bearer, issuers, keeper, vault
from bridge.oauth.grant import Grant
from bridge.oauth.settings import OAuth
from tests import servers, watching
from tests.acceptance import command
from tests.bridge_process import BridgeProcess, is_live
from tests.servers.dovecot import Dovecot
from tests.servers.issuer import Issuer

QUICK = (  # a refused login is not held against the next one
    "auth_failure_delay = 0\nservice anvil {\n unix_listener anvil-auth-penalty {\n  mode = 0\n }\n}"
)


@pytest.fixture(scope="module")
def backdoor() -> Iterator[Issuer]:
    """The issuer that the mail server asks: its tokens come from whatever issuer a test has."""
    with Issuer() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def dovecot(backdoor: Issuer) -> Iterator[Dovecot]:
    with Dovecot(introspection_url=f"{backdoor.url}/introspect", settings=QUICK) as server:
        yield server


@pytest.fixture
def issuer(backdoor: Issuer) -> Iterator[Issuer]:
    with Issuer() as issuer:
        backdoor.introspect = issuer.introspect  # type: ignore[method-assign]
        yield issuer


def settings(issuer: Issuer, **changes: Any) -> OAuth:
    return OAuth.model_validate({"provider": issuer.url, "client_id": issuer.client_id, **changes})


def signed_in(issuer: Issuer, folder: Path, *, now: float | None = None) -> vault.Vault:
    """A state folder with a sign-in in it."""
    now = time.time() if now is None else now
    grant = Grant.from_answer(issuer.sign(), issuer=issuer.url, client_id=issuer.client_id, now=now)
    kept = vault.Vault(folder)
    kept.write("home", grant)
    return kept


def mailbox(dovecot: Dovecot, issuer: Issuer, **changes: Any) -> Any:
    return watching.settings(dovecot, password=None, oauth=settings(issuer), retry_refused="60s", **changes)


def configuration(dovecot: Dovecot, issuer: Issuer, folder: Path, **oauth: Any) -> dict[str, Any]:
    return {
        "state": f"sqlite:///{folder}/state/mailwire.db",
        "mailboxes": {
            "home": {
                "host": "127.0.0.1",
                "port": dovecot.port,
                "tls": "none",
                "user": "ada",
                "oauth": {"provider": issuer.url, "client_id": issuer.client_id, **oauth},
                "retry_min": "50ms",
                "retry_max": "200ms",
            }
        },
        "sinks": {"notes": {"type": "log"}},
        "rules": [{"name": "all", "then": {"sink": "notes", "payload": "{{ mail.subject }}"}}],
    }


def written(folder: Path, what: dict[str, Any]) -> Path:
    path = folder / "mailwire.yaml"
    path.write_text(yaml.safe_dump(what, sort_keys=False))
    return path


class Login:
    """``mailwire login home`` in a process of its own."""

    def __init__(self, path: Path, *arguments: str) -> None:
        self._process = subprocess.Popen(
            command.argv("login", "-c", str(path), *arguments, "home"),
            env=command.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said = ""

    def until(self, pattern: str) -> str:
        """What the pattern's group matches in the output, read line by line until it does."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said += line
            if match := re.search(pattern, line):
                return match[1]
        raise AssertionError(f"it never said {pattern}: {self.said}{self._process.communicate()[1]}")

    def paste(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def end(self) -> tuple[int, str, str]:
        """Its exit code, the rest of its output, its errors (which are short: they fit into the pipe)."""
        with self._process as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdin.close()
            return process.wait(command.DEADLINE_S), process.stdout.read(), process.stderr.read()


URL = r"^  (http\S+/authorize\S+)$"


@pytest.mark.parametrize("mechanism", ["oauthbearer", "xoauth2"])
async def test_mail_comes_by_access_token(backdoor: Issuer, issuer: Issuer, tmp_path: Path, mechanism: str) -> None:
    signed_in(issuer, tmp_path)
    url = f"{backdoor.url}/introspect"
    with Dovecot(introspection_url=url, settings=QUICK, mechanisms=mechanism) as server:
        async with (
            keeper.Keeper(tmp_path).tokens("home", settings(issuer)) as tokens,
            watching.Watching(mailbox(server, issuer), tokens=tokens) as watched,
        ):
            await watched.are("live")
            await asyncio.to_thread(server.deliver, subject="hello")
            await watched.have(1)
        assert f"method={mechanism.upper()}" in server.log()
    assert issuer.renewals == 0


async def test_the_whole_sign_in_by_browser_and_then_the_bridge(
    dovecot: Dovecot, issuer: Issuer, tmp_path: Path
) -> None:
    what = configuration(dovecot, issuer, tmp_path)
    login = Login(written(tmp_path, what), "--no-browser")
    url = await asyncio.to_thread(login.until, URL)
    async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as browser:
        page = await browser.get(url)
    code, out, err = await asyncio.to_thread(login.end)
    assert (page.status_code, code, err) == (200, 0, "")
    assert "You can close this window" in page.text
    assert out.splitlines()[-1] == "✓ 127.0.0.1 lets ada in"

    path = tmp_path / "state/oauth/home.json"
    assert str(path) in out
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    kept = json.loads(path.read_text())
    for secret in (kept["access_token"], kept["refresh_token"]):
        assert secret not in login.said + out

    def run() -> list[dict[str, Any]]:
        with BridgeProcess(tmp_path, what) as bridge:
            dovecot.deliver(subject="from the whole chain")
            bridge.until(lambda line: "from the whole chain" in str(line.values()))
            bridge.stop()
            return bridge.log

    log = await asyncio.to_thread(run)
    assert not any(kept["access_token"] in str(line) or kept["refresh_token"] in str(line) for line in log)


async def test_the_sign_in_by_device_code(dovecot: Dovecot, issuer: Issuer, tmp_path: Path) -> None:
    path = written(tmp_path, configuration(dovecot, issuer, tmp_path))
    issuer.answers.extend([(400, {"error": "authorization_pending"}), None])
    login = Login(path, "--device")
    code = await asyncio.to_thread(login.until, r"type in (\w+)")
    issuer.approve(code)
    returncode, out, err = await asyncio.to_thread(login.end)
    assert (returncode, err) == (0, "")
    assert f"{issuer.url}/enter?code={code}" in out
    assert out.splitlines()[-1] == "✓ 127.0.0.1 lets ada in"


async def test_the_address_of_a_browser_on_another_machine_can_be_pasted(
    dovecot: Dovecot, issuer: Issuer, tmp_path: Path
) -> None:
    login = Login(written(tmp_path, configuration(dovecot, issuer, tmp_path)), "--no-browser")
    url = await asyncio.to_thread(login.until, URL)
    async with httpx.AsyncClient(trust_env=False) as browser:
        ends_at = (await browser.get(url)).headers["Location"]
    login.paste(re.sub("state=[^&]+", "state=another", ends_at))
    login.paste(ends_at)
    returncode, out, err = await asyncio.to_thread(login.end)
    assert (returncode, err) == (0, "")
    assert "This is not the address" in out


async def test_a_browser_is_opened_where_there_is_one(
    dovecot: Dovecot, issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "browser"
    code = "import sys, urllib.request as u; u.build_opener(u.ProxyHandler({})).open(sys.argv[1])"
    script.write_text(f"#!/bin/sh\nexec {os.path.realpath('/usr/bin/python3')} -c '{code}' \"$1\"\n")
    script.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(script))
    login = Login(written(tmp_path, configuration(dovecot, issuer, tmp_path)))
    returncode, _, err = await asyncio.to_thread(login.end)
    assert (returncode, err) == (0, "")


async def test_a_sign_in_as_somebody_else_is_kept_and_told_of(dovecot: Dovecot, issuer: Issuer, tmp_path: Path) -> None:
    issuer.user = "eve"
    login = Login(written(tmp_path, configuration(dovecot, issuer, tmp_path)), "--no-browser")
    url = await asyncio.to_thread(login.until, URL)
    async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as browser:
        await browser.get(url)
    returncode, out, err = await asyncio.to_thread(login.end)
    assert returncode == 1
    assert "✓ signed in" in out
    assert len(err.splitlines()) == 1
    assert "is ada the account that signed in, and may it use IMAP? Else run `mailwire login home`" in err


@pytest.mark.parametrize(
    ("changes", "arguments", "code", "told"),
    [
        ({}, ["--timeout", "0.3"], 1, "mailwire: nobody signed in within 0.3 s"),
        ({"provider": "google"}, ["--device"], 2, "Google gives no mail access by device code; sign in by browser"),
        ({"provider": "http://127.0.0.1:9"}, [], 1, "mailwire: 127.0.0.1:9 cannot be reached: nothing listens there"),
    ],
)
async def test_what_cannot_be_is_told_in_a_line(
    dovecot: Dovecot,
    issuer: Issuer,
    tmp_path: Path,
    changes: dict[str, Any],
    arguments: list[str],
    code: int,
    told: str,
) -> None:
    login = Login(written(tmp_path, configuration(dovecot, issuer, tmp_path, **changes)), *arguments)
    returncode, _, err = await asyncio.to_thread(login.end)
    assert returncode == code
    assert told in err.splitlines()[-1]


async def test_a_mailbox_that_nobody_signed_in_to_says_what_to_run_and_is_live_as_soon_as_somebody_does(
    dovecot: Dovecot, issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bearer, "LOOK_EVERY_S", 0.02)
    async with (
        keeper.Keeper(tmp_path).tokens("home", settings(issuer)) as tokens,
        watching.Watching(mailbox(dovecot, issuer), tokens=tokens) as watched,
    ):
        assert "run `mailwire login home`" in (await watched.are("refused")).reason
        signed_in(issuer, tmp_path)
        await watched.are("live")


async def test_a_token_that_ended_early_is_renewed_once_for_all_folders(
    dovecot: Dovecot, issuer: Issuer, tmp_path: Path
) -> None:
    with dovecot.client("bob") as client:
        for name in ("A", "B", "C"):
            client.create_folder(name)
    issuer.user = "bob"
    signed_in(issuer, tmp_path)
    issuer.revoke_access()
    folders = ["INBOX", "A", "B", "C"]
    async with (
        keeper.Keeper(tmp_path).tokens("home", settings(issuer)) as tokens,
        watching.Watching(mailbox(dovecot, issuer, user="bob", folders=folders), tokens=tokens) as watched,
    ):
        for name in folders:
            await watched.are("live", name)
        assert issuer.renewals == 1

        issuer.revoke_access()  # and again, in the middle of the sessions
        await asyncio.to_thread(dovecot.restart)
        for name in folders:
            await watched.are("live", name)
        await servers.until(lambda: issuer.renewals == 2, what="a renewal")
        await asyncio.to_thread(dovecot.deliver, to="bob")
        await watched.have(1)
    assert issuer.renewals == 2


async def test_a_sign_in_that_the_issuer_ended_says_what_to_run_and_the_issuer_is_left_alone(
    dovecot: Dovecot, issuer: Issuer, tmp_path: Path
) -> None:
    kept = signed_in(issuer, tmp_path)
    issuer.end()
    async with (
        keeper.Keeper(tmp_path).tokens("home", settings(issuer)) as tokens,
        watching.Watching(mailbox(dovecot, issuer), tokens=tokens) as watched,
    ):
        reason = (await watched.are("refused")).reason
    assert "the sign-in has ended: the issuer refuses (invalid_grant" in reason
    assert "run `mailwire login home`" in reason
    assert issuer.renewals == 1
    grant = kept.read("home")
    assert grant is not None
    assert grant.refresh_token not in reason, "the issuer repeated it"


async def test_a_token_is_renewed_ahead_of_its_end_while_nobody_asks(issuer: Issuer, tmp_path: Path) -> None:
    issuer.lifetime_s = 1
    signed_in(issuer, tmp_path)
    async with keeper.Keeper(tmp_path).tokens("home", settings(issuer)) as tokens:
        first = await tokens.access_token()
        await servers.until(lambda: issuer.renewals >= 3, what="three renewals")
        assert await tokens.access_token() != first


async def test_after_a_crash_behind_the_write_the_new_token_is_used(issuer: Issuer, tmp_path: Path) -> None:
    signed_in(issuer, tmp_path, now=time.time() - 5000)
    async with keeper.Keeper(tmp_path).tokens("home", settings(issuer)) as tokens:
        first = await tokens.access_token()
    async with keeper.Keeper(tmp_path).tokens("home", settings(issuer)) as tokens:  # the next process
        assert await tokens.access_token() == first
        assert await tokens.renewed(first) != first  # strict: one refresh token used twice would end it
    assert issuer.renewals == 2


async def test_an_answer_that_never_arrived_costs_nothing_where_the_issuer_has_grace(
    issuer: Issuer, tmp_path: Path
) -> None:
    issuer.grace, issuer.lost = True, 1
    signed_in(issuer, tmp_path, now=time.time() - 5000)
    async with keeper.Keeper(tmp_path).tokens("home", settings(issuer)) as tokens:
        with pytest.raises(errors.Disconnected):
            await tokens.access_token()
        assert await tokens.access_token()


async def test_a_renewal_whose_caller_is_cancelled_is_kept(issuer: Issuer, tmp_path: Path) -> None:
    kept = signed_in(issuer, tmp_path, now=time.time() - 5000)
    before = kept.read("home")
    async with keeper.Keeper(tmp_path).tokens("home", settings(issuer)) as tokens:
        issuer.answering.clear()
        asking = asyncio.create_task(tokens.access_token())
        await servers.until(lambda: issuer.asked, what="the request")
        asking.cancel()
        await asyncio.wait([asking])
        issuer.answering.set()
    after = kept.read("home")
    assert issuer.renewals == 1
    assert before is not None
    assert after is not None
    assert after.refresh_token != before.refresh_token


async def test_two_processes_renew_one_after_the_other(issuer: Issuer, tmp_path: Path) -> None:
    signed_in(issuer, tmp_path, now=time.time() - 5000)

    def another() -> bearer.Bearer:
        return bearer.Bearer("home", settings(issuer), vault=vault.Vault(tmp_path), issuers=issuers.Issuers())

    one, other = another(), another()
    assert len({await one.access_token(), await other.access_token()}) == 1
    await asyncio.gather(one.renewed(await one.access_token()), other.renewed(await other.access_token()))
    assert issuer.renewals == 2


async def test_backtest_looks_with_a_token_too(dovecot: Dovecot, issuer: Issuer, tmp_path: Path) -> None:
    signed_in(issuer, tmp_path / "state")
    await asyncio.to_thread(dovecot.deliver, subject="for the backtest")
    path = written(tmp_path, configuration(dovecot, issuer, tmp_path))
    done = await asyncio.to_thread(
        command.mailwire, "backtest", "-c", str(path), "--mailbox", "home", "--last", "1", "--json"
    )
    assert (done.returncode, done.stderr) == (0, "")


async def test_a_bridge_without_a_sign_in_runs_and_takes_one_up(
    dovecot: Dovecot, issuer: Issuer, tmp_path: Path
) -> None:
    what = configuration(dovecot, issuer, tmp_path)

    def run() -> None:
        bridge = BridgeProcess(tmp_path, what)
        bridge.start(until_live=False)
        with contextlib.ExitStack() as stack:
            stack.push(bridge.__exit__)
            bridge.until(lambda line: line.get("state") == "refused")
            assert any("mailwire login home" in str(line.get("reason")) for line in bridge.log)
            signed_in(issuer, tmp_path / "state")
            bridge.until(is_live)
            assert bridge.stop() == 0

    await asyncio.to_thread(run)
