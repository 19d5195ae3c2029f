"""When a reload is due, what it takes up or refuses, and what it says."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge import config, errors, events, reload, testing

A, B = Path("a.yaml"), Path("b.yaml")


def looks(known: reload.Stamps, *seen: reload.Stamps) -> list[bool]:
    quiet = reload.Quiet(known)
    return [quiet.look(one) for one in seen]


def test_a_change_is_due_when_nothing_more_has_changed_since_the_last_look() -> None:
    before, after = {A: (1,), B: (1,)}, {A: (2,), B: (1,)}
    assert looks(before, before, after, after) == [False, False, True]


def test_a_file_that_is_written_in_steps_is_left_in_peace_until_it_is_whole() -> None:
    steps = [{A: (n,)} for n in (2, 3, 4, 4)]
    assert looks({A: (1,)}, *steps) == [False, False, False, True]


def test_what_is_as_it_was_when_it_was_loaded_is_no_change() -> None:
    assert looks({A: (1,)}, {A: (2,)}, {A: (1,)}, {A: (1,)}) == [False, False, False]


def test_a_file_that_vanishes_for_a_moment_is_no_fault_until_it_stays_away() -> None:
    there, away, back = {A: (1,)}, {A: None}, {A: (2,)}
    assert looks(there, away, away, away, back, back) == [False, False, False, False, True]
    assert looks(there, *[away] * 6) == [False] * reload.GONE_LOOKS + [True]


def test_a_file_that_was_missing_when_it_was_asked_for_is_due_soon_after_it_comes() -> None:
    assert looks({A: None}, {A: (1,)}, {A: (1,)}) == [False, True]


def write(path: Path) -> None:
    path.write_text("other")


def replace(path: Path) -> None:
    stat = path.stat()
    new = path.with_suffix(".new")
    new.write_bytes(path.read_bytes())
    os.utime(new, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    new.rename(path)


def swap(path: Path) -> None:
    """As Kubernetes does: the file is a symlink through one that is renamed over."""
    (path.parent / "..next").symlink_to("v2")
    (path.parent / "..next").rename(path.parent / "..data")


@pytest.mark.parametrize("how", [write, replace, swap, lambda path: path.chmod(0o400), Path.unlink])
def test_every_way_of_changing_a_file_changes_its_stamp(how: Callable[[Path], Any], tmp_path: Path) -> None:
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "mailwire.yaml").write_text("same size")
    (tmp_path / "..data").symlink_to("v1")
    path = tmp_path / "mailwire.yaml"
    if how is swap:
        path.symlink_to("..data/mailwire.yaml")
    else:
        path.write_text("same size")
    before = reload.stamp(path)
    how(path)
    assert before != reload.stamp(path)


class Bridge:
    """Takes settings up, unless it is told otherwise; ``told`` is what onlookers hear."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.told: list[events.Event] = []
        self.failure: Exception | None = None
        self._news = asyncio.Event()

    async def become(self, settings: config.Settings) -> events.Reloaded:
        if self.failure:
            raise self.failure
        self.names.append(settings.name)
        return events.Reloaded(rules=len(settings.rules), added=("sink lamp",))

    def onlooker(self, event: events.Event) -> None:
        self.told.append(event)
        self._news.set()

    async def until_told(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.told) < count:
                self._news.clear()
                await self._news.wait()


class Scene:
    def __init__(self, folder: Path) -> None:
        self.bridge = Bridge()
        self.path = folder / "mailwire.yaml"
        self.applied: list[str] = []
        self.write("one")

    def write(self, name: str, more: str = "") -> None:
        self.path.write_text(f"name: {name}\nstate: sqlite:///state.db\n{more}")

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[reload.Reloader]:
        reloader = reload.Reloader(self.path, applied=lambda settings: self.applied.append(settings.name))
        reloader.first()
        task = asyncio.create_task(reloader.run(self.bridge.become, self.bridge.onlooker))
        try:
            yield reloader
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def until_told(self, count: int, clock: testing.Clock) -> None:
        """Time goes on until so much was told."""
        waiting = asyncio.create_task(self.bridge.until_told(count))
        while not waiting.done():
            clock.advance(0.5)
            await asyncio.sleep(0.001)
        await waiting


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    yield Scene(tmp_path)
    gc.unfreeze()


async def test_it_reloads_when_asked_though_nothing_has_changed(scene: Scene) -> None:
    async with scene.running() as reloader:
        with capture_logs() as logs:
            reloader.ask()
            await scene.bridge.until_told(1)
    assert (["one"], ["one"]) == (scene.bridge.names, scene.applied)
    assert ["reloaded: nothing has changed"] == [line["event"] for line in logs]


