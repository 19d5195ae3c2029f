"""``mailwire backtest``: what the rules would make of the mails that are there."""

from __future__ import annotations

import asyncio
import collections
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from rich import box, progress
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from bridge import cli, config, rules
from bridge.cli import _logs, _mails
from bridge.mail import Mail, Place
from bridge.rules import explanation

LAST = 200
PIPED_COLUMNS = 160
_SUBJECT_CHARS = 50


@click.command(short_help="What the rules would make of the mails that are there.")
@cli.config_option
@click.option("--mailbox", metavar="NAME", help="Default: the first.")
@click.option("--folder", metavar="FOLDER", help="Default: the mailbox's first.")
@click.option("--last", metavar="N", type=click.IntRange(min=1), default=LAST, help=f"How many mails. Default: {LAST}.")
@click.option(
    "--against", metavar="OLD.yaml", type=click.Path(path_type=Path), help="Show only what differs from this."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a mail, a line each.")
def command(
    *, config_path: Path, mailbox: str | None, folder: str | None, last: int, against: Path | None, as_json: bool
) -> None:
    """What the rules would make of the last mails of a folder, as if each had just arrived. Reads only: nothing is
    sent, marked or kept. Rules with another event than `new` are not tried: what happened to these mails later is not
    known.

    With --against the rules of another configuration are tried beside them, and only the differences are shown.
    """
    settings = config.load(config_path)
    old = config.load(against) if against else None
    place = _mails.place(settings, mailbox, folder=folder)
    if not place.mailbox:
        raise click.UsageError("no mailbox is configured")
    _logs.configure("error")
    report = _Json() if as_json else _Tables(settings, compares=old is not None)
    asyncio.run(_run([settings, *([old] if old else [])], place, last, report))
    report.end()


async def _run(settings: Sequence[config.Settings], place: Place, last: int, report: _Report) -> None:
    """The first of the settings are those that are tried, the second those that they are compared with."""
    from bridge import backtest

    bench, *others = [backtest.Bench(rule_set=_mails.compiled(one), settings=one) for one in settings]
    looking = backtest.open_folder(settings[0], place.mailbox, place.folder, last=last, benches=[bench, *others])
    with _progress() as bar:
        task = bar.add_task(f"{place.mailbox}/{place.folder}", total=None)
        async with looking:
            bar.update(task, total=len(looking))
            async for piece in backtest.run(looking, bench, *others):
                for tried in piece.tried:
                    report.add(tried)
                report.lost += len(piece.lost)
                bar.advance(task, len(piece.tried) + len(piece.lost))


def _progress() -> progress.Progress:
    """On standard error, and only on a terminal."""
    console = Console(stderr=True)
    columns = (progress.TextColumn("{task.description}"), progress.BarColumn(), progress.MofNCompleteColumn())
    return progress.Progress(*columns, progress.TimeRemainingColumn(), console=console, transient=True,
                             disable=not console.is_terminal)  # fmt: skip


class _Report:
    """What is shown of the mails that were looked at."""

    lost = 0

    def add(self, tried: Any) -> None:
        raise NotImplementedError

    def end(self) -> None: ...


class _Json(_Report):
    def add(self, tried: Any) -> None:
        matched = [verdict for verdict in tried.verdicts if verdict.matched]
        found: dict[str, Any] = explanation.Explanation(mail=tried.mail, verdicts=matched).as_json()
        found["mail"]["uid"] = tried.mail.place.uid
        if tried.before is not None:
            before = [verdict for verdict in tried.before if verdict.matched]
            found["before"] = explanation.Explanation(mail=tried.mail, verdicts=before).as_json()["rules"]
            if not tried.changed:
                return
        click.echo(json.dumps(found, ensure_ascii=False))


class _Tables(_Report):
    """A row for each rule that fires, and a summary."""

    def __init__(self, settings: config.Settings, *, compares: bool) -> None:
        self._zone = settings.timezone
        self._compares = compares
        self._mails = 0
        self._concerned = 0  # mails that fire a rule, or that differ
        tried = [rule.name for rule in settings.rules if rule.event == "new"]
        self._untried = [(rule.name, rule.event) for rule in settings.rules if rule.event != "new"]
        self._fired: collections.Counter[str] = collections.Counter(dict.fromkeys(tried, 0))
        self._failed: collections.Counter[str] = collections.Counter()
        self._suppressed: collections.Counter[str] = collections.Counter()
        names = ("arrived", "from", "subject", "rule", "sends")
        columns = (Column(name, overflow="fold") for name in names)  # what is cut off might be what differs
        self._table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)

    def add(self, tried: Any) -> None:
        self._mails += 1
        self._failed.update(verdict.rule for verdict in tried.verdicts if verdict.error)
        fired = [verdict.rule for verdict in tried.verdicts if verdict.matched and not verdict.suppressed]
        self._fired.update(fired)
        self._suppressed.update(verdict.rule for verdict in tried.verdicts if verdict.suppressed)
        rows = list(self._differences(tried) if self._compares else self._fires(tried))
        self._concerned += bool(rows if self._compares else fired)
        about = self._about(tried.mail)
        for rule, sends in rows:
            self._table.add_row(*about, rule, sends)
            about = ("", "", "")

    def _about(self, mail: Mail) -> tuple[str, str, str]:
        arrived = mail.received.astimezone(self._zone).strftime("%Y-%m-%d %H:%M")
        senders = mail.addresses("From")
        return arrived, _short(senders[0].address if senders else ""), _short(mail.subject)

    def _fires(self, tried: Any) -> Iterator[tuple[Text, Text]]:
        for verdict in tried.verdicts:
            if verdict.matched:
                yield Text(_short(verdict.rule), "bold"), _sends(tried.mail, verdict)

    def _differences(self, tried: Any) -> Iterator[tuple[Text, Text]]:
        for name, before, now in tried.changed:
            if before is not None:
                yield Text(f"- {_short(name)}", "red"), _sends(tried.mail, before)
            if now is not None:
                yield Text(f"+ {_short(name)}", "green"), _sends(tried.mail, now)

    def end(self) -> None:
        console = Console(highlight=False)
        if not console.is_terminal:
            console = Console(highlight=False, width=PIPED_COLUMNS)
        if self._table.row_count:
            console.print(self._table)
        verb = "differ" if self._compares else "fire a rule"
        lost = f"; {self.lost} could not be read" if self.lost else ""
        console.print(f"{self._mails} mails, {self._concerned} {verb}{lost}", markup=False)
        if not self._compares:
            for name, count in self._fired.items():
                suppressed = f", {self._suppressed[name]} suppressed" if self._suppressed[name] else ""
                failed = f", failed on {self._failed[name]}" if self._failed[name] else ""
                console.print(f"  {count:>6}  {_short(name)}{suppressed}{failed}", markup=False)
        for name, event in self._untried:
            console.print(f"  {'-':>6}  {_short(name)}: not tried, its event is {event}", markup=False)


def _sends(mail: Mail, verdict: rules.Verdict) -> Text:
    lines = ["suppressed by its throttle"] if verdict.suppressed else []
    for one in explanation.deliveries(mail, verdict):
        later = "↺ " if one["options"].get("part") == "reset" else ""
        what = f"dead: {one['options']['dead']}" if "dead" in one["options"] else one["payload"]
        lines.append(f"{later}{one['sink']} {one['target']}  {one['as']} {one['bytes']} B  {what}")
    changes = [f"{change.op} {change.argument}".strip() for change in verdict.after]
    lines += [f"then {', '.join(changes)}"] if changes else []
    return Text("\n".join(map(_mails.line, lines)) or "nothing")


def _short(text: str) -> str:
    shown = _mails.line(text)
    return shown if len(shown) <= _SUBJECT_CHARS else shown[: _SUBJECT_CHARS - 1] + "…"
