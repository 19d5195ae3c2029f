"""A configuration that is changed while the bridge runs: loaded and validated whole, then taken up, or refused as a
whole while the one before goes on.

A reload is asked for (SIGHUP), or one of the files has changed: the configuration, what it includes, ``secrets.yaml``,
what a ``NAME_file`` names, and the secrets folders. One at a time; what comes meanwhile is one more. Loading runs in a
thread.

The files are looked at every other second by ``stat``: that sees every way of writing (in place, by renaming, by the
symlinks that Kubernetes swaps), on every file system, and costs next to nothing for a few files. In a thread, since a
file system of the network may not answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path

import structlog

from bridge import collecting, config, errors, events

log = structlog.get_logger()
LOOK_EVERY_S = 2.0
LOOK_AGAIN_S = 1.0  # after something has changed
QUIET_LOOKS = 1  # that show nothing new, before a change is believed to be whole: editors write in steps
GONE_LOOKS = 5  # the same where a file is away that was there: many are replaced by removing them first
_MOST_FAULTS = 100  # lines in the log

Stamp = tuple[int, ...] | None
Stamps = Mapping[Path, Stamp]


def stamp(path: Path) -> Stamp:
    """What differs when a file was written or replaced, or its rights were; None where there is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev


class Quiet:
    """Tells a change that is over from one that is under way: no I/O, no clock."""

    def __init__(self, known: Stamps) -> None:
        self._known = dict(known)
        self._last = dict(known)
        self._looks = 0

    @property
    def next_look_s(self) -> float:
        """When to look again."""
        return LOOK_EVERY_S if self._last == self._known else LOOK_AGAIN_S

    def look(self, now: Stamps) -> bool:
        """Whether the files are others than those that were loaded, and have been the same for a while."""
        if now != self._last:
            self._last, self._looks = dict(now), 0
            return False
        if now == self._known:
            return False
        self._looks += 1
        vanished = any(now[path] is None for path, before in self._known.items() if before and path in now)
        return self._looks >= (GONE_LOOKS if vanished else QUIET_LOOKS)


class _Files:
    """What one load looks at: each file's stamp and a digest, both taken before it is read, so that a change while it
    is being read is seen later.
    """

    def __init__(self, before: Iterable[Path] = ()) -> None:
        """``before`` are those that an earlier load looked at."""
        self.stamps: dict[Path, Stamp] = dict(_stamps(before))
        self.contents: dict[Path, bytes] = {}

    def note(self, path: Path) -> None:
        if path not in self.contents:
            self.stamps[path] = stamp(path)
            self.contents[path] = _digest(path)

    @property
    def read(self) -> Stamps:
        """The stamps of those that this load looked at."""
        return {path: self.stamps[path] for path in self.contents}


def _digest(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "blake2b").digest()
    except (OSError, ValueError):
        return b""


class Reloader:
    """Loads the configuration of ``path``, first and again."""

    def __init__(
        self,
        path: Path,
        *,
        load: Callable[..., config.Settings] = config.load,
        applied: Callable[[config.Settings], None] = lambda _: None,
    ) -> None:
        """``applied`` is told the settings that have been taken up: for what is not the bridge's (the log's level)."""
        self._path = path
        self._load = load
        self._applied = applied
        self._asked = asyncio.Event()
        self._contents: Mapping[Path, bytes] = {}  # of the files of the configuration in force
        self._quiet = Quiet({})
        self._watched: Stamps = {}
        self._refused = False

    def first(self) -> config.Settings:
        """The configuration to start with.

        Raises:
            errors.ConfigError: all that is wrong.
        """
        files = _Files()
        settings = self._load(self._path, note=files.note)
        self._contents = files.contents
        self._watch(files.stamps)
        return settings

    def ask(self) -> None:
        """Reload, whether anything has changed or not."""
        self._asked.set()

    async def run(
        self,
        become: Callable[[config.Settings], Awaitable[events.Reloaded]],
        onlooker: Callable[[events.Event], None],
    ) -> None:
        """For ever. ``become`` takes settings up as a whole, or raises ``errors.ConfigError`` and changes nothing."""
        while True:
            await self._needed()
            try:
                with collecting.paused():
                    done = await self._reload(become)
                collecting.settle()
                onlooker(done)
            except errors.ConfigError as error:
                self._refuse(error.faults)
                onlooker(events.ConfigRefused(faults=error.faults))
            except Exception as error:
                log.exception("a reload failed in a way that it should not")
                fault = errors.Fault(file=str(self._path), message=f"cannot be taken up ({type(error).__name__})")
                self._refuse([fault])
                onlooker(events.ConfigRefused(faults=[fault]))

    async def _needed(self) -> None:
        while not self._asked.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._quiet.next_look_s):
                    await self._asked.wait()
                    break
            if self._quiet.look(await asyncio.to_thread(_stamps, self._watched)):
                log.info("the configuration has changed: it is loaded anew", config=str(self._path))
                return
        self._asked.clear()

    async def _reload(self, become: Callable[[config.Settings], Awaitable[events.Reloaded]]) -> events.Reloaded:
        files = await asyncio.to_thread(_Files, self._watched)
        try:
            settings = await asyncio.to_thread(self._load, self._path, note=files.note)
        finally:
            self._watch(files.stamps)  # also those of the configuration in force that were not reached this time
        done = dataclasses.replace(await become(settings), mended=self._refused)
        self._applied(settings)
        self._watch(files.read)
        if done.mended:
            log.info("the configuration is in order again", config=str(self._path))
        _say(done, changed=files.contents != self._contents)
        self._contents, self._refused = files.contents, False
        return done

    def _watch(self, stamps: Stamps) -> None:
        self._watched = dict(stamps)
        self._quiet = Quiet(stamps)

    def _refuse(self, faults: Sequence[errors.Fault]) -> None:
        self._refused = True
        for fault in faults[:_MOST_FAULTS]:
            log.error("the configuration is wrong", fault=str(fault))
        log.error("not reloaded: the configuration from before goes on", config=str(self._path), faults=len(faults))


def _say(done: events.Reloaded, *, changed: bool) -> None:
    if not changed:
        log.info("reloaded: nothing has changed", rules=done.rules)
        return

    def count(names: Sequence[str], kind: str) -> int:
        return sum(name.startswith(kind + " ") for name in names)

    kinds = {"mailbox": "mailboxes", "sink": "sinks"}
    told = [f"+{count(done.added, kind)} −{count(done.removed, kind)} {many}" for kind, many in kinds.items()]
    names = {"added": done.added, "removed": done.removed, "reopened": done.reopened}
    rules = f"{done.rules} rule{'' if done.rules == 1 else 's'}"
    text = ", ".join([f"reloaded: {rules}", *told, f"{len(done.reopened)} reopened"])
    log.info(text, **{what: ", ".join(found) for what, found in names.items() if found})


def _stamps(paths: Iterable[Path]) -> Stamps:
    return {path: stamp(path) for path in paths}
