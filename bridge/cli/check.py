"""``mailwire check``: is the configuration right, and do its rules do what their tests say?"""

from __future__ import annotations

from pathlib import Path

import click

from bridge import cli, config


@click.command(short_help="Load the configuration and print every fault.")
@cli.config_option
@click.option("--connect", is_flag=True, help="Try every mailbox and sink as well.")
@click.option("--tests", is_flag=True, help="Run the rules' tests as well.")
@click.pass_context
def command(ctx: click.Context, *, config_path: Path, connect: bool, tests: bool) -> None:
    """Load the configuration and print every fault: one a line, with its file, line and column. Connects to nothing
    unless it is asked to.

    With --connect every mailbox is logged in to and its folders are looked at, and every sink is reached: it is told
    what the mail servers can do, and what is missing. Nothing is sent, marked or kept.

    With --tests each mail of a rule's `tests:` is looked at, and what is not as expected is told in the same way.
    Warnings, such as a payload that may not fit into its max_bytes, are printed like faults and change nothing.

    Exit 0: it is right. Exit 1: a test fails, or something cannot be reached. Exit 2: the configuration is wrong.
    """
    loaded = config.load_with_places(config_path)
    settings, warnings = loaded.settings, loaded.warnings()
    for warning in warnings:
        click.echo(cli.coloured(warning, "yellow"), err=True)
    counts = (("mailbox", settings.mailboxes), ("sink", settings.sinks), ("rule", settings.rules))
    summary = ", ".join(_counted(word, len(found)) for word, found in counts)
    told = f", {_counted('warning', len(warnings))}" if warnings else ""
    click.echo(f"{config_path}: {click.style('no faults', fg='green')}{click.style(told, fg='yellow')}; {summary}")
    passed = not tests or _tests_pass(loaded)
    connected = not connect or _connects(settings)
    if not (passed and connected):
        ctx.exit(1)


def _connects(settings: config.Settings) -> bool:
    from bridge.cli import _connect

    return _connect.run(settings)


def _tests_pass(loaded: config.Loaded) -> bool:
    from bridge.cli import _golden

    passed = failed = 0
    for outcome in _golden.run(loaded):
        passed, failed = passed + (not outcome.faults), failed + bool(outcome.faults)
        for fault in outcome.faults:
            click.echo(cli.coloured(fault), err=True)
    if not passed + failed:
        click.echo("no rule has tests")
        return True
    how = click.style(f"{failed} failed", fg="red") if failed else click.style("all passed", fg="green")
    click.echo(f"{_counted('test', passed + failed)}: {how}")
    return not failed


def _counted(word: str, count: int) -> str:
    plural = f"{word}es" if word.endswith("x") else f"{word}s"
    return f"{count} {word if count == 1 else plural}"
