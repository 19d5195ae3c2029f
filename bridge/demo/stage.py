"""All of it together: the far ends, the configuration, the bridge itself, and the mails."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.resources
import itertools
import secrets
import string
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from bridge import app, config
from bridge.demo import broker, device, display, imap, listen, samples, story
from bridge.demo.screen import Screen

DEADLINE_S = 60.0
PACE_S = 4.0  # between two mails when it goes on and on
USER = "demo@mail.example"
KEPT_ROWS = 50


async def play(screen: Screen, *, once: bool, stop: asyncio.Event) -> str:
    """Runs the demo until ``stop`` is set, or, if ``once``, until every sample has arrived at its device.

    Returns why it failed; "" when all went well. What the bridge raises is raised.
    """
    over = asyncio.Event()
    tale = story.Story(lambda row: _changed(screen, tale, row, over))
    async with contextlib.AsyncExitStack() as stack:
        account = await stack.enter_async_context(imap.serve(USER, password := secrets.token_urlsafe(12)))
        mqtt_port = await stack.enter_async_context(broker.serve())
        coap_port = await stack.enter_async_context(device.serve(lambda *seen: tale.show("lamp", *seen)))
        await stack.enter_async_context(display.serve(mqtt_port, lambda *seen: tale.show("display", *seen)))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mailwire-demo-")))
        ports = {"imap_port": account.port, "mqtt_port": mqtt_port, "coap_port": coap_port}
        screen.serving(
            f"{listen.HOST}: mail server imap {account.port}, broker mqtt {mqtt_port}, lamp coap {coap_port}"
        )
        path = _configuration(folder, user=USER, password=password, **ports)
        settings = config.load(path, environ={})  # what the admin's environment says is meant for the real bridge
        bridge = await stack.enter_async_context(_running(settings, tale))
        sender = await stack.enter_async_context(_sending(account, tale, screen.pace_s if once else PACE_S, once=once))
        return await _watch(tale, bridge, sender, once=once, stop=stop, over=over)


def _changed(screen: Screen, tale: story.Story, row: story.Row, over: asyncio.Event) -> None:
    screen.changed(tale, row)
    expected = len(samples.DEVICE_OF)
    if tale.lost or row.trouble or (len(tale.rows) == expected and all(each.arrived for each in tale.rows)):
        over.set()


def _configuration(folder: Path, **values: object) -> Path:
    """The template with its ports filled in, as a file that ``config.load`` reads like any other."""
    template = importlib.resources.files("bridge.demo").joinpath("mailwire.yaml").read_text(encoding="utf-8")
    path = folder / "mailwire.yaml"
    path.write_text(string.Template(template).substitute(values, state=folder / "state.db"), encoding="utf-8")
    return path


@contextlib.asynccontextmanager
async def _running(settings: config.Settings, tale: story.Story) -> AsyncIterator[asyncio.Task[None]]:
    """The bridge, as ``mailwire run`` runs it; stopped in its own good order when the block ends."""
    stop = asyncio.Event()
    task = asyncio.create_task(app.run(settings, stop=stop, onlookers=[tale.tell]), name="bridge")
    try:
        yield task
    finally:
        stop.set()
        await asyncio.wait([task])
    task.result()  # what went wrong while it stopped


@contextlib.asynccontextmanager
async def _sending(
    account: imap.Account, tale: story.Story, pace_s: float, *, once: bool
) -> AsyncIterator[asyncio.Task[None]]:
    """The sample mails, arriving one after the other; once, or over and over."""
    task = asyncio.create_task(_send(account, tale, pace_s, once=once), name="sample mails")
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _send(account: imap.Account, tale: story.Story, pace_s: float, *, once: bool) -> None:
    mails = samples.load()
    for turn, sample in enumerate(mails if once else itertools.cycle(mails), start=1):
        message_id, raw = sample.fresh(turn)
        tale.send(sample, message_id)
        del tale.rows[:-KEPT_ROWS]
        await account.deliver(raw)
        await asyncio.sleep(pace_s)


async def _watch(
    tale: story.Story,
    bridge: asyncio.Task[None],
    sender: asyncio.Task[None],
    *,
    once: bool,
    stop: asyncio.Event,
    over: asyncio.Event,
) -> str:
    """Waits for whatever ends the demo, and says why it failed ("" if it did not)."""
    ends = [asyncio.create_task(stop.wait())]
    ends += [asyncio.create_task(over.wait())] if once else []
    try:
        done, _ = await asyncio.wait(
            [bridge, *ends], return_when=asyncio.FIRST_COMPLETED, timeout=DEADLINE_S if once else None
        )
    finally:
        for end in ends:
            end.cancel()
    if bridge in done:
        bridge.result()
        return "the bridge stopped by itself"
    if sender.done():
        sender.result()
    return verdict(tale, timed_out=not done) if once else ""


def verdict(tale: story.Story, *, timed_out: bool) -> str:
    """What went wrong with the samples; "" when every one has arrived."""
    if tale.lost:
        return tale.lost
    if trouble := next((row for row in tale.rows if row.trouble), None):
        return f"{trouble.sample.name}: {trouble.trouble}"
    missing = [name for name in samples.DEVICE_OF if name not in {row.sample.name for row in tale.rows if row.arrived}]
    if not missing:
        return ""
    late = f" within {DEADLINE_S:.0f} s" if timed_out else ""
    return f"these did not arrive at their devices{late}: {', '.join(missing)}"
