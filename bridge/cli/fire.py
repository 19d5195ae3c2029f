"""``mailwire fire``: what a rule makes of a mail, sent for real."""

from __future__ import annotations

import asyncio
import datetime
import time
from pathlib import Path

import click

from bridge import cli, config, delivery, events, rules, spelling
from bridge.cli import (
    _lean,  # noqa: F401 -- before everything that logs
    _logs,
    _mails,
)
from bridge.mail import Mail
from bridge.rules import explanation, files, happening
from bridge.rules import settings as rules_

TIMEOUT_S = 30.0
_TIMEOUT_HELP = f"How long to wait for each acknowledgement. Default: {TIMEOUT_S:g}."
_UIDS = 2**31  # a UID of its own each time, so that a device takes nothing for a repeat


@click.command(short_help="Send for real, once, what a rule makes of a mail.")
@click.argument("name", metavar="RULE")
@click.argument("path", metavar="MAIL.eml", type=click.Path(path_type=Path))
@cli.config_option
@click.option("--mailbox", metavar="NAME", help="The mailbox that it arrives in. Default: the rule's first.")
@click.option("--timeout", metavar="SECONDS", type=click.FloatRange(min=0.1), default=TIMEOUT_S, help=_TIMEOUT_HELP)
@click.pass_context
def command(
    ctx: click.Context, *, name: str, path: Path, config_path: Path, mailbox: str | None, timeout: float
) -> None:
    """Send for real, once, what this rule makes of this mail, as if the mail had arrived now and the rule's event had
    happened to it; of a rule that counts, as if it were the only mail. A delay is not waited for, a reset is. The mail
    is in no mailbox, so nothing is done to it; no other rule looks at it.

    Exit 0: everything was acknowledged. Exit 1: the rule does not match, or something was not acknowledged.
    """
    settings = config.load(config_path)
    _logs.configure("error")
    rule = _rule(settings, name)
    uid = time.time_ns() // 1_000_000 % _UIDS
    place = _mails.place(settings, mailbox or next(iter(rule.mailboxes or ()), None), uid=uid)
    mail = _mails.read(path, place, received=datetime.datetime.now(datetime.UTC))
    mail, verdict = _verdict(settings, rule, happening.as_if(mail, rule.event, mail.received.timestamp()))
    if not verdict.matched:
        _tell_why_not(verdict)
        ctx.exit(1)
    if not asyncio.run(_fired(settings, mail, verdict, timeout)):
        ctx.exit(1)


def _rule(settings: config.Settings, name: str) -> rules_.Rule:
    """The rule, switched on."""
    found = next((rule for rule in settings.rules if rule.name == name), None)
    if found is None:
        names = [rule.name for rule in settings.rules]
        hint = spelling.did_you_mean(name, names) or f"; there are: {', '.join(names) or 'none'}"
        raise click.BadParameter(f'no rule is called "{name}"{hint}', param_hint="RULE")
    return found.model_copy(update={"enabled": True})


def _verdict(settings: config.Settings, rule: rules_.Rule, mail: Mail) -> tuple[Mail, rules.Verdict]:
    """What comes of it, and the mail that it is about: a blank one for a rule that counts. Files that are too large for
    memory are measured where they are.
    """
    moment, rule_set = _mails.moment(settings, time.time()), _mails.compiled(settings, rule)
    mail, (verdict,) = files.measured(mail, lambda known: rule_set.evaluate(known, moment, explain=True))
    if rule.event != "count" or not verdict.matched:
        return mail, verdict
    blank = happening.blank(mail.place.mailbox, moment.now, mail.place.uid)
    return blank, rule_set.count(rule.name, 1, blank, moment)


def _tell_why_not(verdict: rules.Verdict) -> None:
    click.echo(f"{click.style('✗', fg='red')} {verdict.rule} does not match: nothing is sent", err=True)
    for line in explanation.reason_first(verdict):
        if not line.held and not explanation.in_not(line.path):
            click.echo(f"  {line.path}: wanted {_mails.line(line.wanted)}; saw {_mails.line(line.saw)}", err=True)


async def _fired(settings: config.Settings, mail: Mail, verdict: rules.Verdict, timeout_s: float) -> bool:
    """Whether everything was acknowledged."""
    from bridge import firing

    dead = [one for one in verdict.deliveries if one.dead]
    for one in dead:
        _tell(one, click.style(f"not made: {_mails.line(one.dead)}", fg="red"))
    alive = [one for one in verdict.deliveries if not one.dead]
    if not verdict.deliveries:
        click.echo(f"{verdict.rule} matches, and sends nothing")
    failed: list[delivery.Delivery] = []

    def onlooker(event: events.Event) -> None:
        if not isinstance(event, events.DeliveryEnded):
            return
        if event.state == "delivered":
            _tell(event.delivery, f"{click.style('acknowledged', fg='green')} {event.code}".rstrip())
            _tell_reset(event.delivery, alive)
        else:
            failed.append(event.delivery)
            _tell(event.delivery, click.style(f"{event.state}: {_mails.line(event.reason)}", fg="red"))

    left = await firing.fire(settings, mail, alive, timeout_s=timeout_s, onlooker=onlooker) if alive else []
    for one in left:
        _tell(one, click.style(f"not acknowledged within {timeout_s:g} s", fg="red"))
    return not (dead or failed or left)


def _tell_reset(ended: delivery.Delivery, known: list[delivery.Delivery]) -> None:
    reset = next((one for one in known if one.follows == ended.id), None)
    if reset is not None and reset.reset_after:
        click.echo(f"  its reset follows in {reset.reset_after:g} s; Ctrl-C leaves it out")


def _tell(one: delivery.Delivery, what: str) -> None:
    mark = "↺" if one.part == "reset" else "→"
    click.echo(f"{mark} {one.sink} {_mails.line(one.target)}: {one.size} B, {what}")
