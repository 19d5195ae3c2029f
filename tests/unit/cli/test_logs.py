"""A log line reads well on a terminal, and is one JSON object anywhere else."""

from __future__ import annotations

import io
import json
import logging
import re
import time
from collections.abc import Iterator

import pytest
import structlog

from bridge.cli import _logs


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("NO_COLOR", "1")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def said(out: io.StringIO, **context: object) -> str:
    _logs.configure("info", stream=out)
    structlog.get_logger().warning("not connected", **context)
    return out.getvalue()


def test_on_a_terminal_who_and_where_come_first_and_why_comes_last() -> None:
    line = said(Terminal(), reason="refused", code="5.03", sink="lamp", retry_s=2.0, folder="INBOX", mailbox="home")
    keys = re.findall(r"(\w+)=", line)
    assert keys == ["mailbox", "folder", "sink", "code", "retry_s", "reason"]
    assert line.count("\n") == 1
    assert len(line) <= 110


def test_the_level_changes_for_loggers_that_are_in_use_already() -> None:
    out = io.StringIO()
    _logs.configure("warning", stream=out)
    log = structlog.get_logger()
    bound = log.bind(sink="lamp")
    for level in ("warning", "info", "error"):
        _logs.set_level(level)
        log.info("by itself")
        bound.info("bound before")
    assert [json.loads(line)["event"] for line in out.getvalue().splitlines()] == ["by itself", "bound before"]


def test_on_a_terminal_the_time_is_the_wall_clock_s() -> None:
    hours = {time.strftime("%H:"), time.strftime("%H:", time.localtime(time.time() + 60))}
    line = said(Terminal(), sink="lamp")
    assert re.match(r"\d\d:\d\d:\d\d \[warning", line)
    assert line[:3] in hours


def test_elsewhere_it_is_json_with_the_time_in_utc() -> None:
    line = json.loads(said(io.StringIO(), reason="refused", sink="lamp"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line.pop("timestamp"))
    assert line == {"event": "not connected", "level": "warning", "sink": "lamp", "reason": "refused"}
