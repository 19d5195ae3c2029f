"""``mailwire explain``: what each rule makes of a mail, and why."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, get_args

import click
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from bridge import cli, config, delivery, errors, rules, spelling
from bridge.cli import _conditions, _mails
from bridge.mail import Mail, Place
from bridge.mail.large import Large
from bridge.rules import explanation, filters, happening, ledger
from bridge.rules import settings as rules_

PIPED_COLUMNS = 160
HEX_OCTETS = 64  # of a payload, on the terminal; `--json` has all of it
EVENTS = get_args(rules_.Event)


@click.command(short_help="What each rule makes of a mail, and why.")
@click.argument("mails", metavar="MAIL.eml …", nargs=-1, required=True, type=click.File("rb"))
@cli.config_option
@click.option("--mailbox", metavar="NAME", help="The mailbox that it arrives in. Default: the first.")
@click.option(
    "--at",
    metavar="TIME",
    help="When it is looked at: 2026-11-01T07:30, or 07:30 of the day of its arrival. Default: its arrival.",
)
@click.option(
    "--event", metavar="EVENT", default="new", help=f"What happened to it: {', '.join(EVENTS)}. Default: new."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a mail, a line each.")
def command(
    *, mails: tuple[IO[bytes], ...], config_path: Path, mailbox: str | None, at: str | None, event: str, as_json: bool
) -> None:
    """What each rule makes of these mails, and why: each condition with what it wanted and what it saw, the values,
    and what would be sent, byte for byte. Sends nothing, asks nobody, touches no state. Several mails are looked at one
    after the other, so that what counts them (repeated, throttle, `event: count`) can be tried.

    With --event it is as if that happened to each mail, when it is looked at: rules with this event are tried, and no
    others. A rule that counts sends the number of the mails up to this one that it counts.
    """
    _check_event(event)
    settings = config.load(config_path)
    where = _mails.place(settings, mailbox)
    when = _mails.looked_at(at, settings.timezone)
    rule_set = _mails.compiled(settings)
    counted = ledger.Ledger(note=ledger.EXPLAINING)
    for uid, file in enumerate(mails, 1):
        mail = _read(file, dataclasses.replace(where, uid=uid))
        moment = _mails.moment(settings, when(mail))
        mail = happening.as_if(mail, event, moment.now)
        found = explanation.explain(mail, rule_set, moment, counted)
        if as_json:
            click.echo(json.dumps(found.as_json(), ensure_ascii=False))
        else:
            if uid > 1:
                click.echo()
            _print_tree(file.name, found, settings.timezone)


def _check_event(event: str) -> None:
    if event not in EVENTS:
        hint = spelling.did_you_mean(event, EVENTS) or f"; there are: {', '.join(EVENTS)}"
        raise click.BadParameter(f'no event is called "{event}"{hint}', param_hint="--event")


def _read(file: IO[bytes], place: Place) -> Mail:
    try:
        raw = file.read()
    except OSError as error:
        raise errors.MailError(f"{file.name}: {error.strerror or error}") from None
    return Mail.from_bytes(raw, place=place)


def _print_tree(name: str, found: explanation.Explanation, zone: datetime.tzinfo) -> None:
    console = Console(highlight=False, soft_wrap=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=PIPED_COLUMNS)
    mail = found.as_json()["mail"]
    tree = Tree(
        Text.assemble((_mails.line(mail["subject"]) or "(no subject)", "bold"), (f"  {_mails.line(name)}", "dim"))
    )
    tree.add(Text(_about(mail), style="dim"))
    for verdict in found.verdicts:
        _add_rule(tree, found.mail, verdict, zone)
    console.print(tree)


def _about(mail: dict[str, Any]) -> str:
    count = len(mail["attachments"])
    parts = [f"from {mail['from'] or 'nobody'}", mail["date"] or "no date", f"{mail['size']} B"]
    return ", ".join([*map(_mails.line, parts), *([f"{count} attachment{'s' if count > 1 else ''}"] if count else [])])


def _add_rule(tree: Tree, mail: Mail, verdict: rules.Verdict, zone: datetime.tzinfo) -> None:
    mark = ("✓ ", "green") if verdict.matched else ("✗ ", "red")
    says = "matches" if verdict.matched else "does not match"
    suppressed = (", suppressed" if verdict.suppressed else "", "red")
    stops = ", and stops" if verdict.stopped else ""
    branch = tree.add(Text.assemble(mark, (verdict.rule, "bold"), f" {says}", suppressed, stops))
    _conditions.add(branch, verdict)
    if verdict.values:
        branch.add(Text("values: " + ", ".join(f"{name} = {_value(value)}" for name, value in verdict.values.items())))
    for one, encoding in explanation.in_order(verdict):
        branch.add(_delivery(mail, one, encoding, zone))
    for name, changes in (("after", verdict.after), ("failed", verdict.failed)):
        if told := ", ".join(f"{one.op} {one.argument}".strip() for one in changes):
            branch.add(Text(f"{name}: {_mails.line(told)}", style="dim"))


def _value(value: Any) -> str:
    if isinstance(value, bytes | Large):
        return filters.shown(value)
    return _mails.line(json.dumps(explanation.plain(value), ensure_ascii=False))


def _delivery(mail: Mail, one: delivery.Delivery, encoding: str, zone: datetime.tzinfo) -> Tree:
    facts = explanation.facts(mail, one)
    later = f", {_span(facts['reset_after_s'])} after it was acknowledged" if "reset_after_s" in facts else ""
    later = f", at {_clock(one.reset_at, zone)}" if one.reset_at is not None else later
    mark = ("↺ " if one.part == "reset" else "→ ", "green")
    expired = [(" expired", "red")] if "expired" in facts else []
    title = Text.assemble(mark, (one.sink, "bold"), f" {_mails.line(one.target)}", (later, "dim"), *expired)
    tree = Tree(title)
    if one.dead:
        tree.add(Text.assemble(("✗ dead: ", "red"), _mails.line(one.dead)))
        return tree
    octets = explanation.beginning(mail, one)[:HEX_OCTETS].hex(" ") + (" …" if one.size > HEX_OCTETS else "")
    tree.add(Text(f"{encoding}, {one.size} B: {octets}", style="dim"))
    decoded = explanation.decoded(one, encoding)
    if decoded != filters.tojson(one.payload.hex()):  # octets have no other form
        tree.add(Text(_mails.line(decoded) or "(empty)"))
    options = [f"{name}: {_value(value)}" for name, value in one.options.items() if value not in (one.target, {})]
    if told := ", ".join([*options, *_times(facts, one, zone, mail.event)]):
        tree.add(Text(told, style="dim"))
    return tree


def _times(facts: Mapping[str, Any], one: delivery.Delivery, zone: datetime.tzinfo, event: str) -> Iterator[str]:
    if "delay_s" in facts:
        yield f"sent {_span(facts['delay_s'])} after the match, at {_clock(one.not_before, zone)}"
    if "expires_s" in facts:
        beside = " and the delay" if "delay_s" in facts else ""
        since = "the mail's arrival" if event == "new" else "the event"
        yield f"expires {_span(facts['expires_s'])} after {since}{beside}, at {_clock(one.expires, zone)}"


def _span(seconds: float) -> str:
    """``1d 2h 30m``; a time from a template can lie anywhere, even before."""
    sign, left = ("-", -seconds) if seconds < 0 else ("", seconds)
    parts = []
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        count, left = divmod(left, length)
        parts += [f"{count:.0f}{unit}"] if count else []
    return sign + " ".join([*parts, *([f"{left:g}s"] if left or not parts else [])])


def _clock(moment: float | None, zone: datetime.tzinfo) -> str:
    try:
        return datetime.datetime.fromtimestamp(moment or 0.0, zone).isoformat(" ", "seconds")
    except (ValueError, OverflowError, OSError):
        return "a time that no calendar has"
