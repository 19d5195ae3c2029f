"""``mailwire check``: is the configuration right?"""

from __future__ import annotations

from pathlib import Path

import click

from bridge import cli, config


@click.command(short_help="Load the configuration and print every fault.")
@cli.config_option
@click.option("--connect", is_flag=True, hidden=True)
@click.option("--tests", is_flag=True, hidden=True)
def command(*, config_path: Path, connect: bool, tests: bool) -> None:
    """Load the configuration and print every fault: one a line, with its file, line and column. Connects to nothing.

    Warnings, such as a payload that may not fit into its max_bytes, are printed like faults and change nothing.

    Exit 0: it is right. Exit 2: it is not.
    """
    for option, given in (("--connect", connect), ("--tests", tests)):
        if given:
            raise click.UsageError(f"{option}: not yet supported")
    settings, warnings = config.check(config_path)
    for warning in warnings:
        click.echo(cli.coloured(warning, "yellow"), err=True)
    counts = (("mailbox", settings.mailboxes), ("sink", settings.sinks), ("rule", settings.rules))
    summary = ", ".join(_counted(word, len(found)) for word, found in counts)
    told = f", {_counted('warning', len(warnings))}" if warnings else ""
    click.echo(f"{config_path}: {click.style('no faults', fg='green')}{click.style(told, fg='yellow')}; {summary}")


def _counted(word: str, count: int) -> str:
    plural = f"{word}es" if word.endswith("x") else f"{word}s"
    return f"{count} {word if count == 1 else plural}"
