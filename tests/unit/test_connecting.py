"""Trying mailboxes and sinks: what one of them does says nothing of the others."""

from __future__ import annotations

import asyncio
from typing import Any, Self

import pytest

from bridge import config, connecting, plugins, sinks


class Plain:
    """A sink that cannot be probed."""

    depth = 1
    pipelined = False

    def __init__(self, settings: sinks.Settings, context: sinks.Context) -> None:
        assert context.guest, "a bridge that runs beside it keeps its connection"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None: ...

    async def ready(self) -> None: ...


class Never(Plain):
    async def ready(self) -> None:
        await asyncio.Event().wait()


class Broken(Plain):
    async def ready(self) -> None:
        raise ValueError("s3cret")


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> config.Settings:
    kinds: dict[str, Any] = {"plain": Plain, "never": Never, "broken": Broken}

    def find(_: str, name: str) -> sinks.Plugin:
        return sinks.Plugin(settings=sinks.Settings, action=sinks.Action, make=kinds[name])

    written = config.Settings.model_validate({"sinks": {name: {"type": "log"} for name in kinds}})
    monkeypatch.setattr(plugins, "find", find)
    monkeypatch.setattr(connecting, "READY_S", 0.05)
    return written.model_copy(update={"sinks": {name: sinks.Settings(type=name) for name in kinds}})


async def test_a_sink_without_a_probe_is_waited_for_and_one_that_fails_hides_no_other(
    settings: config.Settings,
) -> None:
    noted: list[connecting.Tried] = []
    found = await connecting.try_all(settings, noted=noted.append)
    assert found == [
        connecting.Sink(name="plain", said="ready"),
        connecting.Sink(name="never", fault="not ready within 0.05 s"),
        connecting.Sink(name="broken", fault="an error in the bridge (ValueError)"),
    ]
    assert sorted(one.name for one in noted) == ["broken", "never", "plain"]
    assert [one.well for one in found] == [True, False, False]
