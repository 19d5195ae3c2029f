from __future__ import annotations

import pytest

from bridge.sinks import coap


@pytest.mark.parametrize("timeout_s", [0.1, 1.0, 5.0, 8.0, 20.0, 60.0, 93.0, 3600.0])
def test_an_unanswered_exchange_ends_within_the_timeout_and_uses_most_of_it(timeout_s: float) -> None:
    tuning = coap.Tuning(timeout_s, confirmable=True)
    longest = tuning.MAX_TRANSMIT_WAIT
    assert timeout_s * 0.9 < longest <= timeout_s * 1.000001
    assert tuning.MAX_RETRANSMIT >= 2


@pytest.mark.parametrize(("timeout_s", "retransmissions"), [(1.0, 2), (8.0, 2), (17.0, 3), (35.0, 4), (93.0, 4)])
def test_retransmissions_keep_a_second_between_them_where_there_is_time(timeout_s: float, retransmissions: int) -> None:
    tuning = coap.Tuning(timeout_s, confirmable=True)
    assert tuning.MAX_RETRANSMIT == retransmissions
    assert timeout_s < 8.0 or tuning.ACK_TIMEOUT >= 1.0
