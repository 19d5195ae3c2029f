"""Mails that nobody sends who means well, within limits, before rules of every kind that there is.

The slowest of each step, in milliseconds of CPU time. To evaluate a mail by any one rule should stay under 50, and so
should the time for which the event loop is held while hundreds of rules look at a mail, at one that is heavy in a
thread, as the intake has it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import functools
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import pydantic

from bridge import collecting, plugins, rules
from bridge.mail import Mail, Place, limits
from bridge.mail.part import Part
from bridge.mail.structure import Fetched
from bridge.rules import engine, settings
from tests.bench import hostile_mails

LIMIT_MS = 50.0
MUTATIONS = 200
TRIES = 4
SHOWN = 5
EVALUATE = "evaluate, by one rule of each kind together"
ARRIVED = datetime.datetime(2026, 11, 1, 12, 0, tzinfo=datetime.UTC)
MOMENT = rules.Moment(now=ARRIVED.timestamp() + 1)

# What a key of `when` or a source of `extract` may take; each takes of these what it takes.
SETTINGS: list[Any] = [
    "cam@cameras.example",
    "*@*.example",
    "/(?P<what>\\w+) nowhere/",
    r"/(a+)+$|(\w+\s?)*!|(.*)(.*)(.*)nowhere/s",
    r"/\b(?P<n>\d+)\b.*\bnowhere\b/",
    {"name": "/\\w+ nowhere/"},
    {"X-Camera": "/(?P<n>7)nowhere/"},
    {"glob": "*a*a*a*nowhere*"},
    {"contains": ["nowhere", "nobody"]},
    {"fresh": r"/(?P<new>\w+) nowhere/"},
    {"subject": "/nowhere/"},
    {"from": "nobody@nowhere.example"},
    {"body": "/nowhere/"},
    ">1kB",
    ["flagged", "!seen"],
    True,
    "any",
    "{{ 1 > 0 }}",
    {"min": 3, "within": "10m", "per": "{{ mail.subject }}"},
    "22:00-06:00",
    ["mon-fri", "sun"],
    "10m",
    "midnight",
    "*.jpg",
    {"name": "*.json", "json": "a.b"},
    {"name": "*.csv", "column": "a"},
    {"summary": r"/(?P<sum>\w+) nowhere/", "method": "request"},
    "start",
    "Temperature",
    "/Total|Sum/",
    "ParcelDelivery.trackingNumber",
    {"ParcelDelivery.trackingNumber": "/(?P<parcel>.+)nowhere/"},
    "td.price",
    "table tr td:nth-child(2)",
    {"select": "a.track", "attribute": "href"},
]


def run() -> Iterator[tuple[str, str]]:
    kinds = _kinds()
    written = [rule for kind in kinds for rule in kind]
    few, all_ = (_compiled(*some) for some in ([kind[0] for kind in kinds], written))
    mails = {**hostile_mails.made(), **hostile_mails.mutated(MUTATIONS)}
    took: dict[str, list[tuple[float, str]]] = {}
    collecting.settle()
    for name, raw in mails.items():
        for step, ms in _least(raw, few, all_).items():
            took.setdefault(step, []).append((ms, name))
    yield "mails; rules: one of each kind, all", f"{len(mails)}; {len(kinds)}, {len(written)}"
    for step, all_of in took.items():
        for ms, name in sorted(all_of, reverse=True)[:SHOWN]:
            yield f"{step}: {name}", f"{ms:.1f} ms" + "  TOO SLOW" * (ms > LIMIT_MS and step != EVALUATE)
    for _, name in sorted(took[EVALUATE], reverse=True)[:SHOWN]:
        yield f"slowest rules alone: {name}", _blamed(mails[name], written)


def _least(raw: bytes, few: engine.RuleSet, all_: engine.RuleSet) -> dict[str, float]:
    """What seems slow is measured again: it may be the machine that was busy."""
    found = _steps(raw, few, all_)
    for _ in range(TRIES - 1):
        if max(found.values()) > LIMIT_MS:
            for number in range(3):  # what is remembered of the mail before makes room for these
                all_.evaluate(_whole(b"Subject: %d\r\n\r\n%d \xc3\xa9" % (number, number)), MOMENT)
            found = {step: min(ms, found[step]) for step, ms in _steps(raw, few, all_).items()}
    return found


def _steps(raw: bytes, few: engine.RuleSet, all_: engine.RuleSet) -> dict[str, float]:
    """Milliseconds of each step, as the bridge takes them."""
    whole = _whole(raw)
    _, parse = _timed(lambda: _first_fetch(whole, raw))
    _, wants = _timed(lambda: all_.wants(_first_fetch(whole, raw)))
    mail = _downloaded(whole, raw, few)
    _, evaluate = _timed(lambda: few.evaluate(mail, MOMENT))
    held = asyncio.run(_held(_downloaded(whole, raw, all_), all_))
    return {"parse": parse, "parse, wants": wants, EVALUATE: evaluate, "the loop is held": held}


def _downloaded(whole: Mail, raw: bytes, rule_set: engine.RuleSet) -> Mail:
    """What the bridge has in hand of it; nothing of it was looked at."""
    first = _first_fetch(whole, raw)
    return _second_fetch(_first_fetch(whole, raw), whole, rule_set.wants(first))


async def _held(mail: Mail, rule_set: engine.RuleSet) -> float:
    """The longest that something else had to wait for its turn, in milliseconds, while the mail was evaluated."""
    waits, done = [0.0], asyncio.Event()

    async def wait() -> None:
        while not done.is_set():
            begun = time.perf_counter()
            await asyncio.sleep(0)
            waits.append(time.perf_counter() - begun)

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    if rule_set.heavy(mail):
        await asyncio.to_thread(rule_set.evaluate, mail, MOMENT)
    else:
        rule_set.evaluate(mail, MOMENT)
    done.set()
    await waiting
    return max(waits) * 1e3


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    begun = time.process_time()
    made = work()
    return made, (time.process_time() - begun) * 1e3


def _whole(raw: bytes) -> Mail:
    place = Place(mailbox="home", folder="INBOX", uidvalidity=1, uid=1)
    return Mail.from_bytes(raw, place=place, received=ARRIVED)


def _first_fetch(whole: Mail, raw: bytes) -> Mail:
    begins = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n").partition(b"\r\n\r\n")[2]
    body = Fetched(
        head=whole.head,
        bodystructure=_described(whole.parts),
        text_prefix=begins[: limits.TEXT_PREFIX_BYTES],
    )
    return dataclasses.replace(whole, body=body)


def _second_fetch(first: Mail, whole: Mail, wanted: Any) -> Mail:
    content = {section: whole.content.get(section, b"")[:octets] for section, octets in wanted.items()}
    complete = {section for section, octets in content.items() if len(octets) == len(whole.content.get(section, b""))}
    return first.with_content(content, frozenset(complete)) if content else first


def _described(parts: tuple[Part, ...]) -> Any:
    """A BODYSTRUCTURE of these parts."""
    if [part.section for part in parts] == ["1"]:
        return _leaf(parts[0])
    tree: dict[int, Any] = {}
    for part in parts:
        *above, last = map(int, part.section.split("."))
        node = tree
        for step in above:
            node = node.setdefault(step, {})
        node[last] = _leaf(part)
    return _multipart(tree)


def _multipart(tree: Any) -> Any:
    if not isinstance(tree, dict):
        return tree
    return (*(_multipart(tree[number]) for number in sorted(tree)), b"MIXED")


def _leaf(part: Part) -> Any:
    kind, _, subtype = part.type.partition("/")
    named = (b"FILENAME", part.name.encode()) if part.name else None
    disposition = (part.disposition.encode() or b"inline", named) if part.disposition or named else None
    charset = (b"CHARSET", part.charset.encode()) if part.charset else None
    encoding = part.encoding.encode()
    return (
        kind.encode(),
        subtype.encode(),
        charset,
        part.content_id.encode(),
        None,
        encoding,
        part.size,
        None,
        disposition,
    )


def _kinds() -> list[list[dict[str, Any]]]:
    """For each key of `when`, each source of `extract` and each type a rule for each setting that it takes."""
    tried = [
        *([{"when": {key: setting}} for setting in SETTINGS] for key in plugins.names("conditions")),
        *([{"extract": {"v": {source: setting}}} for setting in SETTINGS] for source in plugins.names("extract")),
        *([_typed(kind, body=True), _typed(kind)] for kind in plugins.names("kinds")),
        [{"when": {"any": [{"body": "nowhere"}, {"subject": "/nowhere/"}]}}],
        [{"then": {"sink": "broker", "topic": "x/{{ mail.subject }}/{{ mail.from_name | slug }}"}}],
        [
            {
                "then": {
                    "sink": "broker",
                    "topic": "x",
                    "payload": "{{ mail.text }}",
                    "max_bytes": 99,
                    "too_big": "truncate",
                }
            }
        ],
    ]
    number = itertools.count()
    taken = ([{"name": str(next(number)), **one} for one in some if _is_taken({"name": "r", **one})] for some in tried)
    return [some for some in taken if some]


def _typed(kind: str, **source: Any) -> dict[str, Any]:
    return {"extract": {"v": {**source, "type": kind, "default": 0}}}


def _is_taken(written: dict[str, Any]) -> bool:
    try:
        _compiled(written)
    except (pydantic.ValidationError, ValueError, LookupError):
        return False
    return True


def _compiled(*written: dict[str, Any]) -> engine.RuleSet:
    sinks = {"broker": ("mqtt", plugins.find("sinks", "mqtt"))}
    return engine.compile_rules([settings.Rule.model_validate(one) for one in written], sinks=sinks)


def _blamed(raw: bytes, written: list[dict[str, Any]]) -> str:
    """The rules that take longest, each alone with a fresh mail."""
    whole = _whole(raw)
    alone = []
    for one in written:
        rule_set = _compiled(one)
        mail = _downloaded(whole, raw, rule_set)
        alone.append((_timed(functools.partial(rule_set.evaluate, mail, MOMENT))[1], one))
    slowest = sorted(alone, key=lambda pair: pair[0], reverse=True)[:3]
    return "; ".join(f"{ms:.1f} ms {one.get('when') or one.get('extract') or one.get('then')}" for ms, one in slowest)
