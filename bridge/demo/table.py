"""A story for people: mail → rule → payload and its bytes → what the device shows now."""

from __future__ import annotations

import rich.box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bridge.demo.story import Message, Row, Story

HEADER_LINES, FOOTER_LINES, ROW_LINES = 6, 4, 3


def octets(count: int) -> str:
    return f"{count} B" if count < 1000 else f"{count / 1000:.1f} kB"


def sender(row: Row) -> str:
    found = row.mail.addresses("From") if row.mail else ()
    return found[0].addr if found else ""


def two(first: RenderableType, second: RenderableType = "") -> RenderableType:
    return Group(first, second)


def line(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def mail_cell(row: Row) -> RenderableType:
    if row.mail is None:
        return two(line(row.sample.name.partition("-")[2].replace("-", " "), "dim"), line("arriving …", "dim italic"))
    return two(line(row.mail.subject, "bold"), line(f"{octets(row.mail.size)} from {sender(row)}", "dim"))


def rule_cell(row: Row) -> RenderableType:
    if row.mail is None:
        return two("")
    return two(line(row.rule, "cyan") if row.rule else line("no rule", "dim"))


def payload_cell(row: Row) -> RenderableType:
    if (main := row.main) is None:
        return two(line("nothing is sent", "dim") if row.mail else "")
    return two(
        Text.assemble((octets(len(main.delivery.payload)), "bold green"), (f" {main.encoding} ", "green"), (main.text, ""),
                      no_wrap=True, overflow="ellipsis"),
        line(f"→ {main.delivery.sink} {main.delivery.target}", "dim"),
    )  # fmt: skip


def device_cell(row: Row) -> RenderableType:
    if row.trouble:
        return two(line("✗ failed", "bold red"), line(row.trouble, "red"))
    if (main := row.main) is None:
        return two(line("as before", "dim") if row.mail else "")
    if main.shows is None:
        return two(line("…", "dim"))
    return two(line(f"{main.device}: {main.shows}", "bold yellow"), line(afterwards(row, main), "dim"))


def afterwards(row: Row, main: Message) -> str:
    """The second line of what a device shows: how soon it did, and what became of the reset."""
    took = f"{row.took_s * 1000:.0f} ms after the mail" if row.took_s is not None else ""
    if row.reset is None:
        return took
    if row.reset.shows is None:
        return f"goes off in {row.reset.delivery.reset_after or 0:.0f} s"
    return f"then: {row.reset.shows} again"


def rows(story: Story, count: int) -> Table:
    """The last ``count`` mails."""
    table = Table(box=rich.box.SIMPLE_HEAD, expand=True, padding=(0, 1), show_edge=False, header_style="bold")
    for heading, ratio in (("mail", 30), ("rule", 18), ("payload", 26), ("the device now shows", 24)):
        table.add_column(heading, ratio=ratio, no_wrap=True, overflow="ellipsis")
    for row in story.rows[-count:]:
        table.add_row(mail_cell(row), rule_cell(row), payload_cell(row), device_cell(row))
        table.add_row()
    return table


def devices(story: Story) -> Table:
    """The two devices, as they are now."""
    shows = story.devices["lamp"]
    lamp = line(f"● {shows}", "bold yellow") if shows.startswith("on") else line(f"○ {shows}", "dim")
    grid = Table.grid(expand=True, padding=(0, 1))
    grid.add_column(ratio=1)
    grid.add_column(ratio=1)
    grid.add_row(
        Panel(lamp, title="lamp (CoAP)", title_align="left", border_style="yellow" if shows.startswith("on") else "dim"),
        Panel(line(story.devices["display"] or " ", "bold green"), title="display (MQTT)", title_align="left",
              border_style="green" if story.devices["display"] else "dim"),
    )  # fmt: skip
    return grid


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
    payload = f"{octets(len(main.delivery.payload))} {main.encoding} {main.text}"
    then = f", then {row.reset.shows}" if row.reset and row.reset.shows else ""
    target = f"{main.delivery.sink} {main.delivery.target}"
    return f"{start} → rule {row.rule} → {payload} → {target} → {main.device} shows: {main.shows}{then}"
