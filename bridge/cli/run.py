"""``mailwire run``: the bridge, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import click

from bridge import config
from bridge.cli import (
    _lean,  # noqa: F401 -- before everything that logs
    _logs,
    config_option,
)


@click.command()
@config_option
def command(*, config_path: Path) -> None:
    """Run the bridge until SIGTERM or Ctrl-C; it then finishes what is in flight.

    Watches every mailbox, runs the rules over each new mail, delivers what they cause. Logs to standard error:
    coloured on a terminal, one JSON object a line elsewhere.
    """
    settings = config.load(config_path)
    _logs.configure(settings.log_level)
    asyncio.run(_run(settings))


async def _run(settings: config.Settings) -> None:
    from bridge import app  # after the configuration: a fault in it is told before anything heavy is loaded

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await app.run(settings, stop=stop)
