"""``mailwire selftest``: does a mail get through, and how long does each hop take?"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bridge import cli, config, spelling
from bridge.cli import _connect, _logs, _mails

if TYPE_CHECKING:
    from bridge import selftest


@click.command(short_help="Send a mail and messages through all of it, and time them.")
@cli.config_option
@click.option("--mailbox", metavar="NAME", help="This mailbox only, and all sinks. Default: all mailboxes.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(ctx: click.Context, *, config_path: Path, mailbox: str | None, as_json: bool) -> None:
    """Put a small marked mail into each mailbox, wait until the server tells of it, fetch and delete it; and reach each
    sink with something that moves nothing: an MQTT broker brings a message under <base_topic>/<name>/selftest back, a
    CoAP device answers a ping, an HTTP server is connected to. Each hop is timed.

    The bridge need not run, and is not disturbed if it does: no rule fires for this mail.

    Exit 0: all of it works. Exit 1: something does not; it is told what, and what to do.
    """
    settings = config.load(config_path)
    mailboxes = [_known(settings, mailbox)] if mailbox else list(settings.mailboxes)
    _logs.configure("critical")  # what fails is told here
    with _connect.waiting([*mailboxes, *settings.sinks]) as done:
        found = _run(settings, mailboxes, lambda tested: done(tested.name))
    if as_json:
        click.echo(json.dumps(_facts(found), ensure_ascii=False))
    else:
        _print(found)
    if any(tested.failed for tested in found):
        ctx.exit(1)


def _known(settings: config.Settings, name: str) -> str:
    if name not in settings.mailboxes:
        there = ", ".join(settings.mailboxes) or "none"
        hint = spelling.did_you_mean(name, list(settings.mailboxes)) or f"; there are: {there}"
        raise click.BadParameter(f'no mailbox is called "{name}"{hint}', param_hint="--mailbox")
    return name


def _run(
    settings: config.Settings, mailboxes: Sequence[str], noted: Callable[[selftest.Tested], object]
) -> list[selftest.Tested]:
    from bridge import selftest

    async def run() -> list[selftest.Tested]:
        me = asyncio.current_task()
        assert me is not None  # noqa: S101 - for the type checker
        for number in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C does: what was put into a mailbox is deleted
            asyncio.get_running_loop().add_signal_handler(number, me.cancel)
        return await selftest.test_all(settings, mailboxes=mailboxes, noted=noted)

    try:
        return asyncio.run(run())
    except asyncio.CancelledError:
        raise click.Abort from None


def _print(found: Sequence[selftest.Tested]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("", "hop", "time", "", box=box.SIMPLE_HEAD)
    table.columns[2].justify = "right"
    for tested in found:
        who = f"{tested.kind} {tested.name}"
        for hop in tested.hops:
            time = Text("failed", style="red") if hop.fault else Text(_time(hop.took_s))
            table.add_row(Text(_mails.line(who)), hop.name, time, Text(_mails.line(hop.said)))
            who = ""
    if table.rows:
        Console().print(table)
    for tested in found:
        if failure := tested.failed:
            who = _mails.line(f"{tested.kind} {tested.name}: {failure.name}: {failure.fault}")
            click.echo(f"{click.style(who, fg='red')}; what to do: {_mails.line(failure.todo)}")
    failed = sum(tested.failed is not None for tested in found)
    told = click.style(f"{failed} of {len(found)} failed", fg="red") if failed else _all_well(found)
    click.echo(f"selftest: {told}")


def _all_well(found: Sequence[selftest.Tested]) -> str:
    return click.style("all well" if found else "there is nothing to test", fg="green" if found else "yellow")


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _facts(found: Sequence[selftest.Tested]) -> dict[str, object]:
    return {
        "ok": not any(tested.failed for tested in found),
        "tested": [
            {
                "kind": tested.kind,
                "name": tested.name,
                "ok": tested.failed is None,
                "hops": [
                    {
                        "hop": hop.name,
                        "ok": not hop.fault,
                        "seconds": None if hop.took_s is None else round(hop.took_s, 4),
                        "said": hop.said,
                        "fault": hop.fault,
                        "todo": hop.todo,
                    }
                    for hop in tested.hops
                ],
            }
            for tested in found
        ],
    }
