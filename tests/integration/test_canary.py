"""A mailbox's canary on a real Dovecot, and on servers that are broken in one way each."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge import sources
from bridge.sources import canary
from tests import servers, watching
from tests.servers import played
from tests.servers.dovecot import Dovecot

OFTEN = {"every": "300ms", "late": "250ms"}
SELDOM = {"every": "1h", "late": "20s"}


@pytest.fixture
def dovecot(request: pytest.FixtureRequest) -> Iterator[Dovecot]:
    with Dovecot(**getattr(request, "param", {})) as server:
        yield server


@pytest.fixture
def seal(tmp_path: Path) -> canary.Seal:
    return canary.Seal(tmp_path / "state" / "key", bridge="house")


class Canaried(watching.Watching):
    """Watches with a canary; ``trips`` is what was told of it."""

    def __init__(self, server: Any, seal: canary.Seal | None, **settings: Any) -> None:
        self.trips: list[sources.RoundTrip] = []
        super().__init__(watching.settings(server, **settings), seal=seal, told=self.trips.append)

    async def flown(self, count: int = 1) -> sources.RoundTrip:
        await servers.until(lambda: len(self.trips) >= count, 20, what=f"{count} canaries")
        return self.trips[count - 1]


def uids(server: Dovecot, criteria: Any = "ALL") -> list[int]:
    with server.client(folder="INBOX") as client:
        return list(client.search(criteria))


async def is_empty(server: Dovecot) -> None:
    await servers.until(lambda: asyncio.to_thread(lambda: not uids(server)), 20, what="an empty folder")


async def test_it_is_seen_by_push_timed_and_deleted(dovecot: Dovecot, seal: canary.Seal) -> None:
    async with Canaried(dovecot, seal, canary={"every": "1h"}) as watched:
        # the first one comes soon, but not at once: many mailboxes do not begin together
        mine = watched.source.canary(seal, late_s=20, maker="run")
        await mine.until_live()
        trip = await mine.once()
        assert trip.failed == "", trip.reason
        assert trip.append_s is not None
        assert trip.push_s is not None
        assert trip.fetch_s is not None
        assert trip.total_s is not None
        assert trip.total_s >= trip.append_s + trip.push_s
        assert trip.left == ""
        await is_empty(dovecot)
        assert watched.mails == []
        await servers.until(lambda: watched.memory.cursors["home", "INBOX"].uid == 1, what="the cursor behind it")
