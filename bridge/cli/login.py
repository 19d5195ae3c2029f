"""``mailwire login``: the OAuth sign-in of a mailbox, by browser or by a code that is typed in elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import webbrowser
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bridge import cli, config, errors, spelling
from bridge.cli import (
    _lean,  # noqa: F401 -- before everything that logs
    _logs,
)
from bridge.oauth import providers
from bridge.oauth.settings import Flow, OAuth
from bridge.sources.settings import Mailbox

if TYPE_CHECKING:
    from bridge.oauth import browser, grant, keeper, protocol

TIMEOUT_S = 600.0
_TIMEOUT_HELP = f"How long to wait for the sign-in. Default: {TIMEOUT_S:g}."
_PASTED_BYTES = 65_536


@click.command(short_help="Sign in to a mailbox with OAuth, once.")
@click.argument("mailbox", metavar="MAILBOX")
@cli.config_option
@click.option("--device", is_flag=True, help="By a code that is typed into a browser on any machine.")
@click.option("--no-browser", is_flag=True, help="Only print the address, and open no browser.")
@click.option("--timeout", metavar="SECONDS", type=click.FloatRange(min=0.1), default=TIMEOUT_S, help=_TIMEOUT_HELP)
def command(*, mailbox: str, config_path: Path, device: bool, no_browser: bool, timeout: float) -> None:
    """Sign in to a mailbox that has `oauth:`, once; the bridge renews what it is given by itself.

    The browser comes back to a port of this machine. Where it is on another one, paste the address that it ends at, or
    sign in with --device where the provider has that (Microsoft does; Google does not, for mail). What the provider
    gives is kept in the state folder, for its owner alone. A running bridge takes it up by itself.

    Exit 0: signed in, and the mail server lets the mailbox in. Exit 1: one of these failed.
    """
    settings = config.load(config_path)
    account, oauth = _mailbox(settings, mailbox)
    flow = _flow(oauth, device=device, no_browser=no_browser)
    _logs.configure("critical")  # what fails is told here
    sign_in = _sign_in(oauth, account, flow, timeout, show=not no_browser)
    asyncio.run(_login(mailbox, account, oauth, sign_in, config.state_folder(settings.state)))


def _mailbox(settings: config.Settings, name: str) -> tuple[Mailbox, OAuth]:
    account = settings.mailboxes.get(name)
    if account is None:
        known = list(settings.mailboxes)
        hint = spelling.did_you_mean(name, known) or f"; there are: {', '.join(known) or 'none'}"
        raise click.BadParameter(f'no mailbox is called "{name}"{hint}', param_hint="MAILBOX")
    if account.oauth is None:
        raise click.BadParameter(
            f'"{name}" has a password; to sign in with OAuth, write `oauth:` instead', param_hint="MAILBOX"
        )
    return account, account.oauth


def _flow(oauth: OAuth, *, device: bool, no_browser: bool) -> Flow:
    """As asked; else by browser, unless Microsoft is asked from a machine that has none."""
    if device and (why := providers.refuses_device_code(oauth.provider)):
        raise click.BadParameter(why, param_hint="--device")
    if device or oauth.flow is not None:
        return "device" if device else oauth.flow or "browser"
    return "device" if oauth.provider == "microsoft" and not no_browser and not _has_browser() else "browser"


def _has_browser() -> bool:
    """Whether one with windows can be opened; one in the terminal would take it from us."""
    named = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform in {"darwin", "win32"} or any(os.environ.get(name) for name in named)


async def _login(
    name: str, account: Mailbox, oauth: OAuth, sign_in: Coroutine[Any, Any, grant.Grant], state_folder: Path
) -> None:
    from bridge.oauth import keeper

    found = await sign_in
    keeping = keeper.Keeper(state_folder)
    await _keep(name, keeping, found)
    await _try(name, account, oauth, keeping)


async def _sign_in(oauth: OAuth, account: Mailbox, flow: Flow, timeout_s: float, *, show: bool) -> grant.Grant:
    from bridge.oauth import issuers

    client = await issuers.Issuers().client(oauth)
    try:
        async with asyncio.timeout(timeout_s):
            return await (_by_device(client, account) if flow == "device" else _by_browser(client, account, show=show))
    except TimeoutError:
        raise errors.LoginRefused(f"nobody signed in within {timeout_s:g} s") from None


async def _by_device(client: protocol.Client, account: Mailbox) -> grant.Grant:
    from bridge.oauth import device

    codes = await device.codes(client)
    code = click.style(codes.user_code, bold=True)
    click.echo(f"To sign in as {account.user}, open this address in a browser on any machine, and type in {code}:\n")
    click.echo(f"  {codes.verification_uri}\n")
    if codes.complete_uri:
        click.echo(f"or this one, with the code in it:\n\n  {codes.complete_uri}\n")
    click.echo(f"Waiting; the code holds for {codes.holds_s / 60:.0f} min ...")
    return await device.grant(client, codes)


async def _by_browser(client: protocol.Client, account: Mailbox, *, show: bool) -> grant.Grant:
    from bridge.oauth import browser

    async with browser.SignIn(client, user=account.user) as sign_in:
        click.echo(f"To sign in as {account.user}, open this address in a browser:\n\n  {sign_in.url}\n")
        click.echo(f"Waiting for it to come back to {sign_in.redirect_uri} ...")
        click.echo("If the browser is on another machine, paste here the address that it ends at.")
        if show and _has_browser():
            # A thread that may be left behind: some browsers keep it until they are closed
            threading.Thread(target=webbrowser.open, args=(sign_in.url,), daemon=True).start()
        with _pasted(sign_in):
            return await sign_in.grant()


@contextlib.contextmanager
def _pasted(sign_in: browser.SignIn) -> Iterator[None]:
    """While this holds, an address that is pasted into the terminal is as good as the browser's own coming back."""
    loop = asyncio.get_running_loop()
    try:
        descriptor = sys.stdin.fileno()
        loop.add_reader(descriptor, _read_pasted(descriptor, sign_in, loop))
    except (OSError, ValueError, AttributeError):  # no terminal, nor a pipe
        yield
        return
    try:
        yield
    finally:
        loop.remove_reader(descriptor)


def _read_pasted(descriptor: int, sign_in: browser.SignIn, loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
    kept = bytearray()

    def read() -> None:
        octets = os.read(descriptor, 4096)
        kept.extend(octets)
        if not octets or len(kept) > _PASTED_BYTES:
            loop.remove_reader(descriptor)
        while b"\n" in kept:
            line, _, rest = bytes(kept).partition(b"\n")
            kept[:] = rest
            text = line.decode("utf-8", "replace").strip()
            if text and not sign_in.offer(text):
                click.echo("This is not the address that this sign-in ends at; it has code=… and state=… in it.")

    return read


async def _keep(name: str, keeping: keeper.Keeper, found: grant.Grant) -> None:
    async with keeping.vault.held(name):
        path = await asyncio.to_thread(keeping.vault.write, name, found)
    click.echo(f"{click.style('✓', fg='green')} signed in; what the provider gave is kept in {path}")
    if not found.refresh_token:
        click.echo(
            f"{click.style('!', fg='yellow')} the provider gave nothing to renew it with: "
            "it ends soon. Do its `scopes` lack offline_access?"
        )


async def _try(name: str, account: Mailbox, oauth: OAuth, keeping: keeper.Keeper) -> None:
    from bridge.sources.imap import trial

    async with keeping.tokens(name, oauth) as tokens:
        await trial.log_in(name, account, tokens)
    click.echo(f"{click.style('✓', fg='green')} {account.host} lets {account.user} in")
