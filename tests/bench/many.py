"""Rules of mixed kinds, as many as are wanted, and mails that a given number of them match."""

from __future__ import annotations

import datetime
import random
from typing import Any

from bridge.mail import Mail, Place

ARRIVED = datetime.datetime(2026, 11, 1, 12, 0, tzinfo=datetime.UTC)
BODY_OCTETS = 4_096
_WORDS = (
    *("the", "of", "temperature", "sensor", "room", "unit", "door", "house", "light", "motion", "camera", "report"),
    *("garden", "kitchen", "value", "normal", "alarm", "water", "pump", "pressure", "closed", "open", "given", "total"),
)


def rule(n: int, *, matching: bool) -> dict[str, Any]:
    """The n-th rule, of one of twelve kinds; or one that matches every mail of ``mail(matched=True)``."""
    when: dict[str, Any] = _matching(n) if matching else _KINDS[n % len(_KINDS)](n)
    made: dict[str, Any] = {
        "name": f"rule-{n}",
        "when": when,
        "then": {
            "sink": "broker",
            "topic": f"home/{n}/{{{{ mail.subject | slug }}}}",
            "payload": {"n": n, "s": "{{ rule }}"},
        },
    }
    return (
        made
        if n % 4 or matching
        else {**made, "extract": {"temp": {"body": rf"/temp {n}=([-\d.]+)/", "type": "float"}}}
    )


_KINDS = (
    lambda n: {"from": f"cam{n}@cameras.example", "subject": r"/motion at (?P<place>\w+)/"},
    lambda n: {"from": f"*@host{n}.example", "subject": "alarm"},
    lambda n: {"subject": rf"/sensor {n} (?P<state>\w+): \d+\s*%/"},
    lambda n: {"body": rf"/unit u{n}: temp=(?P<t>[-\d.]+)/"},
    lambda n: {"body": f"code word {n} is given"},
    lambda n: {"header": {"X-Sensor": f"s{n}x"}},
    lambda n: {"any": [{"subject": f"door {n} open"}, {"body": {"starts": f"door {n} is open"}}]},
    lambda n: {"from": {"name": f"Person {n}"}, "not": {"subject": "/test/"}},
    lambda n: {"to": f"list{n}@lists.example", "size": "<1MB"},
    lambda n: {"subject": {"glob": f"*report {n} of*"}, "body": rf"/\btotal {n}:\s*(?P<total>\d+)/"},
    lambda n: {"from": "*@cameras.example", "body": [f"fire in room {n}", rf"/smoke (in|at) room {n}\b/"]},
    lambda n: {"subject": rf"/^\[(warning|error)\] job {n}/", "flags": "!seen"},
)


def _matching(n: int) -> dict[str, Any]:
    return ({"subject": r"/match me at (?P<place>\w+)/"}, {"body": "everybody is welcome"})[n % 2]


def rules(count: int, *, matching: int) -> list[dict[str, Any]]:
    """So many rules, of which so many match; these stand here and there."""
    step = max(1, count // matching) if matching else 0
    places = {n * step for n in range(matching)}
    return [rule(n, matching=n in places) for n in range(count)]


def mail(number: int) -> Mail:
    """A camera's mail as the first fetch brings it: new each time, so that nothing of it is known."""
    words = random.Random(number)
    text = "everybody is welcome\r\n"
    while len(text) < BODY_OCTETS:
        text += " ".join(f"{words.choice(_WORDS)} {words.randrange(100_000)}" for _ in range(5)) + "\r\n"
    body = text[:BODY_OCTETS].encode()
    head = (
        "Received: from relay.example by mx.example; Sun, 1 Nov 2026 12:00:00 +0000\r\n"
        "From: Some Body <somebody@people.example>\r\nTo: me@example.org\r\nX-Sensor: none\r\n"
        f"Subject: Please match me at hall {number}\r\nMessage-ID: <{number}@people.example>\r\n"
        "Date: Sun, 1 Nov 2026 12:00:00 +0000\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    ).encode()
    return Mail.from_fetch(
        place=Place(mailbox="home", folder="INBOX", uidvalidity=1, uid=number),
        head=head,
        size=len(head) + len(body),
        flags=(),
        received=ARRIVED,
        bodystructure=(b"TEXT", b"PLAIN", (b"CHARSET", b"utf-8"), None, None, b"7BIT", len(body), 60),
        text_prefix=body,
    )
