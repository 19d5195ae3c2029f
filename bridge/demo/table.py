"""A story for people: mail → rule → payload and its bytes → what the device shows now."""

from __future__ import annotations

import json

import rich.box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bridge.demo.story import Row, Story

STYLE = {"lamp": "bold yellow", "display": "bold green"}
HEADER_LINES, FOOTER_LINES, ROW_LINES = 5, 4, 3  # the footer's: two devices' panels, and a last word after all of it


def octets(count: int) -> str:
    return f"{count} B" if count < 1000 else f"{count / 1000:.1f} kB"


def sender(row: Row) -> str:
    found = row.mail.addresses("From") if row.mail else ()
    return found[0].address if found else ""


def two(first: RenderableType, second: RenderableType = "") -> RenderableType:
    return Group(first, second)


def line(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def people(value: object) -> str:
    """A payload without the quotation marks that its encoding may need: ``{on: true, why: front door}``."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {people(part)}" for key, part in value.items()) + "}"
    return json.dumps(value) if isinstance(value, bool) else str(value)


def mail_cell(row: Row) -> RenderableType:
    if row.mail is None:
        return two(line(row.sample.name.partition("-")[2].replace("-", " "), "dim"), line("arriving …", "dim italic"))
    return two(line(row.mail.subject, "bold"), line(f"{octets(row.mail.size)} {sender(row)}", "dim"))


def rule_cell(row: Row) -> RenderableType:
    if row.mail is None:
        return two("")
    return two(line(row.rule, "cyan") if row.rule else line("none", "dim"))


def payload_cell(row: Row) -> RenderableType:
    if (main := row.main) is None:
        return two(line("nothing is sent", "dim") if row.mail else "")
    size = (octets(len(main.delivery.payload)), "bold green")
    sent = Text.assemble(size, (f" {main.encoding}", "green"), (f" → {main.delivery.target}", "dim"))
    sent.no_wrap, sent.overflow = True, "ellipsis"
    return two(line(people(main.value)), sent)


def device_cell(row: Row) -> RenderableType:
    if row.trouble:
        return two(line("✗ failed", "bold red"), line(row.trouble, "red"))
    if (main := row.main) is None:
        return two(line("as before", "dim") if row.mail else "")
    if main.shows is None:
        return two(line("…", "dim"), line(main.device, "dim"))
    return two(line(main.shows, STYLE[main.device]), line(f"{main.device} {afterwards(row)}", "dim"))


def afterwards(row: Row) -> str:
    """How soon the device showed it, and what becomes of the reset."""
    soon = f"in {(row.took_s or 0) * 1000:.0f} ms"
    if row.reset is None:
        return soon
    if row.reset.shows is None:
        return f"{soon}, for {row.reset.delivery.reset_after or 0:.0f} s"
    return f"{soon}, now {row.reset.shows}"


def rows(story: Story, count: int) -> Table:
    """The last ``count`` mails."""
    table = Table(box=rich.box.SIMPLE_HEAD, expand=True, padding=(0, 1, 0, 0), show_edge=False, header_style="bold")
    for heading, ratio in (("mail", 17), ("rule", None), ("payload", 22), ("the device shows", 24)):
        width = None if ratio else 13
        table.add_column(heading, ratio=ratio, width=width, no_wrap=True, overflow="ellipsis")
    for n, row in enumerate(story.rows[-count:]):
        if n:
            table.add_row()
        table.add_row(mail_cell(row), rule_cell(row), payload_cell(row), device_cell(row))
    return table


def devices(story: Story) -> Table:
    """The two devices, as they are now."""
    light, text = story.devices["lamp"], story.devices["display"]
    lit = light.startswith("on")
    grid = Table.grid(expand=True, padding=(0, 1))
    grid.add_column(ratio=1)
    grid.add_column(ratio=1)
    grid.add_row(
        device("the lamp (CoAP)", f"{'●' if lit else '○'} {light}", "yellow" if lit else ""),
        device("the display (MQTT)", text or " ", "green" if text else ""),
    )
    return grid


def device(title: str, shows: str, colour: str) -> Panel:
    text = line(shows, f"bold {colour}" if colour else "dim")
    return Panel(text, title=title, title_align="left", border_style=colour or "dim")


def picture(story: Story, height: int) -> RenderableType:
    """All of it, within ``height`` lines."""
    count = max(1, (height - HEADER_LINES - FOOTER_LINES) // ROW_LINES)
    return Group(rows(story, count), devices(story))


def plain(row: Row) -> str:
    """One mail as one line, for a log."""
    subject = row.mail.subject if row.mail else ""
    size = octets(row.mail.size) if row.mail else "not read"
    start = f"{row.sample.name}: “{subject}” ({size})"
    if row.trouble:
        return f"{start} → FAILED: {row.trouble}"
    if (main := row.main) is None:
        return f"{start} → no rule → nothing is sent"
    payload = f"{octets(len(main.delivery.payload))} {main.encoding} {people(main.value)}"
    then = f", then {row.reset.shows}" if row.reset and row.reset.shows else ""
    target = f"{main.delivery.sink} {main.delivery.target}"
    return f"{start} → rule {row.rule} → {payload} → {target} → {main.device} shows: {main.shows}{then}"
