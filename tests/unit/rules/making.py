"""Mails, rules and a sink for the tests of the rules: pure values, no sockets."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import zoneinfo
from typing import Annotated, Any, Literal

import pydantic

from bridge import rules, sinks
from bridge.mail import Mail, Place, structure
from bridge.rules import engine, settings

ARRIVED = datetime.datetime(2026, 11, 1, 12, 0, tzinfo=datetime.UTC)
NOW = ARRIVED.timestamp() + 7
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


class Action(sinks.Action):
    """Like MQTT's, with a field of each kind."""

    topic: Annotated[str, sinks.SEGMENTS] = pydantic.Field(min_length=1)
    headers: Annotated[dict[str, str], sinks.TEMPLATE] = pydantic.Field({})
    qos: Literal[0, 1, 2] = 1
    retain: bool = False


class PathAction(sinks.Action):
    """Like CoAP's."""

    path: Annotated[str, sinks.SEGMENTS] = ""
    method: str = "PUT"


def _never(*_: object) -> Any:
    raise AssertionError("the rules open no sink")


BROKER = sinks.Plugin(settings=sinks.Settings, action=Action, make=_never, target="topic")
LAMP = sinks.Plugin(settings=sinks.Settings, action=PathAction, make=_never, target="path")
SINKS = {"broker": ("mqtt", BROKER), "lamp": ("coap", LAMP)}


def mail(
    text: str = "Hello",
    *,
    mailbox: str = "home",
    folder: str = "INBOX",
    uid: int = 7,
    flags: tuple[str, ...] = (),
    received: datetime.datetime = ARRIVED,
    **header: str,
) -> Mail:
    """A mail as it is read from a file; header fields by keyword, ``_`` for ``-``."""
    fields = {
        "From": "Cam <cam@cameras.example>",
        "Subject": "Motion at Hall",
        "Content_Type": "text/plain; charset=utf-8",
    }
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in {**fields, **header}.items()]
    raw = "\r\n".join([*lines, "", text]).encode("utf-8", "surrogatepass")
    place = Place(mailbox=mailbox, folder=folder, uidvalidity=1, uid=uid)
    return Mail.from_bytes(raw, place=place, received=received, flags=flags)


def carrying(*files: tuple[str, str, bytes], text: str = "see below") -> Mail:
    """A mail with these files attached, (name, type, content) each, as it is read from a file."""
    parts = [b"Content-Type: text/plain\r\n\r\n" + text.encode()]
    for name, kind, content in files:
        named = f'Content-Disposition: attachment; filename="{name}"\r\n' if name else ""
        head = f"Content-Type: {kind}\r\n{named}Content-Transfer-Encoding: base64\r\n\r\n"
        parts.append(head.encode() + base64.encodebytes(content).replace(b"\n", b"\r\n"))
    head = b"From: a@b.example\r\nSubject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    raw = head + b"".join(b"--b\r\n%b\r\n" % part for part in parts) + b"--b--\r\n"
    return Mail.from_bytes(raw, place=Place(mailbox="home", folder="INBOX", uidvalidity=1, uid=7), received=ARRIVED)


def without_content(whole: Mail) -> Mail:
    """The same mail as the first fetch finds it: its structure, and nothing of what it carries."""
    return dataclasses.replace(whole, body=structure.Anatomy(parts=whole.parts))


def rule(**written: Any) -> settings.Rule:
    return settings.Rule.model_validate({"name": "r", **written})


def compiled(*written: settings.Rule) -> engine.RuleSet:
    return engine.compile_rules(written, sinks=SINKS)


def moment(now: float = NOW, zone: datetime.tzinfo = datetime.UTC) -> rules.Moment:
    return rules.Moment(now=now, zone=zone)


def evaluate(what: Mail, *written: settings.Rule, now: float = NOW) -> list[rules.Verdict]:
    return list(compiled(*written).evaluate(what, moment(now)))


def matches(what: Mail, **written: Any) -> bool:
    """Whether a rule matches; explaining has to agree."""
    made = compiled(rule(**written))
    (explained,) = made.evaluate(what, moment(), explain=True)
    found = any(verdict.matched for verdict in made.evaluate(what, moment()))
    assert explained.matched == found
    return found


def deliveries(what: Mail, *actions: dict[str, Any], now: float = NOW, **written: Any) -> list[Any]:
    (verdict,) = evaluate(what, rule(then=list(actions), **written), now=now)
    assert verdict.error == ""
    return list(verdict.deliveries)


def without_text(**fields: Any) -> Mail:
    """A mail of whose text only the beginning was fetched."""
    whole = mail(**fields)
    return Mail.from_fetch(
        place=whole.place,
        head=whole.head,
        size=90_000,
        flags=(),
        received=whole.received,
        bodystructure=(b"TEXT", b"PLAIN", (b"CHARSET", b"utf-8"), None, None, b"7BIT", 90_000, 900),
        text_prefix=b"x" * 100,
    )