async def test_a_changed_file_is_taken_up_by_itself_and_says_what_is_new(scene: Scene) -> None:
    clock = testing.Clock()
    async with scene.running():
        with capture_logs() as logs:
            scene.write("two", "log_level: error\n")
            await scene.until_told(1, clock)
    assert ["two"] == scene.applied
    line = logs[-1]
    assert line["event"] == "reloaded: 0 rules, +0 −0 mailboxes, +1 −0 sinks, 0 reopened"
    assert line["added"] == "sink lamp"


async def test_what_is_taken_up_is_not_looked_through_again_by_the_garbage_collector(scene: Scene) -> None:
    gc.unfreeze()
    async with scene.running() as reloader:
        reloader.ask()
        await scene.bridge.until_told(1)
    assert gc.isenabled()
    assert gc.get_freeze_count() > 1000


@pytest.mark.parametrize("part", ["secrets.yaml", "rules.yaml", "password"])
async def test_what_the_file_refers_to_is_watched_as_well(part: str, scene: Scene) -> None:
    clock = testing.Clock()
    (scene.path.parent / "secrets.yaml").write_text("user: ada\n")
    (scene.path.parent / "rules.yaml").write_text("[]\n")
    (scene.path.parent / "password").write_text("x\n")
    account = "{host: mail.lan, user: !secret user, password_file: password}"
    scene.write("one", f"rules: !include rules.yaml\nmailboxes: {{home: {account}}}\n")
    async with scene.running():
        (scene.path.parent / part).write_text(f"{(scene.path.parent / part).read_text()}# more\n")
        await scene.until_told(1, clock)
    assert ["one"] == scene.bridge.names


async def test_what_is_refused_is_told_once_with_its_places_and_the_next_good_one_says_that_it_is_mended(
    scene: Scene,
) -> None:
    clock = testing.Clock()
    async with scene.running() as reloader:
        with capture_logs() as logs:
            scene.write("two", "lgo_level: info\nmailboxes: {home: {user: me, password: hunter2, host: []}}\n")
            await scene.until_told(1, clock)
        refused = scene.bridge.told[0]
        assert isinstance(refused, events.ConfigRefused)
        at = [str(fault).removeprefix(f"{scene.path}:") for fault in refused.faults]
        assert at[0] == '3:1: lgo_level: unknown key; did you mean "log_level"?'
        assert [line["fault"] for line in logs if line["log_level"] == "error" and "fault" in line] == [
            str(fault) for fault in refused.faults
        ]
        assert logs[-1]["event"] == "not reloaded: the configuration from before goes on"
        assert "hunter2" not in str(logs)
        assert scene.bridge.names == []

        for _ in range(20):
            clock.advance(0.5)
            await asyncio.sleep(0.002)
        assert len(scene.bridge.told) == 1

        scene.write("one")
        with capture_logs() as logs:
            reloader.ask()
            await scene.bridge.until_told(2)
        assert ["the configuration is in order again", "reloaded: nothing has changed"] == [
            line["event"] for line in logs
        ]
        assert isinstance(mended := scene.bridge.told[1], events.Reloaded)
        assert mended.mended


async def test_a_file_that_was_missing_when_it_was_included_is_waited_for(scene: Scene) -> None:
    clock = testing.Clock()
    async with scene.running():
        scene.write("two", "rules: !include rules.yaml\n")
        await scene.until_told(1, clock)
        (scene.path.parent / "rules.yaml").write_text("[]\n")
        await scene.until_told(2, clock)
    assert ["two"] == scene.bridge.names


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (errors.ConfigError([errors.Fault(file="ca.pem", message="is no certificate")]), "ca.pem: is no certificate"),
        (RuntimeError("with a secret in it"), "cannot be taken up (RuntimeError)"),
    ],
)
async def test_what_cannot_be_taken_up_is_refused_too(scene: Scene, failure: Exception, told: str) -> None:
    scene.bridge.failure = failure
    async with scene.running() as reloader:
        reloader.ask()
        await scene.bridge.until_told(1)
        scene.bridge.failure = None
        reloader.ask()
        await scene.bridge.until_told(2)
    assert isinstance(refused := scene.bridge.told[0], events.ConfigRefused)
    assert str(refused.faults[0]).endswith(told)
    assert (["one"], ["one"]) == (scene.bridge.names, scene.applied)


async def test_the_loop_goes_on_while_it_loads_and_what_is_asked_meanwhile_is_one_more(scene: Scene) -> None:
    loop, loading, go_on = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

    def load(path: Path, **more: Any) -> config.Settings:
        loop.call_soon_threadsafe(loading.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(20)
        return config.load(path, **more)

    reloader = reload.Reloader(scene.path, load=load)
    task = asyncio.create_task(reloader.run(scene.bridge.become, scene.bridge.onlooker))
    reloader.ask()
    await loading.wait()
    for _ in range(3):
        reloader.ask()
    go_on.set()
    await scene.bridge.until_told(2)
    await asyncio.sleep(0)
    assert ["one", "one"] == scene.bridge.names
    task.cancel()
    await asyncio.wait([task])
