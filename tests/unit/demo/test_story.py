"""What the demo says of its mails, from what it is told of them."""

from __future__ import annotations

import cbor2
import pytest

from bridge import events
from bridge.delivery import Delivery
from bridge.demo import samples, stage, story, table
from bridge.mail import Mail, Place
from bridge.rules import Verdict

ON, OFF = cbor2.dumps({"on": True, "why": "front door"}), cbor2.dumps({"on": False})
SAMPLES = {sample.name: sample for sample in samples.load()}
PLACE = Place(mailbox="home", folder="INBOX", uidvalidity=1, uid=1)


def delivery(part: str = "main", **more: object) -> Delivery:
    payload = ON if part == "main" else OFF
    return Delivery(id=part, sink="lamp", target="light", payload=payload, part=part, rule="front-door", **more)


def handled(raw: bytes, *deliveries: Delivery, **more: object) -> events.MailHandled:
    verdict = Verdict(
        rule="front-door", matched=True, deliveries=deliveries, encodings=("cbor",) * len(deliveries), **more
    )
    mail = Mail.from_bytes(raw, place=PLACE)
    return events.MailHandled(mail=mail, verdicts=[verdict] if deliveries or more else [], took_s=None)


def sent(tale: story.Story, name: str = "1-camera-motion") -> tuple[story.Row, bytes]:
    message_id, raw = SAMPLES[name].fresh(1)
    return tale.send(SAMPLES[name], message_id), raw


def test_a_mail_has_arrived_when_its_device_shows_it_and_the_bridge_knows() -> None:
    tale = story.Story()
    row, raw = sent(tale)
    steps = [
        lambda: tale.tell(handled(raw, delivery())),
        lambda: tale.show("lamp", ON, "on, front door"),
        lambda: tale.tell(events.DeliveryEnded(delivery=delivery(), state="delivered")),
    ]

    arrived = [(step(), row.arrived)[1] for step in steps]

    assert arrived == [False, False, True]


def test_what_a_device_shows_before_its_mail_is_heard_of_is_not_forgotten() -> None:
    tale = story.Story()
    row, raw = sent(tale)

    tale.show("lamp", ON, "on, front door")
    tale.tell(handled(raw, delivery()))

    assert row.main is not None
    assert row.main.shows == "on, front door"


def test_it_waits_for_the_reset() -> None:
    tale = story.Story()
    row, raw = sent(tale)
    tale.tell(handled(raw, delivery(), delivery("reset", reset_after=3.0)))
    tale.show("lamp", ON, "on, front door")
    tale.tell(events.DeliveryEnded(delivery=delivery(), state="delivered"))
    before = row.arrived

    tale.show("lamp", OFF, "off")
    tale.tell(events.DeliveryEnded(delivery=delivery("reset"), state="delivered"))

    assert (before, row.arrived) == (False, True)


def test_how_soon_the_device_showed_it_stays_when_it_is_reset() -> None:
    tale = story.Story()
    row, raw = sent(tale)
    tale.tell(handled(raw, delivery(), delivery("reset", reset_after=3.0)))
    tale.show("lamp", ON, "on, front door")
    row.took_s = 0.012
    before = table.afterwards(row)
    tale.show("lamp", OFF, "off")

    assert (before, table.afterwards(row)) == ("in 12 ms, for 3 s", "in 12 ms, now off")


def test_a_mail_that_no_rule_should_match_has_arrived_when_none_did() -> None:
    tale = story.Story()
    row, raw = sent(tale, "4-newsletter")
    tale.tell(handled(raw))

    assert row.arrived


@pytest.mark.parametrize("state", ["dead", "expired", "dropped"])
def test_a_delivery_that_ends_otherwise_is_trouble(state: str) -> None:
    tale = story.Story()
    row, raw = sent(tale)
    tale.tell(handled(raw, delivery()))
    tale.tell(events.DeliveryEnded(delivery=delivery(), state=state, reason="4.04"))

    assert row.trouble == f"lamp light: {state} 4.04"


def test_a_mail_that_should_match_and_does_not_is_trouble() -> None:
    tale = story.Story()
    row, raw = sent(tale)
    tale.tell(handled(raw))

    assert row.trouble == "no rule matched it"


def test_a_mail_that_reaches_the_wrong_device_has_not_arrived() -> None:
    tale = story.Story()
    row, raw = sent(tale, "4-newsletter")
    tale.tell(handled(raw, delivery()))

    assert not row.arrived


def test_the_verdict_names_every_sample_that_did_not_arrive() -> None:
    tale = story.Story()
    row, raw = sent(tale, "4-newsletter")
    tale.tell(handled(raw))
    assert row.arrived

    said = stage.verdict(tale, timed_out=True)

    assert [name for name in SAMPLES if name in said] == [name for name in SAMPLES if name != "4-newsletter"]
    assert "60 s" in said


def test_a_sample_sent_twice_is_two_mails() -> None:
    (first, _), (second, raw) = (SAMPLES["3-parcel-news"].fresh(turn) for turn in (1, 2))

    assert first != second
    assert Mail.from_bytes(raw, place=PLACE).message_id == second


def test_a_line_says_all_of_it() -> None:
    tale = story.Story()
    row, raw = sent(tale)
    tale.tell(handled(raw, delivery()))
    tale.show("lamp", ON, "on, front door")

    line = table.plain(row)

    parts = [
        "Motion at front door",
        "rule front-door",
        f"{len(ON)} B cbor",
        "{on: true, why: front door}",
        "lamp light",
    ]
    assert [part for part in parts if part not in line] == []
