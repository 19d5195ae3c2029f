"""One entry under a rule's ``tests:``, as the admin writes it.

    tests:
      - { mail: tests/motion.eml, expect: { values: { place: hall }, deliveries: [{ target: home/hall/motion }] } }
      - { mail: tests/newsletter.eml, expect: false }

Only what is written is compared; the words are those of ``explain --json``. ``because`` is the path of the first reason
why a rule does not match. Several mails are looked at one after the other, and the last one counts. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import pydantic

from bridge import schema, wording
from bridge.rules import nested
from bridge.rules.nested import Place

_KEYS = ("matched", "stopped", "because", "values", "deliveries")
_DELIVERY = ("sink", "target", "as", "bytes", "payload", "payload_hex", "options")


class Expectation(nested.Parsed):
    """``true`` or ``false`` (whether it matches), a map of some of ``matched stopped because values deliveries``, or a
    list, which is the deliveries.
    """

    def __init__(self, written: Any) -> None:
        self.short = not isinstance(written, Mapping)
        wanted = {"deliveries": written} if isinstance(written, list | tuple) else written
        wanted = {"matched": wanted} if isinstance(wanted, bool) else wanted
        if not isinstance(wanted, Mapping):
            raise ValueError("write true, false, a map of " + ", ".join(_KEYS) + ", or a list of deliveries")  # noqa: TRY004 — pydantic wants ValueError
        if wrong := list(_wrong(wanted)):
            raise nested.error((place if not self.short else place[1:], message) for place, message in wrong)
        self.wanted: dict[str, Any] = dict(wanted)
        self.matched = bool(wanted.get("matched", "because" not in wanted))

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        delivery = {"type": "object", "properties": {key: {} for key in _DELIVERY}, "additionalProperties": False}
        deliveries = {"type": "array", "items": delivery}
        keys = {
            "matched": {"type": "boolean"},
            "stopped": {"type": "boolean"},
            "because": {"type": "string", "examples": ["when.subject"]},
            "values": {"type": "object"},
            "deliveries": deliveries,
        }
        return {
            "anyOf": [
                {"type": "boolean"},
                {"type": "object", "properties": keys, "additionalProperties": False, "minProperties": 1},
                deliveries,
            ]
        }


def _wrong(wanted: Mapping[Any, Any]) -> Iterator[tuple[Place, str]]:
    if not wanted:
        yield (), "an empty map expects nothing; there are " + ", ".join(_KEYS)
    for key, value in wanted.items():
        if key not in _KEYS:
            yield (key,), _unknown(key, _KEYS)
        elif key in ("matched", "stopped") and not isinstance(value, bool):
            yield (key,), "expected true or false"
        elif key == "because" and not isinstance(value, str):
            yield (key,), "expected a path, like when.subject"
        elif key == "values" and not isinstance(value, Mapping):
            yield (key,), "expected a map of values"
        elif key == "deliveries":
            yield from _wrong_deliveries(value)


def _unknown(key: Any, known: tuple[str, ...]) -> str:
    message = nested.unknown(key, known)
    return message if message.endswith("?") else f"{message}; there are {', '.join(known)}"


def _wrong_deliveries(wanted: Any) -> Iterator[tuple[Place, str]]:
    if not isinstance(wanted, list | tuple):
        yield ("deliveries",), "expected a list"
        return
    for n, one in enumerate(wanted):
        if not isinstance(one, Mapping):
            yield ("deliveries", n), "expected a map of " + ", ".join(_DELIVERY)
            continue
        for key in one:
            if key not in _DELIVERY:
                yield ("deliveries", n, key), _unknown(key, _DELIVERY)


class MailFile(nested.Parsed):
    """An .eml file beside the configuration: as it is written, and where that is."""

    def __init__(self, written: Any) -> None:
        if not isinstance(written, str):
            raise ValueError(wording.expected(["the name of a file"], written))  # noqa: TRY004 — pydantic wants ValueError
        self.written = written
        try:
            self.path = schema.absolute(Path(written))
        except RuntimeError as error:  # ~nobody/a.eml
            raise ValueError(str(error)) from None

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        return {"format": "path", "type": "string"}


class GoldenTest(schema.Model):
    """A mail, and what the rule has to make of it."""

    mail: Annotated[tuple[MailFile, ...], nested.NOT_EMPTY, nested.LISTED] = pydantic.Field(
        description="An .eml file beside the configuration; of several the last one counts."
    )
    expect: Expectation = pydantic.Field(
        default_factory=lambda: Expectation(True), description="What comes of it: true, false, a map, or deliveries."
    )
    mailbox: str | None = pydantic.Field(None, description="The mailbox that it arrives in. Default: the rule's first.")
    folder: str | None = pydantic.Field(
        None, description="The folder that it arrives in. Default: the mailbox's first."
    )
    flags: Annotated[tuple[str, ...], nested.LISTED] = pydantic.Field((), description="The flags that it has.")
    at: str | None = pydantic.Field(
        None, description="When it is looked at, like 2026-11-01T07:30. Default: its arrival."
    )
