"""Every folder in examples/ does what its own expected.yaml says, down to what the device prints."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge import plugins
from bridge.demo import broker, imap
from tests import servers
from tests.acceptance import command

EXAMPLES = sorted(path.parent for path in (command.ROOT / "examples").glob("*/mailwire.yaml"))
DEADLINE_S = 30.0
USER, PASSWORD = "me@mail.example", "only-for-this-test"


@pytest.fixture(params=EXAMPLES, ids=lambda folder: folder.name)
def example(request: pytest.FixtureRequest) -> Path:
    return request.param


def expected(example: Path) -> dict[str, Any]:
    return yaml.safe_load((example / "expected.yaml").read_text(encoding="utf-8"))


def test_there_are_examples() -> None:
    assert {"camera-lamp", "code-display"} <= {example.name for example in EXAMPLES}


def test_the_configuration_loads(example: Path) -> None:
    done = command.mailwire("check", "-c", str(example / "mailwire.yaml"))

    assert (done.returncode, done.stderr) == (0, "")


def test_expected_yaml_names_every_mail_of_which_some_fire_and_some_do_not(example: Path) -> None:
    mails = expected(example)["mails"]

    assert sorted(path.name for path in (example / "mails").iterdir()) == sorted(mails)
    assert any(mails.values())
    assert not all(mails.values())


def test_every_mail_is_explained_as_expected(example: Path) -> None:
    mails = expected(example)["mails"]
    paths = [str(example / "mails" / name) for name in mails]
    done = command.mailwire("explain", "--json", "-c", str(example / "mailwire.yaml"), *paths)
    assert (done.returncode, done.stderr) == (0, "")

    explained = [json.loads(line) for line in done.stdout.splitlines()]

    assert list(mails.values()) == [sent(each, wanted) for each, wanted in zip(explained, mails.values(), strict=True)]


def sent(explained: dict[str, Any], wanted: dict[str, Any] | None) -> dict[str, Any] | None:
    """What the one rule that matched sends, in the words of expected.yaml."""
    matched = [rule for rule in explained["rules"] if rule["matched"]]
    if not matched:
        return None
    assert len(matched) == 1
    delivery = matched[0]["deliveries"][0]
    payload = bytes.fromhex(delivery["payload_hex"])
    assert len(payload) == delivery["bytes"]
    return {
        "rule": matched[0]["name"],
        "sink": delivery["sink"],
        "target": delivery["target"].strip("/"),
        "as": delivery["as"],
        "payload": plugins.find("payload", delivery["as"]).decode(payload),
        "shows": (wanted or {}).get("shows"),  # the device's affair, below
    }


async def test_its_device_shows_what_it_should_and_the_mails_are_marked(example: Path, tmp_path: Path) -> None:
    mails = expected(example)["mails"]
    async with contextlib.AsyncExitStack() as stack:
        account = await stack.enter_async_context(imap.serve(USER, PASSWORD))
        device, url = await stack.enter_async_context(running_device(example))
        await stack.enter_async_context(running_bridge(example, tmp_path, account.port, url))

        # Those that must not fire come first: mails are handled in the order of their UIDs, so what they cause is there
        # before the rest, and would be read as the wrong line.
        for name in sorted(mails, key=lambda name: (mails[name] is not None, name)):
            await account.deliver((example / "mails" / name).read_bytes())
            for line in (mails[name] or {}).get("shows", ()):
                assert line == await said(device)

        fired = sum(wanted is not None for wanted in mails.values())
        await servers.until(lambda: marked(account, fired), DEADLINE_S, what="the mails that fired are marked as seen")
        device.terminate()
        assert await device.stdout.read() == b""


@contextlib.asynccontextmanager
async def running_device(example: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, str]]]:
    """The example's device as a process, and the environment that points the bridge to it."""
    async with contextlib.AsyncExitStack() as stack:
        sink = next(iter(yaml_without_tags(example / "mailwire.yaml")["sinks"].items()))
        if sink[1]["type"] == "mqtt":
            port = await stack.enter_async_context(broker.serve())
        else:
            port = servers.free_port(socket.SOCK_DGRAM)
        program = [sys.executable, str(example / expected(example)["device"]), "--port", str(port)]
        process = await stack.enter_async_context(running(program))
        assert (await said(process)).startswith("ready")
        yield process, {f"MAILWIRE_SINKS__{sink[0].upper()}__URL": f"{sink[1]['type']}://127.0.0.1:{port}"}


@contextlib.asynccontextmanager
async def running_bridge(example: Path, folder: Path, imap_port: int, url: dict[str, str]) -> AsyncIterator[None]:
    """``mailwire run`` on the example's configuration, with resets after half a second: nobody waits half a minute."""
    text = (example / "mailwire.yaml").read_text(encoding="utf-8")
    (folder / "mailwire.yaml").write_text(re.sub(r"reset: \{ after: \w+,", "reset: { after: 500ms,", text))
    (folder / "secrets.yaml").write_bytes((example / "secrets.yaml").read_bytes())
    mailbox = {"HOST": "127.0.0.1", "PORT": str(imap_port), "TLS": "none", "PASSWORD": PASSWORD, "START": "all"}
    more = {f"MAILWIRE_MAILBOXES__HOME__{name}": value for name, value in mailbox.items()}
    more["MAILWIRE_STATE"] = f"sqlite:///{folder / 'state.db'}"
    arguments = command.argv("run", "-c", str(folder / "mailwire.yaml"))
    async with running(arguments, **more, **url) as process:
        yield
    assert process.returncode == 0, "it ends in good order when it is told to"


@contextlib.asynccontextmanager
async def running(arguments: list[str], **more: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *arguments,
        cwd=command.ROOT,
        env=command.environment(**more),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await asyncio.wait_for(process.communicate(), DEADLINE_S)


async def said(process: asyncio.subprocess.Process) -> str:
    """The next line that it prints."""
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), DEADLINE_S)
    return line.decode("utf-8").rstrip("\n")


async def marked(account: imap.Account, count: int) -> bool:
    """Whether exactly so many mails are marked as seen."""
    async with account.login.demo_user_identity.new_session() as session:
        inbox = await session.mailbox_set.get_mailbox("INBOX")
        flags = [set(map(bytes, message.permanent_flags)) async for message in inbox.messages()]
    return sum(b"\\Seen" in each for each in flags) == count


def yaml_without_tags(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8").replace("!secret ", ""))
