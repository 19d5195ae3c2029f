"""The ``mailwire`` command: the only room that prints, or picks an exit code.

A command is one file here, found by its name and imported only when it is run (or listed by ``--help``), so it imports
what is heavy inside its function. ``bridge/cli/status.py`` is ``mailwire status``::

    import click

    from bridge import cli

    @click.command()
    @cli.config_option  # -c FILE, before or after the command's name
    def command(*, config_path: Path) -> None:
        '''What --help says: the first sentence in the list of commands, all of it in its own.'''

Results go to stdout, what went wrong to stderr. A command raises and does not exit: ``errors.ConfigError`` becomes its
faults, one a line, and exit 2; any other ``errors.MailwireError`` its message in one line, and exit 1; a
``click.UsageError`` how the command is used, and exit 2. ``ctx.exit(1)`` says "failed" where the command has told why.
"""

from __future__ import annotations

import functools
import importlib
import os
import pkgutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

import bridge
from bridge import errors

DEFAULT_CONFIG = Path("config/mailwire.yaml")
SHORT_HELP = 66  # characters: what 80 columns leave for it
PLANNED = (
    "mailbox",
    "secret",
    "state",
    "status",
)  # refused as such, until then
_CONFIG_KEY = "bridge.cli.config"
_Function = TypeVar("_Function", bound=Callable[..., Any])


class Commands(click.Group):
    """The files in this folder, by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name.replace("_", "-") for name in _files()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = cmd_name.replace("-", "_")
        if name not in _files():
            return None
        found = importlib.import_module(f"{__name__}.{name}").command
        return found if isinstance(found, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args and args[0] in PLANNED and args[0] not in known:
            raise click.UsageError(f"{args[0]}: not yet supported", ctx=ctx)
        if args and not args[0].startswith("-") and args[0] not in known:
            raise click.exceptions.NoSuchCommand(args[0], possibilities=known, ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands, each with its whole short help; then those that are still to come."""
        commands = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, found.get_short_help_str(limit=SHORT_HELP)) for name, found in commands if found]
            )
        with formatter.section("Not yet supported"):
            planned = ", ".join(name for name in PLANNED if name not in self.list_commands(ctx))
            formatter.write_text(planned)


@functools.cache
def _files() -> tuple[str, ...]:
    return tuple(sorted(info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_")))


def _keep_config(ctx: click.Context, _: click.Parameter, value: Path | None) -> Path:
    if value is not None:
        ctx.meta[_CONFIG_KEY] = value
    found: Path = ctx.meta.get(_CONFIG_KEY, DEFAULT_CONFIG)
    return found


def config_option(function: _Function) -> _Function:
    """The option ``-c FILE``, before the command's name or after it; the function gets it as ``config_path``."""
    return click.option(
        "-c",
        "--config",
        "config_path",
        metavar="FILE",
        type=click.Path(path_type=Path),
        callback=_keep_config,
        help=f"The configuration file. Default: {DEFAULT_CONFIG}",
    )(function)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(bridge.__version__, prog_name="mailwire", message="%(prog)s %(version)s")
@config_option
def group(**_: Any) -> None:
    """A bridge from mail to things: IMAP in; MQTT, CoAP and HTTP out."""


def main() -> NoReturn:
    """The command. Exit 0: done, 1: failed while running, 2: the configuration or the command line is wrong."""
    sys.exit(_run())


def _run() -> int:
    color = False if os.environ.get("NO_COLOR") else None  # None: where it is a terminal
    try:
        code = group.main(prog_name="mailwire", standalone_mode=False, color=color)
    except errors.ConfigError as error:
        for fault in error.faults:
            click.echo(coloured(fault), err=True, color=color)
        return 2
    except errors.MailwireError as error:
        return _failed(error, color=color)
    except BaseExceptionGroup as several:  # out of a TaskGroup
        ours, others = several.split(errors.MailwireError)
        if ours is None or others is not None:
            raise
        return _failed(_first(ours), color=color)
    except click.ClickException as error:
        error.show()
        return 2 if isinstance(error, (click.UsageError, click.FileError)) else error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return 130
    except BrokenPipeError:  # whoever read our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code if isinstance(code, int) else 0


def _failed(error: BaseException, *, color: bool | None) -> int:
    message = " ".join(str(error).split())
    click.echo(f"{click.style('mailwire:', fg='red')} {message}", err=True, color=color)
    return 1


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def coloured(fault: errors.Fault, colour: str = "red") -> str:
    """The fault's one line; its place and path stand out on a terminal."""
    line = str(fault).replace("\n", " ")
    place, _, rest = line.partition(": ")
    return f"{click.style(place, bold=True)}: {click.style(rest, fg=colour)}"
