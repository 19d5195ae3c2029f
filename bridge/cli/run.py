"""``mailwire run``: the bridge, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import click

from bridge import config, reload
from bridge.cli import (
    _lean,  # noqa: F401 -- before everything that logs
    _logs,
    config_option,
)

# isort: split
import structlog

log = structlog.get_logger()
ENDING = (signal.SIGTERM, signal.SIGINT)
LAST_WORDS_S = 2  # for closing connections and the state, when told to stop a second time


@click.command(short_help="Run the bridge until SIGTERM or Ctrl-C.")
@config_option
@click.pass_context
def command(ctx: click.Context, *, config_path: Path) -> None:
    """Run the bridge until SIGTERM or Ctrl-C; it then finishes what is in flight. A second one ends it at once, with
    exit 1; nothing is lost by that: what was not acknowledged is sent again.

    SIGHUP, or a change of the configuration's files, reloads: what is wrong is refused as a whole, and only connections
    whose settings changed are made anew.

    Watches every mailbox, runs the rules over each new mail, delivers what they cause. Logs to standard error:
    coloured on a terminal, one JSON object a line elsewhere.
    """
    reloader = reload.Reloader(config_path, applied=lambda taken_up: _logs.set_level(taken_up.log_level))
    settings = reloader.first()
    _logs.configure(settings.log_level)
    if not settings.mailboxes:
        log.warning("no mailbox is configured: no mail will arrive; add one under mailboxes:", config=str(config_path))
    try:
        asyncio.run(_run(settings, reloader))
    except asyncio.CancelledError:  # told to stop a second time
        ctx.exit(1)


async def _run(settings: config.Settings, reloader: reload.Reloader) -> None:
    from bridge import app  # after the configuration: a fault in it is told before anything heavy is loaded

    stop = asyncio.Event()
    running = asyncio.ensure_future(app.run(settings, stop=stop, reloader=reloader))
    _Signals(stop, running, reloader.ask).listen()
    await running


class _Signals:
    """The first signal to end sets ``stop``, the second cancels ``running``; SIGHUP reloads, unless it means that the
    terminal is gone.

    Handlers of Python's own, not of the event loop: what closes may wait in the loop's own thread for one that waits
    for a server, and the loop hears nothing then.
    """

    def __init__(self, stop: asyncio.Event, running: asyncio.Future[None], reload: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = stop
        self._running = running
        self._reload = reload
        self._had_terminal = sys.stderr.isatty()

    def listen(self) -> None:
        for number in ENDING:
            signal.signal(number, self._first)
        self._loop.add_signal_handler(signal.SIGHUP, self._hung_up)

    def _first(self, *_: object) -> None:
        for number in ENDING:
            signal.signal(number, self._second)
        self._soon(self._end)

    def _second(self, *_: object) -> None:
        signal.signal(signal.SIGALRM, lambda *_: os._exit(1))
        signal.alarm(LAST_WORDS_S)
        self._soon(self._end_now)

    def _soon(self, what: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: it has ended already
            self._loop.call_soon_threadsafe(what)

    def _end(self) -> None:
        self._stop.set()
        log.info("told to stop: what is in flight is finished first; a second signal ends at once")

    def _end_now(self) -> None:
        self._running.cancel()
        log.warning("told to stop again: ending at once; what was not acknowledged is sent after the next start")

    def _hung_up(self) -> None:
        try:
            gone = self._had_terminal and not sys.stderr.isatty()  # whatever the log's level is
            log.info("told to reload")
        except OSError:
            gone = True
        if gone:  # nobody hears what we say
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
            self._stop.set()
        else:
            self._reload()
