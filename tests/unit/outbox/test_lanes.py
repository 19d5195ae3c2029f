"""What a dispatcher holds in memory."""

from __future__ import annotations

import math

from bridge import outbox, testing
from bridge.delivery import Delivery
from bridge.outbox.lanes import Lanes


def queued(delivery: Delivery) -> outbox.Queued:
    return outbox.Queued(seq=1, delivery=delivery, state="pending", attempts=0, due=0.0)


def test_a_lane_whose_last_try_is_being_settled_stays_shut_when_the_others_are_read_anew() -> None:
    lanes = Lanes(pipelined=False)
    settling, over = testing.delivery(1, target="settling"), testing.delivery(2, target="over")
    lanes.block(settling.lane, math.inf)
    lanes.block(over.lane, 1_000.0)
    lanes.block_only({})
    assert not lanes.take(queued(settling))
    assert lanes.take(queued(over))


def test_what_the_store_says_shuts_a_lane() -> None:
    lanes = Lanes(pipelined=False)
    lanes.block_only({testing.delivery(1).lane: 1_000.0})
    assert not lanes.take(queued(testing.delivery(1)))
    assert lanes.next_unblock == 1_000.0
