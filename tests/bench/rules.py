"""One mail, its body of 4 kB, looked at by 10 to 10,000 rules of mixed kinds, of which none, one or ten match; beside
it a plain loop over as many compiled `re` patterns. And what it takes to load 10,000 of them.

Every mail is new, so that nothing of it is known; medians of CPU time, ratios to 10 rules.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from bridge import collecting, plugins, rules
from bridge.mail import Mail
from bridge.rules import engine, settings
from tests.bench import many

COUNTS = (10, 100, 1_000, 10_000)
MATCHING = (0, 1, 10)
MAILS = 200
LOOP_MAILS = 5
MOMENT = rules.Moment(now=many.ARRIVED.timestamp() + 1)

_LOAD = """
import json, sys, time, psutil
from pathlib import Path
from bridge import config
from bridge.cli import _mails
before, begun = psutil.Process().memory_info().rss, time.perf_counter()
settings = config.load(Path(sys.argv[1]))
read = time.perf_counter()
made = _mails.compiled(settings)
print(json.dumps([read - begun, time.perf_counter() - read, (psutil.Process().memory_info().rss - before) / 1e6]))
"""


def run() -> Iterator[tuple[str, str]]:
    yield "µs a mail", "".join(f"{f'{count:,} rules':>18}" for count in COUNTS)
    for matching in MATCHING:
        costs = [_evaluating(count, matching) for count in COUNTS]
        yield f"evaluate, {matching} match", _row(costs)
    yield "wants (what is still to be fetched)", _row([_wanting(count) for count in COUNTS])
    yield "a loop over as many compiled `re` patterns", _row([_looping(count) for count in COUNTS])
    read, compiled, rss = _loading(COUNTS[-1])
    yield f"{COUNTS[-1]:,} rules: read and checked, compiled", f"{read:.1f} s + {compiled:.1f} s"
    yield f"{COUNTS[-1]:,} rules: memory", f"{rss:.0f} MB"


def _row(costs: Sequence[float]) -> str:
    return "".join(f"{f'{cost:.0f} (x{cost / costs[0]:.1f})':>18}" for cost in costs)


def _rule_set(count: int, matching: int) -> engine.RuleSet:
    written = [settings.Rule.model_validate(one) for one in many.rules(count, matching=matching)]
    made = engine.compile_rules(written, sinks={"broker": ("mqtt", plugins.find("sinks", "mqtt"))})
    collecting.settle()  # as the bridge does
    return made


def _evaluating(count: int, matching: int) -> float:
    rule_set = _rule_set(count, matching)

    def evaluate(mail: Mail) -> None:
        assert len(rule_set.evaluate(mail, MOMENT)) == matching

    return _median_us(evaluate, MAILS)


def _wanting(count: int) -> float:
    rule_set = _rule_set(count, 0)
    return _median_us(rule_set.wants, MAILS)


def _looping(count: int) -> float:
    patterns = [re.compile(rf"(sensor|unit) u?{n}: (\w+)", re.IGNORECASE) for n in range(count)]
    return _median_us(lambda mail: [pattern.search(mail.text) for pattern in patterns], LOOP_MAILS)


def _median_us(work: Callable[[Mail], Any], count: int) -> float:
    took = []
    work(many.mail(count))  # what is made at the first use
    for number in range(count):
        mail = many.mail(number)
        begun = time.process_time()
        work(mail)
        took.append(time.process_time() - begun)
    return statistics.median(took) * 1e6


def _loading(count: int) -> tuple[float, float, float]:
    """(seconds to settings, seconds to rules, MB), in a process of its own, as ``mailwire run`` does it."""
    written = {
        "sinks": {"broker": {"type": "mqtt", "url": "mqtt://127.0.0.1"}},
        "rules": many.rules(count, matching=10),
    }
    with tempfile.TemporaryDirectory(prefix="mailwire-bench-") as folder:
        path = Path(folder, "mailwire.yaml")
        path.write_text(yaml.dump(written, Dumper=yaml.CDumper, sort_keys=False), encoding="utf-8")
        done = subprocess.run([sys.executable, "-c", _LOAD, str(path)], check=True, capture_output=True, text=True)
    read, compiled, rss = json.loads(done.stdout)
    return read, compiled, rss
