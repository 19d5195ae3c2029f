"""One entry under a rule's ``tests:``, as the admin writes it.

    tests:
      - { mail: tests/motion.eml, expect: { values: { place: hall }, deliveries: [{ target: home/hall/motion }] } }
      - { mail: tests/newsletter.eml, expect: false }

Only what is written is compared; the words are those of ``explain --json``, and ``topic`` or ``path`` for ``target``.
``because`` is the path of the first reason why a rule does not match. Several mails are looked at one after the other,
and the last one counts. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import pydantic

from bridge import schema, wording
from bridge.rules import flags as flags_
from bridge.rules import nested
from bridge.rules.nested import Place

_KEYS = ("matched", "stopped", "because", "values", "deliveries")
_DELIVERY = ("sink", "target", "as", "bytes", "payload", "payload_hex", "options")
_TARGETS = ("topic", "path")  # what the sinks call it
_DELIVERY_KEYS = (*_DELIVERY, *_TARGETS)


class Expectation(nested.Parsed):
    """``true`` or ``false`` (whether it matches), a map of some of ``matched stopped because values deliveries``, or a
    list, which is the deliveries. Of a single delivery the keys may stand in the map.
    """

    def __init__(self, written: Any) -> None:
        self._unwritten: Place = ()  # what stands above what is written, and is not in the file
        wanted = self._whole(written)
        if not isinstance(wanted, Mapping):
            raise ValueError("write true, false, a map of " + ", ".join(_KEYS) + ", or a list of deliveries")  # noqa: TRY004 — pydantic wants ValueError
        if wrong := list(_wrong(wanted)):
            raise nested.error((self.place(place), message) for place, message in wrong)
        self.wanted: dict[str, Any] = dict(wanted)
        self.matched = bool(wanted.get("matched", "because" not in wanted))

    def _whole(self, written: Any) -> Any:
        """With ``deliveries`` and ``matched`` where the admin writes only what stands in them."""
        if isinstance(written, bool):
            self._unwritten = ("matched",)
            return {"matched": written}
        if isinstance(written, list | tuple):
            self._unwritten = ("deliveries",)
            return {"deliveries": written}
        if not isinstance(written, Mapping) or "deliveries" in written or not set(written) & set(_DELIVERY_KEYS):
            return written
        self._unwritten = ("deliveries", 0)
        delivery = {key: value for key, value in written.items() if key in _DELIVERY_KEYS}
        return {**{key: value for key, value in written.items() if key not in delivery}, "deliveries": [delivery]}

    def place(self, place: Place) -> Place:
        """Where it is written."""
        return place[len(self._unwritten) :] if place[:1] == self._unwritten[:1] else place

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        own: dict[str, Any] = {key: {} for key in _DELIVERY_KEYS}
        delivery = {"type": "object", "properties": own, "additionalProperties": False}
        deliveries = {"type": "array", "items": delivery}
        keys = {
            "matched": {"type": "boolean"},
            "stopped": {"type": "boolean"},
            "because": {"type": "string", "examples": ["when.subject"]},
            "values": {"type": "object"},
            "deliveries": deliveries,
            **own,
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
        if key in _DELIVERY_KEYS:
            yield (key,), f"stands in a delivery: deliveries: [{{ {key}: … }}]"
        elif key not in _KEYS:
            yield (key,), _unknown(key, _KEYS, _DELIVERY_KEYS)
        elif key in ("matched", "stopped") and not isinstance(value, bool):
            yield (key,), "expected true or false"
        elif key == "because" and not isinstance(value, str):
            yield (key,), "expected a path, like when.subject"
        elif key == "values" and not isinstance(value, Mapping):
            yield (key,), "expected a map of values"
        elif key == "deliveries":
            yield from _wrong_deliveries(value)


def _unknown(key: Any, known: tuple[str, ...], others: tuple[str, ...] = ()) -> str:
    message = nested.unknown(key, (*known, *others))
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
            if key not in _DELIVERY_KEYS:
                yield ("deliveries", n, key), _unknown(key, _DELIVERY_KEYS)
        named = [key for key in one if key in ("target", *_TARGETS)]
        yield from ((("deliveries", n, key), f"{named[0]} says where it goes already") for key in named[1:])


def told(key: str) -> str:
    """What a key of a delivery is called in ``explain --json``."""
    return "target" if key in _TARGETS else key


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
    flags: Annotated[tuple[Annotated[str, pydantic.AfterValidator(flags_.wire)], ...], nested.LISTED] = pydantic.Field(
        (), description="The flags that it has."
    )
    at: str | None = pydantic.Field(
        None, description="When it is looked at, like 2026-11-01T07:30, or 07:30 of that day. Default: its arrival."
    )
