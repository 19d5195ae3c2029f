"""What the bridge does on each server, as a table in the README: made from what these tests found.

``make compatibility`` writes it; every run of the tests compares what they found with what stands there.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re

from tests.servers import every
from tests.servers.personalities import Exchange, Gmail

README = pathlib.Path(__file__).parents[3] / "README.md"
BEGIN, END = "<!-- compatibility: written by `make compatibility` -->", "<!-- /compatibility -->"

PLAYED = {"Gmail": Gmail, "Exchange": Exchange}
SERVERS = (*(kind.name for kind in every.KINDS), *PLAYED)
CAPABILITIES = ("NOTIFY", "IDLE", "MOVE", "UIDPLUS", "CONDSTORE", "QRESYNC")
ROUND_TRIPS = "round trips from a push to the mail"
ROWS = {
    "first sight: nothing old": ("test_start_now_handles_nothing_old_and_what_is_pushed_comes",),
    "first sight: all, unseen, since a date": (
        "test_start_all_handles_everything",
        "test_start_unseen_handles_what_nobody_has_read_in_one_batch_and_passes_the_rest",
        "test_start_with_a_date_handles_what_arrived_since",
    ),
    "each mail once, in order": (
        "test_every_mail_comes_once_and_in_order_and_none_that_is_old",
        "test_start_all_handles_everything",
    ),
    "burst of 200, in order": ("test_a_burst_is_fetched_without_loss_or_repeat_and_in_order",),
    "nothing is marked by looking": ("test_watching_marks_nothing",),
    "server restarted or killed: what arrived comes": (
        "test_a_server_that_went_away_is_found_again_with_what_arrived",
        "test_every_mail_comes_once_and_in_order_and_none_that_is_old",
    ),
    "bridge restarted: what arrived comes": ("test_a_source_opened_again_goes_on_behind_the_committed_cursor",),
    "folder made anew (UIDVALIDITY)": (
        "test_after_a_change_of_uidvalidity_only_what_arrived_since_the_last_commit_comes",
    ),
    "8 MB attachment: kilobytes, or just that part": (
        "test_a_mail_with_a_large_attachment_costs_kilobytes",
        "test_a_file_that_a_rule_reads_comes_whole_and_nothing_else_does",
    ),
    "seen, flag, copy, move, delete": (
        "test_seen_and_flags_are_set_by_uid",
        "test_copies_land_in_the_folder_and_the_mail_stays",
        "test_moves_make_the_folder_and_take_the_mail_along_and_nobody_else_s",
        "test_deletes_take_this_mail_and_nobody_else_s",
    ),
    "flagged, unflagged, seen, gone: told as they happen": (
        "test_what_others_do_to_mails_is_told_as_it_happens",
        "test_a_mail_that_is_gone_is_told_from_its_remembered_header",
    ),
    "the same while away": ("test_what_happened_while_away_is_told_once",),
    "mails counted as they come, change and go": ("test_mails_are_counted_as_they_come_change_and_go",),
    "implicit TLS and STARTTLS": ("test_mail_comes_over_tls_that_our_own_ca_vouches_for",),
}


@dataclasses.dataclass(kw_only=True)
class Found:
    """What this run found: ``(row, server)`` → cell."""

    cells: dict[tuple[str, str], str] = dataclasses.field(default_factory=dict)

    def ran(self, test: str, server: str, *, passed: bool) -> None:
        for row, tests in ROWS.items() if server in SERVERS else ():
            if test in tests and self.cells.get((row, server)) != "no":
                self.cells[row, server] = "yes" if passed else "no"

    def offers(self, server: str, capabilities: frozenset[str]) -> None:
        for name in CAPABILITIES:
            self.cells[name, server] = "yes" if name in capabilities else "–"

    def table(self) -> str:
        head = ["", *(f"{name} (played)" if name in PLAYED else name for name in SERVERS)]
        rows = [[row, *(self.cells.get((row, name), "") for name in SERVERS)] for row in all_rows()]
        return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ["---"] * len(head), *rows))


def all_rows() -> tuple[str, ...]:
    return (*CAPABILITIES, ROUND_TRIPS, *ROWS)


def written() -> dict[tuple[str, str], str]:
    """What stands in the README."""
    text = README.read_text()
    assert BEGIN in text, f"README.md has no {BEGIN}"
    lines = text.partition(BEGIN)[2].partition(END)[0].strip().splitlines()[2:]
    rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return {(row[0], name): cell for row in rows for name, cell in zip(SERVERS, row[1:], strict=True)}


def write(found: Found) -> None:
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    README.write_text(pattern.sub(lambda _: f"{BEGIN}\n\n{found.table()}\n{END}", README.read_text()))
