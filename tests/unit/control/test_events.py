"""What is said of what happens: as JSON, bounded, and never the text of a mail."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bridge import errors, events, rules, sinks, sources, testing
from bridge.control import events as news

TOPIC = "mailwire/house/events"


class Far:
    """A far end that can be told things; ``up`` is whether it is connected."""

    def __init__(self) -> None:
        self.up = asyncio.Event()
        self.up.set()
        self.heard: list[dict[str, Any]] = []
        self.failures: list[Exception] = []
        self._news = asyncio.Event()

    async def ready(self) -> None:
        await self.up.wait()

    async def announce(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        assert (topic, retain) == (TOPIC, False)
        if self.failures:
            raise self.failures.pop(0)
        self.heard.append(json.loads(payload))
        self._news.set()

    async def until_heard(self, count: int) -> list[str]:
        async with asyncio.timeout(20):
            while len(self.heard) < count:
                self._news.clear()
                await self._news.wait()
        return [one["event"] for one in self.heard]


@pytest.fixture
async def far() -> Far:
    return Far()


@contextlib.asynccontextmanager
async def telling(far: Far) -> AsyncIterator[news.Events]:
    told = news.Events(clock=lambda: 1_793_534_400.25)
    async with told.through(far, TOPIC):
        yield told


def fired(uid: int = 1, rule: str = "front-door", **more: Any) -> events.MailHandled:
    verdict = rules.Verdict(rule=rule, matched=True, deliveries=(testing.delivery(uid, rule=rule, payload=b"secret"),))
    mail = testing.mail(uid, body="the text of the mail", **more)
    return events.MailHandled(mail=mail, verdicts=[verdict, rules.Verdict(rule="no", matched=False)], took_s=None)


def ended(state: str, reason: str = "") -> events.DeliveryEnded:
    return events.DeliveryEnded(delivery=testing.delivery(payload=b"secret"), state=state, code="0x80", reason=reason)


def test_a_sink_that_can_announce_is_found_by_that() -> None:
    assert not isinstance(testing.FlakySink, sinks.Announcer)
    assert issubclass(Far, sinks.Announcer)


async def test_a_rule_that_fired_is_told_without_anything_that_the_sender_wrote(far: Far) -> None:
    async with telling(far) as told:
        told(fired(Subject="open the door"))
        await far.until_heard(1)
    delivery = {"delivery_id": testing.delivery(1, rule="front-door").id, "sink": "broker", "target": "home/hall"}
    assert far.heard == [
        {
            "event": "rule_fired",
            "time": "2026-11-01T12:00:00.250Z",
            "rule": "front-door",
            "mailbox": "home",
            "folder": "INBOX",
            "uid": 1,
            "deliveries": [delivery],
        }
    ]


async def test_a_delivery_that_was_not_made_is_told_and_one_that_was_is_not(far: Far) -> None:
    async with telling(far) as told:
        for event in (ended("delivered"), ended("dropped"), ended("dead", "refused"), ended("expired")):
            told(event)
        assert ["delivery_dead", "delivery_expired"] == await far.until_heard(2)
    dead = far.heard[0]
    assert (dead["state"], dead["reason"], dead["code"], dead["sink"]) == ("dead", "refused", "0x80", "broker")
    assert "secret" not in json.dumps(far.heard)


async def test_what_a_reload_did_or_why_it_did_not_is_told(far: Far) -> None:
    faults = [errors.Fault(file="m.yaml", line=n, column=1, path="rules", message="no") for n in range(1, 31)]
    async with telling(far) as told:
        told(events.ConfigRefused(faults=faults))
        told(events.Reloaded(rules=12, added=("mailbox home",)))
        told(events.MailLost(mailbox="home", folder="INBOX", uid=7, reason="cannot be read"))
        assert ["config_refused", "reloaded", "mail_lost"] == await far.until_heard(3)
    refused, reloaded, lost = far.heard
    assert refused["count"] == 30
    assert refused["faults"][0] == "m.yaml:1:1: rules: no"
    assert len(refused["faults"]) == 20
    assert (reloaded["rules"], reloaded["added"], reloaded["removed"]) == (12, ["mailbox home"], [])
    assert (lost["uid"], lost["reason"]) == (7, "cannot be read")


async def test_a_burst_is_told_one_by_one_for_a_while_and_then_counted_by_rule(far: Far) -> None:
    clock = testing.Clock()
    async with telling(far) as told:
        for uid in range(1, 101):
            told(fired(uid, "even" if uid % 2 else "odd"))
        await far.until_heard(news.EACH_A_SECOND)
        told(ended("dead"))
        assert ["delivery_dead"] == (await far.until_heard(news.EACH_A_SECOND + 1))[-1:], "another kind is not held up"
        clock.advance(1.1)
        await far.until_heard(news.EACH_A_SECOND + 2)
        told(fired(200))
        assert ["more", "rule_fired"] == (await far.until_heard(news.EACH_A_SECOND + 3))[-2:]
    more = far.heard[-2]
    assert (more["of"], more["count"], more["by"]) == ("rule_fired", 50, {"even": 25, "odd": 25})


async def test_while_nobody_is_there_the_newest_are_kept(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(news, "KEPT", 3)
    async with telling(far) as told:
        far.up.clear()
        for uid in range(1, 6):
            told(fired(uid))
        await asyncio.sleep(0)
        far.up.set()
        await far.until_heard(4)
    assert far.heard[0]["event"] == "dropped"
    assert far.heard[0]["count"] == 2
    assert [3, 4, 5] == [one["uid"] for one in far.heard[1:]]


async def test_what_a_far_end_does_not_take_is_over_and_what_it_could_not_take_is_told_again(far: Far) -> None:
    clock = testing.Clock()
    far.failures = [errors.Permanent("too large"), RuntimeError("a bug"), errors.Unavailable()]
    async with telling(far) as told:
        for uid in (1, 2, 3, 4):
            told(fired(uid))
        while len(far.heard) < 2:
            clock.advance(0.5)
            await asyncio.sleep(0.001)
    assert [3, 4] == [one["uid"] for one in far.heard]


async def test_a_far_end_that_is_away_holds_up_no_other(far: Far) -> None:
    away = Far()
    away.up.clear()
    async with telling(far) as told, told.through(away, TOPIC):
        told(fired())
        await far.until_heard(1)
    assert away.heard == []


async def test_what_a_throttle_dropped_is_told_as_a_count_and_no_firing(far: Far) -> None:
    async with telling(far) as told:
        dropped = rules.Verdict(rule="front-door", matched=True, suppressed=True)
        told(events.MailHandled(mail=testing.mail(1), verdicts=[dropped], took_s=None))
        told(events.Suppressed(rule="front-door", per="the text of the mail", count=37, since=1_793_534_340.5))
        await far.until_heard(1)
    assert far.heard == [
        {
            "event": "suppressed",
            "time": "2026-11-01T12:00:00.250Z",
            "rule": "front-door",
            "count": 37,
            "since": "2026-11-01T11:59:00Z",
        }
    ]


async def test_a_canary_that_came_and_one_that_was_lost(far: Far) -> None:
    came = sources.RoundTrip(
        mailbox="home", folder="INBOX", at=1.0, append_s=0.0421, push_s=0.5, fetch_s=0.001, total_s=0.55
    )
    lost = sources.RoundTrip(mailbox="home", folder="INBOX", at=1.0, failed="append", reason="over quota")
    async with telling(far) as told:
        told(events.CanaryEnded(trip=came))
        told(events.CanaryEnded(trip=lost))
        assert await far.until_heard(2) == ["canary_came", "canary_lost"]
    times = {"append_s": 0.042, "push_s": 0.5, "fetch_s": 0.001, "total_s": 0.55}
    where = {"time": far.heard[0]["time"], "mailbox": "home", "folder": "INBOX"}
    assert far.heard[0] == {"event": "canary_came", **where, **times}
    assert far.heard[1] == {"event": "canary_lost", **where, "hop": "append", "reason": "over quota"}
