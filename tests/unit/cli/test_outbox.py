"""`mailwire outbox`: what waits, what is dead, why, and what to do about it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import click.testing
import pytest

from bridge import cli, errors, outbox, testing
from bridge.delivery import Delivery
from bridge.outbox.store import Store
from bridge.rules import Change


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "mailwire.yaml"
    path.write_text(f"state: sqlite:///{tmp_path}/state.db\n")
    return path


def fill(tmp_path: Path, *deliveries: Delivery, dead: str = "", trouble: str = "") -> None:
    async def go() -> None:
        async with Store(f"sqlite:///{tmp_path}/state.db") as store:
            plan = outbox.Plan(rule="none", after=(Change(op="move", argument="Done"),)) if not deliveries else None
            firing = outbox.Firing(rule="none", deliveries=deliveries, plan=plan)
            entry = outbox.Entry(place=testing.place(7), fingerprint="f", firings=[firing])
            await store.record(testing.cursor(7), [entry])
            await store.set_trouble("broker", trouble)
            if dead:
                await store.settle([outbox.Outcome(delivery_id=deliveries[0].id, state="dead", reason=dead)])

    asyncio.run(go())


def run(config: Path, *arguments: str) -> click.testing.Result:
    return click.testing.CliRunner().invoke(cli.group, ["outbox", *arguments, "-c", str(config)])


def test_a_dead_delivery_is_listed_with_its_reason_and_its_tries(config: Path, tmp_path: Path) -> None:
    fill(tmp_path, testing.delivery(7), dead="no such thing")
    (line,) = run(config, "list", "--json").output.splitlines()
    listed = json.loads(line)
    assert (listed["state"], listed["reason"], listed["attempts"]) == ("dead", "no such thing", 1)


def test_what_waits_for_a_sink_that_is_away_says_so(config: Path, tmp_path: Path) -> None:
    fill(tmp_path, testing.delivery(7), trouble="nothing listens there")
    assert json.loads(run(config, "list", "--json").output)["reason"] == "nothing listens there"


def test_a_mail_change_says_which(config: Path, tmp_path: Path) -> None:
    fill(tmp_path)
    assert "INBOX: move → Done, uid 7" in run(config, "list").output


def test_an_empty_outbox_says_so(config: Path, tmp_path: Path) -> None:
    fill(tmp_path, testing.delivery(7), dead="x")
    assert run(config, "drop", "--all").output == "1 delivery dropped\n"
    assert "nothing waits, nothing is dead" in run(config, "list").output


@pytest.mark.parametrize("what", ["list", "retry", "drop"])
def test_an_unknown_id_is_an_error(config: Path, tmp_path: Path, what: str) -> None:
    fill(tmp_path, testing.delivery(7))
    result = run(config, what, "nosuchid")
    assert isinstance(result.exception, errors.MailwireError)
    assert "nosuchid" in str(result.exception)


@pytest.mark.parametrize("what", ["retry", "drop"])
def test_nothing_is_retried_or_dropped_unasked(config: Path, what: str) -> None:
    result = run(config, what)
    assert result.exit_code == 2
    assert "say which" in result.output


def test_a_dead_delivery_is_retried(config: Path, tmp_path: Path) -> None:
    fill(tmp_path, testing.delivery(7), dead="no such thing")
    assert run(config, "retry", testing.delivery(7).id).output == "1 delivery will be tried again\n"
    assert json.loads(run(config, "list", "--json").output)["state"] == "pending"


def test_a_state_that_does_not_exist_is_an_error_and_is_not_made(config: Path, tmp_path: Path) -> None:
    result = run(config, "list")
    assert "there is no state" in str(result.exception)
    assert not (tmp_path / "state.db").exists()


def test_a_delivery_that_could_not_be_made_is_not_sent_empty(config: Path, tmp_path: Path) -> None:
    fill(tmp_path, testing.delivery(7, payload=b"", dead="temp is missing"))
    assert json.loads(run(config, "list", "--json").output)["reason"] == "temp is missing"
    assert isinstance(run(config, "retry", testing.delivery(7).id).exception, errors.MailwireError)
    assert json.loads(run(config, "list", "--json").output)["state"] == "dead"
