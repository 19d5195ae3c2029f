"""``mailwire demo``: everything on this machine."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections import deque
from typing import Any

import click
import structlog

EXTRA = {"pymap", "pysasl", "proxyprotocol", "amqtt"}  # what the extra `demo` brings

GOODBYE = "For your own mail: take a story from examples/, then run `mailwire check`."


@click.command(short_help="See it happen: everything on this machine, with sample mails.")
@click.option("--once", is_flag=True, help="End with exit 0 when every sample mail has arrived at its device.")
@click.pass_context
def command(ctx: click.Context, *, once: bool) -> None:
    """See it happen: everything on this machine, with sample mails.

    A mail server, a broker, a CoAP lamp and a text display run on this machine, and sample mails arrive. The bridge
    between them is the one that `mailwire run` runs. Nothing is kept, and nothing leaves this machine.
    """
    try:
        from rich.console import Console

        from bridge.demo import screen, stage
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in EXTRA:
            raise
        click.echo("the demo needs more: pip install 'mailwire[demo]'", err=True)
        ctx.exit(1)
    notes = quiet()
    console = Console()
    with screen.show(console, once=once) as shown:
        trouble = asyncio.run(_play(stage, shown, once=once))
    if trouble:
        for note in notes:
            click.echo(note, err=True)
        click.echo(f"the demo failed: {trouble}", err=True)
        ctx.exit(1)
    if once:
        console.print("Every sample mail has arrived at its device.", style="bold green", highlight=False)
    else:
        console.print(GOODBYE, highlight=False, markup=False)


async def _play(stage: Any, shown: Any, *, once: bool) -> str:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    result: str = await stage.play(shown, once=once, stop=stop)
    return result


def quiet() -> deque[str]:
    """Keeps every log off the screen; returns the place where the bridge's last warnings are kept for a failure."""
    logging.getLogger().handlers[:] = [logging.NullHandler()]
    for name in ("amqtt", "transitions", "pymap", "paho", "coap", "coap-server", "asyncio", "imapclient"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    notes: deque[str] = deque(maxlen=8)

    def keep(_: Any, level: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
        if level in {"warning", "error", "critical", "exception"}:
            details = " ".join(f"{key}={value}" for key, value in event.items() if key not in {"event", "exc_info"})
            notes.append(f"{level}: {event.get('event', '')} {details}".rstrip())
        raise structlog.DropEvent

    structlog.configure(processors=[keep], cache_logger_on_first_use=False)
    return notes
